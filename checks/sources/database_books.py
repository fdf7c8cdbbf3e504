"""A look at the books of one shard: which payments, which statements, what broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Row,
    Select,
    bindparam,
    func,
    literal_column,
    select,
    union,
)
from sqlalchemy.exc import SQLAlchemyError

from checks.sources.database_shard import Snapshot
from checks.sources.database_tables import (
    CLOCKS,
    LEDGER,
    OUTBOX,
    PAYMENT,
    REFUND,
    ROWS,
    SETTLEMENT,
    aware_utc,
    naive_utc,
)
from checks.sources.database_window import low_key, low_statement
from checks.sources.facts import Books, Break, Fact, Unseen, Why

TEXT_MAX = 200


@dataclass(frozen=True, slots=True)
class Examination:
    """One thing to examine: rows of its statements are violations.

    `in_window` walks the window's keys, `by_ids` looks at named payments (equal to it where
    the statement has no such form). The rows give `payment_id`, maybe `entry_id` or `event_id`,
    and what else is worth telling.
    """

    id: str
    in_window: Select[Any]
    by_ids: Select[Any]
    grace: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class LastLook:
    """When a shard was last looked at, and the newest ledger entry then."""

    at: datetime
    entry_last: int


@dataclass(frozen=True, slots=True)
class Window:
    """How much of the books to look at.

    A shard in `last_looks` is looked at as far back as `span`, and at the older payments that
    something has happened to since; any other shard is swept whole.
    """

    examinations: tuple[Examination, ...]
    span: timedelta = timedelta(hours=24)
    last_looks: Mapping[str, LastLook] = field(default_factory=dict)
    breaks_max: int = 1000
    ids_max: int = 1000


@dataclass(frozen=True, slots=True)
class _Look:
    """What one shard is asked: the parameters of all statements, and the older payments."""

    params: Mapping[str, Any]
    ids: tuple[int, ...] = ()
    swept: bool = False


Answer: TypeAlias = Unseen | list[Row[Any]]

_LATE = timedelta(minutes=5)  # keys commit out of order, clocks of the services differ
_ZERO = literal_column("0", Integer())
_SIZE = select(
    select(func.count())
    .where(PAYMENT.c.payment_id >= bindparam("low_payment"))
    .scalar_subquery()
    .label("payments"),
    select(func.max(LEDGER.c.entry_id)).scalar_subquery().label("entry_last"),
)


def _touched() -> Select[Any]:
    """Payments before the window that something has happened to since."""
    # The additions of 0 keep to the primary key: an index on payment_id would walk all old rows.
    entries = select(LEDGER.c.payment_id).where(
        LEDGER.c.entry_id > bindparam("after", type_=Integer()),
        LEDGER.c.payment_id + _ZERO < bindparam("low_payment", type_=Integer()),
    )
    others = (
        select(payment_id).where(
            CLOCKS[table][0] >= bindparam(f"low_{table}", type_=Integer()),
            CLOCKS[table][1] >= bindparam("since", type_=DateTime()),
            payment_id + _ZERO < bindparam("low_payment", type_=Integer()),
        )
        for table, payment_id in _OF_PAYMENTS.items()
    )
    rows = union(entries, *others).subquery()
    return select(rows.c.payment_id).limit(ROWS)


_OF_PAYMENTS: Mapping[str, ColumnElement[Any]] = {
    "outbox_event": OUTBOX.c.aggregate_id,
    "settlement_request": SETTLEMENT.c.payment_id,
    "refund_request": REFUND.c.payment_id,
}
_TOUCHED = _touched()


def examine(
    snapshot: Snapshot,
    now: datetime,
    window: Window,
    open_ids: Sequence[int],
    constants: Mapping[str, Any],
) -> Fact[Books]:
    """The books of one shard as far as the window and the open payments reach."""
    missing = snapshot.lacks(_TOUCHED, _SIZE, *(low_statement(table) for table in CLOCKS))
    if missing:
        return snapshot.unseen_columns(missing)
    look = _aim(snapshot, now, window, open_ids)
    size = snapshot.rows(_SIZE, look.params)[0]
    params = {**look.params, **constants, "rows": window.breaks_max + 1}
    answers = _answers(snapshot, now, window, replace(look, params=params))
    rows = {i: answer for i, answer in answers.items() if not isinstance(answer, Unseen)}
    return Books(
        shard=snapshot.shard,
        examined=tuple(rows),
        breaks=_breaks(snapshot.shard, rows, window.breaks_max),
        payments_seen=size.payments + len(look.ids),
        low=look.params["low_payment"],
        truncated=tuple(i for i, found in rows.items() if len(found) > window.breaks_max),
        unseen={i: answer for i, answer in answers.items() if isinstance(answer, Unseen)},
        swept=look.swept,
        entry_last=size.entry_last or 0,
    )


def _aim(snapshot: Snapshot, now: datetime, window: Window, open_ids: Sequence[int]) -> _Look:
    """Where the window starts in each table, and which older payments belong to the look."""
    last = window.last_looks.get(snapshot.shard)
    if last is None:
        return _whole()
    start = now - window.span
    lows = {f"low_{table}": _low(snapshot, table, start) for table in CLOCKS}
    params = {
        **lows,
        "since": naive_utc(last.at - _grace_max(window) - _LATE),
        "after": last.entry_last,
        "rows": window.ids_max + 1,
    }
    touched = [row.payment_id for row in snapshot.rows(_TOUCHED, params)]
    older = {*touched, *(i for i in open_ids if i < lows["low_payment"])}
    if len(older) > window.ids_max:
        return _whole()
    return _Look(lows, tuple(sorted(older)))


def _low(snapshot: Snapshot, table: str, start: datetime) -> int:
    late = timedelta(0) if table == "payment" else _LATE
    return low_key(snapshot, table, naive_utc(start - late))


def _grace_max(window: Window) -> timedelta:
    return max((e.grace for e in window.examinations), default=timedelta(0))


def _whole() -> _Look:
    return _Look({f"low_{table}": 0 for table in CLOCKS}, swept=True)


def _answers(snapshot: Snapshot, now: datetime, window: Window, look: _Look) -> dict[str, Answer]:
    """The rows of each examination, or why it could not be made; after a time-out none is."""
    answers: dict[str, Answer] = {}
    stopped: Unseen | None = None
    for examination in window.examinations:
        answer = stopped or _answer(snapshot, now, examination, look)
        if isinstance(answer, Unseen) and answer.why is Why.LIMIT:
            stopped = answer
        answers[examination.id] = answer
    return answers


def _answer(snapshot: Snapshot, now: datetime, examination: Examination, look: _Look) -> Answer:
    missing = snapshot.lacks(examination.in_window)
    if missing:
        return snapshot.unseen_columns(missing)
    params = {**look.params, "before": naive_utc(now - examination.grace)}
    try:
        rows = list(snapshot.rows(examination.in_window, params))
        if look.ids and _takes_ids(examination.by_ids):
            rows += snapshot.rows(examination.by_ids, {**params, "ids": look.ids})
    except SQLAlchemyError as error:
        unseen = snapshot.unseen_error(error)
        if unseen.why is not Why.LIMIT:
            raise
        return unseen
    return rows


@lru_cache(maxsize=256)
def _takes_ids(statement: Select[Any]) -> bool:
    return "ids" in statement.compile().params


def _breaks(shard: str, rows: Mapping[str, list[Row[Any]]], most: int) -> tuple[Break, ...]:
    return tuple(_break(i, shard, row) for i, found in rows.items() for row in found[:most])


_KEYS = {"entry_id": "entry", "event_id": "event", "payment_id": "payment"}


def _break(invariant: str, shard: str, row: Row[Any]) -> Break:
    values = {name: _scalar(value) for name, value in row._mapping.items()}
    key = next(f"{word} {values[name]}" for name, word in _KEYS.items() if name in values)
    payment_id = values.pop("payment_id")
    return Break(invariant, shard, key, payment_id, values)


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return aware_utc(value).isoformat()
    if isinstance(value, str):
        return value[:TEXT_MAX]
    if isinstance(value, Decimal | float) and value == int(value):
        return int(value)
    return float(value) if isinstance(value, Decimal) else value
