"""Whether what is told is true: `benchmarks/alert_rules.py [--timelines N --seed S --workers W]`.

Lives through N random timelines from seed S on and prints how many timelines, steps, messages and
violations of the rules of telling there were, and how fast. Those that break a rule are shown as
small as they get.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import starmap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from timeline import Count  # noqa: E402
from timeline_shrink import counted, shown  # noqa: E402

BATCH = 500


def main() -> int:
    """Print the figures; the exit code is 1 if a rule was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timelines", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--shown", type=int, default=5, help="how many broken ones are shown")
    asked = parser.parse_args()
    last = asked.seed + asked.timelines
    batches = [(n, min(BATCH, last - n), asked.shown) for n in range(asked.seed, last, BATCH)]
    started_at, total = time.monotonic(), Count()
    for count in _lived(batches, asked.workers):
        _add(total, count)
        _print(total, time.monotonic() - started_at)
    print()
    for each in total.violations[: asked.shown]:
        print(f"\n{shown(*each)}")
    return 1 if total.violations else 0


def _lived(batches: list[tuple[int, int, int]], workers: int) -> Iterator[Count]:
    if workers == 1:
        yield from starmap(counted, batches)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(counted, *zip(*batches, strict=True))


def _add(total: Count, count: Count) -> None:
    total.timelines += count.timelines
    total.steps += count.steps
    total.messages += count.messages
    total.violations += count.violations


def _print(total: Count, seconds: float) -> None:
    text = (
        f"{total.timelines:,} timelines, {total.steps:,} steps, {total.messages:,} messages, "
        f"{len(total.violations)} with violations, {total.timelines / seconds:,.0f} timelines/s"
    )
    print(f"\r{text}", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main())
