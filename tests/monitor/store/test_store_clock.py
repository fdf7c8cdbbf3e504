"""After the clock was set back nothing that is live lies ahead, and lengths stay what they were."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from store_case import T0, fresh_store, rows

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status
from monitor.domain.delivery import Message
from monitor.domain.incident.model import Acceptance, Change, Incident
from monitor.store.alerting.acceptances import active_acceptances, add_acceptance
from monitor.store.alerting.alerts import save_alerts
from monitor.store.alerting.incidents import save_incidents
from monitor.store.alerting.silences import add_silence
from monitor.store.codec import to_micros
from monitor.store.delivery.journal import failing_receivers
from monitor.store.delivery.notifications import add_notifications, claim, mark_retry, mark_sent
from monitor.store.upkeep.clock import set_back, set_back_since

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BY = 2 * HOUR
NOW = T0 - BY  # what the clock shows after it was set back at T0
EVENTS = [
    ("alerts", ("since", "fired_at", "last_seen_at", "ended_at")),
    ("incidents", ("opened_at", "announced_at", "ended_at")),
    ("notifications", ("created_at", "first_tried_at", "sent_at")),
    ("silences", ("created_at",)),
    ("acceptances", ("at",)),
]
WAITED_FOR = [
    ("notifications", "due_at"),
    ("notifications", "lease_until"),
    ("incidents", "speak_at"),
    ("silences", "until"),
    ("acceptances", "until"),
]


@pytest.fixture(params=["while it runs", "before a restart"])
def store(tmp_path, request):
    """Something of each kind, made before the clock was set back."""
    made = fresh_store(tmp_path)
    fill(made)
    if request.param == "while it runs":
        set_back(made, NOW, BY)
    else:
        assert set_back_since(made, NOW) == BY
        assert set_back_since(made, NOW) == timedelta()
    yield made
    made.close()


def fill(store) -> None:
    since, seen = T0 - 3 * HOUR, T0
    with store.write() as tx:
        lasting = Alert(
            "a", "odd", "", Phase.FIRING, Status.CRIT, since, seen, fired_at=since + MINUTE
        )
        recent = Alert("a", "new", "", Phase.FIRING, Status.CRIT, seen, seen, fired_at=seen)
        over = Alert(
            *("b", "odd", "", Phase.RESOLVED, Status.CRIT, T0 - HOUR, T0 - MINUTE),
            fired_at=T0 - HOUR + MINUTE,
            ended_at=T0 - MINUTE,
        )
        [saved, *_] = save_alerts(tx, [lasting, recent, over])
        incident = Incident(
            lasting.key, since + MINUTE, Status.CRIT, (saved.id or 0,), announced=Status.CRIT
        )
        save_incidents(tx, [Change(incident)], T0)
        tx.exec_driver_sql("UPDATE incidents SET speak_at = ?", (to_micros(T0 + 5 * MINUTE),))
        messages = [
            Message(key, "slack", "incident", {}, T0 - MINUTE, T0 - MINUTE) for key in ("1", "2")
        ]
        add_notifications(tx, messages)
    first = claim(store, "slack", T0 - MINUTE, 10 * MINUTE)
    mark_sent(store, first.id, T0 - MINUTE)
    second = claim(store, "slack", T0, 10 * MINUTE)
    mark_retry(store, second.id, T0 + 5 * MINUTE, "refused")
    with store.write() as tx:
        lease = "UPDATE notifications SET lease_until = ? WHERE id = ?"
        tx.exec_driver_sql(lease, (to_micros(T0 + MINUTE), second.id))
    add_silence(store, "a/*", T0 + 30 * MINUTE, T0 - MINUTE, "kim", "")
    add_acceptance(store, Acceptance("b/*", "kim", "known", T0, until=T0 + HOUR))


@pytest.mark.parametrize(("table", "columns"), EVENTS, ids=[table for table, _ in EVENTS])
def test_nothing_that_happened_lies_ahead_or_ends_before_it_begins(store, table, columns):
    found = rows(store, f"SELECT {', '.join(columns)} FROM {table}")
    assert found
    for row in found:
        known = [at for at in row if at is not None]
        assert max(known) <= to_micros(NOW)
        assert all(earlier <= later for earlier, later in pairwise(known))


@pytest.mark.parametrize(("table", "column"), WAITED_FOR)
def test_nothing_waits_longer_than_before(store, table, column):
    which = "WHERE state = 'waiting'" if table == "notifications" else ""
    [(at,)] = rows(store, f"SELECT max({column}) FROM {table} {which}")
    assert to_micros(NOW) <= at <= to_micros(NOW + HOUR)


def test_what_lasts_keeps_its_length(store):
    [(since,)] = rows(store, "SELECT since FROM alerts WHERE code = 'odd' AND ended_at IS NULL")
    assert since == to_micros(NOW - 3 * HOUR)


def test_what_was_accepted_still_is(store):
    with store.read() as tx:
        assert [one.pattern for one in active_acceptances(tx, NOW)] == ["b/*"]


def test_a_receiver_that_failed_before_fails_still(store):
    with store.read() as tx:
        [failing] = failing_receivers(tx)
    assert failing.since == NOW


def test_a_clock_that_was_not_set_back_changes_nothing(tmp_path):
    store = fresh_store(tmp_path)
    fill(store)
    before = rows(store, "SELECT * FROM alerts")
    assert set_back_since(store, T0) == timedelta()
    assert rows(store, "SELECT * FROM alerts") == before
    store.close()
