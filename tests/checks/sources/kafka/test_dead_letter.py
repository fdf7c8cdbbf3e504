"""What a dead letter says about itself, whole or cut off."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from checks.sources.facts.platform import DeadLetter
from checks.sources.kafka.dead_letter import dead_letter

EVENT = {"paymentId": 12345, "status": "CAPTURED", "amount": 50_000}
WRAPPED = {
    "originalTopic": "payment.captured",
    "partition": 0,
    "offset": 10,
    "payload": json.dumps(EVENT),
    "errorType": "DataIntegrityViolationException",
}


def parsed(value: str) -> DeadLetter:
    return dead_letter("payment.dlq", 0, 7, datetime(2026, 3, 10, tzinfo=UTC), "", value)


@pytest.mark.parametrize("value", ["", "{", "[]", '{"payload": 5}', '{"payload": "{}"}', "null"])
def test_a_letter_that_names_no_payment_is_about_none(value):
    assert parsed(value).payment_id is None


def test_a_letter_names_the_payment_of_the_message_that_it_wraps():
    found = parsed(json.dumps(WRAPPED))
    assert (found.payment_id, found.amount_krw) == (12345, 50_000)
    assert (found.original_topic, found.error) == (
        "payment.captured",
        "DataIntegrityViolationException",
    )


def test_a_workers_letter_names_its_own_payment_and_amount():
    found = parsed(json.dumps({"paymentId": 7, "refundAmount": 1200.0, "pgResponseCode": "9999"}))
    assert (found.payment_id, found.amount_krw, found.error) == (7, 1200, "9999")


def test_a_letter_whose_end_is_missing_still_names_its_payment():
    text = json.dumps(WRAPPED)
    found = parsed(text[: text.index("errorType")])
    assert (found.payment_id, found.amount_krw) == (12345, 50_000)
    assert found.original_topic == "payment.captured"


def test_a_number_that_is_cut_off_itself_is_not_taken():
    text = json.dumps(WRAPPED)
    assert parsed(text[: text.index("12345") + 3]).payment_id is None


@pytest.mark.parametrize("amount", [True, 1.5, "50", None])
def test_an_amount_that_is_no_whole_number_is_none(amount):
    assert parsed(json.dumps({"paymentId": 7, "amount": amount})).amount_krw is None
