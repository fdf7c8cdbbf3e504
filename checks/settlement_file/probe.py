"""One look at a PG settlement file: read it, read our rows of its days, and match both sides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from checks.settlement_file.alike import Alike, Differences, refund_sign, reversed_signs
from checks.settlement_file.layout import Layout
from checks.settlement_file.match import Match, Rules, unless_accepted
from checks.settlement_file.mend import settings_text, value_settings
from checks.settlement_file.reader import PART, FileRead, read
from checks.settlement_file.run import Tally, run
from checks.settlement_file.staging import Staging
from checks.sources.facts.psp import BadLine, Line
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from monitor.config.option_types import Amount, DaysOrZero, MinutesOrZero, Percent
from monitor.domain.check import Params

DAYS_MAX = 31
_BAD_KEPT_MAX = 500  # lines that cannot be read, by which a setting is found that would mend them
Pace = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Terms:
    """How exactly both sides must agree; `accepted` are transactions that were cleared up.

    `fee_percent` 0: fees are not judged. A row within `cutoff_minutes` of midnight may be in the
    file of the other day.
    """

    tolerance_krw: Amount = 0.0
    fee_percent: Percent = 0.0
    fee_tolerance_krw: Amount = 0.0
    window_days: DaysOrZero = 1
    cutoff_minutes: MinutesOrZero = 60.0
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What to match: a file, its day (None: the days of its lines), the files around it."""

    path: Path
    layout: Layout
    terms: Terms = field(default_factory=Terms)
    day: date | None = None
    before: Path | None = None
    after: Path | None = None
    shards: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """What a look came to, and the shards that it does not cover."""

    tally: Tally
    first: date
    last: date
    unavailable: tuple[Unavailable, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Who hears of every match, of every bad line, and how far the work is (0 to 1)."""

    match: Callable[[Match], None] = lambda match: None
    bad: Callable[[BadLine], None] = lambda line: None
    pace: Pace = lambda share: None


NOBODY = Told()


def match_file(request: Request, database: Any, told: Told = NOBODY) -> Fact[Matched]:
    """Match a file with the rows of all shards that are seen, or say why that cannot be."""
    with _staging() as staging:
        tally, days = Tally(), _Days(request.layout)
        found = _read(request, staging, tally, days, told)
        if isinstance(found, Unavailable):
            return found
        if alike := _signs(staging, request.layout, 0):
            return _alike(alike, request)
        span = days.span(request)
        if isinstance(span, Unavailable):
            return span
        around = [_neighbour(staging, request, n) for n in (-1, 1)]
        records = _records(request, database, staging, (span, days), told.pace)
        unavailable = tuple(fact for fact in records.values() if isinstance(fact, Unavailable))
        if len(unavailable) == len(records):
            return unavailable[0] if unavailable else _no_shard(request)
        is_partial = bool(unavailable) or request.shards is not None
        rules = _rules(request, span, around, is_partial=is_partial)
        if alike := _run(staging, rules, tally, request, told):
            return _alike(alike, request)
        return Matched(tally, *span, unavailable)


def _run(
    staging: Staging, rules: Rules, tally: Tally, request: Request, told: Told
) -> Alike | None:
    """Pair and judge all that is staged; what is wrong in the same way nearly everywhere."""
    accepted, differences = frozenset(request.terms.accepted), Differences()

    def tell(match: Match) -> None:
        match = unless_accepted(match, accepted)
        tally.add(match)
        differences.add(match)
        told.match(match)

    lines = max(1, tally.lines)
    run(staging, rules, tell, lambda done: told.pace(0.8 + 0.2 * min(1.0, done / lines)))
    told.pace(1.0)
    return differences.common(staging)


def _signs(staging: Staging, layout: Layout, file: int) -> Alike | None:
    """With a kind column the signs of a whole file tell which of its lines are taken back."""
    if "kind" not in layout.mapped:
        return None
    signs = staging.signs(file)
    if not file and (alike := reversed_signs(signs, layout)):
        return alike
    staging.settle_signs(refund_sign(signs, layout), file)
    return None


def _alike(alike: Alike, request: Request) -> Unavailable:
    settings = settings_text(alike.settings)
    told = {"difference": alike.difference, "count": alike.count, "settings": settings}
    return _garbled("pg_file_alike", request, **told)


@contextmanager
def _staging() -> Iterator[Staging]:
    staging = Staging()
    try:
        yield staging
    finally:
        staging.close()


@dataclass(slots=True)
class _Days:
    """The first and the last day that lines are on."""

    layout: Layout
    first: date = date.max
    last: date = date.min

    def add(self, lines: Sequence[Line]) -> None:
        """Count some lines in."""
        if lines:
            days = [line.at.astimezone(self.layout.place).date() for line in lines]
            self.first, self.last = min(self.first, *days), max(self.last, *days)

    def span(self, request: Request) -> Fact[tuple[date, date]]:
        """The days that the file is about; its lines must lie around them."""
        first, last = request.day or self.first, request.day or self.last
        if first > last:
            return _garbled("pg_file_no_day", request)
        widest = max(last, self.last) - min(first, self.first)
        if widest > timedelta(days=DAYS_MAX):
            return _garbled(
                "pg_file_days",
                request,
                first=self.first.isoformat(),
                last=self.last.isoformat(),
                days_max=DAYS_MAX,
            )
        return first, last


def _read(
    request: Request, staging: Staging, tally: Tally, days: _Days, told: Told
) -> Fact[FileRead]:
    size, kept = _size(request.path), list[BadLine]()

    def take(lines: Sequence[Line], bad: Sequence[BadLine], read_bytes: int) -> None:
        staging.add_lines(lines)
        days.add(lines)
        tally.lines += len(lines)
        kept.extend(bad[: _BAD_KEPT_MAX - len(kept)])
        for line in bad:
            tally.add_bad(line)
            told.bad(line)
        told.pace(0.5 * min(1.0, read_bytes / max(1, size)))

    found = read(request.path, request.layout, take)
    if isinstance(found, Unavailable):
        return found
    if found.bad_lines > found.lines:
        first = tally.bad[0]
        return _garbled(
            "pg_file_lines",
            request,
            bad_lines=found.bad_lines,
            lines=found.lines + found.bad_lines,
            line=first["line"],
            text=first["text"],
            column=first["column"],
            line_reason=first["reason"],
            settings=settings_text(value_settings(kept, request.layout)),
        )
    tally.passed_over = dict(found.passed_over)
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _neighbour(staging: Staging, request: Request, which: int) -> bool:
    """Whether the file of the day before (-1) or after (1) was read; if not, it is as absent."""
    path = request.before if which < 0 else request.after
    if path is None:
        return False

    def take(lines: Sequence[Line], bad: Sequence[BadLine], read_bytes: int) -> None:
        staging.add_lines([replace(line, file=which) for line in lines])

    is_read = not isinstance(read(path, request.layout, take), Unavailable)
    _signs(staging, request.layout, which)
    return is_read


def _records(
    request: Request,
    database: Any,
    staging: Staging,
    about: tuple[tuple[date, date], _Days],
    pace: Pace,
) -> Mapping[str, Fact[int]]:
    """Our rows of the days, of those that lines are on, and of the window around."""
    (first, last), days = about
    window = timedelta(days=request.terms.window_days)
    start = _midnight(min(first, days.first) - window, request.layout)
    end = _midnight(max(last, days.last) + window + timedelta(days=1), request.layout)
    expected = max(1, len(staging.done_lines))

    def take(records: Sequence[Any]) -> None:
        staging.add_records(records)
        pace(0.5 + 0.3 * min(1.0, len(staging.done_records) / expected))

    found: Mapping[str, Fact[int]] = database.pg_records(start, end, take, request.shards)
    return found


def _midnight(day: date, layout: Layout) -> datetime:
    return datetime.combine(day, time(), layout.place).astimezone(UTC)


def _rules(
    request: Request, span: tuple[date, date], around: Sequence[bool], *, is_partial: bool
) -> Rules:
    terms = request.terms
    return Rules(
        *span,
        zone=request.layout.place,
        tolerance_krw=terms.tolerance_krw,
        fee_percent=terms.fee_percent,
        fee_tolerance_krw=terms.fee_tolerance_krw,
        window_days=terms.window_days,
        cutoff=timedelta(minutes=terms.cutoff_minutes),
        has_before=around[0],
        has_after=around[1],
        is_partial=is_partial,
    )


def _garbled(reason: str, request: Request, **params: Any) -> Unavailable:
    about: Params = {"file": request.path.name, **params}
    return Unavailable(PART, Why.GARBLED, reason, about)


def _no_shard(request: Request) -> Unavailable:
    names: Params = {"shards": ", ".join(sorted(request.shards or ()))}
    return Unavailable("database", Why.NOT_VISIBLE, "no_such_shard", names)
