"""What a dead letter says about itself: where it came from, why it was given up, whose it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from checks.sources.facts.platform import DeadLetter
from checks.sources.facts.unavailable import cut

_ERRORS = ("errorType", "pgResponseCode", "errorMessage")
_AMOUNTS = ("amount", "requestAmount", "refundAmount")


def dead_letter(
    topic: str, partition: int, offset: int, at: datetime, key: str, value: str
) -> DeadLetter:
    """A message of a DLQ; one that nobody can read keeps its place and its text."""
    body = _object(value) or _cut_off(value)
    return DeadLetter(
        topic,
        partition,
        offset,
        at,
        cut(key),
        cut(value),
        _text(body, "originalTopic"),
        next((text for name in _ERRORS if (text := _text(body, name))), ""),
        _whole(body, "paymentId"),
        _whole(body, *_AMOUNTS),
        _text(body, "errorMessage", 200),
    )


def _whole(body: Mapping[str, Any], *names: str) -> int | None:
    """A whole number of its own, or of the message it wraps."""
    inner = body.get("payload")
    wrapped = _object(inner) if isinstance(inner, str) else inner
    for one in (body, wrapped if isinstance(wrapped, dict) else {}):
        for name in names:
            found = one.get(name)
            if isinstance(found, int | float) and not isinstance(found, bool) and found % 1 == 0:
                return int(found)
    return None


def _object(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _cut_off(text: str) -> Mapping[str, Any]:
    """The fields of an object whose end is missing (some sources cut long messages)."""
    if not text.lstrip().startswith("{"):
        return {}
    plain = text.replace('\\"', '"')
    numbers = {n: m[1] for n in ("paymentId", *_AMOUNTS) if (m := _field(plain, n, r"(\d{1,18})"))}
    names = ("originalTopic", *_ERRORS)
    texts = {n: m[1] for n in names if (m := _field(plain, n, r'"([^"]*)"'))}
    return {**texts, **{name: int(digits) for name, digits in numbers.items()}}


def _field(text: str, name: str, value: str) -> re.Match[str] | None:
    """A field with its whole value: something has to follow it."""
    return re.search(rf'"{name}"\s*:\s*{value}\s*[,}}]', text)


def _text(body: Mapping[str, Any], name: str, length: int = 80) -> str:
    value = body.get(name)
    return cut(value, length) if isinstance(value, str) else ""
