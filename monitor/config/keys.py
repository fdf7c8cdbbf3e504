"""Every key of the configuration, found in the models themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, get_type_hints

from pydantic import BaseModel

from monitor import plugins
from monitor.config.models import CheckSection, Config, ReceiverSection
from monitor.domain.check import Check
from monitor.domain.delivery import Notifier


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its name in its table, what it takes, what holds without it."""

    name: str
    takes: Any
    default: Any


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file; `model` names where its keys are declared (`check`: those of all)."""

    path: str
    keys: tuple[Key, ...]


def tables() -> Iterator[Table]:
    """All tables in the order of the file: our own, those of the receivers, those of the checks."""
    yield from _of_model("", Config)
    for name in plugins.names("monitor.notifiers"):
        yield from _of_receiver(name)
    checks: dict[str, Check] = plugins.load("checks", "CHECK")
    for check in checks.values():
        yield from _of_check(check)


def _of_model(path: str, model: type[BaseModel]) -> Iterator[Table]:
    hints = get_type_hints(model, include_extras=True)
    own, inner = [], []
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            inner.append((f"{path}.{name}".lstrip("."), type(default)))
        elif name not in ("receivers", "checks"):
            own.append(Key(name, hints[name], default))
    yield Table(path, tuple(own))
    for below, kind in inner:
        yield from _of_model(below, kind)


def _of_receiver(name: str) -> Iterator[Table]:
    notifiers: dict[str, Notifier] = plugins.load("monitor.notifiers", "NOTIFIER", [name])
    for kind, notifier in notifiers.items():
        named = Key("kind", ReceiverSection.model_fields["kind"].annotation, kind)
        yield Table(f"receivers.{kind}", (named, *_options(notifier.options)))


def _of_check(check: Check) -> Iterator[Table]:
    schedule, *inner = _of_model(f"checks.{check.name}", CheckSection)
    own = {
        "enabled": check.enabled,
        "every_seconds": check.every.total_seconds(),
        "cron": check.cron,
        "timeout_seconds": check.timeout.total_seconds(),
    }
    keys = [Key(k.name, k.takes, own.get(k.name, k.default)) for k in schedule.keys]
    yield Table(schedule.path, (*keys, *_options(check.options)))
    yield from inner


def _options(kind: type) -> Iterator[Key]:
    hints = get_type_hints(kind, include_extras=True)
    return (Key(f.name, hints[f.name], _default(f)) for f in fields(kind))


def _default(option: Field[Any]) -> Any:
    if option.default is not MISSING:
        return option.default
    return option.default_factory() if option.default_factory is not MISSING else ""
