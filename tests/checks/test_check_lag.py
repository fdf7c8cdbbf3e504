"""A consumer group that works through a batch is not stuck, and one that is stuck is not busy."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from test_check_flows import Passes

from checks import consumer_lag
from checks.sources.facts.payments import Written
from checks.sources.facts.platform import Group, GroupLag, PartitionLag
from checks.sources.facts.unavailable import Unavailable, Why

GROUP, TOPIC = "settlement-worker-group", "payment.capture-requested"
STUCK, BATCH = f"lag_stuck:{GROUP}", f"lag_in_batch:{GROUP}"
EMPTY, SLOW = f"group_empty:{GROUP}", f"lag_drains_slowly:{GROUP}"
HIDDEN = Unavailable("database/shard2", Why.REFUSED, "connection_refused")


def facts(
    committed: int, end: int, rows: int | None = 0, state: str = "STABLE", **more: object
) -> consumer_lag.Facts:
    """What is seen of the settlement worker; `rows` None: nobody sees what it writes."""
    partition = PartitionLag(TOPIC, 0, committed, end, end - committed)
    written = {"shard1": HIDDEN if rows is None else Written(rows, 7, 9)}
    lags = {GROUP: GroupLag(GROUP, (partition,))}
    return consumer_lag.Facts((Group(GROUP, state),), lags, written | more)


def told(*looks: consumer_lag.Facts, every_minutes: float = 1) -> list[set[str]]:
    passes = Passes(consumer_lag.CHECK, {"groups": (GROUP,)})
    return [set(passes.keys(n * every_minutes, seen)) for n, seen in enumerate(looks)]


def last_finding(*looks: consumer_lag.Facts):
    passes = Passes(consumer_lag.CHECK, {"groups": (GROUP,)})
    return [passes(n, seen) for n, seen in enumerate(looks)][-1].findings[0]


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([facts(5, 500, 30 * n) for n in range(5)], {BATCH}),
        ([facts(5, 500, 40) for n in range(5)], {STUCK}),
        ([facts(5, 500, None) for n in range(5)], {STUCK}),
        ([facts(5, 500, min(30 * n, 60)) for n in range(7)], {STUCK}),
        ([facts(5, 12, n) for n in range(5)], set()),
        ([facts(5 + 30 * n, 500, 30 * n) for n in range(5)], set()),
        ([facts(5, 500, 30 * n, "EMPTY") for n in range(5)], {BATCH}),
        ([facts(5, 500, 40, "EMPTY") for n in range(5)], {EMPTY}),
        ([facts(5, 500, None, "EMPTY") for n in range(5)], {EMPTY}),
        ([facts(5, 5, 40, "EMPTY") for n in range(5)], {EMPTY}),
        ([facts(5, 5000, 30 * n) for n in range(5)], {SLOW}),
        ([facts(5, 500, 0, shard2=Written(30 * n, 0, 0)) for n in range(5)], {BATCH}),
    ],
    ids=[
        "works, commits nothing",
        "neither",
        "rows are not seen",
        "worked, then hung",
        "few wait",
        "commits",
        "works without membership",
        "no member, nothing written",
        "no member, rows are not seen",
        "no member, nothing waits",
        "works, but would take hours",
        "works on the other shard",
    ],
)
def test_a_group_is_stuck_only_when_neither_offsets_nor_its_rows_move(looks, expected):
    assert told(*looks)[-1] == expected


def test_the_rows_of_other_workers_excuse_nobody():
    looks = [facts(5, 500, 40, shard2=Written(0, 30 * n, 30 * n)) for n in range(5)]
    assert told(*looks)[-1] == {STUCK}


def test_a_batch_is_told_with_its_size_what_is_done_and_when_it_began():
    looks = [facts(4, 4, 40), *(facts(5, 800, 40 + 30 * n) for n in range(1, 7))]
    finding = last_finding(*looks)
    told_of = {k: finding.params[k] for k in ("batch_messages", "written", "since", "writes")}
    assert told_of == {
        "batch_messages": 500,
        "written": 150,
        "since": "2025-12-05T00:01:00+00:00",
        "writes": "settlements",
    }


def test_what_waits_takes_as_long_as_the_rows_say_however_the_offsets_stand():
    looks = [facts(5, 305, 30 * n) for n in range(5)]
    assert last_finding(*looks).params["drain_seconds"] == round((300 - 120) / 0.5)


def test_a_group_that_hung_stands_since_it_last_wrote():
    finding = last_finding(*(facts(5, 500, min(30 * n, 60)) for n in range(7)))
    assert (finding.params["since"], finding.params["stuck_seconds"]) == (
        "2025-12-05T00:02:00+00:00",
        240,
    )


def test_one_partition_that_stands_while_others_move_is_told_later():
    def look(n: int) -> consumer_lag.Facts:
        moving = PartitionLag("payment.captured", 0, 10 * n, 10 * n + 30, 30)
        standing = PartitionLag("payment.captured", 1, 5, 8, 3)
        lags = {GROUP: GroupLag(GROUP, (moving, standing))}
        return consumer_lag.Facts((Group(GROUP, "STABLE"),), lags, {"": Written(10 * n, 0, 0)})

    said = told(*(look(n) for n in range(8)))
    assert said == [set()] * 5 + [{STUCK}] * 3


def test_what_is_usual_between_two_commits_is_learnt_where_no_rows_are_seen():
    batches = [facts(40 * (n // 4), 600, None) for n in range(40)]
    assert STUCK in told(*batches)[3]
    assert told(*batches)[-1] == set()
    assert told(*batches, *[facts(400, 600, None)] * 15)[-1] == {STUCK}


def test_a_standstill_now_and_then_does_not_become_the_custom():
    busy = [facts(10 * n, 10 * n + 20, None) for n in range(40)]
    stands = [facts(390, 500, None)] * 15
    goes_on = [facts(400 + n, 600, None) for n in range(5)]
    again = [facts(404, 600, None)] * 3
    assert told(*busy, *stands, *goes_on, *again)[-1] == {STUCK}


@dataclass
class Worker:
    """A worker that polls up to 500, takes so long for each, and commits when all are done."""

    seconds_each: float
    end: int = 0
    committed: int = 0
    rows: int = 0
    batch: int = 0
    done: int = 0
    free_at: float = 0.0
    hung: bool = False
    chance: random.Random = field(default_factory=random.Random)

    def step(self, second: int) -> None:
        if self.hung or second < self.free_at:
            return
        if self.batch and self.done < self.batch:
            self.done, self.rows = self.done + 1, self.rows + 1
            self.free_at = second + self.seconds_each * self.chance.uniform(0.5, 1.5)
        if self.batch == self.done:
            self.committed += self.batch
            self.batch, self.done = min(500, self.end - self.committed), 0


def lived(seed: int) -> Iterator[tuple[set[str], bool, bool]]:
    """What is told pass by pass of a worker with bursts, and whether it hangs and has to work."""
    chance = random.Random(seed)
    worker = Worker(chance.choice((0.3, 1.0, 2.0, 3.0)), chance=chance)
    every, hangs_at = chance.choice((10, 30, 60)), chance.randint(1800, 3000)
    passes = Passes(consumer_lag.CHECK, {"groups": (GROUP,), "drain_seconds_max": 1e9})
    for second in range(3600):
        burst = chance.random() < 1 / 900
        worker.end += chance.randint(50, 900) if burst else chance.random() < 0.2
        worker.hung = second >= hangs_at
        worker.step(second)
        if second % every == 0:
            seen = facts(worker.committed, worker.end, worker.rows)
            waits = worker.end > worker.committed
            yield set(passes.keys(second / 60, seen)), worker.hung, waits


@pytest.mark.parametrize("seed", range(30))
def test_a_working_group_is_never_called_stuck_and_a_hanging_one_is(seed):
    said = list(lived(seed))
    assert [keys for keys, hung, _ in said if not hung and STUCK in keys] == []
    last, _, waits = said[-1]
    assert (STUCK in last) == waits
