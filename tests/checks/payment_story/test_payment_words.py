"""Every reason and every happening can be said, strictly and in both languages."""

from __future__ import annotations

import dataclasses
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import books
import pytest
from rich.cells import cell_len

from monitor.domain.alert import Alert, Phase
from monitor.domain.books.payment_story import BREAKER, BROKER, Chapter, Happening, Reason, Story
from monitor.domain.check import Status
from monitor.text.catalog import Catalog
from monitor.text.plain.payment import (
    around_text,
    happening_text,
    heading,
    read_until_texts,
    reason_words,
    story_json,
)
from monitor.text.sentences import load

NOW = books.NOW
AT = NOW.isoformat()
EARLIER = (NOW - timedelta(hours=2)).isoformat()
PARAMS = {
    "shard": "shard1",
    "shards": "shard1, shard2",
    "unavailable": "shard2",
    "other": "shard2",
    "payment_id": 12345,
    "event_id": 7,
    "request_id": 8,
    "entry_id": 9,
    "entries": 2,
    "event_type": "PAYMENT_CAPTURE_REQUESTED",
    "state": "CAPTURED",
    "waiting": "X",
    "group": "settlement-worker-group",
    "topic": "payment.captured",
    "dlq": "settlement.dlq",
    "amount_krw": 50_000,
    "paid_krw": 100_000,
    "booked_krw": 1,
    "count": 2,
    "passed": 9,
    "at": AT,
    "since": EARLIER,
    "created_at": EARLIER,
    "published_at": AT,
    "read_until": AT,
    "requested_at": AT,
    "last_retry_at": AT,
    "occurred_at": AT,
    "is_by_api": True,
    "age_seconds": 75.0,
    "waited_seconds": 900.0,
    "retries": 3,
    "retries_max": 10,
    "is_other_half": True,
    "is_lost": True,
    "is_never_booked": True,
    "is_shared": True,
    "cause": "service_down",
    "lag_messages": 9,
    "pg_code": "9999",
    "pg_message": "no funds",
    "request_state": "SUCCESS",
    "error": "DataIntegrityViolation",
    "partition": 0,
    "offset": 4,
    "side": "refund",
    "debit": "cash",
    "credit": "x",
    "invariants": "L1, L3",
    "invariant": "L1",
    "merchant_id": "MERCHANT-1",
    "http_status": 200,
    "named": 5,
    "tried_at": AT,
    "row": "x",
    "kind": "refund",
    "transaction_id": "T1",
    "reason": "changed mind",
    "is_other": True,
    "original_topic": "payment.captured",
}
BARE = {
    **PARAMS,
    "is_by_api": False,
    "is_other_half": False,
    "is_lost": False,
    "is_never_booked": False,
    "is_shared": False,
    "since": None,
    "cause": "",
    "pg_code": "",
    "pg_message": "",
    "error": "",
    "named": None,
    "waiting": "",
    "entries": 0,
    "retries": None,
    "tried_at": None,
    "transaction_id": "",
    "reason": "",
    "is_other": False,
    "original_topic": "",
    "side": "capture",
    "passed": 0,
}
ALWAYS = {  # what the judgement gives with these in any case
    **{code: {"since": EARLIER} for code in ("relay_stalled", "worker_stopped", "books_broken")},
    **{code: {"retries": 3} for code in ("event_exhausted", "pg_refused", "retries_exhausted")},
    "pg_retried": {"retries": 3},
}
ALERT = Alert(
    *("services", "service_down", "kafka", Phase.FIRING, Status.CRIT, NOW, NOW),
    params={"part": "kafka", "detail": "refused"},
)


def table(name: str) -> list[str]:
    keys = (key.split(".") for key in load("en") if key.startswith(f"story.{name}."))
    return sorted({key[2] for key in keys})


@pytest.fixture(params=["en", "ko"])
def words(request) -> Catalog:
    zone = UTC if request.param == "en" else ZoneInfo("Asia/Seoul")
    return Catalog(request.param, zone, strict=True)


def story(*reasons: Reason, **chapter: object) -> Story:
    one = Chapter("shard1", reasons or (Reason("not_here", Status.OK, "payment", PARAMS),))
    return Story(12345, NOW, (dataclasses.replace(one, **chapter),), one.reasons[0])  # type: ignore[arg-type]


@pytest.mark.parametrize("params", [PARAMS, BARE], ids=["full", "bare"])
@pytest.mark.parametrize("code", table("reason"))
def test_a_reason_is_said_in_full(words, code, params):
    given = {**params, **ALWAYS.get(code, {})}
    for stage in ("capture", "refund", "ledger", "payment"):
        said = reason_words(Reason(code, Status.CRIT, stage, given), words, story())
        assert 0 < cell_len(said["title"]) <= 120
        assert said["text"].endswith(".")
        assert said["action"] == "" or said["action"].endswith((".", "12345"))
        assert "None" not in "".join(said.values())


@pytest.mark.parametrize("params", [PARAMS, BARE], ids=["full", "bare"])
@pytest.mark.parametrize("code", table("happening"))
def test_a_happening_is_said(words, code, params):
    alert = ALERT if code.startswith("alert_") else None
    one = Happening(NOW, code, {**params, **ALWAYS.get(code, {})}, alert=alert)
    said = happening_text(one, words, story())
    assert said
    assert "None" not in said


@pytest.mark.parametrize("breaker", table("breaker"))
def test_the_state_of_then_fits_a_narrow_column(words, breaker):
    for broker in table("broker"):
        said = around_text({BROKER: broker, BREAKER: breaker}, words)
        assert words.say(f"story.broker.{broker}") in said
        assert cell_len(said) <= 40


def test_a_time_that_nobody_watched_is_said_once(words):
    said = around_text({BROKER: "unwatched", BREAKER: "unwatched"}, words)
    assert said == words.say("story.broker.unwatched")


def test_the_heading_tells_the_row_or_the_number_alone(words):
    row = {name: PARAMS[name] for name in ("merchant_id", "amount_krw", "state")}
    told = story(payment={**row, "currency": "KRW", "idempotency_key": "k"})
    assert "MERCHANT-1" in heading(told.chapters[0], words, told)
    assert "12345" in heading(story().chapters[0], words, story())


def test_what_was_read_up_to_a_time_is_said(words):
    told = story(read_until={"outbox_event": NOW})
    [said] = read_until_texts(told.chapters[0], words, told)
    assert "outbox_event" in said


def test_the_story_as_data_has_codes_sentences_and_the_state_of_then(words):
    happened = Happening(NOW, "authorized", PARAMS, around={BROKER: "up", BREAKER: "closed"})
    reason = Reason("broker_down", Status.CRIT, "capture", PARAMS)
    told = story_json(story(reason, happenings=(happened,)), words)
    assert told["status"] == "crit"
    [shard] = told["shards"]
    assert shard["reasons"][0]["code"] == "broker_down"
    assert shard["reasons"][0]["title"]
    assert shard["timeline"][0]["then"] == {"broker": "up", "breaker": "closed"}
