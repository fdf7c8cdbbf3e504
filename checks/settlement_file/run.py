"""One match from end to end: what is staged is paired, judged, counted and told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from checks.settlement_file.match import (
    Match,
    Rules,
    by_payment,
    by_transaction,
    is_again,
    judge_again,
    judge_line,
    judge_pair,
    judge_record,
    shares_transaction,
)
from checks.settlement_file.staging import Group, Numbered, Staging
from checks.sources.facts.psp import BadLine, Kind, Line
from monitor.domain.books.settlement_match import Outcome
from monitor.domain.check import Params

_ROWS_MAX = 10  # of each outcome that are kept to be shown


@dataclass(slots=True)
class Tally:
    """Counts, amounts and some rows of each outcome, and of the lines that cannot be read."""

    counts: dict[str, int] = field(default_factory=dict)
    amounts_krw: dict[str, float] = field(default_factory=dict)
    refunds: dict[str, int] = field(default_factory=dict)
    rows: dict[str, list[Params]] = field(default_factory=dict)
    lines: int = 0
    bad_lines: int = 0
    bad: list[Params] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)

    def add(self, match: Match) -> None:
        """Count one."""
        name = match.outcome.value
        self.counts[name] = self.counts.get(name, 0) + 1
        self.amounts_krw[name] = self.amounts_krw.get(name, 0) + abs(match.amount_krw)
        self.refunds[name] = self.refunds.get(name, 0) + (kind_of(match) is Kind.REFUND)
        kept = self.rows.setdefault(name, [])
        if len(kept) < _ROWS_MAX and match.outcome not in _UNTOLD:
            kept.append(row_of(match))

    def add_bad(self, line: BadLine) -> None:
        """Count a line that cannot be read."""
        self.bad_lines += 1
        if len(self.bad) < _ROWS_MAX:
            self.bad.append({"line": line.number, "reason": line.reason, **_bad_text(line)})

    def remembered(self) -> dict[str, Any]:
        """As a check's memory keeps it."""
        return {
            "counts": self.counts,
            "amounts_krw": self.amounts_krw,
            "refunds": self.refunds,
            "rows": self.rows,
            "lines": self.lines,
            "bad_lines": self.bad_lines,
            "bad": self.bad,
            "passed_over": self.passed_over,
        }


_UNTOLD = (Outcome.MATCHED, Outcome.UNMOVED)


def _bad_text(line: BadLine) -> Params:
    return {"column": line.column, "text": line.text[:100]}


def row_of(match: Match) -> Params:
    """A match as a row of evidence, and of the CSV that is written."""
    line, record = match.line, match.record
    payment = line.payment_id if line and line.payment_id is not None else None
    return {
        "outcome": match.outcome.value,
        "why": match.why,
        "kind": kind_of(match).value,
        "transaction_id": (line.transaction_id if line else "") or _of(record, "transaction_id"),
        "payment_id": payment if payment is not None else _of(record, "payment_id", None),
        "shard": _of(record, "shard"),
        "line": line.number if line else None,
        "file_krw": _whole(line.amount_krw) if line else None,
        "our_krw": _whole(record.amount_krw) if record else None,
        "difference_krw": _whole(match.amount_krw) if match.outcome is Outcome.AMOUNT else None,
        "file_at": _text(line.at) if line else None,
        "our_at": _text(record.at) if record else None,
        "our_status": _of(record, "status"),
        "merchant_id": (line.merchant_id if line else "") or _of(record, "merchant_id"),
    }


def kind_of(match: Match) -> Kind:
    """Whether it is about a capture or a refund, and be it that one is taken back."""
    if match.line and match.line.is_reversal and match.outcome is Outcome.REVERSED:
        return Kind.CAPTURE if match.line.kind is Kind.REFUND else Kind.REFUND
    one = match.line or match.record
    return one.kind if one else Kind.CAPTURE


def _of(record: Any, name: str, missing: Any = "") -> Any:
    return getattr(record, name) if record is not None else missing


def _whole(amount: float) -> float | int:
    return int(amount) if amount == int(amount) else amount


def _text(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def run(
    staging: Staging, rules: Rules, tell: Callable[[Match], None], advance: Callable[[int], None]
) -> None:
    """Decide about everything that is staged; `advance` hears how many were decided by now."""
    for done, match in enumerate(_decide(staging, rules), 1):
        tell(match)
        if not done % _STEP:
            advance(done)


_STEP = 10_000


def _decide(staging: Staging, rules: Rules) -> Iterator[Match]:
    for group in staging.by_transaction():
        yield from _same_transaction(staging, group, rules)
    for group in staging.by_payment():
        yield from _same_payment(staging, group, rules)
    for _, line in staging.left_lines():
        yield from _said(judge_line(line, rules))
    for _, record in staging.left_records():
        yield from _said(judge_record(record, rules))


def _same_transaction(staging: Staging, group: Group, rules: Rules) -> Iterator[Match]:
    lines, records = group
    if not lines or not records:
        return
    paired: list[Line] = []
    numbers = _numbers(lines) | _numbers(records)
    for line, record in by_transaction([ln for _, ln in lines], [r for _, r in records]):
        staging.done_lines[numbers[id(line)]] = staging.done_records[numbers[id(record)]] = 1
        paired.append(line)
        yield from _said(judge_pair(line, record, rules))
    for no, line in lines:
        if not staging.done_lines[no] and line.is_done and shares_transaction(line, paired):
            staging.done_lines[no] = 1
            yield from _said(judge_again(line, records[0][1], "same_id"))


def _same_payment(staging: Staging, group: Group, rules: Rules) -> Iterator[Match]:
    """Rows with money first, so that a line is not taken for a failed try of the same payment."""
    lines, records = group
    yield from _fall_back(staging, group, rules, is_done=True)
    paid = [ln for no, ln in lines if staging.done_lines[no] and ln.is_done]
    rest = [r for no, r in records if not staging.done_records[no]]
    first = next((r for _, r in records if r.is_done), None)
    for no, line in lines:
        if not staging.done_lines[no] and line.is_done and is_again(line, paid, rest, rules):
            staging.done_lines[no] = 1
            yield from _said(judge_again(line, first, "same_payment"))
    yield from _fall_back(staging, group, rules, is_done=False)


def _fall_back(staging: Staging, group: Group, rules: Rules, *, is_done: bool) -> Iterator[Match]:
    lines = [one for one in group[0] if not staging.done_lines[one[0]]]
    records = [r for r in group[1] if not staging.done_records[r[0]] and r[1].is_done is is_done]
    numbers = _numbers(lines) | _numbers(records)
    for line, record in by_payment([ln for _, ln in lines], [r for _, r in records], rules):
        staging.done_lines[numbers[id(line)]] = staging.done_records[numbers[id(record)]] = 1
        yield from _said(judge_pair(line, record, rules))


def _numbers(side: Sequence[Numbered[Any]]) -> dict[int, int]:
    return {id(one): no for no, one in side}


def _said(match: Match | None) -> Iterator[Match]:
    if match is not None:
        yield match
