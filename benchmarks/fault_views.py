"""What is told of each fault by what is seen: `python benchmarks/fault_views.py [--write]`.

Lives every fault of the stand-in, in its behaviour of the real platform (with its defects), on the
simulated clock with a pass of every check each minute and a learned day behind it: once seen
through the gateway only, once with ingest's actuator and the databases read directly. A fault
lasts until it is told, 20 minutes at most. `--write` writes the table to docs/fault-views.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from simulated import World, world  # noqa: E402

from monitor.domain.incident.message import IncidentMessage  # noqa: E402

LEARN_MINUTES, LASTS_MINUTES_MAX, QUIET_MINUTES_MAX = 25 * 60, 20, 40
FRESH_MINUTES = 12.7  # a fault begins between two passes
HEAD = """\
| fault | through the gateway only | after | databases read directly | after |
|---|---|---|---|---|"""
TITLE = """\
# What is told of each fault, by what is seen

Made by `.venv/bin/python benchmarks/fault_views.py --write`: each fault of the stand-in, in the
measured behaviour of the real platform, on the simulated clock with a pass of every check each
minute. Times are from the fault to the first message; "not told" means not within {minutes}
minutes. Through the gateway only neither the entries of the books nor the requests at ingest are
seen: `reconciliation` is unknown all the time.

Two things are kinder here than on the real platform, through the gateway: the monitoring-service
answers at once (the real one takes a minute and more to find Kafka or Redis unreachable), and it
says that the second shard is down (the real one went on saying UP).

"""


def main() -> None:
    """Live the faults under both views and print their lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    lines = [HEAD]
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        views = [_learned(Path(folder) / name, name == "direct") for name in ("gateway", "direct")]
        for fault, _ in list(views[0].standin.faults.states()):
            cells = [cell for view in views for cell in _told(view, fault.name)]
            lines.append("| " + " | ".join((f"`{fault.name}`", *cells)) + " |")
            print(lines[-1], flush=True)
        for view in views:
            view.close()
    if asked.write:
        text = TITLE.format(minutes=LASTS_MINUTES_MAX) + "\n".join(lines) + "\n"
        (ROOT / "docs" / "fault-views.md").write_text(text, "utf-8")


def _learned(folder: Path, direct: bool) -> World:
    folder.mkdir()
    made = world(folder, every=1800, payments_per_minute=3, as_original=True, direct=direct)
    made.live(LEARN_MINUTES)
    made.watch_every(60, hold_minutes=4, direct=direct, actuators=direct)
    return made


def _told(life: World, fault: str) -> Iterator[str]:
    """By what the fault was told first, and how long that took."""
    life.live(FRESH_MINUTES)
    known, before, began_at = set(life.unrest), len(life.told), life.life.clock()
    life.switch([fault], True)
    first = _first(life, before, known)
    life.switch([fault], False)
    life.live_until_quiet(QUIET_MINUTES_MAX)
    if first is None:
        yield from ("not told", "–")
        return
    yield f"`{first.root.key.rstrip(':')}`"
    yield _span(first.made_at - began_at)


def _first(life: World, before: int, known: set[str]) -> IncidentMessage | None:
    """The first message of what was not known before; None: there is none in time."""
    for _ in range(LASTS_MINUTES_MAX):
        life.live(1)
        for message in life.told[before:]:
            if message.kind == "firing" and message.root.key not in known:
                return message
    return None


def _span(span: timedelta) -> str:
    minutes, seconds = divmod(round(span.total_seconds()), 60)
    return f"{minutes} min {seconds:02d} s"


if __name__ == "__main__":
    main()
