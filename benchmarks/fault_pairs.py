"""What is told of two faults, one after the other: `benchmarks/fault_pairs.py [--pairs N --write]`.

Lives every ordered pair of the stand-in's faults on the simulated clock, the second from 2 s to
10 min after the first, and prints a line for each: what was told first, what last, and whether
that was right. N pairs take the first N of an order of chance. `--write` writes the table to
docs/fault-pairs.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from fault_pairs import healthy, lived, pairs, row, wrong  # noqa: E402

HEAD = """\
| first | second | after | first messages | last messages | judged |
|---|---|---|---|---|---|"""
TITLE = """\
# Two faults, one after the other

{lived} of the {all} ordered pairs of the stand-in's faults, in an order of chance, lived on the
simulated clock by `.venv/bin/python benchmarks/fault_pairs.py --pairs {lived} --write`: {right}
were told right. Right is: each fault that the other does not hide has one first message, each
message one end, and nothing else is told. Times count from the first fault.

"""


def main() -> None:
    """Live the pairs and print their lines."""
    asked = _asked()
    chosen, lines, right = pairs()[: asked.pairs], [HEAD], 0
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        life = healthy(Path(folder) / "0")
        for number, pair in enumerate(chosen, 1):
            told = lived(life, pair)
            lines.append(row(told))
            right += not any(wrong(told))
            print(lines[-1], flush=True)
            if told.left:  # the next pair must not pay for it
                life.close()
                life = healthy(Path(folder) / str(number))
        life.close()
    if asked.write:
        title = TITLE.format(lived=len(chosen), all=len(pairs()), right=right)
        (ROOT / "docs" / "fault-pairs.md").write_text(title + "\n".join(lines) + "\n", "utf-8")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=len(pairs()))
    parser.add_argument("--write", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
