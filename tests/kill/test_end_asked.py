"""An end that is asked for by a signal, at whatever moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from monitor.scheduling.shutdown import ShutdownRequested, interruptible

MOMENTS = """
import signal
from monitor.scheduling.shutdown import ShutdownRequested

for micros in range(1, 21):
    ended = ShutdownRequested()
    signal.signal(signal.SIGALRM, lambda *_: ended.set())
    signal.setitimer(signal.ITIMER_REAL, micros / 1e6)
    assert ended.wait(60)
"""


def test_a_signal_at_any_moment_of_the_wait_ends_it():
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", MOMENTS], cwd=root, timeout=30, check=True)


HANGS = """
import time
from monitor.scheduling.shutdown import ending_within

with ending_within(0.2):
    time.sleep(60)
"""


def test_whatever_hangs_the_process_ends():
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", HANGS], cwd=root, timeout=30, check=False)
    assert done.returncode == 1


def test_what_was_asked_stays_asked():
    ended = ShutdownRequested()
    assert not ended.wait(0)
    ended.set()
    assert ended.is_set()
    assert ended.wait()
    assert ended.wait()


def test_both_signals_are_heard_within_the_block_only():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    for number in (signal.SIGINT, signal.SIGTERM):
        with interruptible() as ended:
            assert not ended.is_set()
            signal.raise_signal(number)
            assert ended.wait()
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
