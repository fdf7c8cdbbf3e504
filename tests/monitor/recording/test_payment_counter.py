"""The payments that an incident touches are counted over its own time, and the worst is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status
from monitor.domain.incident.model import Change, Incident
from monitor.recording.affected import PaymentCounter
from monitor.store.alerting.alerts import save_alerts
from monitor.store.alerting.incidents import open_incidents, save_incidents
from monitor.store.database import Store, migrate, open_store

T0 = datetime(2026, 11, 22, 5, 2, tzinfo=UTC)
NOT_COUNTED = {"not_counted": {"count": None, "krw": None}}


@pytest.fixture
def store(tmp_path: Path):
    migrate(tmp_path / "monitor.db")
    opened = open_store(tmp_path / "monitor.db", durable=False)
    yield opened
    opened.close()


def opened_incident(store: Store, impact: dict) -> None:
    alert = Alert("c", "service_down", "redis", Phase.FIRING, Status.CRIT, T0, T0, fired_at=T0)
    with store.write() as tx:
        [saved] = save_alerts(tx, [alert])
        at = T0 + timedelta(minutes=1)
        made = Incident(alert.key, at, Status.CRIT, (saved.id or 0,), impact=impact)
        save_incidents(tx, [Change(made)], T0)


def impact_of(store: Store):
    with store.read() as tx:
        return open_incidents(tx)[0].impact


def test_payments_are_counted_from_the_beginning_of_the_first_alert_and_the_worst_stays(store):
    opened_incident(store, NOT_COUNTED)
    asked = []
    answers = [{"waiting_for_capture": (7, 70_000)}, {"waiting_for_capture": (2, 20_000)}]

    def count(start: datetime, now: datetime) -> object:
        asked.append((start, now))
        return answers.pop(0)

    counter = PaymentCounter(store, count)
    for minute in (2, 3):
        counter.step(T0 + timedelta(minutes=minute))
    assert asked[0] == (T0, T0 + timedelta(minutes=2))
    assert impact_of(store) == {"waiting_for_capture": {"count": 7, "krw": 70_000}}


def test_what_could_not_be_seen_is_not_counted_as_nothing(store):
    opened_incident(store, NOT_COUNTED)
    PaymentCounter(store, lambda start, now: object()).step(T0 + timedelta(minutes=2))
    assert impact_of(store) == NOT_COUNTED


def test_an_incident_that_touches_no_payments_is_not_asked_for(store):
    opened_incident(store, {})
    PaymentCounter(store, lambda start, now: pytest.fail("asked")).step(T0)
    assert impact_of(store) == {}
