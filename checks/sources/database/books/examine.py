"""A look at the books of one shard: which rows, which statements, what broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import Row, Select
from sqlalchemy.exc import SQLAlchemyError

from checks.sources.database.books.touched import LATE, PUBLISHED, SIZE, TOUCHED, UNFINISHED
from checks.sources.database.books.window import low_key, low_statement
from checks.sources.database.servers.rows import break_of
from checks.sources.database.servers.shard import Snapshot, needs
from checks.sources.database.servers.tables import CLOCKS, OF_PAYMENTS, naive_utc
from checks.sources.facts.books import Books, Break, Reach
from checks.sources.facts.unavailable import Fact, Unavailable, Why
from monitor.domain.books.discrepancies import TOTAL

KEY_MAX = 2**62
SOON = timedelta(seconds=5)
_BOOKED_LATE = timedelta(hours=1)  # an entry may be older than its neighbours by so much
_BATCH = 1000  # payments named in one statement

# The words of keys, and the tables whose primary keys they are.
WORDS = {
    "payment": "payment",
    "outbox_event": "event",
    "settlement_request": "settlement",
    "refund_request": "refund",
}


@dataclass(frozen=True, slots=True)
class Examination:
    """One thing to examine: rows of its statements are violations.

    `in_range` walks a range of keys, `by_ids` looks at named payments (equal to it where the
    statement has no such form), `whole` is what only a full sweep can afford. The rows give
    `payment_id`, maybe the key of another row, and what else is worth telling.
    """

    id: str
    in_range: Select[Any]
    by_ids: Select[Any]
    grace: timedelta = timedelta(0)
    whole: Select[Any] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether it looks at all rows at every pass, along an index of its own."""
        return not _takes(self.in_range, "low_")


@dataclass(frozen=True, slots=True)
class LastLook:
    """When a shard was last looked at, and a ledger entry older than any still in its grace."""

    at: datetime
    entry_mark: int


@dataclass(frozen=True, slots=True)
class Window:
    """How much of the books to look at: what is newer than the last look less `overlap`.

    Older payments that something has happened to since are looked at by their ids. `since` takes
    the place of the last look. `counts_rows`: a step of a sweep says how many rows it has.
    """

    examinations: tuple[Examination, ...]
    overlap: timedelta = timedelta(minutes=15)
    last_looks: Mapping[str, LastLook] = field(default_factory=dict)
    breaks_max: int = 1000
    ids_max: int = 10_000
    published_since: datetime | None = None
    known_merchants: tuple[str, ...] = ()
    sweep_rows: int = 200_000
    since: datetime | None = None
    counts_rows: bool = False

    @property
    def grace_max(self) -> timedelta:
        """The longest grace of what is looked for in a window."""
        graces = (e.grace for e in self.examinations if not e.is_complete)
        return max(graces, default=timedelta(0))


@dataclass(frozen=True, slots=True)
class Aim:
    """What one shard is asked: the parameters of all statements, and the named payments."""

    params: Mapping[str, Any]
    ids: tuple[int, ...] = ()


_STAMPED = timedelta(seconds=60)  # an event is marked as published no later than this after it
Answer: TypeAlias = Unavailable | list[Row[Any]]


def examine(
    snapshot: Snapshot,
    now: datetime,
    window: Window,
    open_ids: Sequence[int],
    constants: Mapping[str, Any],
) -> Fact[Books]:
    """The books of one shard as far as the window and the open payments reach."""
    fixed = (TOUCHED, SIZE, UNFINISHED, *(low_statement(table) for table in CLOCKS))
    if missing := snapshot.lacks(*fixed):
        return snapshot.unavailable_columns(missing)
    params = _from(snapshot, now, window)
    older = _older(snapshot, window, params, open_ids)
    ids = tuple(sorted(older)[-window.ids_max :])
    unfinished = snapshot.rows(UNFINISHED, {**params, "rows": window.ids_max})
    size = snapshot.rows(SIZE, params)[0]
    books = examine_rows(snapshot, now, window, Aim({**params, **constants}, ids))
    return replace(
        books,
        payments_seen=size.payments + len(ids),
        entry_last=size.entry_last or 0,
        unfinished=tuple(row.payment_id for row in unfinished),
        published=_published(snapshot, now, window, params, _STAMPED),
        published_at_most=_published(snapshot, now, window, params, -_STAMPED),
        overflow=len(older) > len(ids),
    )


def examine_rows(snapshot: Snapshot, now: datetime, window: Window, aim: Aim) -> Books:
    """What all examinations find in the ranges and payments of the aim."""
    params = {**aim.params, "rows": window.breaks_max + 1, "soon": naive_utc(now + SOON)}
    answers = _answers(snapshot, now, window, replace(aim, params=params))
    rows = {i: answer for i, answer in answers.items() if not isinstance(answer, Unavailable)}
    return Books(
        shard=snapshot.shard,
        examined=tuple(rows),
        breaks=_breaks(snapshot.shard, rows, window.breaks_max),
        payments_seen=0,
        low=params["low_payment"],
        truncated=tuple(i for i, found in rows.items() if len(found) > window.breaks_max),
        unavailable={i: answer for i, answer in answers.items() if isinstance(answer, Unavailable)},
        reach=_reach(snapshot, window, aim),
    )


