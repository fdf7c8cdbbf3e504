"""What is accepted as known, as far as it was so then; and what a pattern means."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from checks.sizes import SIZES
from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status
from monitor.domain.incident.model import (
    Acceptance,
    accepted_sizes,
    accepting,
    is_everything,
    matching,
)

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
KNOWN_BREAK = Alert(
    *("reconciliation", "books_broken", "shard1/L4", Phase.FIRING, Status.WARN, START, START),
    params={"count": 2, "amount_krw": 40_000},
)


def test_an_acceptance_keeps_the_size_of_each_alert_and_the_largest_of_all():
    other = replace(KNOWN_BREAK, subject="shard2/L4", params={"count": 5})
    assert accepted_sizes([KNOWN_BREAK, other], SIZES) == {
        "books_broken:shard1/L4 count": 2,
        "books_broken:shard1/L4 amount_krw": 40_000,
        "books_broken:shard1/L4 critical": 0.0,
        "books_broken:shard2/L4 count": 5,
        "books_broken:shard2/L4 critical": 0.0,
        "count": 5,
        "amount_krw": 40_000,
        "critical": 0.0,
    }


@pytest.mark.parametrize(
    ("change", "is_accepted"),
    [
        ({}, True),
        ({"params": {"count": 4, "amount_krw": 40_000}}, True),
        ({"params": {"count": 5, "amount_krw": 40_000}}, False),
        ({"params": {"count": 2, "amount_krw": 140_000}}, False),
        ({"status": Status.CRIT}, False),
        ({"subject": "shard2/L4"}, True),
        ({"subject": "shard2/L4", "params": {"count": 9}}, False),
        ({"check": "pg_file"}, False),
    ],
    ids=["as it was", "little more", "more", "dearer", "critical", "alike", "larger", "other"],
)
def test_what_is_accepted_is_so_as_far_as_it_was_then(change, is_accepted):
    sizes = accepted_sizes([KNOWN_BREAK], SIZES)
    one = Acceptance("reconciliation/books_broken:*", "kim", "known", START, sizes)
    found = accepting(replace(KNOWN_BREAK, **change), [one], SIZES, START)
    assert (found is one) is is_accepted


@pytest.mark.parametrize(
    ("pattern", "is_all"),
    [
        ("*", True),
        ("*/*", True),
        ("*/*:*", True),
        ("services/*", False),
        ("*/service_down:*", False),
        ("*:kafka", False),
    ],
)
def test_a_pattern_of_any_check_and_code_means_everything(pattern, is_all):
    assert is_everything(pattern) is is_all


def test_a_pattern_means_what_fires_and_a_gap_by_its_old_name_too():
    gap = replace(KNOWN_BREAK, check="services", code="monitoring_gap", subject="kafka")
    assert matching("services/blind:*", [gap, KNOWN_BREAK]) == [gap]
    assert matching("services/*", [replace(gap, phase=Phase.PENDING)]) == []
