"""Ten thousand answers that contradict themselves in one place: how many are taken for well?

PYTHONPATH=. python benchmarks/contradictions.py [COUNT] [SEED]
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from contradicted import mutations

from monitor.domain.check import Status


def main(count: int = 10_000, seed: int = 1) -> int:
    """Break so many answers, print what was said of them, and name those taken for well."""
    words: Counter[str] = Counter()
    for broken in mutations(count, seed):
        words[broken.status] += 1
        if broken.status is Status.OK:
            print(f"taken for well: {broken.path} {broken.place} = {broken.value!r}")
    said = ", ".join(f"{words[status]} {status}" for status in Status)
    print(f"{count} answers broken in one place: {said}")
    return int(words[Status.OK] > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