def _reach(snapshot: Snapshot, window: Window, aim: Aim) -> Reach:
    return Reach(
        ranges={
            word: (aim.params[f"low_{table}"], aim.params[f"high_{table}"])
            for table, word in WORDS.items()
        },
        wholes=frozenset({CONTROL}),
        ids=frozenset(aim.ids),
        complete=frozenset(e.id for e in window.examinations if e.is_complete),
        behind=frozenset(e.id for e in window.examinations if not _leads(snapshot, e.by_ids)),
    )


CONTROL = TOTAL  # the key of the control total of the window


def _from(snapshot: Snapshot, now: datetime, window: Window) -> dict[str, Any]:
    """Where the window starts in each table; a first look starts an overlap before now."""
    last = window.last_looks.get(snapshot.shard)
    start = window_start(window, snapshot.shard, now)
    lows = {table: _low(snapshot, table, start) for table in CLOCKS}
    after = last.entry_mark if last else KEY_MAX
    if window.since is not None:
        booked_late = naive_utc(window.since - _BOOKED_LATE)
        after = low_key(snapshot, "ledger_entry", booked_late, mark="ledger_entry since") - 1
    return {
        **{f"low_{table}": low for table, low in lows.items()},
        **{f"first_{table}": low for table, low in lows.items()},
        **{f"high_{table}": KEY_MAX for table in lows},
        "since": naive_utc(start),
        "after": after,
    }


def window_start(window: Window, shard: str, now: datetime) -> datetime:
    """From when on the payments of a shard are in a window."""
    last = window.last_looks.get(shard)
    back = max(window.overlap, window.grace_max + LATE)
    return window.since or min(now, last.at if last else now) - back


def _low(snapshot: Snapshot, table: str, start: datetime) -> int:
    late = timedelta(0) if table == "payment" else LATE
    return low_key(snapshot, table, naive_utc(start - late))


def _older(
    snapshot: Snapshot, window: Window, params: Mapping[str, Any], open_ids: Sequence[int]
) -> set[int]:
    """The payments before the window that belong to the look."""
    touched = snapshot.rows(TOUCHED, {**params, "rows": window.ids_max + 1})
    return {
        *(row.payment_id for row in touched),
        *(i for i in open_ids if i < params["low_payment"]),
    }


def _published(
    snapshot: Snapshot,
    now: datetime,
    window: Window,
    params: Mapping[str, Any],
    margin: timedelta,
) -> dict[str, int]:
    """How many events of each type were published from so long after the beginning on."""
    if window.published_since is None or snapshot.lacks(PUBLISHED):
        return {}
    start = window.published_since + margin
    span: dict[str, Any] = {"from": naive_utc(start), "until": naive_utc(now)}
    rows = snapshot.rows(PUBLISHED, {**params, **span})
    return {row.event_type: row.count_ for row in rows}


def _answers(snapshot: Snapshot, now: datetime, window: Window, aim: Aim) -> dict[str, Answer]:
    """The rows of each examination, or why it could not be made; after a time-out none is."""
    answers: dict[str, Answer] = {}
    stopped: Unavailable | None = None
    for examination in window.examinations:
        answer = stopped or _answer(snapshot, now, examination, aim)
        if isinstance(answer, Unavailable) and answer.why is Why.LIMIT:
            stopped = answer
        answers[examination.id] = answer
    return answers


def _answer(snapshot: Snapshot, now: datetime, examination: Examination, aim: Aim) -> Answer:
    if missing := snapshot.lacks(examination.in_range):
        return snapshot.unavailable_columns(missing)
    if _takes(examination.in_range, "parity") and aim.params.get("parity") is None:
        about = {"shard": snapshot.shard}
        return Unavailable(
            f"database/{snapshot.shard}", Why.NOT_VISIBLE, "shard_rule_unknown", about
        )
    params = {**aim.params, "before": naive_utc(now - examination.grace)}
    try:
        return _rows(snapshot, examination, params, aim.ids)
    except SQLAlchemyError as error:
        unavailable = snapshot.unavailable_error(error)
        if unavailable.why is not Why.LIMIT:
            raise
        return unavailable


def _rows(
    snapshot: Snapshot, examination: Examination, params: dict[str, Any], ids: Sequence[int]
) -> list[Row[Any]]:
    rows = list(snapshot.rows(examination.in_range, params))
    if not _takes(examination.by_ids, "ids") or not _leads(snapshot, examination.by_ids):
        return rows
    for start in range(0, len(ids), _BATCH):
        named = {**params, "ids": ids[start : start + _BATCH]}
        rows += snapshot.rows(examination.by_ids, named)
    return rows


@lru_cache(maxsize=512)
def _takes(statement: Select[Any], name: str) -> bool:
    return any(param.startswith(name) for param in statement.compile().params)


def _leads(snapshot: Snapshot, by_ids: Select[Any]) -> bool:
    """Whether an index leads to the rows of named payments in all tables of the statement."""
    used = {table for table, _ in needs(by_ids)} & OF_PAYMENTS.keys()
    return all((table, OF_PAYMENTS[table].name) in snapshot.schema.indexed for table in used)


def _breaks(shard: str, rows: Mapping[str, list[Row[Any]]], most: int) -> tuple[Break, ...]:
    found = (break_of(i, shard, row) for i, listed in rows.items() for row in listed[:most])
    return tuple({(one.invariant, one.key): one for one in found}.values())
