"""Tools that change something: off by default, confirmed once for one act, and written down."""

from __future__ import annotations

import json
from datetime import timedelta

import anyio
import pytest
from mcp import Client
from mcp.types import ElicitResult
from mcp_case import NOW, app_with, found, talk, writing_app
from store_case import rows

from mcp_server.access.confirm import LIFE_SECONDS, Act, Confirmations
from mcp_server.server import build_server
from mcp_server.toolsets import all_offers
from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status
from monitor.domain.statement import InvalidError
from monitor.store.acts.approvals import approve
from monitor.store.acts.audit import audit_between
from monitor.store.alerting.acceptances import active_acceptances
from monitor.store.alerting.alerts import save_alerts
from monitor.store.database import StoreError

NOTE = ("note", {"text": "ingest 2.4 is out"})
YES = ElicitResult(action="accept", content={"confirm": True})
ANSWERS = [
    ElicitResult(action="accept", content={"confirm": False}),
    ElicitResult(action="decline"),
    ElicitResult(action="cancel"),
]


def listed(app):
    async def run():
        async with Client(build_server(app)) as client:
            return {tool.name: tool for tool in (await client.list_tools()).tools}

    return anyio.run(run)


def noted(app):
    return rows(app.store, "SELECT kind, text FROM notes")


def audited(app):
    with app.store.read() as tx:
        return audit_between(tx, NOW - timedelta(days=1), NOW + timedelta(days=1))


def approved_then(app, *call, by="kim"):
    """The same call again, once a person has approved what the first one asked for."""

    def second(results):
        approve_first(app, results, by)
        return call

    return second


def approve_first(app, results, by="kim"):
    code = results[0].structured_content["evidence"]["approve_with"].split()[-1]
    assert approve(app.store, code, by, NOW)


def test_a_writing_tool_is_not_there_unless_it_is_enabled_by_name(tmp_path):
    (tmp_path / "off").mkdir()
    writing = {offer.name for offer in all_offers() if offer.writing}
    assert {"note", "silence", "acknowledge_alert", "accept_known"} <= writing
    assert not writing & listed(app_with(tmp_path / "off", {"services": found()})).keys()
    assert writing & listed(writing_app(tmp_path, "note")).keys() == {"note"}


@pytest.mark.parametrize(("name", "words"), [("nots", "near=note"), ("payments", "known=")])
def test_a_name_that_is_no_writing_tool_is_an_error_of_the_configuration(tmp_path, name, words):
    with pytest.raises(InvalidError, match="no_writing_tool") as raised:
        build_server(writing_app(tmp_path, name))
    assert words in str(raised.value) and name in str(raised.value)


def test_a_writing_tool_says_so_and_says_whether_it_destroys(tmp_path):
    tools = listed(writing_app(tmp_path, "note", "silence"))
    hints = {
        n: (t.annotations.read_only_hint, t.annotations.destructive_hint) for n, t in tools.items()
    }
    assert hints["note"] == (False, False) and hints["silence"] == (False, True)
    assert hints["list_alerts"] == (True, False)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_person_is_asked_in_their_language_and_a_yes_does_it_once(tmp_path, mode, language):
    app, asked = writing_app(tmp_path, "note", language=language), []
    (result,) = talk(app, NOTE, mode=mode, answers=lambda params: asked.append(params) or YES)
    assert not result.is_error and result.structured_content["evidence"]["done"] is True
    assert noted(app) == [("deployment", "ingest 2.4 is out")]
    (params,) = asked
    words = app.catalog.say("mcp.write.kind.deployment")
    assert words in params.message and "ingest 2.4 is out" in params.message
    assert app.catalog.say("mcp.write.confirm") in json.dumps(
        params.requested_schema, ensure_ascii=False
    )
    (entry,) = audited(app)
    assert (entry.outcome, entry.confirmed_by) == ("done", "elicitation")
    assert entry.arguments == {"text": "ingest 2.4 is out", "kind": "deployment", "at": None}
    assert entry.caller.startswith("stdio:") and entry.ended_at == NOW


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("tool", "arguments", "shown"),
    [
        ("note", {"text": 298 * "x" + "!", "at": "2025-01-01T09:00"}, ["x!", "2025-01-01 09:00"]),
        ("note", {"text": "now"}, ["now"]),
        (
            "silence",
            {"pattern": 197 * "p" + "/*", "minutes": 90, "comment": 119 * "c" + "!"},
            ["p/*", "c!", "30"],
        ),
    ],
)
def test_a_question_shows_all_that_will_be_written(tmp_path, language, tool, arguments, shown):
    app = writing_app(tmp_path, tool, language=language)
    (asked,) = talk(app, (tool, arguments))
    would = asked.structured_content["evidence"]["would_text"]
    assert all(text in would for text in shown), would


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize("answer", ANSWERS, ids=["unticked", "decline", "cancel"])
def test_anything_but_a_yes_does_nothing(tmp_path, mode, answer):
    app = writing_app(tmp_path, "note")
    (result,) = talk(app, NOTE, mode=mode, answers=lambda params: answer)
    assert result.is_error and "nothing was done" in result.structured_content["summary"]
    assert noted(app) == []
    assert [entry.outcome for entry in audited(app)] == ["declined"]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_client_that_cannot_ask_acts_once_a_person_approved_it(tmp_path, mode):
    app = writing_app(tmp_path, "note")
    first, second = talk(app, NOTE, approved_then(app, *NOTE), mode=mode)
    evidence = first.structured_content["evidence"]
    assert evidence["done"] is False and "ingest 2.4 is out" in evidence["would_text"]
    assert first.structured_content["verdict"] == "unknown"
    assert not second.is_error and second.structured_content["evidence"]["done"] is True
    assert len(noted(app)) == 1
    (entry,) = audited(app)
    assert (entry.outcome, entry.confirmed_by) == ("done", "approval:kim")


