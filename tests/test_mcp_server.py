"""The server as a client meets it: the listing, both eras, arguments, errors, real processes."""

from __future__ import annotations

import json
import sys

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp_case import NOW, answer, app_with, ask, found, refused
from store_case import record

from mcp_server.server import build_server
from monitor.domain.check import Metric
from monitor.store.database import StoreError

TOKENS_MAX = 5_000
PROMISED = {
    "check_all_services": set(),
    "get_system_overview": set(),
    "diagnose_issues": set(),
    "reconciliation_check": set(),
    "check_outbox_status": {"max_age_minutes"},
    "get_latest_result": set(),
    "get_test_history": {"limit"},
    "compare_periods": {"period", "start", "end", "against", "metrics", "limit", "offset"},
    "metric_history": {"metric", "hours", "start", "end", "subject", "check", "points"},
    "list_alerts": {"state", "hours", "limit", "offset"},
}
CALLS = {**{name: {} for name in PROMISED}, "metric_history": {"metric": "response_ms"}}


@pytest.fixture
def app(tmp_path):
    made = app_with(tmp_path, {"services": found(), "outbox_age": found()})
    yield made
    made.close()


def listing(app, mode):
    async def run():
        async with Client(build_server(app), mode=mode) as client:
            return (await client.list_tools()).tools, client.instructions

    return anyio.run(run)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_the_promised_tools_are_listed_with_their_arguments(app, mode):
    tools, _ = listing(app, mode)
    assert {t.name: set(t.input_schema["properties"]) for t in tools} == PROMISED


def test_every_tool_says_that_it_only_reads(app):
    tools, _ = listing(app, "auto")
    notes = [t.annotations for t in tools]
    assert all(n.read_only_hint and n.idempotent_hint and not n.destructive_hint for n in notes)


def test_the_listing_stays_small(app):
    tools, instructions = listing(app, "auto")
    text = json.dumps([t.model_dump(mode="json", by_alias=True, exclude_none=True) for t in tools])
    tokens = (len(text) + len(instructions)) / 4
    assert tokens < TOKENS_MAX, f"the listing costs {tokens:.0f} tokens"
    assert not any(t.output_schema for t in tools)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("tool", PROMISED)
def test_every_answer_has_the_one_shape(app, tool, mode):
    plain = answer(app, tool, mode, **CALLS[tool])
    assert plain["verdict"] in ("ok", "warn", "crit", "unknown")
    assert plain["origin"] in ("live", "stored")
    assert plain["summary"] and "mcp." not in plain["summary"]
    assert set(plain) >= {"measured_at", "age_seconds", "evidence", "truncated", "next"}
    assert set(plain["next"]) <= PROMISED.keys()


def test_text_and_structure_say_the_same(app):
    result = ask(app, "check_all_services")
    assert json.loads(result.content[0].text) == result.structured_content


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("get_test_history", {"limitt": 3}, ["limitt", "did you mean 'limit'"]),
        ("check_all_services", {"verbose": True}, ["verbose", "no such key"]),
        ("get_test_history", {"limit": "many"}, ["limit", "integer"]),
        ("get_test_history", {"limit": 0}, ["limit", "greater than or equal to 1"]),
        ("check_outbox_status", {"max_age_minutes": -1}, ["max_age_minutes"]),
        ("list_alerts", {"state": "closed"}, ["'open'", "'recent'"]),
        ("compare_periods", {"period": "last_moon"}, ["'last_7_days'"]),
        ("compare_periods", {"metrics": ["response_mss"]}, ["did you mean", "response_ms"]),
        ("compare_periods", {"start": "last tuesday"}, ["start", "2026-11-22"]),
        ("compare_periods", {"start": "2026-11-22", "end": "2026-11-01"}, ["before end"]),
        ("metric_history", {}, ["metric", "required"]),
        ("metric_history", {"metric": "latency"}, ["known are", "response_ms"]),
        ("metric_history", {"metric": "brokers", "start": "1990-01-01"}, ["at most", "days"]),
    ],
)
def test_a_wrong_argument_is_told_what_would_be_right(app, tool, arguments, words):
    said = refused(app, tool, **arguments)
    assert all(word in said for word in words), said
    assert "pydantic" not in said and "http" not in said


def test_a_refusal_does_not_echo_what_was_given(app):
    assert "s3cret" not in refused(app, "get_test_history", limit="s3cret")


def test_an_unknown_subject_is_answered_with_those_that_exist(app):
    record(app.store, NOW, Metric("lag_messages", 1, "payment-consumer"), check="consumer_lag")
    arguments = {"metric": "lag_messages", "subject": "payment-consumer-group"}
    assert "did you mean 'payment-consumer'?" in refused(app, "metric_history", **arguments)


def test_a_broken_store_is_told_as_the_monitors_own_fault(app, monkeypatch):
    def broken():
        raise StoreError("disk is full")

    monkeypatch.setattr(type(app.store), "read", lambda self: broken())
    said = refused(app, "list_alerts")
    assert "monitor's own database" in said and "disk is full" in said


def test_a_bug_says_nothing_about_the_platform(app, monkeypatch, caplog):
    def bug():
        raise ZeroDivisionError("s3cret")

    monkeypatch.setattr(type(app), "live", lambda self, names: bug())
    said = refused(app, "check_all_services")
    assert "says nothing about the platform" in said and "s3cret" not in said
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_real_process_answers_over_stdio(tmp_path, mode):
    config = tmp_path / "paypulse.toml"
    config.write_text('[platform]\nbase_url = "http://127.0.0.1:9"\n')
    server = StdioServerParameters(
        command=sys.executable,
        args=["-c", "from monitor.cli import main; main()", "mcp", "-c", str(config)],
        cwd=tmp_path,
    )

    async def run():
        with anyio.fail_after(30):
            async with Client(server, mode=mode) as client:
                names = {tool.name for tool in (await client.list_tools()).tools}
                overview = await client.call_tool("get_system_overview", {})
                return names, overview

    names, overview = anyio.run(run)
    assert names == PROMISED.keys()
    assert not overview.is_error
    assert overview.structured_content["verdict"] == "unknown"
