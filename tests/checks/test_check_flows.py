"""Checks that judge by what changed: outbox, lag, dead letters, settlements, traffic."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checks import consumer_lag, dead_letters, outbox_age, settlements, traffic
from checks.sources.facts.payments import OutboxState, PaymentStatistics
from checks.sources.facts.platform import (
    BookCounts,
    Cluster,
    DeadLetter,
    Group,
    GroupLag,
    PartitionLag,
    RequestCount,
    TopicEnds,
    WorkStats,
)
from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.kafka.dead_letter import dead_letter
from monitor.domain.check import Check, Memory, ProbeContext, Status, Verdict

NOW = datetime(2025, 12, 5, 0, 0, tzinfo=UTC)
KAFKA_AWAY = Unavailable("kafka", Why.REFUSED, "part_reports_error")
DATABASE_AWAY = Unavailable("database", Why.REFUSED, "part_reports_error")
SHARD_AWAY = Unavailable("database/shard2", Why.REFUSED, "shard_down")


@dataclass
class Passes:
    """The passes of one check, one after the other, each with the memory of the one before."""

    check: Check
    options: dict[str, Any] = field(default_factory=dict)
    memory: Memory = field(default_factory=dict)

    def __call__(self, minutes: float, facts: Any) -> Verdict:
        now = NOW + timedelta(minutes=minutes)
        context = ProbeContext(None, self.check.options(**self.options), self.memory, now)
        verdict, self.memory = self.check.evaluate(facts, context)
        return verdict

    def keys(self, minutes: float, facts: Any) -> dict[str, str]:
        return {f.key: f.status.value for f in self(minutes, facts).findings}


def metrics(verdict: Verdict) -> dict[str, float]:
    return {metric.series: metric.value for metric in verdict.metrics}


# --- outbox ----------------------------------------------------------------------------------


def counts(payments: int = 0, written: int = 0, waiting: int = 0, **shards: str) -> BookCounts:
    return BookCounts(payments, written, waiting, shards or {"shard1": "UP"})


def test_what_a_backlog_published_late_is_no_slowness_of_its_own():
    passes = Passes(outbox_age.CHECK)

    def lagging(age: float, waiting: int, lag: float) -> outbox_age.Facts:
        state = OutboxState("shard1", waiting, age, 0, (), lag)
        return outbox_age.Facts((state,), counts(waiting=waiting))

    assert passes.keys(0, lagging(90, 5, 1.0)) == {"outbox_old:shard1": "warn"}
    assert passes.keys(3, lagging(0, 0, 90.0)) == {}
    assert passes.keys(8, lagging(0, 0, 90.0)) == {"publishing_slow:shard1": "crit"}


def outbox(age: float, waiting: int = 1, written: int = 10, **more: Any) -> outbox_age.Facts:
    state = OutboxState("shard1", waiting, age, more.get("exhausted"))
    return outbox_age.Facts((state,), counts(written=written, waiting=waiting))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (outbox(0, 0), {}),
        (outbox(59), {}),
        (outbox(60), {"outbox_old:shard1": "warn"}),
        (outbox(300), {"outbox_old:shard1": "crit"}),
        (outbox(5, exhausted=2), {"outbox_exhausted:shard1": "crit"}),
        (outbox_age.Facts((DATABASE_AWAY,), DATABASE_AWAY), {"monitoring_gap:database": "unknown"}),
        (
            outbox_age.Facts((OutboxState("shard1", 0, 0, 0), SHARD_AWAY), counts()),
            {"monitoring_gap:database/shard2": "unknown"},
        ),
    ],
)
def test_an_outbox_is_judged_by_its_oldest_event(facts, expected):
    assert Passes(outbox_age.CHECK).keys(0, facts) == expected


def test_a_shard_that_was_not_seen_hides_only_itself():
    facts = outbox_age.Facts((OutboxState("shard1", 0, 0, 0), SHARD_AWAY), counts())
    assert [f.obscures for f in Passes(outbox_age.CHECK)(0, facts).findings] == ["shard2"]


def test_a_relay_that_publishes_nothing_while_events_come_is_stalled():
    passes = Passes(outbox_age.CHECK, {"warn_seconds": 9999, "crit_seconds": 9999})
    assert passes.keys(0, outbox(1, waiting=1, written=10)) == {}
    assert passes.keys(1, outbox(61, waiting=3, written=12)) == {"relay_stalled:": "warn"}
    assert passes.keys(3, outbox(181, waiting=5, written=14)) == {"relay_stalled:": "crit"}
    assert passes.keys(4, outbox(241, waiting=4, written=14)) == {}


@pytest.mark.parametrize(
    ("later", "why"),
    [
        (outbox(1, waiting=1, written=12), "published meanwhile, and one just came"),
        (outbox(30, waiting=3, written=12), "what waits came lately"),
        (outbox(3600, waiting=1, written=10), "one old event, and none written since"),
        (outbox(0, waiting=0, written=10), "nothing to do"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_relay_without_fault_is_not_stalled(later, why):
    passes = Passes(outbox_age.CHECK, {"warn_seconds": 9999, "crit_seconds": 9999})
    passes(0, outbox(1, waiting=1, written=10))
    assert passes.keys(15, later) == {}, why


# --- consumer lag ----------------------------------------------------------------------------

GROUP = "payment-consumer"


def lag(committed: int, end: int) -> consumer_lag.Facts:
    partition = PartitionLag("payment.captured", 0, committed, end, max(0, end - committed))
    return consumer_lag.Facts((Group(GROUP, "STABLE"),), {GROUP: GroupLag(GROUP, (partition,))})


def test_a_commit_beyond_the_end_of_the_log_is_told_whatever_the_lag():
    passes = Passes(consumer_lag.CHECK, {"groups": (GROUP,)})
    verdict = passes(0, lag(100, 20))
    (finding,) = verdict.findings
    assert (finding.key, finding.status) == (f"commit_beyond_end:{GROUP}", Status.CRIT)
    assert (finding.params["committed_offset"], finding.params["end_offset"]) == (100, 20)


@pytest.mark.parametrize("state", ["UNKNOWN", "", "BANANA"])
def test_a_state_that_says_nothing_is_neither_well_nor_empty(state):
    facts = consumer_lag.Facts((Group(GROUP, state),), {})
    passes = Passes(consumer_lag.CHECK, {"groups": (GROUP,)})
    assert passes.keys(0, facts) == {f"monitoring_gap:kafka/{GROUP}": "unknown"}


def lag_passes(offsets: Iterable[tuple[int, int]], every_minutes: float = 1) -> list[set[str]]:
    passes = Passes(consumer_lag.CHECK, {"groups": (GROUP,)})
    return [
        set(passes.keys(index * every_minutes, lag(*pair))) for index, pair in enumerate(offsets)
    ]


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        ([(5, 5)] * 6, set()),
        ([(5, 6)] * 2, set()),
        ([(5, 6)] * 3, {f"lag_stuck:{GROUP}"}),
        ([(5, 6), (5, 8), (5, 9)], {f"lag_stuck:{GROUP}"}),
        ([(5, 9), (6, 9), (7, 9), (8, 9)], set()),
        ([(5, 500), (80, 500), (160, 500), (240, 560), (300, 600)], set()),
        ([(n, 5 * n + 9) for n in range(1, 7)], {f"lag_rising:{GROUP}"}),
        ([(n, 2 * n + 1) for n in range(1, 7)], set()),
        ([(n, 3000) for n in range(1, 7)], {f"lag_drains_slowly:{GROUP}"}),
        ([(100 * n, 3000) for n in range(1, 7)], set()),
        ([(1, 50), (9, 60), (60, 60), (61, 90), (62, 120), (63, 150)], set()),
        ([(60, 60), (61, 75), (62, 90), (63, 120), (64, 150)], set()),
        ([(5, 9), (5, 9), (5, 9), (9, 9)], set()),
        ([(5, 9), (5, 9), (3, 9)], set()),
    ],
    ids=[
        "no lag",
        "two looks",
        "stands still",
        "stands still while more comes",
        "catches up",
        "busy, up and down",
        "grows",
        "grows, but is small",
        "moves, but would take days",
        "moves, and is soon done",
        "was at zero",
        "began at zero",
        "stood still, and is well",
        "offsets were reset",
    ],
)
def test_lag_is_judged_by_how_offsets_move(offsets, expected):
    assert lag_passes(offsets)[-1] == expected


def test_looks_that_follow_quickly_still_span_the_time():
    said = lag_passes([(5, 6)] * 30, every_minutes=1 / 12)
    assert [bool(keys) for keys in said] == [False] * 12 + [True] * 18


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ((), {f"group_absent:{GROUP}": "crit"}),
        ((Group(GROUP, "DEAD"),), {f"group_absent:{GROUP}": "crit"}),
        ((Group(GROUP, "EMPTY"),), {f"group_empty:{GROUP}": "crit"}),
        ((Group(GROUP, "PREPARING_REBALANCE"),), {}),
        (KAFKA_AWAY, {"monitoring_gap:kafka": "unknown"}),
    ],
)
def test_a_group_without_members_is_said(groups, expected):
    passes = Passes(consumer_lag.CHECK, {"groups": (GROUP,)})
    assert passes.keys(0, consumer_lag.Facts(groups, {})) == expected


def test_a_lag_that_was_not_seen_is_unknown_and_ends_nothing():
    passes = Passes(consumer_lag.CHECK, {"groups": (GROUP,)})
    for minute in range(3):
        passes(minute, lag(5, 6))
    unavailable = Unavailable(f"kafka/{GROUP}", Why.NOT_VISIBLE, "group_without_offsets")
    verdict = passes(3, consumer_lag.Facts((Group(GROUP, "STABLE"),), {GROUP: unavailable}))
    assert (verdict.status, verdict.findings[0].obscures) == (Status.UNKNOWN, GROUP)
    assert set(passes.keys(4, lag(5, 6))) == {f"lag_stuck:{GROUP}"}


# --- dead letters ----------------------------------------------------------------------------

DLQ = "payment.dlq"


def ends(end: int, topic: str = DLQ, letters: tuple[DeadLetter, ...] = ()) -> dead_letters.Facts:
    return dead_letters.Facts({topic: TopicEnds(topic, {0: end}, end)}, {topic: letters})


def test_the_first_pass_only_learns_and_arrivals_are_told_for_a_while():
    passes = Passes(dead_letters.CHECK)
    told = {f"dead_letters_arrived:{DLQ}": "crit"}
    assert passes.keys(0, ends(7)) == {}
    assert passes.keys(1, ends(9)) == told
    assert passes.keys(20, ends(10)) == told
    assert passes(49, ends(10)).findings[0].params["count"] == 3
    assert passes.keys(51, ends(10)) == {}
    assert passes(52, ends(11)).findings[0].params["count"] == 1


def test_the_other_topics_only_warn_and_need_no_second_sighting():
    passes = Passes(dead_letters.CHECK)
    passes(0, ends(0, "refund.dlq"))
    (finding,) = passes(1, ends(1, "refund.dlq")).findings
    assert (finding.status, finding.passes_required) == (Status.WARN, 1)


def test_an_end_that_fell_is_learned_anew():
    passes = Passes(dead_letters.CHECK)
    passes(0, ends(9))
    assert passes.keys(1, ends(2)) == {}
    assert passes.keys(2, ends(3)) == {f"dead_letters_arrived:{DLQ}": "crit"}
    assert passes.keys(3, ends(1)) == {}


def test_a_topic_that_was_not_seen_is_unknown_and_nothing_is_forgotten():
    passes = Passes(dead_letters.CHECK)
    passes(0, ends(9))
    verdict = passes(1, dead_letters.Facts({DLQ: KAFKA_AWAY}, {}))
    assert (verdict.status, verdict.findings[0].obscures) == (Status.UNKNOWN, DLQ)
    assert passes.keys(2, ends(10)) == {f"dead_letters_arrived:{DLQ}": "crit"}


class Kafka:
    """A cluster with one DLQ, whose end is 5."""

    kafka = property(lambda self: self)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def cluster(self) -> Cluster:
        return Cluster(1, "a", (DLQ,), ())

    def topic_ends(self, topic: str) -> tuple[TopicEnds, ...]:
        self.asked.append(f"ends {topic}")
        return (TopicEnds(topic, {0: 5}, 5),)

    def dead_letters(self, topic: str, limit: int) -> tuple[DeadLetter, ...]:
        self.asked.append(f"letters {topic}")
        return tuple(DeadLetter(topic, 0, n, NOW + timedelta(n), "", "v") for n in range(5))


@pytest.mark.parametrize(
    ("known", "letters"), [({}, 0), ({DLQ: {"end": 5}}, 0), ({DLQ: {"end": 4}}, 5)]
)
def test_messages_are_fetched_only_where_some_arrived(known, letters):
    kafka = Kafka()
    facts = dead_letters.probe(ProbeContext(kafka, dead_letters.Options(), known, NOW))
    assert len(facts.samples.get(DLQ, ())) == letters
    assert kafka.asked[0] == f"ends {DLQ}"
    assert len(kafka.asked) == (2 if letters else 1)
    assert facts.ends["refund.dlq"] == TopicEnds("refund.dlq", {}, 0)


def letter(n: int, value: str) -> DeadLetter:
    return dead_letter(DLQ, 0, n, NOW + timedelta(seconds=n), "", value)


def test_dead_letters_are_told_by_what_they_say():
    passes = Passes(dead_letters.CHECK, {"evidence_max": 1})
    passes(0, ends(1))
    lost = (
        '{"originalTopic":"payment.captured","errorType":"Timeout","payload":"{\\"paymentId\\":7}"}'
    )
    known = '{"paymentId": 9, "pgResponseCode": "PG_51"}'
    sample = (letter(0, lost), letter(1, lost), letter(2, known), letter(3, "not JSON"))
    (finding,) = passes(1, dead_letters.Facts(ends(4).ends, {DLQ: sample})).findings
    assert finding.params["kinds"] == "1 × payment.captured: Timeout, 1 × PG_51"
    assert [row["payment_id"] for row in finding.evidence] == [None]
    assert sample[0].payment_id == 7
    away = Unavailable("kafka", Why.LIMIT, "kafka_letters_unread")
    (finding,) = passes(2, dead_letters.Facts(ends(6).ends, {DLQ: away})).findings
    assert (finding.params["count"], finding.params["unread"]) == (5, True)


# --- settlements -----------------------------------------------------------------------------


def work(
    succeeded: int, failed: int, delayed: int | None = 0, dead: int = 0
) -> Mapping[str, WorkStats]:
    total = succeeded + failed
    return {"settlement": WorkStats("settlement", total, succeeded, failed, 0, dead, delayed, 0.0)}


@pytest.mark.parametrize(
    ("after", "minutes", "expected"),
    [
        ((1100, 5), 15, {}),
        ((1014, 6), 15, {}),
        ((1028, 7), 15, {}),
        ((1075, 30), 15, {"work_failing:settlement": "warn"}),
        ((1040, 65), 15, {"work_failing:settlement": "crit"}),
        ((1000, 24), 15, {}),
        ((1000, 25), 15, {"work_failing:settlement": "crit"}),
        ((1000, 25), 5, {}),
        ((1000, 25), 59, {"work_failing:settlement": "crit"}),
        ((1000, 25), 90, {}),
    ],
    ids=[
        *("well", "93 % of 15", "93 % of 30", "75 %", "40 %", "too few", "all fail", "too soon"),
        *("slow traffic", "too long ago"),
    ],
)
def test_success_is_judged_over_a_window_with_enough_in_it(after, minutes, expected):
    passes = Passes(settlements.CHECK)
    passes(0, work(1000, 5))
    assert passes.keys(minutes, work(*after)) == expected


def settled(failing: int, hours: float = 48, options: Mapping[str, Any] | None = None) -> Passes:
    """A settlements check that saw 400 of an hour decided so long, so many in a thousand failed."""
    passes = Passes(settlements.CHECK, dict(options or {}))
    for quarter in range(int(4 * hours)):
        passes(15 * quarter, decided(100 * quarter, failing))
    return passes


def decided(total: float, failing: int, later: tuple[int, int] = (0, 0)) -> Any:
    failed = int(total * failing / 1000)
    return work(int(total) - failed + later[0], failed + later[1])


@pytest.mark.parametrize(
    ("failing", "later", "expected"),
    [
        (53, (95, 5), {}),
        (53, (91, 9), {}),
        (53, (28, 2), {}),
        (53, (17, 3), {}),
        (53, (14, 6), {"work_failing:settlement": "warn"}),
        (53, (70, 30), {"work_failing:settlement": "warn"}),
        (53, (40, 60), {"work_failing:settlement": "crit"}),
        (0, (99, 1), {}),
        (0, (88, 12), {"work_failing:settlement": "warn"}),
        (0, (17, 3), {"work_failing:settlement": "warn"}),
        (200, (75, 25), {}),
        (200, (45, 55), {"work_failing:settlement": "warn"}),
    ],
)
def test_failures_are_judged_by_what_is_usual_on_this_platform(failing, later, expected):
    passes = settled(failing)
    end = 48 * 400 - 100
    assert passes.keys(48 * 60, decided(end, failing, later)) == expected


def test_what_has_been_so_since_the_first_look_becomes_the_custom():
    passes = settled(200, hours=2)
    assert passes.keys(120, decided(800, 200)) == {"work_failing:settlement": "warn"}
    assert settled(200).keys(48 * 60, decided(48 * 400, 200)) == {}


def test_that_half_of_all_fails_is_never_usual():
    passes = settled(900, hours=200)
    assert passes.keys(200 * 60, decided(200 * 400, 900)) == {"work_failing:settlement": "crit"}


def test_a_fault_does_not_become_the_custom():
    passes = settled(0)
    end = 48 * 400 - 100
    for n in range(1, 4 * 24):
        found = passes.keys(48 * 60 + 15 * n, decided(end, 0, (70 * n, 30 * n)))
        assert found == {"work_failing:settlement": "warn"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {}),
        ({"warn_percent": 97.0}, {"work_failing:settlement": "warn"}),
        ({"warn_percent": 97.0, "crit_percent": 96.0}, {"work_failing:settlement": "crit"}),
    ],
)
def test_a_configured_floor_holds_whatever_is_usual(options, expected):
    passes = settled(53, options=options)
    assert passes.keys(48 * 60, decided(48 * 400 - 100, 53, (95, 5))) == expected


def test_what_is_usual_stays_small_and_can_be_stored():
    passes = settled(53)
    usual = json.loads(json.dumps(passes.memory))["usual"]["settlement"]
    assert set(usual) == {"tries", "hits", "until"}, usual
    assert usual["hits"] / usual["tries"] == pytest.approx(0.053, abs=0.002)


def test_the_window_ends_with_the_trouble():
    passes = Passes(settlements.CHECK)
    passes(0, work(1000, 5))
    assert passes.keys(15, work(1000, 105)) == {"work_failing:settlement": "crit"}
    assert passes.keys(30, work(1100, 105)) == {}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (work(1, 0, delayed=1), {"work_delayed:settlement": "warn"}),
        (work(1, 0, dead=1), {"work_dead_lettered:settlement": "crit"}),
        (
            {"settlement": DATABASE_AWAY, "refund": DATABASE_AWAY},
            {"monitoring_gap:database": "unknown"},
        ),
    ],
)
def test_late_and_given_up_requests_are_said(facts, expected):
    assert Passes(settlements.CHECK).keys(0, facts) == expected


def test_late_requests_that_the_source_never_shows_are_unknown_and_stay_so_while_it_is_away():
    passes = Passes(settlements.CHECK)
    late = {"monitoring_gap:settlement/late": "unknown"}
    assert passes.keys(0, work(1, 0, delayed=None)) == late
    away = {"settlement": DATABASE_AWAY, "refund": DATABASE_AWAY}
    assert passes.keys(1, away) == {**late, "monitoring_gap:database": "unknown"}
    assert passes.keys(2, work(1, 0)) == {}
    passes = Passes(settlements.CHECK, {"late": False})
    assert passes.keys(0, work(1, 0, delayed=None)) == {}


def test_totals_that_fell_begin_a_new_history():
    passes = Passes(settlements.CHECK)
    passes(0, work(1000, 5))
    passes(15, work(10, 0))
    verdict = passes(30, work(110, 0))
    assert metrics(verdict)["settlement_success_percent"] == 100.0


# --- traffic ---------------------------------------------------------------------------------

QUIET = PaymentStatistics("last_hour", 0, 0, ())


def asked(accepted: int, refused: int, uri: str = "/payments/authorize") -> dict[str, Any]:
    rows = (RequestCount("i", uri, 200, accepted, 0), RequestCount("i", uri, 409, refused, 0))
    return {"i": rows}


def flow(payments: Any, requests: Mapping[str, Any] | None = None) -> traffic.Facts:
    seen = payments if isinstance(payments, Unavailable) else counts(payments=payments)
    return traffic.Facts(seen, QUIET, asked(0, 0) if requests is None else requests)


def learned(per_minute: int = 2, days: int = 2) -> Passes:
    """A traffic check that watched so many days of steady traffic, a quarter of an hour each."""
    passes = Passes(traffic.CHECK)
    for quarter in range(days * 96 + 1):
        passes(quarter * 15, flow(quarter * 15 * per_minute))
    return passes


DAY = 24 * 60


def test_silence_where_traffic_is_expected_is_a_fault_and_ends_with_the_next_payment():
    passes = learned()
    last = 2 * DAY * 2
    assert passes.keys(2 * DAY + 5, flow(last)) == {}
    assert passes.keys(2 * DAY + 9, flow(last)) == {}
    assert passes.keys(2 * DAY + 11, flow(last)) == {"traffic_gone:": "crit"}
    assert passes.keys(2 * DAY + 120, flow(last)) == {"traffic_gone:": "crit"}
    assert passes.keys(2 * DAY + 121, flow(last + 1)) == {}


def test_silence_at_an_hour_that_is_always_silent_is_none():
    passes = Passes(traffic.CHECK)
    payments = 0
    for quarter in range(2 * 96):
        hour = (quarter - 1) // 4 % 24
        payments += 30 if 8 <= hour < 22 else 0
        verdict = passes(quarter * 15, flow(payments))
        assert verdict.status is Status.OK


def test_silence_without_history_is_none():
    passes = Passes(traffic.CHECK)
    passes(0, flow(5))
    assert passes.keys(300, flow(5)) == {}


def test_a_long_silence_is_not_learned_as_the_custom():
    passes, last = learned(), 2 * DAY * 2
    for minute in range(15, 3 * DAY, 15):
        passes(2 * DAY + minute, flow(last))
    passes(5 * DAY, flow(last + 1))
    assert passes.keys(5 * DAY + 11, flow(last + 1)) == {"traffic_gone:": "crit"}


def test_payments_are_counted_by_the_minute_however_often_one_looks():
    passes = Passes(traffic.CHECK)
    rates = [
        metrics(passes(second / 60, flow(second // 6))).get("payments_per_minute")
        for second in range(0, 121, 20)
    ]
    assert rates == [None, None, None, 10.0, None, None, 10.0]


def test_figures_that_fell_begin_anew():
    passes = learned()
    verdict = passes(2 * DAY + 15, flow(3))
    assert "payments_per_minute" not in metrics(verdict)
    assert verdict.status is Status.OK


def refusal_passes(*samples: tuple[float, int, int]) -> list[dict[str, str]]:
    passes = Passes(traffic.CHECK)
    return [passes.keys(m, flow(1, asked(ok, refused))) for m, ok, refused in samples]


@pytest.mark.parametrize(
    ("accepted", "refused", "expected"),
    [
        (100, 0, {}),
        (10, 4, {}),
        (1000, 5, {}),
        (400, 20, {}),
        (28, 2, {}),
        (75, 25, {"payments_refused:authorize": "warn"}),
        (0, 5, {"payments_refused:authorize": "crit"}),
    ],
)
def test_refusals_count_by_their_share_and_their_number(accepted, refused, expected):
    assert refusal_passes((0, 50, 3), (5, 50 + accepted, 3 + refused))[-1] == expected


def taking(refused: int, options: Mapping[str, Any] | None = None) -> Passes:
    """A traffic check that saw 20 requests a minute for four hours, so many of each refused."""
    passes = Passes(traffic.CHECK, dict(options or {}))
    for minute in range(240):
        passes(minute, flow(minute, asked((20 - refused) * minute, refused * minute)))
    return passes


@pytest.mark.parametrize(
    ("refused", "later", "expected"),
    [
        (1, (19, 1), {}),
        (1, (15, 5), {}),
        (1, (8, 12), {"payments_refused:authorize": "warn"}),
        (1, (0, 20), {"payments_refused:authorize": "crit"}),
        (3, (14, 6), {}),
    ],
)
def test_refusals_are_judged_by_what_is_usual_on_this_platform(refused, later, expected):
    passes = taking(refused)
    accepted = (20 - refused) * 239 + later[0]
    assert passes.keys(240, flow(240, asked(accepted, refused * 239 + later[1]))) == expected


def test_a_refusal_shows_the_last_minutes_not_the_average_of_a_quarter_of_an_hour():
    passes = taking(0)
    (found,) = passes(240, flow(240, asked(20 * 239, 20))).findings
    assert found.params["refused_percent"] == 100.0
    assert (found.params["requests"], found.params["window_minutes"]) == (20, 1.0)


def test_refusals_are_counted_since_they_are_unusual():
    passes = taking(0)
    counts = []
    for minute in range(1, 5):
        (found,) = passes(240 + minute, flow(1, asked(20 * 239, 20 * minute))).findings
        counts.append((found.params["refused"], found.params["refused_so_far"]))
    assert counts == [(20, 20), (20, 40), (20, 60), (20, 80)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {}),
        ({"refused_warn_percent": 1.0}, {"payments_refused:authorize": "warn"}),
        ({"refused_crit_percent": 3.0}, {"payments_refused:authorize": "crit"}),
    ],
)
def test_a_configured_limit_of_refusals_holds_whatever_is_usual(options, expected):
    passes = taking(1, options)
    assert passes.keys(240, flow(240, asked(19 * 240, 240))) == expected


def test_refusals_end_soon_after_the_last_of_them():
    said = refusal_passes((0, 50, 0), (1, 50, 9), (5, 55, 9), (7, 80, 9))
    assert [bool(keys) for keys in said] == [False, True, True, False]


def test_refusals_are_over_when_the_latest_requests_are_as_usual():
    said = refusal_passes((0, 0, 0), (1, 0, 20), (2, 6, 20), (3, 12, 20))
    assert [bool(keys) for keys in said] == [False, True, True, False]


def test_a_restart_of_ingest_is_no_refusal():
    said = refusal_passes((0, 5000, 300), (1, 10, 0), (2, 20, 0))
    assert said == [{}, {}, {}]


def test_refusals_of_other_requests_are_not_those_of_payments():
    passes = Passes(traffic.CHECK)
    passes(0, flow(1, asked(0, 0, "/payments/capture/{id}")))
    assert passes.keys(1, flow(1, asked(9, 9, "/payments/capture/{id}"))) == {}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (flow(SHARD_AWAY), {"monitoring_gap:database/shard2"}),
        (flow(1, {}), {"monitoring_gap:ingest/requests"}),
        (flow(1, {"i": Unavailable("i", Why.GARBLED, "not_prometheus")}), {"monitoring_gap:i"}),
        (
            traffic.Facts(counts(shard1="UP", shard2="UNAVAILABLE"), QUIET, asked(0, 0)),
            {"monitoring_gap:database/shard2"},
        ),
        (traffic.Facts(counts(), DATABASE_AWAY, asked(0, 0)), {"monitoring_gap:database"}),
    ],
)
def test_what_cannot_be_seen_of_traffic_is_unknown(facts, expected):
    verdict = Passes(traffic.CHECK)(0, facts)
    assert {f.key for f in verdict.findings} == expected
    assert verdict.status is Status.UNKNOWN


def test_nobody_counting_requests_need_not_be_said():
    assert Passes(traffic.CHECK, {"refusals": False}).keys(0, flow(1, {})) == {}
