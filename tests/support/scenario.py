"""A named timeline with the messages that it must bring, as a person writes it in a file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from timeline import Act, Fault, Pace, Spell, Timeline, seconds_of
from timeline_run import run

from monitor.domain.check import Status
from monitor.domain.incident.message import AlertSummary, IncidentMessage

FOLDER = Path(__file__).resolve().parents[1] / "scenarios"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A timeline, and what its receiver gets."""

    name: str
    timeline: Timeline
    messages: tuple[str, ...]  # in lines


def scenarios() -> list[Scenario]:
    """All that are written down."""
    return [_read(path) for path in sorted(FOLDER.glob("*.toml"))]


def _read(path: Path) -> Scenario:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    checks = {name: _pace(value) for name, value in data["checks"].items()}
    faults = tuple(fault for each in data["fault"] for fault in _faults(each))
    acts = tuple(
        Act(_seconds(a["at"]), a["do"], a.get("what", ""), _seconds(a.get("for", "0:00")))
        for a in data.get("act", ())
    )
    lines = tuple(line.rstrip() for line in data["messages"].strip().splitlines())
    return Scenario(path.stem, Timeline(checks, faults, acts), lines)


def _pace(value: int | Sequence[int]) -> Pace:
    every, phase = (value, 0) if isinstance(value, int) else value
    return Pace(every, phase)


def _faults(data: Mapping[str, Any]) -> Iterable[Fault]:
    """One fault, or `many` alike with a number at the end of their name.

    `seen` lists when it begins and ends to be seen, how bad it is, and its figures if any.
    """
    check, _, key = data["alert"].partition("/")
    spells = tuple(_spell(*row) for row in data["seen"])
    many = data.get("many")
    names = [key] if many is None else [f"{key}{n}" for n in range(1, many + 1)]
    return [Fault(check, name, spells, data.get("passes_required")) for name in names]


def _spell(at: str, until: str, status: str, params: Mapping[str, Any] | None = None) -> Spell:
    return Spell(_seconds(at), _seconds(until), Status(status), 0, params or {})


def _seconds(text: str) -> int:
    """`m:ss` or `h:mm:ss` in seconds."""
    found = 0
    for part in text.split(":"):
        found = found * 60 + int(part)
    return found


def said(timeline: Timeline) -> list[str]:
    """What the receiver gets, as it is written down."""
    return [text for step in run(timeline) for m in step.messages for text in lines(m)]


def lines(message: IncidentMessage) -> list[str]:
    """`time #incident kind: status what, since when (why)`; below it what follows, and links."""
    place = "channel" if message.in_channel else "thread"
    head = (
        f"{seconds_of(message.made_at)} #{message.incident_id} {message.kind} in {place}: "
        f"{message.status} {message.root.key}{_figures(message.root)}, "
        f"since {seconds_of(message.began_at)} ({message.reason})"
    )
    if message.root.subject == "*":
        head += f", {message.count} alike"
    follows = [
        f"    then {item.key} {'is over' if item.ended_at else item.status}{_figures(item)}"
        for item in message.consequences
    ]
    links = [f"    {link.relation} {link.alert.key}" for link in message.links]
    more = [f"    and {message.more} more"] if message.more else []
    return [head, *follows, *more, *links]


def _figures(item: AlertSummary) -> str:
    figures = " ".join(f"{name}={value}" for name, value in item.params.items())
    return f" [{figures}]" if figures else ""
