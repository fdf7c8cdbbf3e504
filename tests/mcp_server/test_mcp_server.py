"""The server as a client meets it: the listing, both eras, arguments, errors, real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from mcp import Client, StdioServerParameters
from mcp_case import NOW, answer, app_with, ask, found, refused
from store_case import record

from mcp_server.answers.schema import ANSWER
from mcp_server.server import build_server
from mcp_server.toolsets import NAMES, all_offers, offers
from monitor.domain.check import Metric
from monitor.domain.statement import InvalidError
from monitor.store.database import StoreError

CALLS = {  # how a tool is called in the tests that call every one; {} where nothing is required
    "metric_history": {"metric": "response_ms"},
    "investigate_payment": {"payment_id": 7},
    "investigate_merchant": {"merchant_id": "MERCHANT-7"},
    "get_topic_stats": {"topic": "payment.captured"},
    "get_topic_details": {"topic": "payment.captured"},
    "check_rate_limit": {"merchant_id": "MERCHANT-1"},
    "idempotency_lookup": {"merchant_id": "MERCHANT-1", "idempotency_key": "k-1"},
    "prometheus_query": {"query": "request rate"},
}


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


READING = [offer for offer in all_offers() if offer.writing is None]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_what_only_reads_is_listed_by_default_and_says_so(app, mode):
    tools, _ = listing(app, mode)
    assert {t.name for t in tools} == {offer.name for offer in READING}
    notes = [t.annotations for t in tools]
    assert all(n.read_only_hint and n.idempotent_hint and not n.destructive_hint for n in notes)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("tool", [offer.name for offer in READING])
def test_every_answer_has_the_one_shape(app, tool, mode):
    plain = answer(app, tool, mode, **CALLS.get(tool, {}))
    Draft202012Validator(ANSWER, format_checker=FormatChecker()).validate(plain)
    assert plain["summary"] and "mcp." not in plain["summary"]
    assert set(plain["next"]) <= {offer.name for offer in READING}


def test_the_schema_of_every_answer_is_a_resource_and_in_the_docs(app):
    async def run():
        async with Client(build_server(app)) as client:
            return await client.read_resource("paypulse://schema/answer")

    (read,) = anyio.run(run).contents
    documented = Path(__file__).parents[2] / "docs" / "answer.schema.json"
    assert json.loads(read.text) == ANSWER == json.loads(documented.read_text("utf-8"))


def test_a_refusal_has_the_shape_too(app):
    said = ask(app, "list_alerts", {"state": "closed"}).structured_content
    Draft202012Validator(ANSWER).validate(said)


@pytest.mark.parametrize("toolset", NAMES)
def test_a_toolset_offers_its_own_tools_and_names_no_others_as_next(app, toolset):
    wanted = {o.name for o in READING if toolset in o.toolsets}

    async def run():
        async with Client(build_server(app, [toolset])) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            calls = [await client.call_tool(n, CALLS.get(n, {})) for n in names]
            return names, [called.structured_content["next"] for called in calls]

    names, following = anyio.run(run)
    assert names == wanted
    assert {name for each in following for name in each} <= wanted


def test_several_toolsets_are_offered_together(app):
    names = {offer.name for offer in offers(["loadtest", "database-query"], [])}
    assert {"get_latest_result", "reconciliation_check"} <= names and "list_alerts" not in names


def test_an_unknown_toolset_is_told_which_there_are():
    with pytest.raises(InvalidError, match="no_toolset given=redis near=redis-cache"):
        offers(["redis"], [])


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


def test_listing_the_tools_loads_no_driver_and_no_database():
    """What a client waits for at the start is mcp itself and little else."""
    heavy = ("sqlalchemy", "sqlmodel", "alembic", "httpx", "apscheduler", "redis", "pymysql")
    heavy += ("confluent_kafka", "slack_sdk", "typer", "rich", "k6", "prometheus_client")
    code = (
        "import sys; from mcp_server.toolsets import all_offers; import mcp_server.server;"
        f"all_offers(); print([m for m in {heavy!r} if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    run = [sys.executable, "-c", code]
    assert subprocess.check_output(run, text=True, cwd=root).strip() == "[]"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_real_process_answers_over_stdio(tmp_path, mode):
    config = tmp_path / "paypulse.toml"
    config.write_text('[platform]\nbase_url = "http://127.0.0.1:9"\n')
    server = StdioServerParameters(
        command=sys.executable,
        args=["-c", "from monitor.cli.main import main; main()", "mcp", "-c", str(config)],
        cwd=tmp_path,
    )

    async def run():
        with anyio.fail_after(30):
            async with Client(server, mode=mode) as client:
                names = {tool.name for tool in (await client.list_tools()).tools}
                overview = await client.call_tool("get_system_overview", {})
                return names, overview

    names, overview = anyio.run(run)
    assert names == {offer.name for offer in READING}
    assert not overview.is_error
    assert overview.structured_content["verdict"] == "unknown"
