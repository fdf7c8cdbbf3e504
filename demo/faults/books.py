"""Faults in the books: one entry of a captured payment is spoilt, and put right again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from demo.platform.parts import Parts, Span
from demo.platform.shards import Row, Shard
from demo.platform.times import row_text

Undo = Callable[[Shard], object]
Spoil = Callable[[Shard, Row], Undo]

_SETTLED = timedelta(minutes=6)  # past every grace: a monitor can see it at once
_YOUNG = timedelta(seconds=5)
_LOOKED_AT = 400
_WRONG_BY = 1000
_COPIES = (
    "SELECT l.entry_id, l.payment_id FROM ledger_entry l JOIN (SELECT payment_id, debit_account,"
    " MIN(entry_id) AS first_id FROM ledger_entry GROUP BY payment_id, debit_account"
    " HAVING COUNT(*) > 1) t ON t.payment_id = l.payment_id"
    " AND t.debit_account = l.debit_account AND l.entry_id > t.first_id"
)


@dataclass(frozen=True, slots=True)
class _Spoilt:
    shard: Shard
    payment_id: int
    undo: Undo


class BookFault:
    """Spoils one entry when it can, and puts it right when its shard is up."""

    def __init__(self, parts: Parts, spoil: Spoil) -> None:
        self._parts = parts
        self._spoil = spoil
        self._wanted = False
        self._spoilt: _Spoilt | None = None

    def on(self, now: datetime) -> None:
        """Spoil an entry now, or as soon as there is one."""
        self._wanted = True
        self._settle(now)

    def off(self, now: datetime) -> None:
        """Put it right now, or as soon as its shard is back."""
        self._wanted = False
        self._settle(now)

    def step(self, span: Span) -> None:
        """Try again what could not be done yet."""
        if self._wanted != (self._spoilt is not None):
            self._settle(span.start)

    def _settle(self, now: datetime) -> None:
        if self._wanted and self._spoilt is None:
            self._do(now)
        elif not self._wanted and self._spoilt is not None and self._spoilt.shard.up:
            self._spoilt.undo(self._spoilt.shard)
            self._parts.marked.discard((self._spoilt.shard.name, self._spoilt.payment_id))
            self._spoilt = None

    def _do(self, now: datetime) -> None:
        found = _candidate(self._parts, now, _SETTLED) or _candidate(self._parts, now, _YOUNG)
        if found is None:
            return
        shard, entry = found
        self._spoilt = _Spoilt(shard, entry["payment_id"], self._spoil(shard, entry))
        self._parts.marked.add((shard.name, entry["payment_id"]))


def missing(shard: Shard, entry: Row) -> Undo:
    """Take the entry away."""
    shard.execute("DELETE FROM ledger_entry WHERE entry_id = ?", (entry["entry_id"],))
    return lambda back: _insert(back, entry, entry["entry_id"])


def doubled(shard: Shard, entry: Row) -> Undo:
    """Book it once more."""
    copy_id = _insert(shard, entry, None)
    return lambda back: _run(back, "DELETE FROM ledger_entry WHERE entry_id = ?", copy_id)


def wrong(shard: Shard, entry: Row) -> Undo:
    """Book another amount."""
    set_amount = "UPDATE ledger_entry SET amount = ? WHERE entry_id = ?"
    _run(shard, set_amount, entry["amount"] + _WRONG_BY, entry["entry_id"])
    return lambda back: _run(back, set_amount, entry["amount"], entry["entry_id"])


def take_copies_back(parts: Parts) -> None:
    """Delete what was booked more than once, but for what a fault works on."""
    for shard in parts.shards.reachable():
        for entry in shard.rows(_COPIES):
            if (shard.name, entry["payment_id"]) not in parts.marked:
                _run(shard, "DELETE FROM ledger_entry WHERE entry_id = ?", entry["entry_id"])


def _candidate(parts: Parts, now: datetime, age: timedelta) -> tuple[Shard, Row] | None:
    """The capture entry of the latest untouched payment that is old enough."""
    shards = list(parts.shards.reachable())
    parts.chance.shuffle(shards)
    for shard in shards:
        for entry in _entries(shard, row_text(now - age)):
            if (shard.name, entry["payment_id"]) not in parts.marked:
                return shard, entry
    return None


def _entries(shard: Shard, before: str) -> list[Row]:
    return shard.rows(
        "SELECT l.* FROM (SELECT payment_id, updated_at FROM payment WHERE status = 'CAPTURED'"
        " ORDER BY requested_at DESC LIMIT ?) p JOIN ledger_entry l USING (payment_id)"
        " WHERE p.updated_at < ? ORDER BY l.payment_id DESC LIMIT 10",
        (_LOOKED_AT, before),
    )


def _insert(shard: Shard, entry: Row, entry_id: int | None) -> int | None:
    return shard.execute(
        "INSERT INTO ledger_entry VALUES (?, ?, ?, ?, ?, ?)",
        (
            entry_id,
            entry["payment_id"],
            entry["debit_account"],
            entry["credit_account"],
            entry["amount"],
            entry["occurred_at"],
        ),
    ).lastrowid


def _run(shard: Shard, sql: str, *params: object) -> None:
    shard.execute(sql, params)
