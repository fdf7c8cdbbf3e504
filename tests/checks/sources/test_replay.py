"""What a real platform answered in each state, and what the checks make of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from replay import now_of, reason_of, states, verdicts

from monitor.domain.check import Status

RECORDED = states()
# What the gateway never shows, whatever the state.
NEVER_SHOWN = {
    "breakers": ["ingest/pg-auth-api breaker_not_shown"],
    "connections": ["ingest pools_not_shown"],
    "instances": ["instances no_prometheus"],
    "outbox_age": ["database/shard2 shard_not_counted"],
    "reconciliation": ["reconciliation gateway_tautology"],
    "settlements": [
        "database/shard2 shard_not_counted",
        "settlement/late late_not_shown",
        "refund/late late_not_shown",
    ],
    "traffic": ["ingest/requests no_request_counts"],
}
KAFKA_GONE = ["kafka part_reports_error"]
NO_KAFKA = {
    "services": ["service_down:kafka"],
    "consumer_lag": KAFKA_GONE,
    "dead_letters": KAFKA_GONE,
    "kafka_cluster": KAFKA_GONE,
}
NO_REDIS = {
    "services": ["service_down:redis"],
    "redis_health": ["redis part_reports_error"],
    "rate_limits": ["redis part_reports_error"],
}
NO_SHARD2 = {
    "services": ["service_down:database/shard2"],
    "outbox_age": ["database/shard2 part_reports_error"],
    "traffic": ["database/shard2 part_reports_error", *NEVER_SHOWN["traffic"]],
}
GROUPS = ("settlement-worker-group", "refund-worker-group", "payment-consumer")
FOUND: Mapping[str, Mapping[str, list[str]]] = {
    "empty": {"consumer_lag": [f"kafka/{group} group_without_offsets" for group in GROUPS]},
    "busy": {},
    "rate-limited": {},
    "rate-limited-over-100": {},
    "breaker-open": {},
    "consumer-stopped": {"consumer_lag": ["group_empty:payment-consumer"]},
    "dead-letters": {},
    "redis-down-10s": NO_REDIS,
    "redis-down-90s": NO_REDIS,
    "kafka-down-10s": NO_KAFKA,
    "kafka-down-90s": NO_KAFKA | {"outbox_age": ["outbox_old:", *NEVER_SHOWN["outbox_age"]]},
    "shard2-down-10s": NO_SHARD2,
    "shard2-down-90s": NO_SHARD2,
}


def test_every_recorded_state_is_in_the_table():
    assert set(RECORDED) == set(FOUND)


@pytest.mark.parametrize("state", FOUND)
def test_a_real_platform_is_told_as_it_was_and_unknown_for_the_right_reason(state):
    found = verdicts(RECORDED[state], now_of(RECORDED[state]))
    said = {name: [reason_of(f) for f in verdict.findings] for name, verdict in found.items()}
    assert {n: words for n, words in said.items() if words} == {**NEVER_SHOWN, **FOUND[state]}


@pytest.mark.parametrize("state", [s for s in FOUND if "down" in s])
def test_what_is_not_waited_for_is_not_called_well(state):
    """As long as the slow answers have not come: all that needs them is unknown or worse."""
    recorded = RECORDED[state]
    impatient = verdicts(recorded, now_of(recorded), timeout_seconds=5, slow_timeout_seconds=5)
    hurt = {name for name, words in FOUND[state].items() if name != "outbox_age"}
    assert {name for name in hurt if impatient[name].status is Status.OK} == set()
