"""A call that hangs: whoever asked is answered, and of many that hang the server says so."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mcp_server.time_limit import CallTimeoutError, calls_left, within


def test_a_call_in_time_gives_its_answer_or_its_error():
    async def answers():
        return 1

    async def fails():
        raise ValueError("no")

    assert asyncio.run(within(5, answers())) == 1
    with pytest.raises(ValueError, match="no"):
        asyncio.run(within(5, fails()))


def test_a_call_that_hangs_is_left_and_counted_until_it_ends():
    async def run():
        ended = threading.Event()
        with pytest.raises(CallTimeoutError):
            await within(0.05, asyncio.to_thread(ended.wait, 10))
        during = calls_left()
        ended.set()
        await asyncio.sleep(0.2)
        return during, calls_left()

    assert asyncio.run(run()) == (1, 0)


def test_a_caller_that_goes_away_leaves_its_call_counted():
    async def run():
        ended = threading.Event()
        waits = asyncio.ensure_future(within(10, asyncio.to_thread(ended.wait, 10)))
        await asyncio.sleep(0.05)
        waits.cancel()
        await asyncio.sleep(0.05)
        during = calls_left()
        ended.set()
        await asyncio.sleep(0.2)
        return during, calls_left()

    assert asyncio.run(run()) == (1, 0)
