"""What is told of two faults, one after the other: `benchmarks/fault_pairs.py [--write]`.

Lives every ordered pair of the stand-in's faults on the simulated clock, the second from 2 s to
10 min after the first, and prints a line for each: what was told first, what last, and whether
that was right. `--pairs N` takes the first N of an order of chance, `--faults A B` those of these
faults, and `--minutes M` begins no pair after so long. `--write` writes the table to
docs/fault-pairs.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from fault_signs import FAULTS  # noqa: E402
from two_faults import Pair, healthy, lived, pairs, row, wrong  # noqa: E402

HEAD = """\
| first | second | after | first messages | last messages | judged |
|---|---|---|---|---|---|"""
TITLE = """\
# Two faults, one after the other

{lived} of the {all} ordered pairs of the stand-in's faults, in an order of chance, lived on the
simulated clock by `.venv/bin/python benchmarks/fault_pairs.py {words}`: {right} were told right.
Of the other {unlived} pairs nothing is said here. Right is: each fault that the other does not hide
has one first message, each message one end, and nothing else is told. Times count from the first
fault.

"""


def main() -> None:
    """Live the pairs and print their lines."""
    asked = _asked()
    chosen, lines, right = _chosen(asked), [HEAD], 0
    ends_at = monotonic() + 60 * asked.minutes
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        life = healthy(Path(folder) / "0")
        for number, pair in enumerate(chosen, 1):
            if monotonic() > ends_at:
                break
            told = lived(life, pair)
            lines.append(row(told))
            right += not any(wrong(told))
            print(lines[-1], flush=True)
            if told.left:  # the next pair must not pay for it
                life.close()
                life = healthy(Path(folder) / str(number))
        life.close()
    if asked.write:
        count, every = len(lines) - 1, len(pairs())
        title = TITLE.format(
            lived=count, all=every, right=right, unlived=every - count, words=" ".join(sys.argv[1:])
        )
        (ROOT / "docs" / "fault-pairs.md").write_text(title + "\n".join(lines) + "\n", "utf-8")


def _chosen(asked: argparse.Namespace) -> list[Pair]:
    named = set(asked.faults)
    return [p for p in pairs() if not named or {p.first, p.second} <= named][: asked.pairs]


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=len(pairs()))
    parser.add_argument("--faults", nargs="+", default=[], choices=FAULTS)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
