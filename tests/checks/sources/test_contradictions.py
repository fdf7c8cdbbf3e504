"""An answer that contradicts itself is not believed, whichever source it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from contradicted import BREAKS, LOOKS, gateway, mutations, well

from checks.sources.actuator.metrics import breakers_from
from checks.sources.facts.agreement import believed, is_about
from checks.sources.facts.payments import PaymentStatistics
from checks.sources.facts.platform import (
    BookCounts,
    Breaker,
    Cluster,
    Group,
    GroupLag,
    KeyLife,
    Partition,
    PartitionLag,
    RedisMemory,
    RedisStats,
    TopicEnds,
    WorkStats,
)
from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.redis.source import Redis
from monitor.domain.check import Status

PLACES = sum(len(places) for places in BREAKS.values())


@pytest.mark.parametrize("path", LOOKS)
def test_the_answers_that_are_broken_are_well_to_begin_with(path):
    assert LOOKS[path](gateway(well())) is Status.OK


def test_an_answer_broken_in_one_place_never_comes_out_ok():
    found = [broken for broken in mutations(6 * PLACES, seed=7) if broken.status is Status.OK]
    assert not found, found[:5]


def kafka_partition(**change: Any) -> Partition:
    return replace(Partition("t", 0, 1, (1, 2), (1, 2)), **change)


LAG = PartitionLag("t", 0, 15, 20, 5)
CONTRADICTIONS: Mapping[str, Any] = {
    "no replica": (kafka_partition(replicas=(), in_sync=()),),
    "a replica twice": (kafka_partition(replicas=(1, 1)),),
    "a replica that cannot be": (kafka_partition(replicas=(-1, 1)),),
    "in sync and no replica": (kafka_partition(in_sync=(1, 3)),),
    "a leader that is no replica": (kafka_partition(leader=9),),
    "a leader and nobody in sync": (kafka_partition(in_sync=()),),
    "a partition is missing": (kafka_partition(), kafka_partition(partition=2)),
    "a partition twice": (kafka_partition(), kafka_partition()),
    "more messages than ever came": TopicEnds("t", {0: 3}, 4),
    "messages without partitions": TopicEnds("t", {}, 5),
    "an end below the beginning": TopicEnds("t", {0: -3}, 0),
    "a gap among the ends": TopicEnds("t", {0: 3, 2: 3}, 6),
    "a topic twice": Cluster(1, "c", ("t", "t"), ()),
    "a group twice": (Group("g", "STABLE"), Group("g", "EMPTY")),
    "a negative lag": GroupLag("g", (replace(LAG, lag_messages=-5),)),
    "more lag than lies between": GroupLag("g", (replace(LAG, lag_messages=6),)),
    "a negative offset": GroupLag("g", (replace(LAG, committed_offset=-1),)),
    "a lag of one partition twice": GroupLag("g", (LAG, LAG)),
    "more keys of a kind than keys": RedisStats(16, 0, 0, 5),
    "memory below nothing": RedisMemory(-1, None, 0, 0, 0),
    "hits below nothing": RedisMemory(1, None, 0, -1, 0),
    "more endless keys than keys": (KeyLife("rate", 3, 5.0, 4),),
    "more ending than keys": (KeyLife("rate", 3, 5.0, 0, 101.0),),
    "more waiting than written": BookCounts(1, 5, 50, {"shard1": "UP"}),
    "more decided than asked for": WorkStats("refund", 10, 90, 0, 0, 0, None, 1.0),
    "given up and not failed": WorkStats("refund", 10, 10, 0, 0, 7, None, 1.0),
    "statuses beside a total": PaymentStatistics("all", 90, 9, ()),
    "a breaker in no state": Breaker("i", "b", "banana", None, None, 0, 0, 0),
    "more failed than called": Breaker("i", "b", "CLOSED", None, None, 5, 3, 0),
    "a rate above all": Breaker("i", "b", "CLOSED", 250.0, None, 1, 3, 0),
}


@pytest.mark.parametrize("fact", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_fact_of_any_source_that_cannot_be_true_is_unavailable(fact):
    found = believed(fact, "kafka")
    assert isinstance(found, Unavailable)
    assert (found.part, found.why, found.reason) == ("kafka", Why.GARBLED, "contradiction")


@pytest.mark.parametrize(("one", "other"), [(0, 0), (100, 102), (1000, 1040), (3, 5)])
def test_counts_taken_one_after_the_other_may_differ_a_little(one, other):
    assert is_about(one, other)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (16, 0), (100, 110), (3, 6)])
def test_counts_of_the_same_thing_do_not_differ_by_much(one, other):
    assert not is_about(one, other)


def test_a_commit_beyond_the_end_is_no_contradiction_and_known_as_what_it_is():
    beyond = replace(LAG, committed_offset=100, lag_messages=0)
    assert believed(GroupLag("g", (beyond,)), "kafka") == GroupLag("g", (beyond,))
    assert beyond.beyond_end_messages == 80


class FakeRedis:
    """A server that says of itself what it is told to."""

    def __init__(self, **said: Any) -> None:
        self._said = {"role": "master", "cluster_enabled": 0, **said}

    def info(self, section: str) -> dict[str, Any]:
        return self._said if section in ("cluster", "replication") else {}

    def dbsize(self) -> int:
        raise AssertionError("its keys are not counted")

    scan = get = ttl = dbsize


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"cluster_enabled": 1}, "redis_cluster_node"),
        ({"role": "slave", "master_link_status": "down"}, "redis_stale_replica"),
    ],
)
def test_a_part_of_redis_or_an_old_copy_is_not_taken_for_the_whole(said, reason):
    source = Redis("redis://127.0.0.1:1")
    source._wire._client = FakeRedis(**said)
    answers = (source.stats(), source.key_lives(), source.rate_uses(), source.cached_key("k"))
    for found in answers:
        assert isinstance(found, Unavailable)
        assert (found.why, found.reason) == (Why.NOT_VISIBLE, reason)


def test_a_breaker_in_two_states_at_once_is_not_shown():
    text = "".join(
        f'resilience4j_circuitbreaker_state{{name="b",state="{state}"}} 1.0\n'
        for state in ("closed", "open")
    )
    assert breakers_from(text, "ingest") == ()
