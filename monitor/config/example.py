"""The commented configuration: every key with its default, made from the models themselves."""

from __future__ import annotations

import json
from dataclasses import MISSING, Field, fields
from enum import Enum
from typing import Any

from monitor import plugins
from monitor.config.heartbeat import HeartbeatSection
from monitor.config.models import (
    AlertSection,
    BaselineSection,
    DeliverySection,
    PrivacySection,
    ReportSection,
    RetentionSection,
)
from monitor.domain.check import Check

_HEAD = """\
# paypulse: the configuration. Every key is shown with its default; what is commented out holds
# anyway. ${NAME} in a string is taken from the environment, where secrets belong.

# language = "en"            # of everything that a person reads: en or ko
# timezone = "Asia/Seoul"    # of the calendar, and of every time shown
# database = "paypulse.db"   # the monitor's own history; one file

[platform]
# base_url = "http://localhost:8082"   # the monitoring-service; API_BASE_URL has the last word
# timeout_seconds = 5.0
# The monitoring-service takes a minute to say that Kafka, Redis or a shard is gone: what asks for
# them is given so long, apart from the quick questions, and nobody waits for it.
# slow_timeout_seconds = 90.0
# token = "${PLATFORM_TOKEN}"          # sent as a bearer token, if the gateway asks for one
# actuators = { ingest = "http://localhost:8080" }   # services asked for /actuator/health;
#                            # ingest's also shows refused payments and the breaker pg-auth-api;
#                            # gateway, eureka, consumer, settlement and refund belong here too

[platform.database]
# via = "gateway"            # or "direct": the shards themselves, which reconciliation needs
# urls = { shard1 = "sqlite:///shard1.db", shard2 = "sqlite:///shard2.db" }

[platform.redis]
# via = "gateway"            # or "direct"
# url = "redis://:${REDIS_PASSWORD}@localhost:6379/0"
# write_url = ""             # of somebody who may delete rate:*, for the tool clear_rate_limit

[platform.kafka]
# via = "gateway"            # or "direct"
# bootstrap = "localhost:9092"
# options = { "security.protocol" = "SASL_SSL", "sasl.password" = "${KAFKA_PASSWORD}" }
#                            # librdkafka's own, where the cluster wants TLS or a password

[platform.prometheus]
# url = "http://localhost:9090"        # instances and connection pools are judged by it
# token = "${PROMETHEUS_TOKEN}"

[platform.breakers]
# via = "gateway"            # or "prometheus": both breakers of every instance
# job = "ingest-service"     # under which Prometheus scrapes ingest

[mcp]
# writes = []                # tools that may change something, by name: each asks a person first
#                            # (acknowledge_alert, silence, accept_known, note)
# silence_minutes_max = 240  # how long a model may silence alerts, at a person's word
# accept_days_max = 30       # how long a model may have something taken as known

[mcp.http]
# enabled = false            # inside `paypulse run`, at http://127.0.0.1:8750/mcp
# host = "127.0.0.1"         # another address needs a token and allowed_hosts
# port = 8750
# allowed_hosts = ["monitor.example.com:8750"]   # what clients call this machine
# allowed_origins = []       # browsers that may ask
# certfile = "monitor.pem"   # TLS (https); keyfile = "monitor.key" if the key is not in it
# access_log = "access.log"  # who asked which tool, one line each; kept under 20 MB
# read_token_env = "PAYPULSE_MCP_READ_TOKEN"     # the variables that hold the tokens
# write_token_env = "PAYPULSE_MCP_WRITE_TOKEN"
# tokens.reports = { file = "/etc/paypulse/reports.tokens" }   # one a line, mode 0600, read again
#                            # when it changes; or { env = "NAME" }; scopes = ["read", "write"]
#                            # without any, the monitor makes one that reads: paypulse.db.token

# [receivers.slack]          # none: messages are printed
# kind = "slack"
# channel = "#payments"      # the bot's token is read from SLACK_BOT_TOKEN
"""
_SECTIONS: dict[str, Any] = {
    "alerts": AlertSection,
    "baseline": BaselineSection,
    "report": ReportSection,
    "delivery": DeliverySection,
    "heartbeat": HeartbeatSection,
    "retention": RetentionSection,
    "privacy": PrivacySection,
}


def example_text() -> str:
    """The whole example, valid as it stands."""
    parts = [_HEAD, *(_section(name, model) for name, model in _SECTIONS.items())]
    checks: dict[str, Check] = plugins.load("checks", "CHECK")
    parts += [_check(check) for check in checks.values()]
    return "\n".join(parts)


def _section(name: str, model: Any) -> str:
    made = model()
    summary = (model.__doc__ or "").strip().splitlines()[0]
    lines = [f"[{name}]", f"# {summary}"]
    lines += [f"# {key} = {_toml(getattr(made, key))}" for key in model.model_fields]
    return "\n".join(lines) + "\n"


def _check(check: Check) -> str:
    when = f"cron = {_toml(check.cron)}" if check.cron else f"every_seconds = {_seconds(check)}"
    lines = [
        f"[checks.{check.name}]",
        f"# enabled = {_toml(check.enabled)}",
        f"# {when}",
        f"# timeout_seconds = {check.timeout.total_seconds():g}",
    ]
    options = fields(check.options)
    lines += [f"# {option.name} = {_toml(_default(option))}" for option in options]
    return "\n".join(lines) + "\n"


def _seconds(check: Check) -> str:
    return f"{check.every.total_seconds():g}"


def _default(option: Field[Any]) -> Any:
    if option.default is not MISSING:
        return option.default
    return option.default_factory() if option.default_factory is not MISSING else ""


def _toml(value: Any) -> str:
    if isinstance(value, Enum):
        return _toml(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else f"{value}"


def _key(key: Any) -> str:
    text = str(key)
    return text if text.replace("_", "").replace("-", "").isalnum() else json.dumps(text)
