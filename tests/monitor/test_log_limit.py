"""The log stays short, however often the same thing goes wrong."""

from __future__ import annotations

import logging

import pytest

from monitor.scheduling.logs import SAME_MAX, LogLimit


@pytest.fixture
def logged():
    """A logger with the limit, a clock to set, and what came through."""
    now, lines = [0.0], []
    handler, logger = logging.Handler(), logging.getLogger("limited")
    handler.emit = lambda record: lines.append(record.getMessage())
    handler.addFilter(LogLimit(handler.handle, elapsed=lambda: now[0]))
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, now, lines
    logger.removeHandler(handler)


def test_the_same_line_comes_a_few_times_a_minute_and_then_its_count(logged):
    logger, now, lines = logged
    for number in range(500):
        logger.error("job %s failed after %d ms", "deliver", number)
    assert len(lines) == SAME_MAX
    now[0] = 61.0
    logger.error("something else")
    assert lines[SAME_MAX:] == [
        f"{500 - SAME_MAX} times more within 61 s: job deliver failed after # ms",
        "something else",
    ]


def test_lines_that_differ_do_not_hide_each_other(logged):
    logger, _, lines = logged
    for job in ("deliver", "announce"):
        for _ in range(10):
            logger.error("job %s failed", job)
    assert lines.count("job announce failed") == SAME_MAX


def test_after_a_minute_a_line_is_logged_again(logged):
    logger, now, lines = logged
    for now[0] in (0.0, 61.0):
        logger.error("job failed")
    assert lines == ["job failed", "job failed"]
