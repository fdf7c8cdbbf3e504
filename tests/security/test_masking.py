"""What looks personal or secret leaves neither for a model nor for Slack; other figures stay."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from mcp_case import NOW, answer, app_with, found, refused

from mcp_server.answers.answer import data, plain
from monitor.domain.check import Finding, Status
from monitor.text import masking
from monitor.text.catalog import Catalog
from monitor.text.filters import clean
from monitor.text.masking import MASK, mask_also, masked

CARD, RESIDENT = "4111 1111 1111 1111", "900101-1234568"
sys.path.insert(0, str(Path(__file__).parents[1] / "mcp_server"))

from test_mcp_kafka import TOPICS, dead_letter, kafka, seeing  # noqa: E402

SECRET = {
    "a card": ("card 4111111111111111 refused", "4111111111111111"),
    "a card with blanks": (f"card {CARD}.", CARD),
    "a card with hyphens": ("5555-5555-5555-4444", "5555-5555"),
    "a resident number": (f"id {RESIDENT}", RESIDENT),
    "a resident number in one": ("9001011234568", "9001011234568"),
    "a mobile": ("call 010-1234-5678", "1234"),
    "a mobile from abroad": ("+82 10-1234-5678", "5678"),
    "an e-mail": ("sent to hong.gildong@example.co.kr", "hong"),
    "a field": ('{"cardNumber": "12-34", "amount": 5}', "12-34"),
    "a field of JSON in JSON": ('{"p": "{\\"customerName\\":\\"홍길동\\"}"}', "홍길동"),
    "a field of a number": ('{"cvc":123}', "123"),
    "a field that is cut off": ('{"access_token": "abcdef', "abcdef"),
    "a pair": ("Payment(userPassword=hunter2, amount=5)", "hunter2"),
}
PLAIN = (
    *("payment 12345 of MERCHANT-8", "2026-11-22T05:30:00Z", "1795379621659", "1795379621659471"),
    *("₩12,000,000", "4111111111111112", "900101-1234567", "991301-1234568", "offset 123456789012"),
    *("p95 of job=ingest", "span=5 m", '{"amount": 4500, "status": "OK"}', "02:30 to 03:30"),
    *("M4111111111111111x", "kafka:9092", "@channel", "a@b"),
)


@pytest.mark.parametrize(("text", "gone"), SECRET.values(), ids=SECRET.keys())
def test_what_looks_personal_or_secret_is_masked(text, gone):
    assert gone not in clean(text) and MASK in clean(text)


@pytest.mark.parametrize("text", PLAIN)
def test_what_does_not_stays_as_it_is(text):
    assert masked(text) == text


def test_a_card_number_that_is_cut_in_the_middle_is_masked_too():
    assert "4111" not in clean("x" * 185 + " 4111111111111111", 200)
    assert "41111" not in masked("card 411111111…")


@pytest.mark.parametrize("make", [plain, data])
def test_a_field_is_masked_by_its_name_whatever_it_holds(make):
    given = {"cardholderName": "hong", "pan": 12, "amount": 5, "span": 3}
    assert make(given) == {"cardholderName": MASK, "pan": MASK, "amount": 5, "span": 3}


def test_a_card_number_that_came_as_a_number_is_masked():
    assert data({"value": 4111111111111111, "payment_id": 7}) == {"value": MASK, "payment_id": 7}


def test_more_names_can_be_configured(tmp_path, monkeypatch):
    monkeypatch.setattr(masking, "_also", set())
    assert data({"loyaltyCode": "x"}) == {"loyaltyCode": "x"}
    app_with(tmp_path, {"services": found()}, more='[privacy]\nmask = ["loyalty_code"]')
    assert data({"loyaltyCode": "x"}) == {"loyaltyCode": MASK}
    assert masked('{"loyalty-code": "x"}') == f'{{"loyalty-code": "{MASK}"}}'
    mask_also(())


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_finding_tells_slack_no_card_number(language):
    finding = Finding("service_down", Status.CRIT, "kafka", {"detail": f"for {CARD}"})
    told = Catalog(language, NOW.tzinfo).finding(finding, NOW)
    assert CARD not in str(told)


@pytest.mark.parametrize("tool", ["get_dlq_messages", "dlq_summary"])
def test_a_dead_letter_is_shown_to_a_model_without_what_is_personal(tmp_path, tool):
    value = f'{{"paymentId": 7, "cardNumber": "{CARD}", "memo": "{RESIDENT}", "error": "no"}}'
    source = kafka(topics={**TOPICS, "payment.dlq": (1,)})
    source.dlqs = {"payment.dlq": (dead_letter(0, 1, minutes=1, value=value, message=value),)}
    shown = str(answer(seeing(tmp_path, kafka=source), tool))
    assert CARD not in shown and RESIDENT not in shown and MASK in shown


@pytest.mark.parametrize("topic", ["payment.captured", "other.dlq"])
def test_only_configured_dead_letter_topics_are_read(tmp_path, topic):
    source = kafka(topics={**TOPICS, topic: (3,)})
    source.dlqs = {topic: (dead_letter(0, 1, minutes=1),)}
    app = seeing(tmp_path, kafka=source)
    assert "dead-letter topic" in refused(app, "get_dlq_messages", topic=topic)
    rows = {row["topic_text"]: row for row in answer(app, "dlq_summary")["evidence"]["topics"]}
    assert topic not in rows or rows[topic]["read"] == 0
