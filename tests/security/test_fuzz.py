"""Hostile text crashes no parser and takes none of them more than linear time."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from fuzz import fault_of, fuzz
from fuzz_parsers import PARSERS, Parser

from mcp_server.sentence.read import LENGTH_MAX, read
from mcp_server.sentence.times import Calendar

CALENDAR = Calendar(datetime(2026, 11, 22, tzinfo=UTC), ZoneInfo("Asia/Seoul"))
PUMPS = (
    *(
        "5천만",
        "천만",
        "만",
        "지난",
        "1시간",
        "1,000",
        "오후 2시",
        "'",
        '"',
        "a-",
        "2026-11-22",
        "-",
    ),
    *("이상", "결제", "of ", "부터까지", "1.", "<", "=", "\u200b", "가나다", "merchant "),
)


@pytest.mark.parametrize("name", PARSERS)
def test_no_text_crashes_a_parser_or_holds_it_up(name):
    share = PARSERS[name].share / sum(parser.share for parser in PARSERS.values())
    assert list(fuzz(round(10_000 * share), 7, name)) == []


def test_the_fuzzer_sees_a_crash_and_a_square():
    assert fault_of("x", Parser(lambda text: {}[text], ("a",)), "a") is not None
    square = Parser(lambda text: [None for _ in text for _ in text], ("a",))
    assert fault_of("x", square, "a" * 2000) is not None
    assert fault_of("x", Parser(int, ("a",), (ValueError,)), "a") is None


@pytest.mark.parametrize("pump", PUMPS)
def test_no_sentence_takes_long_however_it_goes_on(pump):
    sentence = (pump * LENGTH_MAX)[:LENGTH_MAX]
    start = time.thread_time()
    read(sentence, CALENDAR)
    assert time.thread_time() - start < 0.1


def test_a_pattern_of_many_stars_takes_no_long_time():
    start = time.thread_time()
    for _ in range(10):
        fnmatchcase("services/" + "a" * 400, "services/" + "*a" * 90 + "*b")
    assert time.thread_time() - start < 0.1
