"""The doctor: tries the configuration and every connection, and says what to do about each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

from checks.k6.runner import find_binary
from checks.sources.facts.platform import Platform
from checks.sources.facts.unavailable import Unavailable
from monitor.app import platform_of
from monitor.cli.doctor.heartbeat import heartbeat_finding
from monitor.cli.doctor.receivers import receiver_findings
from monitor.config.models import Config, ConfigError
from monitor.config.plan import plan
from monitor.config.receivers import receivers
from monitor.domain.check import Finding, Params, Status
from monitor.domain.check_pass import Planned
from monitor.scheduling.lock import holder
from monitor.store.database import StoreError, open_store
from monitor.store.upkeep.integrity import quick_check
from monitor.text.catalog import Catalog
from monitor.text.symbols import DOTS

_BASE = "platform.base_url"


def examine(config: Config) -> tuple[list[str], int]:
    """A line per thing that was tried, and the exit code: 2 if one of them is broken, 3 if the
    configuration or the monitor's own database is."""
    catalog = Catalog(config.language, config.zone)
    findings = list(_examine(config, catalog))
    lines = [f"{DOTS[f.status]} {catalog.say(f'doctor.{f.code}', **f.params)}" for f in findings]
    return lines, _exit_code(findings)


def _exit_code(findings: list[Finding]) -> int:
    if any(f.status is Status.UNKNOWN for f in findings):
        return Status.UNKNOWN.exit_code
    return 2 * any(f.status is Status.CRIT for f in findings)


def _examine(config: Config, catalog: Catalog) -> Iterator[Finding]:
    try:
        planned = plan(config)
    except ConfigError as error:
        yield Finding("checks_broken", Status.UNKNOWN, params={"error": str(error)})
        return
    off = sorted(set(_all_checks()) - planned.keys())
    yield Finding("checks", Status.OK, params={"count": len(planned), "off": ", ".join(off)})
    yield _database(config)
    yield _scheduler(config)
    yield from _receivers(config)
    yield heartbeat_finding(config, datetime.now(UTC))
    yield from _platform(config, catalog)
    yield from _blind_spots(config, planned)


def _all_checks() -> list[str]:
    from monitor import plugins

    return list(plugins.load("checks", "CHECK"))


def _database(config: Config) -> Finding:
    folder = config.database.resolve().parent
    if not config.database.is_file():
        writable = os.access(folder, os.W_OK)
        status = Status.WARN if writable else Status.CRIT
        return Finding("database_missing", status, params={"path": str(config.database)})
    try:
        with closing(open_store(config.database)) as store:
            quick_check(store)
    except StoreError as error:
        return Finding("database_broken", Status.UNKNOWN, params={"error": str(error)})
    free = shutil.disk_usage(folder).free // 2**20
    status = Status.OK if free > 500 else Status.WARN
    return Finding("database", status, params={"path": str(config.database), "free_mib": free})


def _scheduler(config: Config) -> Finding:
    who = holder(config.database) if config.database.parent.is_dir() else None
    if who is None:
        return Finding("scheduler_off", Status.WARN)
    return Finding(
        "scheduler", Status.OK, params={"pid": who.get("pid"), "since": who.get("started_at")}
    )


def _receivers(config: Config) -> Iterator[Finding]:
    try:
        names = receivers(config)
    except ConfigError as error:
        yield Finding("receivers_broken", Status.UNKNOWN, params={"error": str(error)})
        return
    if not config.receivers:
        yield Finding("console_only", Status.WARN)
        return
    yield Finding("receivers", Status.OK, params={"names": ", ".join(names)})
    yield from receiver_findings(config, names)


def _platform(config: Config, catalog: Catalog) -> Iterator[Finding]:
    try:
        platform = platform_of(config)
    except ConfigError as error:
        yield Finding("checks_broken", Status.UNKNOWN, params={"error": str(error)})
        return
    told: set[tuple[str, str]] = set()
    for part, fact in platform.services.healths().items():
        if isinstance(fact, Unavailable):
            key = _key_of(config, part)
            if (key, fact.part) in told:
                continue  # the way to several parts is one trouble
            told.add((key, fact.part))
            reason = catalog.reason(fact.reason, {"part": fact.part, **fact.params})
            about: Params = {"part": part, "reason": reason, "key": key}
            url = config.platform.shown_url if key == _BASE else ""
            yield Finding("part_unavailable", Status.CRIT, params={**about, "url": url})
        elif not fact.up:
            yield Finding("part_down", Status.CRIT, params={"part": part, "detail": fact.detail})
        else:
            yield Finding("part", Status.OK, params={"part": part, "ms": round(fact.response_ms)})
    yield from _rights(platform)


def _key_of(config: Config, part: str) -> str:
    """Which key of the configuration says how a part is reached."""
    platform = config.platform
    kind, _, name = part.partition("/")
    if part in platform.actuators:
        return f"platform.actuators.{part}"
    if kind == "database" and name in platform.database.urls:
        return f"platform.database.urls.{name}"
    direct = {
        "redis": platform.redis.url and "platform.redis.url",
        "kafka": platform.kafka.bootstrap and "platform.kafka.bootstrap",
        "prometheus": "platform.prometheus.url",
    }
    return direct.get(part) or _BASE


def _rights(platform: Platform) -> Iterator[Finding]:
    """A monitor should not be able to write where it only reads."""
    rights = getattr(platform.database, "writing_rights", dict)
    for shard, found in rights().items():
        if found and not isinstance(found, Unavailable):
            yield Finding(
                "can_write", Status.WARN, params={"shard": shard, "rights": ", ".join(found)}
            )


# What only an actuator or Prometheus tells about: the monitoring-service knows none of them.
_ASKED_THEMSELVES = ("gateway", "eureka", "consumer", "settlement", "refund")


def _is_asked(config: Config, service: str) -> bool:
    return any(name.startswith(service) for name in config.platform.actuators)


def _blind_spots(config: Config, planned: dict[str, Planned]) -> Iterator[Finding]:
    """What no check can see as things are configured."""
    if config.platform.database.via == "gateway" and "reconciliation" in planned:
        yield Finding("reconciliation_blind", Status.WARN)
    if not _is_asked(config, "ingest"):
        yield Finding("no_actuator", Status.WARN)
    unasked = [name for name in _ASKED_THEMSELVES if not _is_asked(config, name)]
    if unasked and not config.platform.prometheus.url:
        yield Finding("services_unasked", Status.WARN, params={"names": ", ".join(unasked)})
    load_test = planned.get("load_test")
    if load_test is not None and find_binary(load_test.options.k6_binary) is None:
        yield Finding("no_k6", Status.WARN)
