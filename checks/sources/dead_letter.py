"""What a dead letter says about itself: where it came from, why it was given up, whose it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from checks.sources.facts import DeadLetter, cut

_ERRORS = ("errorType", "pgResponseCode", "errorMessage")


def dead_letter(
    topic: str, partition: int, offset: int, at: datetime, key: str, value: str
) -> DeadLetter:
    """A message of a DLQ; one that nobody can read keeps its place and its text."""
    body = _object(value)
    return DeadLetter(
        topic,
        partition,
        offset,
        at,
        cut(key),
        cut(value),
        _text(body, "originalTopic"),
        next((text for name in _ERRORS if (text := _text(body, name))), ""),
        _payment_id(body),
    )


def _payment_id(body: Mapping[str, Any]) -> int | None:
    """Its own, or that of the message it wraps."""
    inner = body.get("payload")
    for one in (body, _object(inner) if isinstance(inner, str) else inner):
        found = one.get("paymentId") if isinstance(one, Mapping) else None
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def _object(text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    return cut(value, 80) if isinstance(value, str) else ""
