"""Matching a PG settlement file with our rows, two-sided: pure decisions on a few rows at a time.

First lines and rows with the same transaction id belong together, then, where one of them has no
id, those of the same payment, amount and about the same day. The ids of the platform's PG are 32
random bits: that two of our rows share one is expected, and says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from checks.settlement_file.staging import GROUP_MAX
from checks.sources.facts.psp import Line, Record
from monitor.domain.books.settlement_match import BREAKS, Outcome

Pair = tuple[Line, Record]


@dataclass(frozen=True, slots=True)
class Rules:
    """Tolerances, and which days the file is about (inclusive, on the calendar of `zone`).

    `has_before`, `has_after`: the files of the days around were read too. Without them a row
    within `cutoff` of that end may stand in the other file. `is_partial`: not every shard was seen.
    """

    first: date
    last: date
    zone: tzinfo = UTC
    tolerance_krw: float = 0.0
    fee_percent: float = 0.0
    fee_tolerance_krw: float = 0.0
    window_days: int = 1
    cutoff: timedelta = timedelta(hours=1)
    has_before: bool = False
    has_after: bool = False
    is_partial: bool = False

    def day(self, at: datetime) -> date:
        """The day of a moment."""
        return at.astimezone(self.zone).date()

    def covers(self, at: datetime) -> bool:
        """Whether a moment is on a day that the file is about."""
        return self.first <= self.day(at) <= self.last

    def days_apart(self, line: Line, record: Record) -> int:
        """How many days lie between the PG's day and ours."""
        return abs((self.day(line.at) - self.day(record.at)).days)

    def may_be_elsewhere(self, at: datetime) -> bool:
        """Whether a moment is so near an end that its line may be in a file that was not read."""
        begin = datetime.combine(self.first, time(), self.zone)
        end = datetime.combine(self.last + timedelta(days=1), time(), self.zone)
        before = not self.has_before and at - begin <= self.cutoff
        return before or (not self.has_after and end - at <= self.cutoff)


@dataclass(frozen=True, slots=True)
class Match:
    """An outcome with the line and the row it is about.

    `why` tells more of it: gross or fee (amount), same_id or same_payment (duplicate), found or
    awaited (elsewhere). `amount_krw` is the money in question, for an amount the difference (the
    file's less ours).
    """

    outcome: Outcome
    line: Line | None = None
    record: Record | None = None
    why: str = ""
    amount_krw: float = 0.0


def unless_accepted(match: Match, accepted: frozenset[str]) -> Match:
    """The match, or that it is accepted, if its transaction id says so."""
    if match.outcome not in BREAKS or not accepted & _ids(match):
        return match
    return replace(match, outcome=Outcome.ACCEPTED)


def _ids(match: Match) -> set[str]:
    return {one.transaction_id for one in (match.line, match.record) if one is not None}


# --- which belong together ---------------------------------------------------------------------


def by_transaction(lines: Sequence[Line], records: Sequence[Record]) -> Iterator[Pair]:
    """Pairs among lines and rows that share a kind and a transaction id, the best fit first.

    What more than a thousand lines or rows share tells nothing apart.
    """
    if max(len(lines), len(records)) > GROUP_MAX:
        return
    fits = ((line, record) for line in lines for record in records if not _contradict(line, record))
    yield from _each_once(iter(sorted(fits, key=_strangeness)))


def _strangeness(pair: Pair) -> tuple[bool, bool, float]:
    """How badly a row fits a line: another payment, another amount, another time."""
    line, record = pair
    return (
        line.payment_id != record.payment_id,
        line.amount_krw != record.amount_krw,
        abs((line.at - record.at).total_seconds()),
    )


def _contradict(line: Line, record: Record) -> bool:
    """The same id on different payments is a coincidence."""
    other = line.payment_id is not None and line.payment_id != record.payment_id
    return other or _other_merchant(line, record)


def _other_merchant(line: Line, other: Line | Record) -> bool:
    return bool(line.merchant_id and other.merchant_id and line.merchant_id != other.merchant_id)


def _each_once(pairs: Iterator[Pair]) -> Iterator[Pair]:
    taken: set[int] = set()
    for line, record in pairs:
        if not {id(line), id(record)} & taken:
            taken |= {id(line), id(record)}
            yield line, record


