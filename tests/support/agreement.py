"""Comparing what two sources say about the same state, field by field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from checks.sources.facts.platform import (
    BreakersSource,
    DatabaseSource,
    KafkaSource,
    RedisSource,
    ServicesSource,
)
from checks.sources.facts.unavailable import Unavailable

PROTOCOLS: dict[str, type] = {
    "services": ServicesSource,
    "breakers": BreakersSource,
    "kafka": KafkaSource,
    "redis": RedisSource,
    "database": DatabaseSource,
}
_NAMES = (
    *("topic", "partition", "offset", "group_id", "instance", "name", "merchant_id", "action"),
    *("prefix", "status", "event_id", "payment_id", "entry_id", "kind", "part"),
)


def methods(part: str) -> set[str]:
    """All questions of a part's protocol."""
    protocol = PROTOCOLS[part]
    return {
        name
        for base in protocol.__mro__
        for name in vars(base)
        if not name.startswith("_") and callable(getattr(base, name)) and base is not Protocol
    }


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Every field of a fact by its path; rows go by what names them, not by their place."""
    if isinstance(value, Unavailable):
        return {path: f"unavailable: {value.reason}"}
    if is_dataclass(value) and not isinstance(value, type):
        pairs = {f.name: getattr(value, f.name) for f in fields(value)}
    elif isinstance(value, Mapping):
        pairs = {str(key): item for key, item in value.items()}
    elif isinstance(value, (tuple, list)):
        pairs = {f"[{_name(item, n)}]": item for n, item in enumerate(value)}
        if len(pairs) < len(value):
            pairs = {f"[{n}]": item for n, item in enumerate(value)}
    else:
        return {path: value}
    found = {f"{path}.": type(value).__name__} if is_dataclass(value) else {}
    for key, item in pairs.items():
        found |= flat(item, f"{path}.{key}" if path else key)
    return found


def _name(item: Any, number: int) -> str:
    if is_dataclass(item):
        item = {f.name: getattr(item, f.name) for f in fields(item)}
    if not isinstance(item, Mapping):
        return str(item)
    named = [str(item[key]) for key in _NAMES if item.get(key) not in (None, "")]
    return "/".join(named) or str(number)


def differences(one: Any, other: Any) -> dict[str, tuple[Any, Any]]:
    """The fields in which two facts are not the same."""
    left, right = flat(one), flat(other)
    missing = object()
    return {
        path: (left.get(path, missing), right.get(path, missing))
        for path in sorted(left.keys() | right.keys())
        if not _same(left.get(path, missing), right.get(path, missing), _slack(path))
    }


def _slack(path: str) -> float:
    """How far apart numbers may be: what is asked twice is a little older the second time."""
    return 5.0 if "ttl_seconds" in path else 0.001


def _same(one: Any, other: Any, slack: float) -> bool:
    """Equal, but that the API writes times to a millisecond."""
    one, other = _time(one), _time(other)
    if isinstance(one, datetime) and isinstance(other, datetime):
        return abs(one - other) < timedelta(milliseconds=1)
    if type(one) is type(other) and type(one) in (int, float):
        return bool(abs(one - other) <= (slack if type(one) is float or slack > 1 else 0))
    return type(one) is type(other) and bool(one == other)


def _time(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return value


def fields_of(found: Mapping[str, Any]) -> set[str]:
    """The names of the fields that differ, without the rows that they are of."""
    plain = (re.sub(r"\[[^\]]*\]", "", path) for path in found)
    return {next((p for p in reversed(path.split(".")) if p), "") for path in plain}
