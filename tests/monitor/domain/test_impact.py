"""What an incident does to payments: counted from its alerts, and its worst is kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from checks.touches import TOUCHES
from monitor.domain.alert import Alert, Phase
from monitor.domain.cause import Causes
from monitor.domain.check import Status
from monitor.domain.incident.advance import advance
from monitor.domain.incident.impact import impact
from monitor.domain.incident.model import Incident, Rules

T0 = datetime(2026, 11, 22, 5, 2, tzinfo=UTC)


def broken(name: str, count: int, krw: int, check: str = "reconciliation") -> Alert:
    params = {"count": count, "amount_krw": krw}
    key = ("books_broken", name)
    return Alert(check, *key, Phase.FIRING, Status.CRIT, T0, T0, params=params)


def test_the_shards_add_up_and_what_two_checks_see_counts_once():
    alerts = [
        broken("shard1/L3", 2, 3000),
        broken("shard1/L3", 2, 3000, "other"),
        broken("shard2/L3", 1, 500),
        broken("shard1/L1", 4, 900),
    ]
    assert impact(alerts, TOUCHES, {}) == {
        "booked_twice": {"count": 3, "krw": 3500},
        "not_booked": {"count": 4, "krw": 900},
    }


def test_the_worst_is_kept_when_it_gets_less():
    before = {"booked_twice": {"count": 5, "krw": 9000.0}}
    assert impact([broken("shard1/L3", 2, 3000)], TOUCHES, before) == before


def test_money_that_an_alert_does_not_tell_is_not_known_rather_than_nothing():
    refused = replace(broken("", 0, 0), code="payments_refused", params={"refused_so_far": 12})
    assert impact([refused], TOUCHES, {}) == {"refused": {"count": 12, "krw": None}}


def test_what_touches_payments_without_counting_them_says_so():
    down = replace(broken("redis", 0, 0), code="service_down")
    assert list(impact([down], TOUCHES, {})) == ["not_counted"]
    assert list(impact([down, broken("shard1/L3", 1, 1)], TOUCHES, {})) == ["booked_twice"]
    assert impact([replace(down, code="clock_off")], TOUCHES, {}) == {}


def test_an_incident_keeps_its_impact_as_its_alerts_grow():
    rules = Rules(Causes(()), touches=TOUCHES)
    alert = replace(broken("shard1/L3", 2, 3000), id=1, peak={"count": 2, "amount_krw": 3000})
    incident = Incident(alert.key, T0, Status.CRIT, (1,), id=7)
    (change,) = advance([incident], {1: alert}, rules, T0 + timedelta(minutes=1))
    assert change.incident.impact == {"booked_twice": {"count": 2, "krw": 3000}}
