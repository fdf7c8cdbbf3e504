"""The demo's configurations: the fortnight's, and that of real time."""

from __future__ import annotations

from pathlib import Path

_COMMON = """\
# The demo's configuration; the comments of `paypulse config example` explain every key.
language = "{language}"
timezone = "Asia/Seoul"
database = "{folder}/paypulse.db"

[platform]
base_url = "{url}"
actuators = {{ ingest = "{url}" }}

{platform}
[report]
daily = "08:30"
"""
IN_FILES = """\
[platform.database]
via = "direct"
urls.shard1 = "sqlite:///{folder}/platform/shard1.db"
urls.shard2 = "sqlite:///{folder}/platform/shard2.db"

[checks.instances]
enabled = false  # the demo's own platform has no Prometheus that knows them
"""
ON_SERVICES = """\
[platform.database]
via = "direct"
urls.shard1 = "${PAYPULSE_SHARD1_URL}"
urls.shard2 = "${PAYPULSE_SHARD2_URL}"

[platform.redis]
via = "direct"
url = "${PAYPULSE_REDIS_URL}"

[platform.kafka]
via = "direct"
bootstrap = "${PAYPULSE_KAFKA_BOOTSTRAP}"

[platform.prometheus]
url = "${PAYPULSE_PROMETHEUS_URL}"

[platform.breakers]
via = "prometheus"

[checks.instances]
every_seconds = 15
jobs = { ingest-service = 1 }
"""
_CHECKS = (
    *("services", "breakers", "kafka_cluster", "redis_health", "rate_limits", "outbox_age"),
    *("consumer_lag", "dead_letters", "settlements", "reconciliation", "traffic"),
    *("connections", "diagnose_issues"),
)
_OWN = {
    "rate_limits": "authorize_max = 100\ncapture_max = 100\nrefund_max = 100",
}
# The fortnight is lived with the invariants of money alone, so that it takes a minute.
_IN_HISTORY = ["L1", "L3", "L4", "L5", "L7", "L8", "L9", "L11", "O1", "O2", "O9", "T1", "R1", "R4"]
_LOAD_TEST = """
[checks.load_test]
enabled = {enabled}
cron = "0 4 * * sun"
target = "{url}"
targets_allowed = ["{url}"]
"""


def history_toml(folder: Path, url: str, language: str, load_tests: bool, channel: str) -> str:
    """A pass of everything every 15 minutes."""
    lines = [_common(folder, url, language)]
    own = _OWN | {"reconciliation": f"only = {_IN_HISTORY}"}
    lines += [f"[checks.{n}]\nevery_seconds = 900\n{own.get(n, '')}" for n in _CHECKS]
    return "\n".join(lines) + _LOAD_TEST.format(url=url, enabled=str(load_tests).lower())


def real_toml(folder: Path, url: str, language: str, load_tests: bool, channel: str) -> str:
    """A pass every five seconds, and limits to match: a demo's minute is an operator's hour."""
    own = _OWN | {
        "outbox_age": "warn_seconds = 15\ncrit_seconds = 60\n"
        "stall_warn_seconds = 15\nstall_crit_seconds = 45",
    }
    lines = [_common(folder, url, language), _ALERTS]
    lines += [f"[checks.{name}]\nevery_seconds = 5\n{own.get(name, '')}" for name in _CHECKS]
    if channel:
        lines.append(_SLACK.format(channel=channel))
    return "\n".join(lines) + _LOAD_TEST.format(url=url, enabled=str(load_tests).lower())


def _common(folder: Path, url: str, language: str) -> str:
    parts = IN_FILES.format(folder=folder)
    return _COMMON.format(folder=folder, url=url, language=language, platform=parts)


_ALERTS = """
[alerts]
blind_after_seconds = 60
wait_seconds = 12
wait_seconds_max = 30
update_seconds = 20
"""
_SLACK = """
[receivers.slack]
kind = "slack"
channel = "{channel}"
"""
