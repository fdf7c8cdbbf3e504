"""What the checks say of recorded answers: PYTHONPATH=. python benchmarks/replay.py FOLDER

A folder a state, with its index.json, or a JSON file a state (tests/support/replayed.py).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from replayed import every_way, now_of, reason_of, states, verdicts

from monitor.domain.check import Verdict

_UNREADABLE = ("ill_typed", "contradiction", "not_json", "html", "not_prometheus")


def main(folder: Path) -> int:
    """Print each state's findings by check; 1 if an answer could not be read."""
    unread = 0
    for state, recorded in states(folder).items():
        print(f"== {state}: {len(recorded)} answers")
        for way, address in (("gateway only", {}), ("every way", every_way(recorded))):
            print(f"  {way}")
            unread += _said(verdicts(recorded, now_of(recorded), **address))
    print(f"{unread} answers could not be read")
    return int(unread > 0)


def _said(found: Mapping[str, Verdict]) -> int:
    """Print what the checks say; the number of answers that could not be read."""
    unread = 0
    for name, verdict in found.items():
        words = [reason_of(finding) for finding in verdict.findings]
        unread += sum(word.endswith(_UNREADABLE) for word in words)
        print(f"   {name}: {verdict.status}  {', '.join(words)}")
    return unread


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
