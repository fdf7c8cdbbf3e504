"""What only several shards together can break: S1, S3, S4 and L13."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, Row, Select, bindparam, func, select

from checks.sources.database.servers.shard import Shard, Snapshot
from checks.sources.database.servers.tables import CAPTURED_FAMILY, LEDGER, PAYMENT, ROWS
from checks.sources.facts.books import Books, Break, Reach
from checks.sources.facts.unavailable import Fact, Unavailable, cut
from monitor.domain.check import Params

ACROSS = "shards"  # the name under which breaks of all shards together are told
_MERCHANTS_MAX = 5000
_SUSPECTS_MAX = 500
_OVERLAP_SHOWN = 100
_MISPOSTED = frozenset(("L2", "L3", "L4", "L6", "L7"))  # may be entries of another shard

_P, _L = PAYMENT.c, LEDGER.c
MERCHANTS: Select[Any] = (
    select(_P.merchant_id)
    .distinct()
    .where(
        _P.payment_id >= bindparam("low_payment", type_=BigInteger()),
        _P.payment_id < bindparam("high_payment", type_=BigInteger()),
    )
    .limit(ROWS)
)
KNOWN: Select[Any] = (
    select(_P.merchant_id, func.min(_P.payment_id).label("payment_id"))
    .where(_P.merchant_id.in_(bindparam("merchants", expanding=True)))
    .group_by(_P.merchant_id)
)
LAST: Select[Any] = select(func.max(_P.payment_id).label("last"))
IDS: Select[Any] = (
    select(_P.payment_id)
    .where(_P.payment_id <= bindparam("until", type_=BigInteger()))
    .order_by(_P.payment_id.desc())
    .limit(ROWS)
)
PAYMENTS: Select[Any] = select(_P.payment_id, _P.amount, _P.status).where(
    _P.payment_id.in_(bindparam("ids", expanding=True))
)
ENTRIES: Select[Any] = (
    select(_L.payment_id, _L.entry_id, _L.amount, _L.debit_account)
    .where(_L.payment_id.in_(bindparam("ids", expanding=True)))
    .order_by(_L.entry_id)
)


@dataclass(frozen=True, slots=True)
class _Account:
    """What a shard says of some payments."""

    payments: Mapping[int, Row[Any]]
    entries: Sequence[Row[Any]]


def across(
    shards: Sequence[Shard],
    parts: Mapping[str, Fact[Books]],
    twins: Mapping[str, str],
    merchants: Iterable[str],
) -> tuple[tuple[Fact[Books], ...], Books | None]:
    """The parts with their misposted entries, and what all shards together have broken.

    None: a shard was not seen, so that nothing can be said of all of them.
    """
    facts = tuple(parts.values())
    books = {name: part for name, part in parts.items() if isinstance(part, Books)}
    if twins:
        return facts, _together(_same_server(twins), ("S1",), frozenset({"S1"}))
    if len(shards) < 2 or len(books) < len(parts):
        return facts, None
    asked = {shard.name: shard for shard in shards}
    places = _places(asked, books, merchants)
    if isinstance(places, Unavailable):
        return facts, None
    breaks = (*_at_two_places(places), *_overlap(places))
    found = _together(breaks, ("S1", "S3", "S4"), frozenset({"S1", "S3", "S4"}))
    return tuple(_misposted(asked, books).values()), found


def _together(breaks: Iterable[Break], examined: tuple[str, ...], complete: Any) -> Books:
    return Books(ACROSS, examined, tuple(breaks), 0, 0, reach=Reach({}, complete=complete))


def _same_server(twins: Mapping[str, str]) -> Iterable[Break]:
    return (Break("S1", ACROSS, f"{one} is {other}", None) for one, other in twins.items())


def _ask(shard: Shard, *asked: tuple[Select[Any], Mapping[str, Any]]) -> Fact[list[Any]]:
    """The rows of some statements, all of one moment."""

    def read(snapshot: Snapshot) -> Fact[list[Any]]:
        missing = snapshot.lacks(*(statement for statement, _ in asked))
        return (
            snapshot.unavailable_columns(missing)
            if missing
            else [snapshot.rows(*one) for one in asked]
        )

    return shard.ask(read)


@dataclass(frozen=True, slots=True)
class _Places:
    """Where merchants and payment ids are: by shard, or by merchant and shard."""

    merchants: Mapping[str, tuple[str, ...]]
    ids: Mapping[str, frozenset[int]]


def _places(
    shards: Mapping[str, Shard], books: Mapping[str, Books], known: Iterable[str]
) -> Fact[_Places]:
    """Where those who pay now, those known, and the newest payment ids of all shards are."""
    wanted, lasts = set(known), []
    for name, shard in shards.items():
        low, high = books[name].reach.ranges.get("payment", (0, 0))
        params = {"low_payment": low, "high_payment": high, "rows": _MERCHANTS_MAX}
        rows = _ask(shard, (MERCHANTS, params), (LAST, {}))
        if isinstance(rows, Unavailable):
            return rows
        wanted.update(row.merchant_id for row in rows[0])
        lasts.append(rows[1][0].last or 0)
    newest = {"until": min(lasts), "rows": _OVERLAP_SHOWN}
    found: dict[str, list[str]] = {}
    ids: dict[str, frozenset[int]] = {}
    for name, shard in shards.items():
        rows = _ask(shard, (KNOWN, {"merchants": sorted(wanted)}), (IDS, newest))
        if isinstance(rows, Unavailable):
            return rows
        ids[name] = frozenset(row.payment_id for row in rows[1])
        for row in rows[0]:
            found.setdefault(row.merchant_id, []).append(name)
    return _Places({merchant: tuple(names) for merchant, names in found.items()}, ids)


def _at_two_places(places: _Places) -> Iterable[Break]:
    for merchant, names in places.merchants.items():
        if len(names) > 1:
            params = {"merchant_id": cut(merchant), "shards": ", ".join(names)}
            yield Break("S3", ACROSS, f"merchant {cut(merchant)}", None, params)


def _overlap(places: _Places) -> Iterable[Break]:
    """One break however many ids there are twice: it is the design of the platform."""
    twice = [
        (max(one & other), f"{name}, {second}")
        for name, one in places.ids.items()
        for second, other in places.ids.items()
        if name < second and one & other
    ]
    for example, names in twice[:1]:
        params: Params = {"example": example, "shards": names}
        yield Break("S4", ACROSS, "payment ids", None, params)


# --- entries on the wrong shard (L13) ----------------------------------------------------------


def _misposted(shards: Mapping[str, Shard], books: Mapping[str, Books]) -> dict[str, Fact[Books]]:
    return {name: _with_misposted(shards, name, part) for name, part in books.items()}


def _with_misposted(shards: Mapping[str, Shard], name: str, books: Books) -> Fact[Books]:
    found = [b for b in books.breaks if b.invariant in _MISPOSTED and b.payment_id is not None]
    ids = sorted({b.payment_id for b in found if b.payment_id is not None})[:_SUSPECTS_MAX]
    breaks: list[Break] = []
    if ids:
        accounts = {each: _account(shard, ids) for each, shard in shards.items()}
        seen = {each: a for each, a in accounts.items() if not isinstance(a, Unavailable)}
        if len(seen) < len(accounts):
            return books
        others = [account for each, account in seen.items() if each != name]
        breaks = list(_foreign(name, seen[name], others))
    examined = (*books.examined, "L13")
    unbooked = books.entry_last == 0 and any(b.invariant == "L1" for b in books.breaks)
    return replace(
        books,
        examined=examined,
        breaks=(*books.breaks, *breaks),
        is_never_booked=unbooked,
    )


def _account(shard: Shard, ids: Sequence[int]) -> Fact[_Account]:
    def read(snapshot: Snapshot) -> Fact[_Account]:
        if missing := snapshot.lacks(PAYMENTS, ENTRIES):
            return snapshot.unavailable_columns(missing)
        payments = {row.payment_id: row for row in snapshot.rows(PAYMENTS, {"ids": ids})}
        return _Account(payments, snapshot.rows(ENTRIES, {"ids": ids}))

    return shard.ask(read)


def _foreign(name: str, own: _Account, others: Sequence[_Account]) -> Iterable[Break]:
    """Entries that their own payment contradicts and that a payment elsewhere lacks."""
    booked: set[tuple[int, str]] = set()
    for entry in own.entries:
        kind = (entry.payment_id, entry.debit_account)
        is_good = _fits(own.payments.get(entry.payment_id), entry) and kind not in booked
        if is_good:
            booked.add(kind)
        elif any(_lacks(other, entry) for other in others):
            params = {"entry_id": entry.entry_id, "actual_krw": entry.amount, "expected_krw": 0}
            yield Break("L13", name, f"entry {entry.entry_id}", entry.payment_id, params)


def _lacks(other: _Account, entry: Row[Any]) -> bool:
    kind = (entry.payment_id, entry.debit_account)
    is_booked = any((e.payment_id, e.debit_account) == kind for e in other.entries)
    return not is_booked and _fits(other.payments.get(entry.payment_id), entry)


def _fits(payment: Row[Any] | None, entry: Row[Any]) -> bool:
    if payment is None or payment.amount != entry.amount:
        return False
    statuses = {"merchant_receivable": CAPTURED_FAMILY, "cash": ("REFUNDED",)}
    return payment.status in statuses.get(entry.debit_account, ())