def test_an_accepted_answer_that_is_sent_again_does_not_act_again(tmp_path):
    """2026-07-28 is stateless: the client holds the question's state and could repeat it."""
    app = writing_app(tmp_path, "note")

    async def run():
        async with Client(build_server(app), elicitation_callback=never) as client:
            asked = await client.session.call_tool(*NOTE, allow_input_required=True)
            answers = dict.fromkeys(asked.input_requests, YES)
            same = {"input_responses": answers, "request_state": asked.request_state}
            first = await client.session.call_tool(*NOTE, **same)
            return first, await client.session.call_tool(*NOTE, **same)

    first, again = anyio.run(run)
    assert not first.is_error
    assert again.is_error and "used already" in again.structured_content["summary"]
    assert len(noted(app)) == 1
    assert [entry.outcome for entry in audited(app)] == ["refused", "done"]


async def never(context, params):
    raise AssertionError("the test answers by hand")


def test_the_same_act_may_be_confirmed_a_second_time_when_it_is_asked_again(tmp_path):
    app = writing_app(tmp_path, "note")
    results = talk(app, NOTE, NOTE, answers=lambda params: YES)
    assert [r.is_error for r in results] == [False, False] and len(noted(app)) == 2


def test_a_confirmation_ends_after_a_while():
    now = [0.0]
    held = Confirmations(clock=lambda: now[0])
    act = Act("note", {"text": "x"}, "somebody")
    held.ask(act)
    now[0] = LIFE_SECONDS + 1
    assert not held.take(act)


@pytest.mark.parametrize(
    "other",
    [
        Act("note", {"text": "y"}, "a"),
        Act("n", {"text": "x"}, "a"),
        Act("note", {"text": "x"}, "b"),
    ],
)
def test_a_confirmation_belongs_to_tool_arguments_and_caller(other):
    held, act = Confirmations(), Act("note", {"text": "x"}, "a")
    held.ask(act)
    assert not held.take(other)
    assert held.take(act)


def test_what_cannot_be_written_down_is_not_done(tmp_path, monkeypatch):
    app = writing_app(tmp_path, "note")

    def full(*_):
        raise StoreError("disk is full")

    monkeypatch.setattr("mcp_server.writing.begin_audit", full)
    (result,) = talk(app, NOTE, answers=lambda params: YES)
    assert result.is_error and "disk is full" in result.structured_content["summary"]
    assert noted(app) == []


def test_what_went_wrong_is_written_down_as_failed(tmp_path):
    app = writing_app(tmp_path, "note")
    call = ("note", {"text": "x", "at": "2030-01-01"})
    (result,) = talk(app, call, answers=lambda params: YES)
    assert result.is_error
    (entry,) = audited(app)
    assert entry.outcome == "failed" and "future" in entry.said


def test_what_cannot_be_done_at_all_is_not_even_asked(tmp_path):
    app = writing_app(tmp_path, "acknowledge_alert", "silence")
    asked = []
    calls = [("acknowledge_alert", {"incident": 7}), ("silence", {"pattern": "kafka"})]
    results = talk(app, *calls, answers=lambda params: asked.append(1) or YES)
    assert all(r.is_error for r in results) and asked == []
    said = [r.structured_content["summary"] for r in results]
    assert "no incident 7" in said[0] and "check/code:subject" in said[1]


BREAK = Alert(
    *("reconciliation", "books_broken", "shard1/L4", Phase.FIRING, Status.CRIT, NOW, NOW),
    params={"count": 2, "amount_krw": 40_000},
    fired_at=NOW,
)
KNOWN = {"pattern": "reconciliation/books_broken:*", "reason": "found in the audit", "days": 30}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_is_known_is_accepted_as_large_as_it_is(tmp_path, language):
    app, asked = writing_app(tmp_path, "accept_known", language=language), []
    with app.store.write() as tx:
        save_alerts(tx, [BREAK])
    (result,) = talk(
        app, ("accept_known", KNOWN), answers=lambda params: asked.append(params.message) or YES
    )
    assert not result.is_error, result
    assert "found in the audit" in asked[0] and KNOWN["pattern"] in asked[0] and "30" in asked[0]
    with app.store.read() as tx:
        (one,) = active_acceptances(tx, NOW)
    assert (one.reason, one.until) == ("found in the audit", NOW + timedelta(days=30))
    assert one.sizes["books_broken:shard1/L4 amount_krw"] == 40_000
    assert one.author.startswith("stdio:")
    assert result.structured_content["evidence"]["matching_now"] == 1


@pytest.mark.parametrize(
    ("pattern", "said"), [("*/*", "too much"), ("services/*", "nothing that fires now")]
)
def test_everything_and_nothing_cannot_be_known(tmp_path, pattern, said):
    app, asked = writing_app(tmp_path, "accept_known"), []
    call = ("accept_known", {**KNOWN, "pattern": pattern})
    (result,) = talk(app, call, answers=lambda params: asked.append(1) or YES)
    assert result.is_error and asked == []
    assert said in result.structured_content["summary"]
