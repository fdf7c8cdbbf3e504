"""What is told of rate limits whose capacity is not known: what was refused, or that it is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from test_check_states import LIMITS, NOW, REFUSED, keys, use

from checks import rate_limits
from checks.sources.facts.platform import RequestCount
from monitor.domain.check import ProbeContext, Verdict

AUTHORIZE, REFUND = "/payments/authorize", "/payments/refund/{paymentId}"
UNKNOWN = {"monitoring_gap:redis/capacities": "unknown"}
TOLD = {"requests_limited:requests/authorize": "warn"}


def limited(refused: int, uri: str = AUTHORIZE, uses: Any = (), **others: Any) -> rate_limits.Facts:
    rows = (RequestCount("ingest", uri, 429, refused, 1.0),)
    accepted = RequestCount("ingest", AUTHORIZE, 200, 100 + refused, 9.0)
    return rate_limits.Facts(uses, {"ingest": (*rows, accepted), **others})


def last(*looks: tuple[float, rate_limits.Facts], **options: Any) -> Verdict:
    """The verdict of the last of some looks, minutes after the first."""
    memory: Any = {}
    for minutes, facts in looks:
        now = NOW + timedelta(minutes=minutes)
        context = ProbeContext(None, rate_limits.Options(**options), memory, now)
        verdict, memory = rate_limits.CHECK.evaluate(facts, context)
    return verdict


@pytest.mark.parametrize(
    ("looks", "options", "expected"),
    [
        ([(0, rate_limits.Facts(()))], {}, UNKNOWN),
        ([(0, rate_limits.Facts((use(45),)))], {}, UNKNOWN),
        ([(0, rate_limits.Facts((use(45),)))], {"authorize_max": 20}, None),
        ([(0, rate_limits.Facts((use(45),)))], LIMITS, {}),
        ([(0, limited(0))], {}, {}),
        ([(0, limited(25))], {}, UNKNOWN),
        ([(0, limited(25))], LIMITS, {}),
        ([(0, limited(25)), (1, limited(25))], {}, {}),
        ([(0, limited(0)), (1, limited(25))], {}, TOLD),
        ([(0, limited(0)), (1, limited(1))], {}, TOLD),
        ([(0, limited(30)), (1, limited(2))], {}, TOLD),
        ([(0, limited(0)), (1, limited(25))], LIMITS, TOLD),
        ([(0, limited(0)), (1, limited(25)), (4, limited(25))], {}, TOLD),
        ([(0, limited(0)), (1, limited(25)), (6, limited(25)), (7, limited(25))], {}, {}),
        (
            [(0, limited(0, REFUND)), (1, limited(3, REFUND))],
            {},
            {"requests_limited:requests/refund": "warn"},
        ),
        (
            [(0, limited(0, "UNKNOWN")), (1, limited(3, "UNKNOWN"))],
            {},
            {"requests_limited:requests/any": "warn"},
        ),
    ],
)
def test_what_was_refused_is_told_and_a_capacity_is_never_guessed(looks, options, expected):
    wanted = {"merchant_blocked:authorize/M-1": "crit", **UNKNOWN} if expected is None else expected
    assert keys(last(*looks, **options)) == wanted


def test_a_merchant_that_is_named_is_not_told_twice():
    looks = (0, limited(0, uses=(use(99),))), (1, limited(2, uses=(use(102),))), (2, limited(2))
    assert keys(last(*looks[:2], **LIMITS)) == {"merchant_blocked:authorize/M-1": "crit"}
    assert keys(last(*looks, **LIMITS)) == {}


def test_who_asks_most_is_named_beside_what_was_refused():
    verdict = last((0, limited(0)), (1, limited(25, uses=(use(45), use(3)))))
    params = verdict.findings[0].params
    assert (params["merchant_id"], params["count"], params["refused"]) == ("M-1", 45, 25)
    assert params["capacity"] is None


def test_refused_requests_are_told_though_redis_cannot_be_seen():
    away = REFUSED["redis"]
    found = keys(last((0, limited(0)), (1, limited(25, uses=away))))
    assert found == {**TOLD, "monitoring_gap:redis": "unknown"}


def test_an_instance_that_does_not_count_is_not_well_where_only_its_count_would_tell():
    hidden = REFUSED["redis"]
    assert keys(last((0, limited(0, ingest2=hidden)))) == {"monitoring_gap:redis": "unknown"}
    assert keys(last((0, limited(0, ingest2=hidden)), **LIMITS)) == {
        "monitoring_gap:redis": "unknown"
    }


def test_what_was_refused_is_not_over_because_nobody_counts_any_more():
    gone = rate_limits.Facts((use(1),), {"ingest": REFUSED["redis"]})
    looks = (0, limited(0)), (1, limited(25)), (7, gone), (8, gone)
    assert keys(last(*looks, **LIMITS)) == {"monitoring_gap:redis": "unknown"}
