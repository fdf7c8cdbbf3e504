"""Does the PG's settlement file agree with our rows? Double refunds show only here."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from time import monotonic
from typing import Any

from checks.settlement_file.findings import metrics_of, told
from checks.settlement_file.layout import Layout
from checks.settlement_file.probe import DAYS_MAX, Matched, Request, Terms, match_file
from checks.settlement_file.reader import PART, unreadable
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
from monitor.config.option_types import Count, Days, Hours, PathText, Seconds, SecondsOrZero
from monitor.domain.books.settlement_match import BREAKS
from monitor.domain.check import (
    Check,
    Finding,
    Memory,
    Metric,
    Params,
    ProbeContext,
    Status,
    Verdict,
)
from monitor.domain.statement import InvalidError

Known = Mapping[str, Any]


@dataclass(frozen=True)
class Options(Layout, Terms):
    """Where the file of a day is ({date} stands for the day), and when it must be there.

    The file of a day is due at `due` on the day after; a day later its absence is critical. The
    last `days` are looked at, and those that are not in order for a month. A file is matched
    again when it changes, and every `again_hours`, for our rows may have changed.
    """

    path: PathText = ""
    date_in_path: str = "%Y-%m-%d"
    due: str = "10:00"
    days: Days = 3
    again_hours: Hours = 24.0
    written_for_seconds: SecondsOrZero = 60.0
    seconds_max: Seconds = 240.0
    critical: tuple[str, ...] = (*("amount", "duplicate", "reversed", "missing_in_db", "status"),)
    evidence_max: Count = 5

    def __post_init__(self) -> None:
        """Refuse what can name no file, no time and no outcome."""
        Layout.__post_init__(self)
        if self.path and "{date}" not in self.path:
            raise InvalidError("date_in_path")
        try:
            time.fromisoformat(self.due)
        except ValueError:
            raise InvalidError("time_due", given=self.due) from None
        known = [str(outcome) for outcome in BREAKS]
        if strange := sorted(set(self.critical) - set(known)):
            raise InvalidError("unknown_outcome", given=strange[0], known=", ".join(known))

    def due_at(self, day: date) -> datetime:
        """When the file of a day must be there."""
        at = time.fromisoformat(self.due)
        return datetime.combine(day + timedelta(days=1), at, self.place)

    @property
    def mark(self) -> int:
        """Changes with every option: a file is then matched anew."""
        return zlib.crc32(repr(self).encode())


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no file for the day, or it is still being written."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Neither the file nor the time since asks for another match."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A match, and what tells this state of the file from another."""

    matched: Matched
    file: str
    stamp: list[int]


DayFact = Fact[Seen] | Absent | Unchanged


def probe(context: ProbeContext) -> dict[str, DayFact]:
    """The files of the days that are due or not in order, matched with our rows."""
    until, found = monotonic() + context.options.seconds_max, dict[str, DayFact]()
    for day in _days(context):
        is_late = bool(found) and monotonic() > until
        found[day.isoformat()] = _out_of_time(context.options) if is_late else _day(day, context)
    return found


def _days(context: ProbeContext) -> list[date]:
    """The last days and those that are not in order, the newest first."""
    options: Options = context.options
    known: Mapping[str, Known] = context.memory.get("days", {})
    yesterday = context.now.astimezone(options.place).date() - timedelta(days=1)
    days = {yesterday - timedelta(days=n) for n in range(max(1, options.days))}
    days |= {date.fromisoformat(day) for day, each in known.items() if not _is_well(each)}
    oldest = yesterday - timedelta(days=DAYS_MAX)
    return sorted((day for day in days if oldest <= day <= yesterday), reverse=True)


def _is_well(known: Known) -> bool:
    counts = known.get("counts")
    return counts is not None and not known["bad_lines"] and not any(counts.get(b) for b in BREAKS)


def _day(day: date, context: ProbeContext) -> DayFact:
    options: Options = context.options
    paths = [_found(options, day + timedelta(days=n), context.now) for n in (0, -1, 1)]
    path = paths[0]
    if path is None or isinstance(path, Unavailable):
        return path or Absent()
    before, after = (p if isinstance(p, Path) else None for p in paths[1:])
    try:
        stamp = [options.mark, *_stamp(path), *_stamp(before), *_stamp(after)]
    except OSError as error:
        return unreadable(path, error)
    known = context.memory.get("days", {}).get(day.isoformat(), {})
    if known.get("stamp") == stamp and _is_fresh(known, context):
        return Unchanged()
    request = Request(path, options, options, day, before, after)
    matched = match_file(request, context.platform.database)
    return matched if isinstance(matched, Unavailable) else Seen(matched, path.name, stamp)


