"""The tools over the stand-in's monitoring-service, with faults on, in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from mcp_case import answer, refused
from ops_case import TOKENS_USUAL, pages, tokens
from simulated import World, world

from monitor.text.catalog import Catalog


@pytest.fixture(scope="module")
def lived(tmp_path_factory) -> Iterator[World]:
    """Seen through the gateway alone: twenty minutes of faults."""
    made = world(tmp_path_factory.mktemp("lived"), payments_per_minute=20, direct=False)
    made.live(3)
    made.switch(("poison_message", "merchant_over_limit"), True)
    made.live(12)
    made.switch(("consumer_stuck",), True)  # what it does not read ends in no DLQ either
    made.live(8)
    yield made
    made.close()


@pytest.fixture(params=["en", "ko"])
def app(lived, request, monkeypatch):
    monkeypatch.setattr(
        lived.app, "catalog", Catalog(request.param, lived.app.config.zone, strict=True)
    )
    return lived.app


def test_dead_letters_have_their_cause_though_the_gateway_cuts_them(app):
    plain = answer(app, "dlq_summary")
    (cause,) = plain["evidence"]["causes"]
    assert plain["verdict"] == "crit" and cause["dead_letters"] >= 20
    assert cause["data"]["original_topic"] == "payment.captured"
    assert "JSONDecodeError" in plain["summary"]
    rows = pages(app, "get_dlq_messages", "messages", limit=6)
    assert len(rows) == len({(r["partition"], r["offset"]) for r in rows}) == cause["dead_letters"]


def test_a_stuck_consumer_is_told_by_its_course(app):
    plain = answer(app, "check_consumer_lag", group_id="payment-consumer")
    row = plain["evidence"]["groups"][0]
    assert (plain["verdict"], row["why"]) == ("crit", "lag_stuck")
    assert row["lag_messages"] == sum(r["lag_messages"] for r in plain["evidence"]["behind"])
    assert "payment-consumer" in plain["summary"]


def test_a_merchant_over_its_limit_is_found_and_told(app):
    plain = answer(app, "find_merchants_hitting_limits", threshold_percentage=100)
    (row,) = plain["evidence"]["merchants"]
    assert plain["verdict"] == "crit" and row["merchant_text"] == "MERCHANT-8"
    one = answer(app, "check_rate_limit", merchant_id="MERCHANT-8", action="authorize")
    assert one["verdict"] == "crit" and "MERCHANT-8" in one["summary"]
    assert one["evidence"]["limits"][0]["capacity"] == 100
    well = answer(app, "check_rate_limit", merchant_id="MERCHANT-9", action="authorize")
    assert well["verdict"] == "ok"


def test_what_the_gateway_cannot_tell_is_unknown(app):
    asked = {"merchant_id": "MERCHANT-1", "idempotency_key": "no-such-key"}
    free = answer(app, "idempotency_lookup", **asked)
    assert free["verdict"] == "unknown" and "platform.redis" in free["summary"]
    assert answer(app, "cache_stats")["verdict"] == "unknown"
    assert answer(app, "prometheus_query", query="cpu")["verdict"] == "unknown"


def test_a_key_that_is_cached_is_found(lived, app):
    name, held = next(iter(lived.standin.parts.cache.scan("idem:", lived.standin.now)))
    _, _, merchant, key = name.split(":", 3)
    asked = {"merchant_id": merchant, "idempotency_key": key}
    plain = answer(app, "idempotency_lookup", **asked)
    assert plain["evidence"]["is_cached"] and str(plain["evidence"]["payment_id"]) in held.value


def test_topics_groups_and_breakers_are_seen(app):
    assert answer(app, "list_topics")["evidence"]["found"] == 8
    assert answer(app, "list_consumer_groups")["verdict"] == "ok"
    assert answer(app, "get_topic_details", topic="payment.captured")["verdict"] == "ok"
    stats = answer(app, "get_topic_stats", topic="payment.dlq")
    assert stats["verdict"] == "warn" and stats["evidence"]["messages"] >= 20
    assert answer(app, "check_kafka_health")["verdict"] == "ok"
    status = answer(app, "get_circuit_breaker_status")
    assert {row["state"] for row in status["evidence"]["breakers"]} == {"CLOSED"}
    assert answer(app, "ttl_analysis")["verdict"] == "ok"


def test_a_mistyped_topic_is_not_created(lived, app):
    before = list(lived.standin.parts.broker.topics)
    assert "did you mean 'payment.captured'?" in refused(
        app, "get_topic_stats", topic="payment.captur"
    )
    assert list(lived.standin.parts.broker.topics) == before


def test_a_platform_that_goes_away_leaves_every_tool_unknown(lived, app):
    lived.switch(("broker_down", "redis_down"), True)
    try:
        for tool in ("list_topics", "dlq_summary", "check_consumer_lag", "get_dlq_messages"):
            assert answer(app, tool)["verdict"] == "unknown"
        health = answer(app, "check_kafka_health")
        assert health["verdict"] == "crit" and health["evidence"]["publishers"]
        for tool in ("cache_stats", "ttl_analysis", "list_rate_limit_keys"):
            plain = answer(app, tool)
            assert plain["verdict"] == "unknown" and tokens(plain) < TOKENS_USUAL
    finally:
        lived.switch(("broker_down", "redis_down"), False)
