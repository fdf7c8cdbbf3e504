"""What the tools tell about Kafka: topics, groups and their lag, dead letters, its health."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from mcp_case import NOW, answer, found, refused
from ops_case import (
    DOWN,
    EVIL,
    TOKENS_USUAL,
    Breakers,
    Kafka,
    assert_only_data,
    dead_letter,
    lag,
    pages,
    seeing,
    tokens,
)

from checks.consumer_lag import Options
from checks.sources.facts.platform import Breaker, GroupLag, Partition
from checks.sources.facts.unavailable import Unavailable, Why, monitoring_gap
from mcp_server.tools.kafka.lags import stand
from monitor.domain.check import Finding, Status, Verdict
from monitor.domain.check_pass import Observed

USUAL = ("payment.authorized", "payment.captured", "payment.refunded", "payment.dlq")
TOPICS: Mapping[str, tuple[int, ...]] = dict.fromkeys(USUAL[:3], (20, 25)) | {"payment.dlq": (0, 0)}
WATCHED = ("settlement-worker-group", "refund-worker-group", "payment-consumer")
AT_WORK = dict.fromkeys(WATCHED, "STABLE")
CLOSED = Breaker("ingest", "kafka-publisher", "CLOSED", 0.5, 0.0, 1, 100, 0)
OPEN = replace(CLOSED, state="OPEN", failure_percent=100.0)


def kafka(**more: Any) -> Kafka:
    return Kafka(**{"topics": TOPICS, "groups": AT_WORK} | more)


def test_topics_are_counted_and_one_that_is_missing_is_a_warning(tmp_path):
    plain = answer(seeing(tmp_path / "a", kafka=kafka()), "list_topics")
    assert plain["verdict"] == "ok" and plain["evidence"]["found"] == 4
    row = next(r for r in plain["evidence"]["topics"] if r["topic_text"] == "payment.captured")
    assert (row["partitions"], row["messages"], row["ever_arrived"]) == (2, 45, 45)
    some = {name: ends for name, ends in TOPICS.items() if name != "payment.refunded"}
    plain = answer(seeing(tmp_path / "b", kafka=kafka(topics=some)), "list_topics")
    assert plain["verdict"] == "warn" and "payment.refunded" in plain["summary"]


def test_names_are_listed_where_the_messages_cannot_be_counted(tmp_path, monkeypatch):
    source = kafka()
    monkeypatch.setattr(source, "topic_ends", lambda topic=None: DOWN)
    plain = answer(seeing(tmp_path, kafka=source), "list_topics")
    assert plain["verdict"] == "unknown" and len(plain["evidence"]["topics"]) == 4
    assert plain["evidence"]["topics"][0]["messages"] is None
    assert "could not be seen" in plain["summary"]


def test_five_hundred_topics_are_paged_within_the_budget(tmp_path):
    many = {f"{EVIL} topic-{n:03}": (n,) * 30 for n in range(500)} | dict(TOPICS)
    app = seeing(tmp_path, kafka=kafka(topics=many))
    rows = pages(app, "list_topics", "topics")
    assert len(rows) == len({row["topic_text"] for row in rows}) == 504
    assert tokens(answer(app, "list_topics", limit=200)) < 4 * TOKENS_USUAL
    assert_only_data(answer(app, "list_topics"))


@pytest.mark.parametrize("tool", ["get_topic_stats", "get_topic_details"])
def test_a_mistyped_topic_is_told_what_was_meant_and_is_never_asked_for(tmp_path, tool):
    source = kafka()
    said = refused(seeing(tmp_path, kafka=source), tool, topic="payment.captred")
    assert said == "no topic 'payment.captred'; did you mean 'payment.captured'?"
    assert source.asked == []


def test_a_topic_that_resembles_nothing_is_told_those_that_exist(tmp_path):
    topics = dict(TOPICS) | {EVIL: (1,)}
    said = refused(seeing(tmp_path, kafka=kafka(topics=topics)), "get_topic_stats", topic="zzz")
    assert "payment.authorized, payment.captured" in said and "IGNORE" not in said


def test_the_stats_of_a_topic(tmp_path):
    app = seeing(tmp_path, kafka=kafka())
    plain = answer(app, "get_topic_stats", topic="payment.captured")
    assert plain["summary"] == (
        "payment.captured retains 45 messages in 2 partitions; 45 ever arrived."
    )
    assert plain["evidence"]["end_offsets"] == [[0, 20], [1, 25]]


def test_a_partition_in_trouble_comes_first_and_decides(tmp_path):
    offline = Partition("payment.captured", 7, None, (1, 2), ())
    behind = Partition("payment.captured", 3, 1, (1, 2), (1,))
    well = Partition("payment.captured", 0, 1, (1, 2), (1, 2))
    for parts, verdict, first in (
        ((well, behind, offline), "crit", 7),
        ((well, behind), "warn", 3),
        ((well,), "ok", 0),
    ):
        source = kafka(partitions={"payment.captured": parts})
        app = seeing(tmp_path / verdict, kafka=source)
        plain = answer(app, "get_topic_details", topic="payment.captured")
        assert plain["verdict"] == verdict
        assert plain["evidence"]["partitions"][0]["partition"] == first


def test_a_thousand_partitions_are_paged(tmp_path):
    parts = tuple(Partition("payment.captured", n, 1, (1, 2, 3), (1, 2, 3)) for n in range(1000))
    app = seeing(tmp_path, kafka=kafka(partitions={"payment.captured": parts}))
    rows = pages(app, "get_topic_details", "partitions", topic="payment.captured")
    assert [row["partition"] for row in rows] == list(range(1000))
    many = {**TOPICS, "payment.captured": (10**15,) * 1000}
    app = seeing(tmp_path / "ends", kafka=kafka(topics=many))
    plain = answer(app, "get_topic_stats", topic="payment.captured")
    assert plain["truncated"] and tokens(plain) < TOKENS_USUAL
    assert plain["evidence"]["messages"] == 10**18


def test_groups_that_must_work_and_have_no_members_are_critical(tmp_path):
    plain = answer(seeing(tmp_path / "a", kafka=kafka()), "list_consumer_groups")
    assert plain["verdict"] == "ok" and plain["evidence"]["by_state"] == {"STABLE": 3}
    states = {"payment-consumer": "STABLE", "refund-worker-group": "EMPTY", "other": "EMPTY"}
    plain = answer(seeing(tmp_path / "b", kafka=kafka(groups=states)), "list_consumer_groups")
    assert plain["verdict"] == "crit" and plain["evidence"]["found"] == 3
    assert "settlement-worker-group, refund-worker-group" in plain["summary"]
    assert plain["evidence"]["groups"][0]["state"] == "ABSENT"


def test_two_hundred_groups_are_paged(tmp_path):
    many = AT_WORK | {f"{EVIL}{n:03}": "STABLE" for n in range(200)}
    app = seeing(tmp_path, kafka=kafka(groups=many))
    assert len(pages(app, "list_consumer_groups", "groups")) == 203
    assert_only_data(answer(app, "list_consumer_groups"))


def observed(*findings: Finding, looks: int = 5) -> Observed:
    memory = {group: {"looks": [{}] * looks} for group in WATCHED}
    return Observed("consumer_lag", NOW, 1.0, Verdict.of(findings), memory)


STUCK = Finding("lag_stuck", Status.CRIT, "payment-consumer", {"group": "payment-consumer"})
UNAVAILABLE = Unavailable("kafka/x", Why.NOT_VISIBLE, "group_without_offsets")
CONSUMER = "payment-consumer"


@pytest.mark.parametrize(
    ("group", "state", "behind", "seen", "verdict", "why"),
    [
        (CONSUMER, "STABLE", lag("g", 0), observed(), "ok", "ok"),
        (CONSUMER, "STABLE", lag("g", 4, 5), observed(looks=0), "ok", "ok"),
        (CONSUMER, "STABLE", lag("g", 500), observed(), "ok", "moving"),
        (CONSUMER, "STABLE", lag("g", 500), observed(looks=2), "unknown", "few_looks"),
        (CONSUMER, "STABLE", lag("g", 500), observed(STUCK), "crit", "lag_stuck"),
        (CONSUMER, "STABLE", lag("g", 500), None, "unknown", "unwatched"),
        (CONSUMER, "STABLE", UNAVAILABLE, observed(), "unknown", "unavailable"),
        (CONSUMER, "EMPTY", lag("g", 0), None, "crit", "idle"),
        (CONSUMER, "ABSENT", None, None, "crit", "idle"),
        ("other", "STABLE", lag("g", 500), observed(), "unknown", "unwatched"),
        ("other", "STABLE", lag("g", 0), observed(), "ok", "ok"),
        ("other", "EMPTY", lag("g", 1), observed(), "warn", "idle"),
        ("other", "EMPTY", lag("g", 0), observed(), "ok", "ok"),
        ("other", "EMPTY", UNAVAILABLE, observed(), "unknown", "unavailable"),
    ],
)
def test_a_lag_is_judged_by_its_course_and_never_by_one_look(
    group, state, behind, seen, verdict, why
):
    found_at = stand(group, state, behind, Options(), seen)
    assert (found_at.verdict.value, found_at.why) == (verdict, why)


def test_a_wrong_group_is_told_what_was_meant(tmp_path):
    app = seeing(tmp_path, kafka=kafka())
    said = refused(app, "check_consumer_lag", group_id="payment-consumer-group")
    assert said == "no group 'payment-consumer-group'; did you mean 'payment-consumer'?"


def test_without_a_group_all_that_must_work_are_asked_for(tmp_path):
    lags = {name: lag(name, 1, 2) for name in WATCHED}
    app = seeing(tmp_path, kafka=kafka(lags=lags))
    plain = answer(app, "check_consumer_lag")
    assert plain["verdict"] == "ok" and "9 messages behind in all" in plain["summary"]
    assert [row["lag_messages"] for row in plain["evidence"]["groups"]] == [3, 3, 3]


def test_a_group_behind_in_a_hundred_partitions_is_paged_the_farthest_first(tmp_path):
    behind = lag("payment-consumer", *range(1, 101))
    app = seeing(tmp_path, kafka=kafka(lags={"payment-consumer": behind}))
    rows = pages(app, "check_consumer_lag", "behind", group_id="payment-consumer")
    assert [row["lag_messages"] for row in rows] == list(range(100, 0, -1))
    plain = answer(app, "check_consumer_lag", group_id="payment-consumer")
    assert plain["verdict"] == "unknown"  # nobody has watched it so far
    assert plain["evidence"]["groups"][0]["partitions_behind"] == 100


def test_a_group_that_must_work_and_is_absent_is_no_error(tmp_path):
    app = seeing(tmp_path, kafka=kafka(groups={"other": "STABLE"}))
    plain = answer(app, "check_consumer_lag", group_id="payment-consumer")
    assert plain["verdict"] == "crit" and "no members (ABSENT)" in plain["summary"]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("list_topics", {}),
        ("get_topic_stats", {"topic": "payment.captured"}),
        ("get_topic_details", {"topic": "payment.captured"}),
        ("list_consumer_groups", {}),
        ("check_consumer_lag", {"group_id": "payment-consumer"}),
        ("get_dlq_messages", {}),
        ("dlq_summary", {}),
    ],
)
def test_a_kafka_that_is_down_is_unknown_with_its_reason(tmp_path, tool, arguments, language):
    plain = answer(seeing(tmp_path, language, kafka=Kafka()), tool, **arguments)
    assert plain["verdict"] == "unknown"
    assert "kafka:9092" in plain["summary"]
    assert plain["evidence"]["unavailable"][0]["part_text"] == "kafka"


def dead_letters(count: int) -> tuple[Any, ...]:
    """So many letters over three partitions, one a minute, the newest in partition 0."""
    return tuple(dead_letter(n % 3, 1000 - n // 3, minutes=n + 1) for n in range(count))


def test_dead_letters_are_paged_from_the_newest_back_each_once(tmp_path):
    source = kafka(topics={**TOPICS, "payment.dlq": (30, 30, 30)})
    source.dlqs = {"payment.dlq": dead_letters(50)}
    app = seeing(tmp_path, kafka=source)
    rows = pages(app, "get_dlq_messages", "messages", topic="payment.dlq", limit=7)
    assert len({(row["partition"], row["offset"]) for row in rows}) == len(rows) == 50
    assert [row["at"] for row in rows] == sorted((row["at"] for row in rows), reverse=True)
    assert rows[0]["data"]["error"] == "DataIntegrityViolationException"


def test_pages_remember_a_partition_that_the_page_before_did_not_show(tmp_path):
    source = kafka(topics={**TOPICS, "payment.dlq": (10, 10)})
    newer = [dead_letter(0, n, minutes=20 - n) for n in range(10)]
    older = [dead_letter(1, n, minutes=90 - n) for n in range(10)]
    source.dlqs = {"payment.dlq": (*newer, *older)}
    app = seeing(tmp_path, kafka=source)
    rows = pages(app, "get_dlq_messages", "messages", limit=4)
    assert len({(row["partition"], row["offset"]) for row in rows}) == len(rows) == 20


def test_a_letter_that_arrives_between_two_pages_moves_none(tmp_path):
    source = kafka(topics={**TOPICS, "payment.dlq": (30, 30, 30)})
    source.dlqs = {"payment.dlq": dead_letters(20)}
    app = seeing(tmp_path, kafka=source)
    first = answer(app, "get_dlq_messages", limit=5)
    source.dlqs = {"payment.dlq": (*dead_letters(20), dead_letter(0, 1001, minutes=0))}
    second = answer(app, "get_dlq_messages", limit=5, cursor=first["cursor"])
    shown = [row["at"] for plain in (first, second) for row in plain["evidence"]["messages"]]
    assert shown == sorted(set(shown), reverse=True) and len(shown) == 10


def test_hostile_letters_of_a_megabyte_are_cut_and_marked_as_data(tmp_path):
    bulk = EVIL + "\x1b[2J" + "A" * 1_000_000
    evil = {"key": bulk, "value": bulk, "original_topic": bulk, "error": bulk, "message": bulk}
    source = kafka(topics={**TOPICS, "payment.dlq": (30,)})
    source.dlqs = {"payment.dlq": tuple(dead_letter(0, n, **evil) for n in range(60))}
    app = seeing(tmp_path, kafka=source)
    for tool, arguments in (("get_dlq_messages", {}), ("dlq_summary", {})):
        plain = answer(app, tool, **arguments)
        assert_only_data(plain)
        assert tokens(plain) < TOKENS_USUAL
    plain = answer(app, "get_dlq_messages", limit=50)
    assert tokens(plain) < 4 * TOKENS_USUAL and plain["cursor"]


def test_a_dlq_that_does_not_exist_yet_is_empty_and_is_not_asked_for(tmp_path):
    source = kafka()
    plain = answer(seeing(tmp_path, kafka=source), "get_dlq_messages", topic="refund.dlq")
    assert plain["verdict"] == "ok" and "does not exist yet" in plain["summary"]
    assert source.asked == []


def test_letters_that_cannot_be_read_are_counted_and_unknown(tmp_path):
    late = Unavailable("kafka/payment.dlq", Why.LIMIT, "kafka_letters_unread", {"expected": "x"})
    source = kafka(topics={**TOPICS, "payment.dlq": (4,)}, dlqs={"payment.dlq": late})
    app = seeing(tmp_path, kafka=source)
    for tool in ("get_dlq_messages", "dlq_summary"):
        plain = answer(app, tool)
        assert plain["verdict"] == "unknown" and plain["evidence"]["unavailable"]
    assert answer(app, "get_dlq_messages")["evidence"]["retained"] == 4


@pytest.mark.parametrize(
    ("topic", "minutes", "verdict"),
    [
        ("payment.dlq", 5, "crit"),
        ("settlement.dlq", 5, "warn"),
        ("payment.dlq", 3000, "warn"),
        (None, 0, "ok"),
    ],
)
def test_arrivals_lately_decide_about_the_dead_letters(tmp_path, topic, minutes, verdict):
    source = kafka()
    if topic:
        source.topics = {**TOPICS, topic: (1,)}
        source.dlqs = {topic: (dead_letter(0, 0, minutes, topic),)}
    plain = answer(seeing(tmp_path, kafka=source), "dlq_summary")
    assert plain["verdict"] == verdict


def test_dead_letters_are_grouped_by_cause_with_their_payments(tmp_path):
    mine = [dead_letter(0, n, minutes=n + 1, message="FK") for n in range(5)]
    others = [
        dead_letter(1, n, minutes=90, error="JSONDecodeError", payment_id=None) for n in range(2)
    ]
    source = kafka(topics={**TOPICS, "payment.dlq": (5, 2)})
    source.dlqs = {"payment.dlq": (*mine, *others)}
    plain = answer(seeing(tmp_path, kafka=source), "dlq_summary", hours=1)
    first, second = plain["evidence"]["causes"]
    assert (first["dead_letters"], first["payments"], first["payment_ids"]) == (
        5,
        5,
        [0, 1, 2, 3, 4],
    )
    assert first["data"]["error"] == "DataIntegrityViolationException"
    assert first["data"]["example"] == "FK"
    assert (second["dead_letters"], second["payments"]) == (2, 0)
    row = plain["evidence"]["topics"][0]
    assert (row["arrived_lately"], row["arrived_lately_at_least"]) == (5, False)
    assert "7 dead letters in 1 topic, 5 of them within the last 1 h" in plain["summary"]
    assert "mostly DataIntegrityViolationException" in plain["summary"]


def test_arrivals_are_exact_where_older_letters_were_read_too(tmp_path):
    source = kafka(topics={**TOPICS, "payment.dlq": (5000,)})
    every = tuple(dead_letter(0, n, minutes=5 if n >= 295 else 3000) for n in range(300))
    source.dlqs = {"payment.dlq": every}
    row = answer(seeing(tmp_path, kafka=source), "dlq_summary")["evidence"]["topics"][0]
    assert (row["arrived_lately"], row["arrived_lately_at_least"]) == (5, False)


def test_arrivals_beyond_what_was_read_are_told_as_at_least(tmp_path):
    source = kafka(topics={**TOPICS, "payment.dlq": (5000,)})
    source.dlqs = {"payment.dlq": tuple(dead_letter(0, n, minutes=5) for n in range(300))}
    plain = answer(seeing(tmp_path, kafka=source), "dlq_summary")
    row = plain["evidence"]["topics"][0]
    assert (row["read"], row["arrived_lately"], row["arrived_lately_at_least"]) == (200, 200, True)
    assert "at least 200" in plain["summary"]


def test_kafka_is_well_where_the_cluster_and_the_publishers_are(tmp_path):
    verdicts = {"kafka_cluster": found(), "breakers": found()}
    parts = {"kafka": kafka(), "breakers": Breakers({"ingest": (CLOSED,)})}
    plain = answer(seeing(tmp_path, verdicts=verdicts, **parts), "check_kafka_health")
    assert plain["verdict"] == "ok"
    assert plain["evidence"]["cluster"]["brokers"] == 3
    assert plain["evidence"]["publishers"][0]["failure_percent"] == 0.5
    assert "3 brokers" in plain["summary"] and "kafka-publisher CLOSED" in plain["summary"]


def opened(name: str) -> Finding:
    params = {"instance": "ingest", "name": name, "state": "OPEN", "since": NOW.isoformat()}
    counts = {"failed_calls": 9, "failure_percent": 100.0, "not_permitted_calls": 0}
    return Finding("breaker_open", Status.CRIT, f"ingest/{name}", params | counts)


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        ({"kafka_cluster": found(), "breakers": found(opened("kafka-publisher"))}, "crit"),
        ({"kafka_cluster": found(), "breakers": found(opened("pg-auth-api"))}, "ok"),
        ({"kafka_cluster": found(monitoring_gap(DOWN)), "breakers": found()}, "unknown"),
        (
            {
                "kafka_cluster": found(monitoring_gap(DOWN)),
                "breakers": found(),
                "services": found(
                    Finding("service_down", Status.CRIT, "kafka", {"part": "kafka", "detail": ""})
                ),
            },
            "crit",
        ),
        ({"traffic": found()}, "unknown"),
    ],
    ids=[
        "publishers suffer",
        "another breaker",
        "cluster unavailable",
        "broker down",
        "not looked",
    ],
)
def test_kafkas_health_has_both_meanings(tmp_path, verdicts, verdict):
    parts = {"kafka": kafka(), "breakers": Breakers({"ingest": (OPEN,)})}
    app = seeing(tmp_path, verdicts=verdicts, **parts)
    assert answer(app, "check_kafka_health")["verdict"] == verdict


def test_an_instance_out_of_reach_leaves_the_rest_of_the_health(tmp_path):
    gone = Unavailable("ingest2", Why.WAY, "connect_failed")
    verdicts = {"kafka_cluster": found(), "breakers": found(monitoring_gap(gone))}
    parts = {"kafka": kafka(), "breakers": Breakers({"ingest": (CLOSED,), "ingest2": gone})}
    plain = answer(seeing(tmp_path, verdicts=verdicts, **parts), "check_kafka_health")
    assert plain["verdict"] == "unknown" and plain["evidence"]["cluster"]["brokers"] == 3
    assert [row["part_text"] for row in plain["evidence"]["unavailable"]] == ["ingest2"]


def test_a_lag_that_is_an_unavailable_is_told_with_its_reason(tmp_path):
    app = seeing(
        tmp_path, kafka=kafka(lags={"payment-consumer": UNAVAILABLE, "x": GroupLag("x", ())})
    )
    plain = answer(app, "check_consumer_lag", group_id="payment-consumer")
    assert plain["verdict"] == "unknown" and plain["evidence"]["groups"][0]["reason_text"]
