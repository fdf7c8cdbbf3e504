"""What a real platform answered in each state, and what the checks make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from replayed import Recorded, Replay, every_way, now_of, reason_of, states, verdicts

from checks.sources.connect import Address, connect
from monitor import plugins
from monitor.domain.check import ProbeContext, Status

RECORDED = states()
NO_CAPACITY = "redis/capacities capacity_unknown"
# What the gateway never shows, whatever the state.
NEVER_SHOWN = {
    "breakers": ["ingest/pg-auth-api breaker_not_shown"],
    "connections": ["ingest pools_not_shown"],
    "instances": ["instances no_prometheus"],
    "outbox_age": ["database/shard2 shard_not_counted"],
    "rate_limits": [NO_CAPACITY],
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
    "rate_limits": ["redis part_reports_error", NO_CAPACITY],
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
REFUSED_EARLIER = ["redis/capacities refused_earlier"]  # 429 since ingest started
WITHOUT_REDIS = {
    "rate_limits": ["redis part_reports_error", *REFUSED_EARLIER],
    "services": ["service_down:redis", *_down("monitoring", "ingest1", "ingest2")],
}
WITHOUT_SHARD2 = {
    "rate_limits": REFUSED_EARLIER,
    "services": [
        "service_down:database/shard2",
        *_down("monitoring", "consumer", "ingest1", "ingest2", "refund", "settlement"),
    ],
    "traffic": ["database/shard2 part_reports_error"],
}
BY_ACTUATORS: Mapping[str, Mapping[str, list[str]]] = {
    "rate-limited": {"services": ["service_down:ingest1"], "rate_limits": REFUSED_EARLIER},
    "rate-limited-over-100": {"rate_limits": REFUSED_EARLIER},
    "breaker-open": {
        "breakers": ["breaker_open:ingest1/pg-auth-api"],
        "rate_limits": REFUSED_EARLIER,
    },
    "dead-letters": {"rate_limits": REFUSED_EARLIER},
    "kafka-down-10s": {"rate_limits": REFUSED_EARLIER},
    "kafka-down-90s": {"rate_limits": REFUSED_EARLIER},
    "consumer-stopped": {
        "rate_limits": REFUSED_EARLIER,
        "services": ["service_down:consumer"],
        "connections": ["consumer connection_refused"],
    },
    "redis-down-10s": WITHOUT_REDIS,
    "redis-down-90s": WITHOUT_REDIS,
    "shard2-down-10s": WITHOUT_SHARD2,
    "shard2-down-90s": WITHOUT_SHARD2,
}
# The recordings hold no readings of the pools' sizes and of requests from Prometheus.
NO_REQUESTS = [f"ingest@192.0.2.2:ingest-service:{port} no_series" for port in (12081, 12083)]
REDIS_GONE = {"rate_limits": ["redis part_reports_error", *NO_REQUESTS]}
SHARD2_GONE = {"traffic": ["database/shard2 part_reports_error", *NO_REQUESTS]}
BY_PROMETHEUS: Mapping[str, Mapping[str, list[str]]] = {
    "redis-down-10s": REDIS_GONE,
    "redis-down-90s": REDIS_GONE,
    "shard2-down-10s": SHARD2_GONE,
    "shard2-down-90s": SHARD2_GONE,
    "breaker-open": {
        "breakers": ["breaker_open:ingest@192.0.2.2:ingest-service:12081/pg-auth-api"]
    },
    "consumer-stopped": {"instances": ["instances_missing:consumer-worker"]},
    "dead-letters": {"instances": ["instances_missing:consumer-worker"]},
}
SHOWN_BY_ACTUATORS: Mapping[str, list[str]] = {
    "breakers": [],
    "connections": [],
    "traffic": [],
    "rate_limits": [],
}
SHOWN_BY_PROMETHEUS: Mapping[str, list[str]] = {
    "breakers": [],
    "instances": [],
    "connections": ["ingest no_series"],
    "traffic": NO_REQUESTS,
    "rate_limits": NO_REQUESTS,
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


def test_requests_refused_between_two_looks_are_told_with_who_asks_most():
    """A capacity of 20 that nobody knows here: the platform's own answer says 100, and OK."""
    found = _limited("busy", "rate-limited")
    assert (found["refused"], found["merchant_id"], found["count"]) == (25, "MERCHANT-7", 45)


def _limited(before: str, after: str) -> dict[str, Any]:
    check, memory = plugins.load("checks", "CHECK")["rate_limits"], {}
    for state in (before, after):
        recorded = RECORDED[state]
        address = Address("http://platform", actuators=every_way(recorded)["actuators"])
        context = ProbeContext(
            connect(address, Replay(recorded)), check.options(), memory, now_of(recorded)
        )
        verdict, memory = check.evaluate(check.probe(context), context)
    return next(f.params for f in verdict.findings if f.code == "requests_limited")
