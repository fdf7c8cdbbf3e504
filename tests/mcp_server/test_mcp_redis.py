"""What the tools tell about Redis: rate limits, the idempotency cache, memory, lives of keys."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from mcp_case import NOW, answer, found, refused
from ops_case import (
    EVIL,
    NO_REDIS,
    TOKENS_MAX,
    TOKENS_USUAL,
    Redis,
    assert_only_data,
    life,
    memory,
    pages,
    seeing,
    tokens,
    use,
)
from store_case import record

from checks.sources.facts.platform import CachedKey, RedisStats
from checks.sources.facts.unavailable import Unavailable, Why, monitoring_gap
from monitor.domain.check import Metric

LIMITS = "[checks.rate_limits]\nauthorize_max = 100\ncapture_max = 200\nrefund_max = 50\n"


def limited(folder, *uses, language="en"):
    return seeing(folder, language, more=LIMITS, redis=Redis(uses))


@pytest.mark.parametrize(
    ("count", "verdict", "blocked"),
    [(10, "ok", False), (80, "warn", False), (100, "warn", False), (101, "crit", True)],
)
def test_a_merchant_is_blocked_above_its_capacity_and_not_at_it(tmp_path, count, verdict, blocked):
    app = limited(tmp_path, use("M-1", count))
    plain = answer(app, "check_rate_limit", merchant_id="M-1", action="authorize")
    (row,) = plain["evidence"]["limits"]
    assert (plain["verdict"], row["is_blocked"]) == (verdict, blocked)
    assert (row["used"], row["capacity"], row["resets_in_seconds"]) == (count, 100, 40)
    assert ("BLOCKED" in plain["summary"]) is blocked


def test_each_action_has_its_own_capacity(tmp_path):
    app = limited(tmp_path, use("M-1", 60), use("M-1", 60, "refund"), use("M-1", 60, "capture"))
    plain = answer(app, "check_rate_limit", merchant_id="M-1")
    found_at = {row["action"]: row["used_percent"] for row in plain["evidence"]["limits"]}
    assert found_at == {"refund": 120, "authorize": 60, "capture": 30}
    assert plain["verdict"] == "crit" and "refund" in plain["summary"]
    only = answer(app, "check_rate_limit", merchant_id="M-1", action="capture")
    assert only["verdict"] == "ok" and len(only["evidence"]["limits"]) == 1


def test_a_merchant_without_a_counter_used_nothing(tmp_path):
    plain = answer(limited(tmp_path, use("M-1", 5)), "check_rate_limit", merchant_id="M-2")
    assert plain["verdict"] == "ok" and "no counter" in plain["summary"]
    assert plain["evidence"]["unused"] == ["authorize", "capture", "refund"]


def test_a_counter_that_never_expires_is_a_warning(tmp_path):
    plain = answer(
        limited(tmp_path, use("M-1", 5, ttl=None)), "check_rate_limit", merchant_id="M-1"
    )
    assert plain["verdict"] == "warn" and "never expires" in plain["summary"]
    listed = answer(limited(tmp_path, use("M-1", 5, ttl=None)), "find_merchants_hitting_limits")
    assert listed["verdict"] == "warn" and len(listed["evidence"]["never_expiring"]) == 1


@pytest.mark.parametrize(
    ("count", "verdict"), [(10, "ok"), (60, "unknown"), (150, "unknown"), (201, "crit")]
)
def test_a_counter_whose_action_is_lost_is_unknown_where_that_matters(tmp_path, count, verdict):
    app = limited(tmp_path, use("M-1", count, action=None))
    plain = answer(app, "check_rate_limit", merchant_id="M-1")
    assert plain["verdict"] == verdict
    plain = answer(app, "find_merchants_hitting_limits", threshold_percentage=100)
    assert plain["verdict"] == verdict
    assert plain["evidence"]["unclear"] == int(verdict == "unknown")


@pytest.mark.parametrize(
    ("threshold", "merchants"),
    [(80, ["M-130", "M-101", "M-100", "M-80"]), (100, ["M-130", "M-101"]), (120, ["M-130"])],
)
def test_the_threshold_chooses_and_a_hundred_means_blocked(tmp_path, threshold, merchants):
    app = limited(tmp_path, *(use(f"M-{n}", n) for n in (79, 80, 100, 101, 130)))
    plain = answer(app, "find_merchants_hitting_limits", threshold_percentage=threshold)
    assert [row["merchant_text"] for row in plain["evidence"]["merchants"]] == merchants
    assert plain["verdict"] == "crit" and plain["evidence"]["found"] == len(merchants)


def test_the_blocked_merchants_are_those_above_their_own_capacity(tmp_path):
    uses = (use("M-1", 100), use("M-2", 101), use("M-3", 60, "refund"), use("M-4", 150, "capture"))
    plain = answer(limited(tmp_path, *uses), "list_blocked_merchants")
    assert [row["merchant_text"] for row in plain["evidence"]["merchants"]] == ["M-3", "M-2"]
    assert plain["verdict"] == "crit"


def test_nobody_near_a_limit_is_ok(tmp_path):
    plain = answer(limited(tmp_path, use("M-1", 5)), "find_merchants_hitting_limits")
    assert plain["verdict"] == "ok" and "No merchant is at 80 % or more" in plain["summary"]


def test_a_hundred_thousand_merchants_are_paged_within_the_budget(tmp_path):
    counts = random.Random(7)
    uses = [use(f"MERCHANT-{n}", counts.randint(1, 79)) for n in range(100_000)]
    near = [use(f"NEAR-{n}", 80 + n % 60) for n in range(90)]
    app = limited(tmp_path, *uses, *near)
    hit = pages(app, "find_merchants_hitting_limits", "merchants")
    assert len({row["merchant_text"] for row in hit}) == len(hit) == 90
    assert [r["used_percent"] for r in hit] == sorted(
        (r["used_percent"] for r in hit), reverse=True
    )
    first = answer(app, "list_rate_limit_keys")
    assert first["evidence"]["found"] == 100_090 and tokens(first) < TOKENS_USUAL
    assert tokens(answer(app, "list_rate_limit_keys", limit=200)) < TOKENS_MAX


def test_keys_go_on_by_name_while_the_counters_count(tmp_path):
    source = Redis(tuple(use(f"M-{n:02}", n) for n in range(25)))
    app = seeing(tmp_path, more=LIMITS, redis=source)
    first = answer(app, "list_rate_limit_keys", limit=10)
    source.uses = tuple(replace(one, count=99 - one.count) for one in source.uses[5:])
    second = answer(app, "list_rate_limit_keys", limit=10, cursor=first["cursor"])
    names = [r["merchant_text"] for plain in (first, second) for r in plain["evidence"]["keys"]]
    assert names == [f"M-{n:02}" for n in range(20)]


def test_the_keys_of_one_action(tmp_path):
    app = limited(tmp_path, use("M-1", 1), use("M-1", 2, "refund"), use("M-2", 3))
    plain = answer(app, "list_rate_limit_keys", action="refund")
    assert [row["used"] for row in plain["evidence"]["keys"]] == [2]
    assert plain["evidence"]["by_action"] == {"authorize": 2, "refund": 1}


def test_hostile_merchants_are_told_apart_paged_and_marked_as_data(tmp_path):
    uses = [use(f"{EVIL}{'x' * 60}{n}", 101) for n in range(80)]
    app = limited(tmp_path, *uses)
    assert len(pages(app, "list_rate_limit_keys", "keys")) == 80
    assert len(pages(app, "find_merchants_hitting_limits", "merchants")) == 80
    for tool in ("list_rate_limit_keys", "find_merchants_hitting_limits"):
        assert_only_data(answer(app, tool))
    plain = answer(app, "check_rate_limit", merchant_id=uses[0].merchant_id)
    assert plain["verdict"] == "crit"
    assert_only_data(plain)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("check_rate_limit", {"merchant_id": "M-1"}),
        ("list_rate_limit_keys", {}),
        ("find_merchants_hitting_limits", {}),
        ("list_blocked_merchants", {}),
        ("ttl_analysis", {}),
        ("cache_stats", {}),
        ("idempotency_lookup", {"merchant_id": "M-1", "idempotency_key": "k"}),
    ],
)
def test_a_redis_that_is_down_is_unknown_with_its_reason(tmp_path, tool, arguments, language):
    source = Redis(NO_REDIS, NO_REDIS, NO_REDIS, NO_REDIS, NO_REDIS)
    plain = answer(seeing(tmp_path, language, redis=source), tool, **arguments)
    assert plain["verdict"] == "unknown"
    assert ("refused" if language == "en" else "거부") in plain["summary"]


def test_a_cached_key_is_told_with_its_payment(tmp_path):
    source = Redis(held=CachedKey("k-1", True, 77, 300))
    plain = answer(
        seeing(tmp_path, redis=source),
        "idempotency_lookup",
        merchant_id="M-1",
        idempotency_key="k-1",
    )
    assert (plain["evidence"]["is_cached"], plain["evidence"]["payment_id"]) == (True, 77)
    assert "payment 77" in plain["summary"] and "5 min" in plain["summary"]


def test_a_key_that_is_not_cached_may_still_have_its_payment(tmp_path):
    app = seeing(tmp_path, redis=Redis())
    plain = answer(app, "idempotency_lookup", merchant_id="M-1", idempotency_key="k-1")
    assert plain["evidence"]["is_cached"] is False and plain["next"] == ["query_payments"]


def test_a_hostile_key_is_quoted_only_as_data(tmp_path):
    app = seeing(tmp_path, redis=Redis())
    plain = answer(app, "idempotency_lookup", merchant_id=EVIL, idempotency_key=EVIL)
    assert_only_data(plain)


def test_an_empty_merchant_is_refused(tmp_path):
    assert "merchant_id" in refused(
        seeing(tmp_path, redis=Redis()), "check_rate_limit", merchant_id=""
    )


def test_the_hit_rate_stands_beside_last_weeks(tmp_path):
    source = Redis(memory=memory(hits=30, misses=70))
    app = seeing(tmp_path, verdicts={"redis_health": found()}, redis=source)
    week, minutes = timedelta(days=7), timedelta(minutes=5)
    record(app.store, NOW - minutes, Metric("redis_hit_percent", 30.0), check="redis_health")
    record(app.store, NOW - week - minutes, Metric("redis_hit_percent", 90.0), check="redis_health")
    plain = answer(app, "cache_stats")
    hits = plain["evidence"]["hit_percent"]
    assert hits["since_start"] == 30 and plain["verdict"] == "ok"
    assert hits["last_hour_stored"] == pytest.approx(30, rel=0.01)
    assert hits["same_hour_last_week_stored"] == pytest.approx(90, rel=0.01)
    assert "40 MiB used" in plain["summary"] and "a week ago" in plain["summary"]


def test_memory_that_the_source_does_not_show_is_not_ok(tmp_path):
    app = seeing(tmp_path, verdicts={"redis_health": found()}, redis=Redis())
    plain = answer(app, "cache_stats")
    assert plain["verdict"] == "unknown" and plain["evidence"]["keys"]["total"] == 5
    assert 'via = "direct"' in plain["evidence"]["unavailable"][0]["reason_text"]


def test_what_the_check_finds_decides_about_the_cache(tmp_path):
    verdicts = {"redis_health": found(monitoring_gap(NO_REDIS))}
    app = seeing(tmp_path, verdicts=verdicts, redis=Redis(memory=memory()))
    assert answer(app, "cache_stats")["verdict"] == "unknown"


def test_keys_that_never_expire_come_first_and_warn(tmp_path):
    source = Redis(lives=(life("idem", 500), life("rate", 20, never=2)))
    plain = answer(seeing(tmp_path, redis=source), "ttl_analysis")
    assert plain["verdict"] == "warn" and "2 of them never expire" in plain["summary"]
    first = plain["evidence"]["prefixes"][0]
    assert (first["prefix_text"], first["never_expiring"]) == ("rate", 2)
    assert (first["ttl_seconds_p10"], first["ttl_seconds_p90"]) == (5, 55)
    well = answer(seeing(tmp_path / "b", redis=Redis(lives=(life("idem", 5),))), "ttl_analysis")
    assert well["verdict"] == "ok" and "all of them expire" in well["summary"]


def test_keys_beyond_the_scan_are_not_ok(tmp_path):
    source = Redis(stats=RedisStats(1, 1, 1, 9_000_000, 6_000_000), lives=(life("idem", 5),))
    plain = answer(seeing(tmp_path, redis=source), "ttl_analysis")
    assert plain["verdict"] == "unknown" and "as far as was looked" in plain["summary"]
    gone = Unavailable("redis", Why.LIMIT, "redis_timeout", {"got": "3 s"})
    source = Redis(stats=gone, lives=(life("idem", 5),))
    assert answer(seeing(tmp_path / "b", redis=source), "ttl_analysis")["verdict"] == "unknown"


def test_many_hostile_prefixes_stay_within_the_budget(tmp_path):
    lives = tuple(life(f"{EVIL}{n}"[:60], 5) for n in range(51))
    plain = answer(seeing(tmp_path, redis=Redis(lives=lives)), "ttl_analysis")
    assert tokens(plain) < TOKENS_USUAL and plain["truncated"]
    assert_only_data(plain)
