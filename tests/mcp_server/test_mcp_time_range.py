"""Which stretch of time a caller means, in English and Korean."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from mcp.server.mcpserver.exceptions import ToolError

from mcp_server.tools.history.time_range import time_range

SEOUL = ZoneInfo("Asia/Seoul")
NOW = datetime(2026, 11, 22, 15, 30, tzinfo=SEOUL)
CONTEXT = SimpleNamespace(now=NOW, app=SimpleNamespace(config=SimpleNamespace(zone=SEOUL)))


def local(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("1h", "22T14:30", "22T15:30"),
        ("30m", "22T15:00", "22T15:30"),
        ("2d", "20T15:30", "22T15:30"),
        ("last 3 hours", "22T12:30", "22T15:30"),
        ("지난 2시간", "22T13:30", "22T15:30"),
        ("2시간", "22T13:30", "22T15:30"),
        ("last_hour", "22T14:30", "22T15:30"),
        ("today", "22T00:00", "22T15:30"),
        ("어제", "21T00:00", "22T00:00"),
        ("14:00", "22T13:00", "22T15:00"),
        ("at 2 p.m.", "22T13:00", "22T15:00"),
        ("around 2pm", "22T13:00", "22T15:00"),
        ("오후 2시", "22T13:00", "22T15:00"),
        ("오후 2시쯤", "22T13:00", "22T15:00"),
        ("오후 2시 30분", "22T13:30", "22T15:30"),
        ("15:00", "22T14:00", "22T15:30"),
        ("23:00", "21T22:00", "22T00:00"),
        ("yesterday 14:00", "21T13:00", "21T15:00"),
        ("어제 오후 2시", "21T13:00", "21T15:00"),
        ("2026-11-21T14:00", "21T13:00", "21T15:00"),
        ("2026-11-21T05:00:00Z", "21T13:00", "21T15:00"),
        ("13:00 to 15:00", "22T13:00", "22T15:00"),
        ("오후 1시부터 3시까지", "22T13:00", "22T15:00"),
        ("since 14:00", "22T14:00", "22T15:30"),
    ],
)
def test_a_stretch_is_understood(text, start, end):
    span = time_range(CONTEXT, text)
    assert (span.start, span.end) == (local(start), local(end))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("soon", "not understood"),
        ("14:00 with onions", "not understood"),
        ("99:00", "not understood"),
        ("2026-13-01T10:00", "not understood"),
        ("2026-11-23T10:00", "future"),
        ("40d", "at most 31 days"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_would_be(text, words):
    with pytest.raises(ToolError, match=words) as error:
        time_range(CONTEXT, text)
    assert text not in str(error.value)


def test_a_moment_of_now_reaches_no_further_than_now():
    assert time_range(CONTEXT, "15:30").length == timedelta(hours=1)
