"""A timeline: what goes wrong when, what people do meanwhile, and how it reads as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from checks.causes import every_cause
from checks.sizes import SIZES
from monitor.domain.alert import Size
from monitor.domain.check import Params, Status

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
CAUSES = every_cause()
TICK_SECONDS = 5
PASSES_NEEDED = 2


@dataclass(frozen=True, slots=True)
class Spell:
    """From `at` until `until` (seconds) a fault can be seen, as bad and as large as this.

    `size` is in fifths of what would be told as growth; `params` say it in the check's own figures.
    """

    at: int
    until: int
    status: Status
    size: float = 0
    params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong, as one check sees it; it comes and goes by its spells."""

    check: str
    key: str
    spells: tuple[Spell, ...]
    passes_required: int | None = None

    def __str__(self) -> str:
        passes = f" (after {self.passes_required} passes)" if self.passes_required else ""
        return f"{self.check}/{self.key}{passes}"

    @property
    def sizes(self) -> tuple[Size, ...]:
        """By which parameters it says how large it is."""
        return tuple(s for s in SIZES if s.pattern.partition(":")[0] == self.key.partition(":")[0])


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is done to the monitor.

    ack (of the incident named `target`, or of all), silence and accept (`target`: a pattern) for
    `seconds`, restart (down for `seconds`), blind (the check `target` cannot look for `seconds`).
    """

    at: int
    kind: str
    target: str = ""
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """A check passes every `every` seconds, the first time after `phase`."""

    every: int
    phase: int = 0

    def slot(self, at: float) -> int:
        """The first pass at this second or after it."""
        return self.phase + max(-int((self.phase - at) // self.every), 0) * self.every


@dataclass(frozen=True, slots=True)
class Timeline:
    """All that happens to one monitor."""

    checks: Mapping[str, Pace]
    faults: tuple[Fault, ...]
    acts: tuple[Act, ...] = ()
    seed: int | None = None

    @property
    def lateness(self) -> Mapping[str, timedelta]:
        """The time in which each check sees a change."""
        return {
            name: timedelta(seconds=pace.every * PASSES_NEEDED)
            for name, pace in self.checks.items()
        }

    def as_table(self) -> str:
        """The timeline as a person reads it."""
        checks = [f"  {n:10} every {p.every} s from {p.phase}" for n, p in self.checks.items()]
        rows = [
            (spell.at, f"{fault} {spell.status} {spell.size:g} until {clock(spell.until)}")
            for fault in self.faults
            for spell in fault.spells
        ]
        rows += [(a.at, f"* {a.kind} {a.target} {a.seconds} s") for a in self.acts]
        lines = [f"  {clock(at)}  {text}" for at, text in sorted(rows)]
        return "\n".join([f"seed {self.seed}", *checks, *lines])


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken, when, and how."""

    rule: str
    at: datetime
    text: str

    def __str__(self) -> str:
        return f"{self.rule} {seconds_of(self.at)}: {self.text}"


@dataclass(slots=True)
class Count:
    """What a run of timelines came to."""

    timelines: int = 0
    steps: int = 0
    messages: int = 0
    violations: list[tuple[Timeline, list[Violation]]] = field(default_factory=list)


def clock(seconds: float) -> str:
    """Seconds since the start as h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def seconds_of(at: datetime) -> str:
    """A moment as h:mm:ss since the start."""
    return clock((at - START).total_seconds())


def moment(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)
