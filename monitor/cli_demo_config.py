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

[platform.database]
via = "direct"
urls.shard1 = "sqlite:///{folder}/platform/shard1.db"
urls.shard2 = "sqlite:///{folder}/platform/shard2.db"

[report]
daily = "08:30"
"""
_CHECKS = (
    *("services", "breakers", "kafka_cluster", "redis_health", "rate_limits", "outbox_age"),
    *("consumer_lag", "dead_letters", "settlements", "reconciliation", "traffic"),
    "diagnose_issues",
)
_OWN = {
    "rate_limits": "authorize_max = 100\ncapture_max = 100\nrefund_max = 100",
    "reconciliation": "window_hours = 6",
}
_LOAD_TEST = """
[checks.load_test]
enabled = {enabled}
cron = "0 4 * * sun"
target = "{url}"
targets_allowed = ["{url}"]
"""


def history_toml(folder: Path, url: str, language: str, load_tests: bool, channel: str) -> str:
    """A pass of everything every 15 minutes."""
    lines = [_COMMON.format(folder=folder, url=url, language=language)]
    lines += [f"[checks.{n}]\nevery_seconds = 900\n{_OWN.get(n, '')}" for n in _CHECKS]
    return "\n".join(lines) + _LOAD_TEST.format(url=url, enabled=str(load_tests).lower())


def real_toml(folder: Path, url: str, language: str, load_tests: bool, channel: str) -> str:
    """A pass every five seconds, and limits to match: a demo's minute is an operator's hour."""
    own = _OWN | {
        "outbox_age": "warn_seconds = 15\ncrit_seconds = 60\n"
        "stall_warn_seconds = 15\nstall_crit_seconds = 45",
    }
    lines = [_COMMON.format(folder=folder, url=url, language=language), _ALERTS]
    lines += [f"[checks.{name}]\nevery_seconds = 5\n{own.get(name, '')}" for name in _CHECKS]
    if channel:
        lines.append(_SLACK.format(channel=channel))
    return "\n".join(lines) + _LOAD_TEST.format(url=url, enabled=str(load_tests).lower())


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
