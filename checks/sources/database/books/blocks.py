"""Totals of a block of payments and of their entries: what a lost, changed or added row changes.

Blocks are ranges of payment ids, so that a break in one is looked for by its payments. Settled
rows (up to a mark) must stay as they are; the balance of all must come out even.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Select,
    String,
    bindparam,
    case,
    func,
    literal_column,
    select,
)

from checks.sources.database.books.examine import Aim, Examination, Window, examine_rows
from checks.sources.database.servers.functions import entries_sum
from checks.sources.database.servers.shard import Snapshot, needs
from checks.sources.database.servers.tables import (
    CLOCKS,
    LEDGER,
    OPEN_CAPTURED,
    PAYMENT,
    naive_utc,
    words,
)
from checks.sources.facts.books import Books, Content, Marks, RotationPart, Totals
from checks.sources.facts.unavailable import Fact

FIRST = -(2**62)  # where a rotation begins
MODULUS = 1_000_000_007  # keeps products of amounts and ids small, whatever the amounts
_SHARE = 0.5  # of the time of a look, after which no further block is begun

_P, _L = PAYMENT.c, LEDGER.c
_LOW, _HIGH, _OLD, _NEW = (
    bindparam(name, type_=BigInteger()) for name in ("low", "high", "old", "new")
)
_BEFORE = bindparam("before", type_=DateTime())
_ZERO, _ONE, _TWO = (literal_column(n, BigInteger()) for n in ("0", "1", "2"))
_MOD = literal_column(str(MODULUS), BigInteger())
_RECEIVABLE = literal_column("'merchant_receivable'", String())


@dataclass(frozen=True, slots=True)
class Rotation:
    """Which blocks of a shard to total: some from `start` on, and the newest.

    `known` gives the marks up to which the rows of a block were summed, by its number; `marks`
    up to where rows are settled now. Rows younger than `grace` need not be even.
    """

    start: int
    blocks: int
    ids: int
    marks: Marks
    known: Mapping[int, Marks] = field(default_factory=dict)
    grace: timedelta = timedelta(minutes=5)


def _sum(value: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(func.sum(value), _ZERO)


def _content(payment_id: ColumnElement[int], amount: ColumnElement[int]) -> tuple[Any, ...]:
    """What tells which payment a change of the rows was at: sums, and sums by the id."""
    offset, small = payment_id - _LOW, amount % _MOD
    return (
        func.count().label("rows_"),
        _sum(amount).label("amount_krw"),
        _sum(small).label("small"),
        _sum(offset).label("offsets"),
        _sum(small * offset).label("moment"),
    )


def _phase(key: ColumnElement[int]) -> ColumnElement[int]:
    """0: summed before; 1: settled since; 2: not settled yet."""
    return case((key <= _OLD, _ZERO), (key <= _NEW, _ONE), else_=_TWO).label("phase")


def _balance(value: ColumnElement[int], payment_id: ColumnElement[int]) -> tuple[Any, ...]:
    at_rest = case((_P.updated_at < _BEFORE, value), else_=_ZERO)
    moment = (at_rest % _MOD) * (payment_id - _LOW)
    return _sum(at_rest).label("balance_krw"), _sum(moment).label("balance_moment")


_NET = case((_L.debit_account == _RECEIVABLE, _L.amount), else_=_ZERO) - case(
    (_L.credit_account == _RECEIVABLE, _L.amount), else_=_ZERO
)
_FRESH = case((_L.occurred_at >= _BEFORE, case((_P.updated_at < _BEFORE, _ONE))), else_=_ZERO)
ENTRIES: Select[Any] = (
    select(
        _phase(_L.entry_id),
        *_content(_L.payment_id, _L.amount),
        entries_sum(
            _L.entry_id, _L.payment_id, _L.debit_account, _L.credit_account, _L.amount
        ).label("checksum"),
        *_balance(_NET, _L.payment_id),
        _sum(_FRESH).label("fresh"),
    )
    .select_from(LEDGER.outerjoin(PAYMENT, _P.payment_id == _L.payment_id))
    .where(_L.payment_id >= _LOW, _L.payment_id < _HIGH)
    .group_by(literal_column("phase"))
)
_DUE = case((_P.status.in_(words(OPEN_CAPTURED)), _P.amount), else_=_ZERO)
PAYMENTS: Select[Any] = (
    select(
        _phase(_P.payment_id),
        *_content(_P.payment_id, _P.amount),
        entries_sum(_P.payment_id, _P.merchant_id, _P.currency, _P.amount).label("checksum"),
        *_balance(_DUE, _P.payment_id),
    )
    .where(_P.payment_id >= _LOW, _P.payment_id < _HIGH)
    .group_by(literal_column("phase"))
)
ENDS: Select[Any] = select(
    select(func.min(_P.payment_id)).where(_P.payment_id >= _LOW).scalar_subquery().label("payment"),
    select(func.min(_L.payment_id)).where(_L.payment_id >= _LOW).scalar_subquery().label("entry"),
    select(func.max(_P.payment_id)).scalar_subquery().label("last"),
)


def rotate(snapshot: Snapshot, now: datetime, rotation: Rotation) -> Fact[RotationPart]:
    """The totals of the newest block and of the next ones, as far as rows and time allow."""
    if missing := snapshot.lacks(ENTRIES, PAYMENTS, ENDS):
        return snapshot.unavailable_columns(missing)
    stop = monotonic() + snapshot.seconds_max * _SHARE
    params = {"before": naive_utc(now - rotation.grace)}
    found: dict[int, Totals] = {}
    position, is_last = rotation.start, False
    for _ in range(rotation.blocks):
        number, last = _next(snapshot, rotation, position)
        if not found and last is not None:
            newest = last // rotation.ids
            found[newest] = _totals(snapshot, rotation, newest, params)
        if number is None:
            is_last = True
            break
        if number not in found:
            found[number] = _totals(snapshot, rotation, number, params)
        position = (number + 1) * rotation.ids
        if monotonic() > stop:
            break
    is_last = is_last or _next(snapshot, rotation, position)[0] is None
    return RotationPart(snapshot.shard, tuple(found.values()), position, is_last)


def _next(snapshot: Snapshot, rotation: Rotation, position: int) -> tuple[int | None, int | None]:
    """The number of the first block from a position on that has or had rows; the last payment."""
    ends = snapshot.rows(ENDS, {"low": position})[0]
    present = [key // rotation.ids for key in (ends.payment, ends.entry) if key is not None]
    known = [number for number in rotation.known if number * rotation.ids >= position]
    return min((*present, *known), default=None), ends.last


def _totals(
    snapshot: Snapshot, rotation: Rotation, number: int, params: Mapping[str, Any]
) -> Totals:
    low, high = number * rotation.ids, (number + 1) * rotation.ids
    old = rotation.known.get(number, Marks(FIRST, FIRST))
    ends = {**params, "low": low, "high": high}
    entries = snapshot.rows(
        ENTRIES, {**ends, "old": old.entry, "new": max(old.entry, rotation.marks.entry)}
    )
    payments = snapshot.rows(
        PAYMENTS, {**ends, "old": old.payment, "new": max(old.payment, rotation.marks.payment)}
    )
    moment = sum(int(r.balance_moment) for r in entries) - sum(
        int(r.balance_moment) for r in payments
    )
    return Totals(
        number,
        low,
        high,
        rows=sum(r.rows_ for r in (*entries, *payments)),
        marks=Marks(max(old.entry, rotation.marks.entry), max(old.payment, rotation.marks.payment)),
        entries_before=_of(entries, 0),
        entries=_of(entries, 1),
        payments_before=_of(payments, 0),
        payments=_of(payments, 1),
        drift_krw=sum(int(r.balance_krw) for r in entries)
        - sum(int(r.balance_krw) for r in payments),
        drift_moment=moment % MODULUS,
        is_moving=any(int(r.fresh or 0) for r in entries),
    )


def _of(rows: Any, phase: int) -> Content:
    """The content of the rows of all phases up to one."""
    total = Content()
    for row in rows:
        if row.phase <= phase:
            total = total.plus(
                Content(
                    row.rows_,
                    int(row.amount_krw),
                    int(row.checksum or 0),
                    int(row.small),
                    int(row.offsets),
                    int(row.moment),
                )
            )
    return total


def examine_block(
    snapshot: Snapshot, now: datetime, window: Window, low: int, high: int
) -> Fact[Books]:
    """What is wrong with the payments of a block and with their entries."""
    mine = tuple(one for one in window.examinations if _is_of_block(one))
    params = {f"{end}_{table}": 0 for table in CLOCKS for end in ("low", "high", "first")}
    params |= {"low_payment": low, "high_payment": high, "first_payment": low}
    books = examine_rows(snapshot, now, replace(window, examinations=mine), Aim(params))
    return replace(books, reach=replace(books.reach, wholes=frozenset(), complete=frozenset()))


_OF_BLOCKS = frozenset({"payment", "ledger_entry"})


def _is_of_block(one: Examination) -> bool:
    """Whether it is about single payments and their entries, in a range of payment ids."""
    used = {table for table, _ in needs(one.in_range)}
    is_total = "control" in one.in_range.selected_columns
    takes = one.in_range.compile().params
    return used <= _OF_BLOCKS and not is_total and "low_payment" in takes and "parity" not in takes
