"""Alerts, incidents, their journal and what people do about them, stored and read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_case import DAY, HOUR, MINUTE, T0, fresh_store, record, rows

from monitor.domain.alert import Alert, Phase, Rule, Transition, advance_all
from monitor.domain.check import Finding, Status, Verdict
from monitor.domain.incident.model import Acceptance, Change, Incident, Notice
from monitor.store.alerting.acceptances import (
    active_acceptances,
    add_acceptance,
    end_acceptance,
)
from monitor.store.alerting.alerts import (
    alerts_between,
    alerts_by_id,
    all_live_alerts,
    live_alerts,
    save_alerts,
)
from monitor.store.alerting.incidents import (
    acknowledge,
    incident_by_id,
    incidents_between,
    open_incidents,
    save_incidents,
)
from monitor.store.alerting.silences import add_silence, end_silence, silences
from monitor.store.alerting.transitions import (
    notices_of,
    notices_said,
    save_transitions,
    silences_of,
)
from monitor.store.database import Store
from monitor.store.notes import Note, add_note, notes
from monitor.store.passes.snapshots import latest_findings

_ALERT = Alert(
    check="outbox_age",
    code="outbox_old",
    subject="shard1",
    phase=Phase.FIRING,
    status=Status.CRIT,
    since=T0,
    last_seen_at=T0 + MINUTE,
    params={"oldest_age_seconds": 400.5},
    evidence=({"event_id": 1},),
    passes="011",
    fired_at=T0 + MINUTE,
    rose_at=T0 + 2 * MINUTE,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = fresh_store(tmp_path)
    yield opened
    opened.close()


def _save(store: Store, *alerts: Alert) -> list[Alert]:
    with store.write() as tx:
        return save_alerts(tx, alerts)


def test_an_alert_comes_back_whole(store: Store) -> None:
    (saved,) = _save(store, _ALERT)
    assert saved == replace(_ALERT, id=saved.id)
    with store.read() as tx:
        assert live_alerts(tx, "outbox_age") == {"outbox_old:shard1": saved}
        assert live_alerts(tx, "services") == {}
        assert all_live_alerts(tx) == {saved.id: saved}
        assert alerts_by_id(tx, [saved.id or 0, 999]) == {saved.id: saved}


def test_a_changed_alert_replaces_its_row_and_an_ended_one_is_live_no_more(store: Store) -> None:
    (saved,) = _save(store, _ALERT)
    ended = replace(saved, phase=Phase.RESOLVED, ended_at=T0 + HOUR, status=Status.WARN)
    assert _save(store, ended) == [ended]
    with store.read() as tx:
        assert all_live_alerts(tx) == {}
        assert alerts_by_id(tx, [saved.id or 0]) == {saved.id: ended}


def test_alerts_come_back_in_the_order_in_which_they_went_in(store: Store) -> None:
    (known,) = _save(store, _ALERT)
    new = [replace(_ALERT, subject=s) for s in ("a", "b")]
    saved = _save(store, new[0], known, new[1])
    assert [a.subject for a in saved] == ["a", "shard1", "b"]
    assert len({a.id for a in saved}) == 3


def test_the_state_machine_runs_on_stored_alerts(store: Store) -> None:
    verdicts = [Verdict.of([Finding("outbox_old", Status.CRIT, "shard1")])] * 2 + [Verdict.of([])]
    kinds: list[str] = []
    for minute, verdict in enumerate((*verdicts, Verdict.of([]))):
        now = T0 + MINUTE * minute
        with store.write() as tx:
            before = live_alerts(tx, "outbox_age")
            changed, transitions = advance_all("outbox_age", before, verdict, Rule(), now)
            save_alerts(tx, changed)
            save_transitions(tx, transitions, snapshot_id=minute + 1)
            kinds += [t.kind for t in transitions]
    assert kinds == ["pending", "fired", "resolved"]
    with store.read() as tx:
        (alert,) = alerts_between(tx, T0, T0 + DAY)
    assert rows(store, "SELECT kind, snapshot_id FROM transitions ORDER BY id") == [
        ("pending", 1),
        ("fired", 2),
        ("resolved", 4),
    ]
    assert alert.phase is Phase.RESOLVED


def test_what_cleared_before_it_fired_leaves_no_trace(store: Store) -> None:
    pending = replace(_ALERT, phase=Phase.PENDING, fired_at=None)
    (saved,) = _save(store, pending)
    cleared = replace(saved, phase=Phase.CLEARED, ended_at=T0 + HOUR)
    with store.write() as tx:
        save_transitions(tx, [Transition(pending, "pending", T0, "first seen")], 1)
        assert save_alerts(tx, [cleared]) == [cleared]
        save_transitions(tx, [Transition(cleared, "cleared", T0 + HOUR, "gone")], 2)
    assert rows(store, "SELECT * FROM alerts") == []
    assert rows(store, "SELECT * FROM transitions") == []


def test_alerts_of_a_span_are_those_that_were_live_in_it(store: Store) -> None:
    def episode(name: str, since: int, ended: int | None, fired: int | None) -> Alert:
        at = [None if m is None else T0 + HOUR * m for m in (since, ended, fired)]
        phase = Phase.PENDING if fired is None else Phase.FIRING
        return replace(
            _ALERT, subject=name, phase=phase, since=at[0], ended_at=at[1], fired_at=at[2]
        )

    _save(
        store,
        episode("before", 0, 9, 1),
        episode("across", 0, 11, 1),
        episode("live", 1, None, 2),
        episode("pending", 11, None, None),
        episode("after", 21, None, 22),
    )
    span = (T0 + HOUR * 10, T0 + HOUR * 20)
    with store.read() as tx:
        assert [a.subject for a in alerts_between(tx, *span)] == ["live", "across"]
        everything = alerts_between(tx, *span, pending=True)
    assert [a.subject for a in everything] == ["pending", "live", "across"]


def test_an_incident_comes_back_whole_with_its_alerts_and_notices(store: Store) -> None:
    first, second = _save(store, _ALERT, replace(_ALERT, subject="shard2"))
    opened = Incident("outbox_old:shard1", T0, Status.CRIT, (first.id or 0, second.id or 0))
    with store.write() as tx:
        (saved,) = save_incidents(tx, [Change(opened)], T0)
        told = replace(
            saved, announced=Status.CRIT, announced_members=saved.members, announced_at=T0 + MINUTE
        )
        save_incidents(tx, [Change(told, Notice("firing", "waited"))], T0 + MINUTE)
    with store.read() as tx:
        assert open_incidents(tx) == [told]
        story = incident_by_id(tx, saved.id or 0)
        assert story is not None
        assert incidents_between(tx, T0, T0 + DAY) == [story]
        assert incidents_between(tx, T0 - DAY, T0) == []
        assert incident_by_id(tx, 999) is None
    assert story.alerts == (first, second)
    assert [(n.at, n.kind, n.reason) for n in story.notices] == [(T0 + MINUTE, "firing", "waited")]


def test_why_an_incident_is_silent_is_kept_and_is_no_notice(store: Store) -> None:
    opened = Incident("a:", T0, Status.WARN, (1,), silent_reason="waits_for_cause")
    with store.write() as tx:
        (saved,) = save_incidents(tx, [Change(opened, reason="waits_for_cause")], T0)
        spoke = replace(saved, silent_reason="")
        save_incidents(tx, [Change(spoke, Notice("firing", "no_cause_seen"))], T0 + MINUTE)
    with store.read() as tx:
        assert [(s.at, s.reason) for s in silences_of(tx, saved)] == [(T0, "waits_for_cause")]
        assert [n.kind for n in notices_of(tx, saved)] == ["firing"]
        assert notices_said(tx, saved) == 1
        assert open_incidents(tx) == [spoke]


def test_a_closed_incident_is_open_no_more(store: Store) -> None:
    with store.write() as tx:
        (saved,) = save_incidents(tx, [Change(Incident("a:", T0, Status.WARN, (1,)))], T0)
        save_incidents(tx, [Change(replace(saved, closed=True, ended_at=T0))], T0)
        assert open_incidents(tx) == []
    assert not acknowledge(store, saved.id or 0, "kim")


def test_acknowledging_notes_who_takes_care(store: Store) -> None:
    with store.write() as tx:
        (saved,) = save_incidents(tx, [Change(Incident("a:", T0, Status.WARN, (1,)))], T0)
    assert acknowledge(store, saved.id or 0, "kim")
    with store.read() as tx:
        assert [i.acked_by for i in open_incidents(tx)] == ["kim"]


def test_the_journal_names_the_alert_of_each_change(store: Store) -> None:
    (saved,) = _save(store, _ALERT)
    with store.write() as tx:
        save_transitions(tx, [Transition(saved, "fired", T0 + MINUTE, "seen twice")], None)
    found = rows(store, "SELECT kind, reason, alert_id FROM transitions")
    assert found == [("fired", "seen twice", saved.id)]


def test_a_silence_holds_until_it_ends_or_is_ended(store: Store) -> None:
    first = add_silence(store, "outbox_age/*", T0 + HOUR, T0, "kim", "deploying")
    second = add_silence(store, "*", T0 + DAY, T0)
    with store.read() as tx:
        assert [s.id for s in silences(tx, T0)] == [first, second]
        assert [s.id for s in silences(tx, T0 + HOUR)] == [second]
        assert silences(tx, T0)[0].comment == "deploying"
    assert end_silence(store, second, T0 + MINUTE)
    assert not end_silence(store, second, T0 + MINUTE)
    with store.read() as tx:
        assert [s.id for s in silences(tx, T0 + MINUTE)] == [first]


def test_the_same_silence_again_only_moves_its_end(store: Store) -> None:
    first = add_silence(store, "outbox_age/*", T0 + HOUR, T0, "kim")
    assert add_silence(store, "outbox_age/*", T0 + DAY, T0, "lee", "longer") == first
    with store.read() as tx:
        (silence,) = silences(tx, T0)
    assert (silence.until, silence.author, silence.comment) == (T0 + DAY, "lee", "longer")
    assert add_silence(store, "outbox_age/*", T0 + 3 * DAY, T0 + DAY) != first


def test_what_is_accepted_holds_from_then_to_its_end(store: Store) -> None:
    one = Acceptance("reconciliation/*", "kim", "known", T0, {"count": 2}, T0 + DAY)
    number = add_acceptance(store, one)
    for at, holds in ((T0 - MINUTE, False), (T0, True), (T0 + DAY, False)):
        with store.read() as tx:
            assert active_acceptances(tx, at) == ([replace(one, id=number)] if holds else [])
    assert end_acceptance(store, number, T0 + HOUR)
    assert not end_acceptance(store, number, T0 + HOUR)
    with store.read() as tx:
        assert active_acceptances(tx, T0 + HOUR) == []
        assert [a.id for a in active_acceptances(tx, T0 + MINUTE)] == [number]


def test_an_acceptance_takes_the_place_of_one_with_the_same_pattern(store: Store) -> None:
    add_acceptance(store, Acceptance("reconciliation/*", "kim", "known", T0, {"count": 2}))
    second = Acceptance("reconciliation/*", "lee", "larger now", T0 + HOUR, {"count": 5})
    number = add_acceptance(store, second)
    with store.read() as tx:
        assert active_acceptances(tx, T0 + HOUR) == [replace(second, id=number)]


def test_notes_are_read_by_span(store: Store) -> None:
    note = Note(T0, "deployment", "gateway 2.4", "kim")
    saved = replace(note, id=add_note(store, note))
    with store.read() as tx:
        assert notes(tx, T0, T0 + MINUTE) == [saved]
        assert notes(tx, T0 + MINUTE, T0 + DAY) == []


def test_a_sighting_is_as_old_as_its_alert_else_as_its_pass(store: Store) -> None:
    findings = tuple(Finding("outbox_old", Status.CRIT, s) for s in ("shard1", "shard2"))
    _save(store, _ALERT)
    record(store, T0, findings=findings)
    record(store, T0 + HOUR, findings=findings)
    record(store, T0, check="services")
    with store.read() as tx:
        seen = latest_findings(tx)
    assert [(s.check, s.finding and s.finding.subject, s.since) for s in seen] == [
        ("outbox_age", "shard1", T0),
        ("outbox_age", "shard2", T0 + HOUR),
        ("services", None, None),
    ]
    assert [s.status for s in seen] == [Status.CRIT, Status.CRIT, Status.OK]
    assert seen[0].measured_at == T0 + HOUR
