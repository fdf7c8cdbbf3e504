"""What a real platform answered in each state, and what the checks make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from replay import Recorded, every_way, now_of, reason_of, states, verdicts

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


def _down(*services: str) -> list[str]:
    return [f"service_down:{service}" for service in services]


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
# What else is told where the services' own actuators, or Prometheus, are asked as well.
WITHOUT_REDIS = {
    "services": ["service_down:redis", *_down("monitoring", "ingest1", "ingest2")],
}
WITHOUT_SHARD2 = {
    "services": [
        "service_down:database/shard2",
        *_down("monitoring", "consumer", "ingest1", "ingest2", "refund", "settlement"),
    ],
    "traffic": ["database/shard2 part_reports_error"],
}
BY_ACTUATORS: Mapping[str, Mapping[str, list[str]]] = {
    "rate-limited": {"services": ["service_down:ingest1"]},
    "breaker-open": {"breakers": ["breaker_open:ingest1/pg-auth-api"]},
    "consumer-stopped": {
        "services": ["service_down:consumer"],
        "connections": ["consumer connection_refused"],
    },
    "redis-down-10s": WITHOUT_REDIS,
    "redis-down-90s": WITHOUT_REDIS,
    "shard2-down-10s": WITHOUT_SHARD2,
    "shard2-down-90s": WITHOUT_SHARD2,
}
BY_PROMETHEUS: Mapping[str, Mapping[str, list[str]]] = {
    "breaker-open": {
        "breakers": ["breaker_open:ingest@192.0.2.2:ingest-service:12081/pg-auth-api"]
    },
    "consumer-stopped": {"instances": ["instances_missing:consumer-worker"]},
    "dead-letters": {"instances": ["instances_missing:consumer-worker"]},
}
SHOWN_BY_ACTUATORS: Mapping[str, list[str]] = {"breakers": [], "connections": [], "traffic": []}
SHOWN_BY_PROMETHEUS: Mapping[str, list[str]] = {
    "breakers": [],
    "instances": [],
    "connections": ["ingest no_series"],
}


def test_every_recorded_state_is_in_the_table():
    assert set(RECORDED) == set(FOUND)


def _said(recorded: tuple[Recorded, ...], **address: Any) -> dict[str, list[str]]:
    found = verdicts(recorded, now_of(recorded), **address)
    said = {name: [reason_of(f) for f in verdict.findings] for name, verdict in found.items()}
    return {name: words for name, words in said.items() if words}


def _expected(*tables: Mapping[str, list[str]]) -> dict[str, list[str]]:
    found = {name: words for table in tables for name, words in table.items()}
    return {name: words for name, words in found.items() if words}


@pytest.mark.parametrize("state", FOUND)
def test_a_real_platform_is_told_as_it_was_and_unknown_for_the_right_reason(state):
    assert _said(RECORDED[state]) == {**NEVER_SHOWN, **FOUND[state]}


@pytest.mark.parametrize("state", FOUND)
def test_the_services_own_actuators_add_what_the_gateway_does_not_show(state):
    actuators = every_way(RECORDED[state])["actuators"]
    assert _said(RECORDED[state], actuators=actuators) == _expected(
        NEVER_SHOWN, SHOWN_BY_ACTUATORS, FOUND[state], BY_ACTUATORS.get(state, {})
    )


@pytest.mark.parametrize("state", FOUND)
def test_prometheus_adds_the_breakers_and_instances_that_only_it_shows(state):
    """The recordings hold no readings of the pools' sizes, so the pools stay unknown."""
    ways = every_way(RECORDED[state])
    del ways["actuators"]
    assert _said(RECORDED[state], **ways) == _expected(
        NEVER_SHOWN, SHOWN_BY_PROMETHEUS, FOUND[state], BY_PROMETHEUS.get(state, {})
    )


@pytest.mark.parametrize("state", [s for s in FOUND if "down" in s])
def test_what_is_not_waited_for_is_not_called_well(state):
    """As long as the slow answers have not come: all that needs them is unknown or worse."""
    recorded = RECORDED[state]
    impatient = verdicts(recorded, now_of(recorded), timeout_seconds=5, slow_timeout_seconds=5)
    hurt = {name for name, words in FOUND[state].items() if name != "outbox_age"}
    assert {name for name in hurt if impatient[name].status is Status.OK} == set()
