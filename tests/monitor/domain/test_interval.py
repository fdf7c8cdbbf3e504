"""Lengths of time as people write them, read in one way wherever they are given."""

from datetime import timedelta

import pytest

from monitor.domain.interval import LENGTHS, length_of


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("30s", timedelta(seconds=30)),
        ("30m", timedelta(minutes=30)),
        ("90 min", timedelta(minutes=90)),
        ("2h", timedelta(hours=2)),
        (" 2 Hours ", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        ("1 week", timedelta(weeks=1)),
        ("45초", timedelta(seconds=45)),
        ("30분", timedelta(minutes=30)),
        ("2시간", timedelta(hours=2)),
        ("7 일", timedelta(days=7)),
        ("2주", timedelta(weeks=2)),
    ],
)
def test_a_length_is_a_number_and_a_unit_of_either_language(text, length):
    assert length_of(text) == length


@pytest.mark.parametrize(
    "text", ["", "30", "h", "0m", "-2h", "2시", "1h30m", "2 moons", "100000s", "99999d", "today"]
)
def test_what_is_no_length_or_endless_is_refused(text):
    assert length_of(text) is None


def test_the_examples_that_are_shown_are_understood():
    assert all(length_of(one) for one in LENGTHS.replace(" or ", ", ").split(", "))
