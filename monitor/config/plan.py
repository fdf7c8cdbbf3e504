"""From the configuration to planned checks: schedules, options and alert rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cronsim import CronSim, CronSimError
from pydantic import TypeAdapter, ValidationError

from monitor import plugins
from monitor.config.errors import ConfigError, explain, listed, say, suggestion
from monitor.config.limits import crossed_limits
from monitor.config.models import CheckSection, Config
from monitor.domain.check import Check
from monitor.domain.check_pass import Planned


def plan(config: Config) -> dict[str, Planned]:
    """The enabled checks of a configuration, by name; a wrong section is a ConfigError."""
    found: dict[str, Check] = plugins.load("checks", "CHECK")
    for name in config.checks:
        if name not in found:
            raise ConfigError(f"checks.{name}: {say('no_check')}{suggestion(name, found)}")
    planned = {name: _plan(check, config) for name, check in found.items()}
    return {name: p for name, p in planned.items() if p is not None}


def configured(config: Config, name: str) -> Any:
    """The options of a check, whether it is switched on or not."""
    check: Check = plugins.load("checks", "CHECK", [name])[name]
    return _options(check, config.check(name))


def _options(check: Check, section: CheckSection) -> Any:
    return options_of(
        check.options, section.options, f"checks.{check.name}.", CheckSection.model_fields
    )


def _plan(check: Check, config: Config) -> Planned | None:
    section = config.check(check.name)
    options = _options(check, section)
    enabled = _enabled(check, section, options)
    planned = Planned(
        check=check,
        options=options,
        every=_every(check, section),
        cron=_cron(check, section),
        timeout=_seconds(section.timeout_seconds, check.timeout),
        rule=config.alerts.for_check(section.alert),
        jitter_seconds=section.jitter_seconds,
    )
    return planned if enabled else None


def _enabled(check: Check, section: CheckSection, options: Any) -> bool:
    switched = bool(check.switched_by and getattr(options, check.switched_by))
    enabled = check.enabled or switched if section.enabled is None else section.enabled
    needed = check.switched_by or "target"
    if enabled and getattr(options, needed, None) == "":
        key = f"checks.{check.name}.{needed}"
        raise ConfigError(f"{key}: {say('needs', name=check.name, key=needed)}")
    return enabled


def options_of(
    kind: type, values: Mapping[str, Any], prefix: str, beside: Iterable[str] = ()
) -> Any:
    """A plug-in's options from the keys of its section; an unknown key is an error.

    `beside`: the section's own keys, which may be what was meant.
    """
    known = [f.name for f in fields(kind)]
    strange = [
        f"{prefix}{key}: {say('no_key')}{suggestion(key, [*known, *beside])}"
        for key in values
        if key not in known
    ]
    if strange:
        raise ConfigError(listed(say("configuration"), strange))
    try:
        options = _adapter(kind).validate_python(dict(values))
    except ValidationError as error:
        raise ConfigError(explain(error, say("configuration"), kind, prefix)) from None
    if crossed := crossed_limits(options):
        raise ConfigError(listed(say("configuration"), [f"{prefix}{line}" for line in crossed]))
    return options


@lru_cache(maxsize=64)
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _every(check: Check, section: CheckSection) -> timedelta:
    return _seconds(section.every_seconds, check.every)


def _cron(check: Check, section: CheckSection) -> str:
    if section.every_seconds is not None and section.cron is None:
        return ""
    cron = check.cron if section.cron is None else section.cron
    if cron:
        try:
            CronSim(cron, datetime.now(UTC))
        except CronSimError as error:
            told = say("cron", name=check.name, error=str(error))
            raise ConfigError(told) from None
    return cron


def _seconds(value: float | None, default: timedelta) -> timedelta:
    return default if value is None else timedelta(seconds=value)