def _found(options: Options, day: date, now: datetime) -> Fact[Path] | None:
    """The file of a day; None: there is none that is complete."""
    pattern = Path(options.path.replace("{date}", day.strftime(options.date_in_path)))
    try:
        listed = [p for p in pattern.parent.iterdir() if fnmatchcase(p.name, pattern.name)]
        ages = [now.timestamp() - path.stat().st_mtime for path in listed]
    except OSError as error:
        is_days_own = isinstance(error, FileNotFoundError) and "{date}" in str(
            Path(options.path).parent
        )
        return None if is_days_own else replace(unreadable(pattern, error), part=f"{PART}/folder")
    if len(listed) > 1:
        names = ", ".join(sorted(path.name for path in listed)[:3])
        return Unavailable(
            PART, Why.GARBLED, "pg_file_several", {"file": pattern.name, "names": names}
        )
    is_written = any(0 <= age < options.written_for_seconds for age in ages)
    return listed[0] if listed and not is_written else None


def _stamp(path: Path | None) -> list[int]:
    if path is None:
        return [0, 0]
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _is_fresh(known: Known, context: ProbeContext) -> bool:
    age = context.now - datetime.fromisoformat(known["at"])
    return not known["partial"] and age < timedelta(hours=context.options.again_hours)


def _out_of_time(options: Options) -> Unavailable:
    return Unavailable(PART, Why.LIMIT, "pg_file_no_time", {"seconds_max": options.seconds_max})


def evaluate(facts: Mapping[str, DayFact], context: ProbeContext) -> tuple[Verdict, Memory]:
    """The breaks of each day, and the days whose file is late; what is known stays known.

    The first pass calls no file late but yesterday's: older ones may never have been kept here.
    """
    days: dict[str, Known] = dict(context.memory.get("days", {}))
    since = context.memory.get("since", max(facts))
    for day, fact in facts.items():
        if isinstance(fact, Seen):
            days[day] = _known(fact, context.now)
        elif isinstance(fact, Absent) and day >= since and _lateness(day, context) is not None:
            days.setdefault(day, {})
    days = {day: known for day, known in days.items() if day in facts}
    findings = [f for day in facts for f in _judge(day, days, context)]
    findings += monitoring_gaps(_unavailable(facts))
    return Verdict.of(findings, _metrics(days)), {"since": since, "days": days}


def _known(seen: Seen, now: datetime) -> Known:
    return {
        **seen.matched.tally.remembered(),
        "file": seen.file,
        "stamp": seen.stamp,
        "partial": bool(seen.matched.unavailable),
        "at": now.isoformat(),
    }


def _judge(day: str, days: Mapping[str, Known], context: ProbeContext) -> Iterator[Finding]:
    """What is known of a day: how its file came out, or ({}) that it is late."""
    known = days.get(day)
    if known:
        yield from told(day, known, context.options)
    elif known is not None and (late := _lateness(day, context)) is not None:
        is_crit = late >= timedelta(days=1)
        due_at = context.options.due_at(date.fromisoformat(day))
        params: Params = {
            "day": day,
            "due_at": due_at.isoformat(),
            "late_seconds": round(late.total_seconds()),
        }
        status = Status.CRIT if is_crit else Status.WARN
        yield Finding("pg_file_absent", status, day, params, passes_required=1)


def _lateness(day: str, context: ProbeContext) -> timedelta | None:
    late = context.now - context.options.due_at(date.fromisoformat(day))
    return late if late >= timedelta(0) else None


def _unavailable(facts: Mapping[str, DayFact]) -> Iterator[tuple[Unavailable, str]]:
    for day, fact in facts.items():
        if isinstance(fact, Unavailable):
            part = f"{PART}/{day}" if fact.part == PART else fact.part
            yield replace(fact, part=part), day
        elif isinstance(fact, Seen):
            yield from ((unavailable, day) for unavailable in fact.matched.unavailable)


def _metrics(days: Mapping[str, Known]) -> Iterator[Metric]:
    """Those of the newest day that was matched."""
    matched = [day for day, known in days.items() if known and not known["partial"]]
    if matched:
        yield from metrics_of(days[max(matched)])


CHECK = Check(
    name="pg_file",
    options=Options,
    probe=probe,
    evaluate=evaluate,
    every=timedelta(minutes=10),
    timeout=timedelta(minutes=10),
    enabled=False,
    switched_by="path",
)
