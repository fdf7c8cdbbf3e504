"""By which signal each fault of the stand-in is seen, and how soon: `python benchmarks/faults.py`.

Prints the README's table, measured on the simulated clock: a pass of every check each minute, a
learned day behind it, the books read directly. A fault lasts 12 minutes, or until it is told.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from simulated import World, world  # noqa: E402

from monitor.text.catalog import Catalog  # noqa: E402

LEARN_MINUTES, LASTS_MINUTES, WAIT_MINUTES = 25 * 60, 12, 50


def main() -> None:
    """Print the table."""
    words = Catalog("en", UTC)
    print("| fault | what it does | told as | folded in | until told | until over |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        lived = world(Path(folder), every=1800, payments_per_minute=3)
        lived.live(LEARN_MINUTES)
        lived.watch_every(60)
        lived.live(5.7)
        for fault, _ in list(lived.standin.faults.states()):
            print(_row(lived, fault.name, words), flush=True)
        lived.close()


def _row(lived: World, name: str, words: Catalog) -> str:
    before = len(lived.told)
    began = lived.life.clock()
    lived.switch([name], True)
    for minute in range(WAIT_MINUTES):
        lived.live(1)
        if len(lived.told) > before and minute >= LASTS_MINUTES - 1:
            break
    ended = lived.life.clock()
    lived.switch([name], False)
    lived.live_until_quiet(WAIT_MINUTES)
    told = lived.told[before:]
    roots = sorted({message.root.key for message in told})
    folded = sorted({_plain(c.key) for m in told for c in m.consequences})
    return (
        "| "
        + " | ".join(
            (
                f"`{name}`",
                words.say(f"fault.{name}"),
                ", ".join(f"`{_plain(root)}`" for root in roots),
                ", ".join(f"`{key}`" for key in folded) or "–",
                _span(told[0].made_at - began),
                _span(told[-1].made_at - ended),
            )
        )
        + " |"
    )


def _plain(key: str) -> str:
    return key.replace("shard1", "shardN").replace("shard2", "shardN").rstrip(":")


def _span(span: timedelta) -> str:
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    return f"{minutes} min {seconds:02d} s"


if __name__ == "__main__":
    main()