def by_payment(lines: Sequence[Line], records: Sequence[Record], rules: Rules) -> Iterator[Pair]:
    """Pairs among what is left of one kind, payment and amount: nearest days first.

    Two ids that differ are two transactions, however alike they look.
    """
    if max(len(lines), len(records)) > GROUP_MAX:
        return
    near = (
        (line, record)
        for line in lines
        for record in records
        if _ids_may_agree(line, record)
        and not _other_merchant(line, record)
        and rules.days_apart(line, record) <= rules.window_days
    )
    yield from _each_once(iter(sorted(near, key=_distance)))


def _ids_may_agree(line: Line, record: Record) -> bool:
    known = line.transaction_id and record.transaction_id
    return not known or line.transaction_id == record.transaction_id


def _distance(pair: Pair) -> tuple[bool, float]:
    line, record = pair
    return line.is_done != record.is_done, abs((line.at - record.at).total_seconds())


def is_again(line: Line, paired: Sequence[Line], records: Sequence[Record], rules: Rules) -> bool:
    """Whether a line without a row of its own is a payment once more.

    So it is if another line of the same payment and amount has the row, or if the row's own line
    must be in the file of another day. Shards number their payments alike: while one of them is
    not seen, the line may belong there.
    """
    if rules.is_partial or line.is_reversal:
        return False
    if any(not _other_merchant(line, other) for other in paired):
        return True
    return any(
        r.is_done and r.transaction_id and not rules.covers(r.at) and not _other_merchant(line, r)
        for r in records
    )


def shares_transaction(line: Line, paired: Sequence[Line]) -> bool:
    """Whether a line repeats the transaction of another one that has the row."""
    if line.is_reversal:
        return False
    known = (line.payment_id, None)
    return any(line.payment_id is None or other.payment_id in known for other in paired)


# --- what it comes to --------------------------------------------------------------------------


def judge_pair(line: Line, record: Record, rules: Rules) -> Match | None:
    """What a line and its row come to; None: it is not for this file to say."""
    if line.file:
        if not (line.is_done and record.is_done and rules.covers(record.at)):
            return None
        return Match(Outcome.ELSEWHERE, line, record, "found", record.amount_krw)
    if line.is_done != record.is_done:
        return Match(Outcome.STATUS, line, record, amount_krw=line.amount_krw)
    if not line.is_done:
        return Match(Outcome.UNMOVED, line, record)
    if abs(line.amount_krw - record.amount_krw) > rules.tolerance_krw:
        difference = line.amount_krw - record.amount_krw
        return Match(Outcome.AMOUNT, line, record, "gross", difference)
    if abs(fee := _fee_difference(line, rules)) > rules.fee_tolerance_krw:
        return Match(Outcome.AMOUNT, line, record, "fee", fee)
    if rules.days_apart(line, record) > rules.window_days:
        return Match(Outcome.TIMING, line, record, amount_krw=line.amount_krw)
    return Match(Outcome.MATCHED, line, record, amount_krw=line.amount_krw)


def _fee_difference(line: Line, rules: Rules) -> float:
    if line.fee_krw is None or not rules.fee_percent:
        return 0.0
    return abs(line.fee_krw) - line.amount_krw * rules.fee_percent / 100


def judge_line(line: Line, rules: Rules) -> Match | None:
    """What a line without a row comes to."""
    if line.file:
        return None
    if not line.is_done:
        return Match(Outcome.UNMOVED, line)
    if line.is_reversal:
        return Match(Outcome.REVERSED, line, amount_krw=line.amount_krw)
    missing = Outcome.UNJUDGED if rules.is_partial else Outcome.MISSING_IN_DB
    return Match(missing, line, amount_krw=line.amount_krw)


def judge_again(line: Line, record: Record | None, why: str) -> Match | None:
    """What a line comes to that pays once more what a row of ours is already paid for."""
    if line.file or not line.is_done:
        return None
    return Match(Outcome.DUPLICATE, line, record, why, line.amount_krw)


def judge_record(record: Record, rules: Rules) -> Match | None:
    """What a row without a line comes to."""
    if not record.is_done or not rules.covers(record.at):
        return None
    if rules.may_be_elsewhere(record.at):
        return Match(Outcome.ELSEWHERE, None, record, "awaited", record.amount_krw)
    return Match(Outcome.MISSING_IN_FILE, None, record, amount_krw=record.amount_krw)
