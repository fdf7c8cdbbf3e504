"""What a model keeps quiet is bounded and announced; its refusals do not fill the disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from mcp.types import ElicitResult
from mcp_case import NOW, talk, writing_app
from store_case import fresh_store, rows

from monitor.domain.alert import Alert, Phase
from monitor.domain.audit import AuditEntry
from monitor.domain.check import Status
from monitor.domain.incident.model import Change, Incident
from monitor.store.acts.audit import (
    ALIKE_PER_HOUR_MAX,
    REFUSALS_PER_HOUR_MAX,
    audit_between,
    begin_audit,
)
from monitor.store.alerting.alerts import save_alerts
from monitor.store.alerting.incidents import save_incidents
from monitor.store.delivery.journal import waiting_and_dead
from monitor.store.upkeep.prune import prune
from monitor.text.messages.render import renderer

YES = ElicitResult(action="accept", content={"confirm": True})
WIDE = ["*", "*/*", "*/*:*", "s*/*", "?ervices/*", "[a-z]*/*", "*s/*_down:*", "**/**", "*/"]
FIRING = Alert(
    *("services", "service_down", "kafka", Phase.FIRING, Status.CRIT, NOW, NOW), fired_at=NOW
)


@pytest.mark.parametrize("tool", ["silence", "accept_known"])
@pytest.mark.parametrize("pattern", WIDE)
def test_a_model_keeps_nothing_quiet_that_it_does_not_name(tmp_path, tool, pattern):
    app = writing_app(tmp_path, "silence", "accept_known")
    with app.store.write() as tx:
        save_alerts(tx, [FIRING])
    more = {"reason": "known"} if tool == "accept_known" else {}
    (result,) = talk(app, (tool, {"pattern": pattern, **more}), answers=lambda params: YES)
    assert result.is_error, result.structured_content
    assert rows(app.store, "SELECT id FROM silences UNION ALL SELECT id FROM acceptances") == []


@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("silence", {"pattern": "services/*", "minutes": 241}),
        ("accept_known", {"pattern": "services/*", "reason": "known", "days": 31}),
    ],
)
def test_a_model_keeps_nothing_quiet_for_longer_than_configured(tmp_path, tool, given):
    app = writing_app(tmp_path, tool)
    with app.store.write() as tx:
        save_alerts(tx, [FIRING])
    (result,) = talk(app, (tool, given), answers=lambda params: YES)
    assert result.is_error and "at most" in result.structured_content["summary"]


def test_the_longest_that_a_model_may_ask_for_is_configured(tmp_path):
    app = writing_app(tmp_path, "silence")
    mcp = app.config.mcp.model_copy(update={"silence_minutes_max": 10})
    app.config = app.config.model_copy(update={"mcp": mcp})
    calls = [("silence", {"pattern": "services/*", "minutes": n}) for n in (10, 11)]
    fits, over = talk(app, *calls, answers=lambda params: YES)
    assert not fits.is_error and over.is_error


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("silence", {"pattern": "services/*", "minutes": 90, "comment": "a deployment"}),
        ("accept_known", {"pattern": "services/*", "reason": "a deployment"}),
        ("acknowledge_alert", {"incident": 1}),
    ],
)
def test_what_a_model_keeps_quiet_is_told_to_every_receiver(tmp_path, tool, given, language):
    app = writing_app(tmp_path, tool, language=language)
    app.config = app.config.model_copy(update={"receivers": {"slack": None, "console": None}})
    with app.store.write() as tx:
        save_alerts(tx, [FIRING])
        save_incidents(tx, [Change(Incident(FIRING.key, NOW, Status.CRIT, (1,)))], NOW)
    (result,) = talk(app, (tool, given), answers=lambda params: YES)
    assert not result.is_error, result.structured_content
    with app.store.read() as tx:
        messages = waiting_and_dead(tx)
    assert {m.receiver for m in messages} == {"slack", "console"}
    render = renderer(language, "Asia/Seoul")
    text = render.text(messages[0])
    assert "stdio:" in text and ("paypulse alerts" in text)
    assert ("a deployment" in text) is (tool != "acknowledge_alert")
    assert render.slack(messages[0]).blocks
    assert ("모델이" in text) is (language == "ko")


@pytest.fixture
def store(tmp_path):
    made = fresh_store(tmp_path)
    yield made
    made.close()


def refused(caller="http:read token (x)", tool="note", at=NOW):
    return AuditEntry(at, tool, caller, {}, "", "refused", "may only read", at)


def test_refusals_alike_are_counted_on_one_line(store):
    for _ in range(1000):
        begin_audit(store, refused())
    with store.read() as tx:
        entries = audit_between(tx, NOW, NOW + timedelta(seconds=1))
    assert len(entries) == ALIKE_PER_HOUR_MAX
    assert sum(1 + e.repeats for e in entries) == 1000


def test_a_caller_of_many_names_does_not_fill_the_disk_either(store):
    for number in range(1000):
        begin_audit(store, refused(f"http:read token ({number})"))
    with store.read() as tx:
        entries = audit_between(tx, NOW, NOW + timedelta(seconds=1))
    assert len(entries) == REFUSALS_PER_HOUR_MAX + 1
    assert sum(1 + e.repeats for e in entries) == 1000
    (rest,) = (e for e in entries if e.repeats)
    assert (rest.caller, rest.tool) == ("*", "*")  # what is many callers' is not told of one


def test_what_was_done_is_always_written_down_whatever_was_refused_before(store):
    for number in range(REFUSALS_PER_HOUR_MAX + 20):
        begin_audit(store, refused(f"http:{number}"))
    done = replace(refused(), outcome="started", ended_at=None)
    assert begin_audit(store, done) != begin_audit(store, done)


def test_refusals_are_written_down_anew_in_the_next_hour(store):
    for hour in range(3):
        for _ in range(50):
            begin_audit(store, refused(at=NOW + timedelta(hours=hour, minutes=hour)))
    with store.read() as tx:
        entries = audit_between(tx, NOW, NOW + timedelta(days=1))
    assert len(entries) == 3 * ALIKE_PER_HOUR_MAX


def test_refusals_are_forgotten_sooner_than_what_was_done(store):
    begin_audit(store, refused())
    begin_audit(store, replace(refused(), outcome="done"))
    prune(store, NOW + timedelta(days=40), raw_days=30)
    assert rows(store, "SELECT outcome FROM audit") == [("done",)]
