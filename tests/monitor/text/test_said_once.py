"""Every finding in words: no figure twice in a sentence, one severity, the past once it is over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from jinja2 import Environment, meta, nodes

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status
from monitor.domain.delivery import Message
from monitor.domain.incident.message import incident_message
from monitor.domain.incident.model import Incident, Notice
from monitor.text.catalog import Catalog
from monitor.text.messages.render import MessageRenderer

SEOUL = ZoneInfo("Asia/Seoul")
T0 = datetime(2026, 11, 22, 5, 2, tzinfo=UTC)
LANGUAGES = ("en", "ko")
WORDS = {language: Catalog(language, SEOUL, strict=True) for language in LANGUAGES}
KINDS = (("firing", "why"), ("update", "grew"), ("reminder", "still_so"), ("resolved", "over"))
CODES = sorted({key.split(".")[1] for key in WORDS["en"].sentences if key.startswith("finding.")})
_ENVIRONMENT = Environment()
_TEXTS = {
    "reason": "connection_refused",
    "invariant": "L4",
    "unit": "ms",
    "shard": "shard2",
    "work": "settlement",
    "outcome": "amount",
    "line_reason": "too_long",
    "why": "way",
    "metric": "http_req_duration",
    "statistic": "p(95)",
    "series": "response_ms{ingest}",
    "state": "OPEN",
    "writes": "entries",
    "shape": "step",
}
_WORDS = ("name", "part", "topic", "group", "job", "instance", "merchant_id", "action", "prefix")
_MORE = ("target", "endpoints", "limits", "file", "text", "column", "numbers", "down", "kinds")
_LEFT_OUT = ("evidence", "subject", "status", "_now")


@cache
def names_of(code: str) -> list[str]:
    """The parameters that the sentences of a finding ask for, and those of what they refer to."""
    found: set[str] = set()
    for language in LANGUAGES:
        for key, text in WORDS[language].sentences.items():
            if key.startswith((f"finding.{code}.", "invariant.L4", "load_figure.")):
                found |= meta.find_undeclared_variables(_parsed(text))
    return sorted(found - set(_LEFT_OUT))


def _parsed(text: str) -> nodes.Template:
    return _ENVIRONMENT.parse(re.sub(r"\|\s*\w+(\([^)]*\))?", "", text))


def params_of(code: str) -> dict[str, Any]:
    """A value of its own for each parameter, so that what is told twice shows."""
    made = {name: _value(name, number) for number, name in enumerate(names_of(code))}
    return {
        **made,
        "unit": "ms",
        "path": "",
        "expected": 17,
        "got": "an answer",
        "status_code": 502,
    }


def _value(name: str, number: int) -> Any:
    if name in _TEXTS:
        return _TEXTS[name]
    if name == "since" or name.endswith("_at"):
        return (T0 - timedelta(minutes=37 * (number + 1))).isoformat()
    if name in (*_WORDS, *_MORE) or name == "detail":
        return f"{name}-x"
    if name in ("is_never_booked", "at_least", "is_empty", "is_configured", "ahead"):
        return False
    if name == "day":
        return "2026-11-20"
    return 1201 + 97 * number


def said(code: str, kind: str, reason: str, language: str) -> str:
    phase = Phase.RESOLVED if kind == "resolved" else Phase.FIRING
    end = T0 + timedelta(minutes=5) if kind == "resolved" else None
    subject = f"{code}-x"
    params = params_of(code)
    more = {"params": params, "peak": params, "fired_at": T0, "ended_at": end}
    alert = Alert("services", code, subject, phase, Status.CRIT, T0, T0, **more)
    incident = Incident(alert.key, T0, Status.CRIT, id=7, worst=Status.CRIT, ended_at=end)
    notice = Notice(kind, reason)
    data = incident_message(incident, [alert], notice, T0 + timedelta(minutes=5))
    return MessageRenderer(WORDS[language]).text(Message("k", "console", "incident", data, T0, T0))


def twice(message: str) -> Iterator[str]:
    """What is told more than once in a sentence, and figures of the title told below it again."""
    head, *rest = message.split("\n")
    for line in (head, *rest):
        for sentence in re.split(r"(?<=[.!?])\s", line):
            counted = Counter(_figures(sentence))
            yield from (f"{figure}: {sentence}" for figure, n in counted.items() if n > 1)
    title = set(_figures(head))
    below = [line for line in rest if not line.startswith("  ")]
    yield from (
        f"{figure}: {line}" for line in below for figure in _figures(line) if figure in title
    )


_FIGURE = r"\d{1,2}:\d{2}|\d[\d,.]{3,}\d|\d+ h \d+ min|\d+ min \d+ s|\d+시간 \d+분|\d+분 \d+초"


def _figures(text: str) -> list[str]:
    return re.findall(_FIGURE, text)


CASES = [(code, kind, reason) for code in CODES if code != "diagnosis" for kind, reason in KINDS]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("code", "kind", "reason"), CASES)
def test_a_message_tells_nothing_twice_and_shows_nothing_raw(code, kind, reason, language):
    message = said(code, kind, reason, language)
    assert list(twice(message)) == []
    raw = r"\{|\}\}|\bNone\b|\bTrue\b|\bFalse\b|\d{4}-\d\d-\d\dT|\+00:00"
    assert re.search(raw, message.replace("{ingest}", "")) is None, message


SEVERITIES = {"en": r"\b(Critical|Warning)\b", "ko": "심각|경고"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("code", "kind", "reason"), CASES)
def test_a_message_has_one_severity(code, kind, reason, language):
    message = said(code, kind, reason, language)
    words = re.findall(SEVERITIES[language], message)
    dots = set(re.findall("[🔴🟠🟢⚪]", message))
    assert len(words) <= 1 and len(dots) == 1
    assert dots == {"🟢" if kind == "resolved" else "🔴"}


def test_what_is_told_twice_is_found():
    assert list(twice("🔴 Breaker is OPEN since 12:31 (since 12:31)"))
    assert list(twice("🔴 1,234 events wait\nThere are 1,234 of them."))
