"""What no person meant is answered with a sentence: times, cursors, options of Kafka."""

from __future__ import annotations

import base64

import pytest
from mcp_case import app_with, found, refused

from mcp_server.answers.paging import encode, position
from monitor.app import platform_of
from monitor.config.models import ConfigError, parse

EDGES = ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "0001-01-01", "9999-12-31"]
OPTIONS = [
    *('"bogus" = 1', '"security.protocol" = "nope"', '"socket.timeout.ms" = "abc"'),
    *('"error_cb" = "x"', '"stats_cb" = 1', '"oauth_cb" = "x"', '"logger" = "x"'),
    '"default.topic.config" = "a"',
]


@pytest.mark.parametrize("at", EDGES)
@pytest.mark.parametrize(
    ("tool", "name", "more"),
    [
        ("what_happened", "time_range", {}),
        ("metric_history", "start", {"metric": "payments"}),
        ("metric_history", "end", {"metric": "payments"}),
        ("compare_periods", "current", {}),
    ],
)
def test_a_time_at_the_edge_of_the_calendar_is_refused_in_a_sentence(
    tmp_path, tool, name, more, at
):
    said = refused(app_with(tmp_path, {"services": found()}), tool, **{name: at, **more})
    assert said and "failed inside the monitor" not in said


def test_a_cursor_of_deep_json_is_refused_in_a_sentence(tmp_path):
    deep = base64.urlsafe_b64encode(b"[" * 2900).decode().rstrip("=")
    said = refused(app_with(tmp_path, {"services": found()}), "list_alerts", cursor=f"{deep}.x")
    assert "cursor is altered" in said


def test_a_place_that_holds_half_a_character_comes_back_as_a_cursor():
    assert position("q", encode("q", ("\ud800",))) == ("\ud800",)


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_that_kafka_does_not_take_is_an_error_of_the_configuration(option):
    kafka = f'[platform.kafka]\nvia = "direct"\nbootstrap = "127.0.0.1:9"\noptions = {{ {option} }}'
    with pytest.raises(ConfigError, match=r"platform\.kafka\.options"):
        platform_of(parse(kafka, {}))
