"""The totals of blocks of payments: which come next, which have changed, what that leaves open.

Every pass totals the newest block and some more in rotation; one that changed unseen, or whose
balance its known breaks do not explain, is examined at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Protocol, TypeAlias

from checks.books.folding import broken_entries
from checks.books.memory import Known, entry_mark, is_stopped, merged
from checks.sources.database.books.blocks import FIRST, MODULUS, Rotation
from checks.sources.facts.books import Books, Break, Content, Marks, Reach, RotationPart, Totals
from checks.sources.facts.unavailable import Fact, Unavailable
from monitor.domain.books.discrepancies import TOTAL, Extent

NET, CONTROL, APPEND_ONLY, PAYMENT_KEPT = "L10", "L11", "L12", "P6"
_ROTATED = frozenset((*(f"L{number}" for number in range(1, 13)), PAYMENT_KEPT))
_INTERVAL, _INTERVAL_MAX = timedelta(minutes=5), timedelta(minutes=15)
_CHANGE_TOLD = timedelta(days=1)  # so long a change is told; then it is taken as it is
_AMOUNTS = ("rows", "amount_krw", "checksum", "small", "offsets", "moment")
Row: TypeAlias = "list[Any]"


class RotationOptions(Protocol):
    """How large a block is, how fast the rotation goes, what is not yet at rest."""

    @property
    def block_payments(self) -> int: ...
    @property
    def payments_per_hour(self) -> int: ...
    @property
    def grace_seconds(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Rotated:
    """The blocks of a shard that a pass totalled, and those of them that it examined."""

    part: Fact[RotationPart]
    looks: Mapping[int, Fact[Books]] = field(default_factory=dict)

    def failures(self) -> Iterator[Unavailable]:
        """Why blocks were not totalled or not examined: the first reason."""
        if isinstance(self.part, Unavailable):
            yield self.part
        for look in self.looks.values():
            if isinstance(look, Unavailable):
                yield look
                return
            if look.unavailable and is_stopped(look):
                yield next(iter(look.unavailable.values()))
                return


def is_rotated(names: Iterable[str]) -> bool:
    """Whether anything that is looked for can show in the totals of blocks."""
    return not _ROTATED.isdisjoint(names)


def rotation_of(
    known: Known, low_payment: int, options: RotationOptions, now: datetime
) -> Rotation:
    """The next part of a shard's rotation: as many blocks as the time since the last calls for."""
    state = known.get("rotation", {})
    since = now - datetime.fromisoformat(state["at"]) if state else _INTERVAL
    share = min(max(since, timedelta()), _INTERVAL_MAX) / timedelta(hours=1)
    marks = Marks(entry_mark(known), low_payment - 1)
    return Rotation(
        start=state.get("position", FIRST),
        blocks=max(1, ceil(options.payments_per_hour * share / options.block_payments)),
        ids=options.block_payments,
        marks=marks,
        known={int(n): Marks(*row[0]) for n, row in _rows(known, options.block_payments).items()},
        grace=timedelta(seconds=options.grace_seconds),
    )


def to_examine(known: Known, part: RotationPart) -> tuple[Totals, ...]:
    """The blocks that changed, or whose balance the known breaks do not come to."""
    return tuple(t for t in part.totals if _changes(known, t) or _is_uneven(known, t))


def after_rotation(
    known: Known,
    rotated: Rotated,
    options: RotationOptions,
    now: datetime,
    names: frozenset[str],
    most: int,
) -> Known:
    """What is known after a part of a rotation; one whose examination failed is done again."""
    part = rotated.part
    if isinstance(part, Unavailable):
        return known
    after = {**known, "blocks": dict(_rows(known, options.block_payments))}
    for look in rotated.looks.values():
        if isinstance(look, Books):
            after["breaks"] = merged(after, look, now, names, most)
    broken = broken_entries(after.get("breaks", {}))
    for totals in part.totals:
        changes = _unmended(known, totals, broken)
        one = rotated.looks.get(totals.number)
        found = _changed(known, totals, changes, one, part.shard, names)
        after["breaks"] = merged(after, found, now, names, most)
    failed = any(isinstance(one, Unavailable) or is_stopped(one) for one in rotated.looks.values())
    for totals in part.totals:
        after["blocks"][str(totals.number)] = _row(known, after, totals, broken, now)
    after["block_payments"] = options.block_payments
    after["rotation"] = _state(known.get("rotation", {}), part, failed, now)
    return after


def _rows(known: Known, ids: int) -> Mapping[str, Row]:
    """The rows of the blocks; of blocks of another size none can be used."""
    rows: Mapping[str, Row] = known.get("blocks", {})
    return rows if known.get("block_payments") == ids else {}


def _before(known: Known, totals: Totals) -> Row | None:
    return _rows(known, totals.high - totals.low).get(str(totals.number))


def _state(before: Mapping[str, Any], part: RotationPart, failed: bool, now: datetime) -> Known:
    at = now.isoformat()
    begun = before.get("position", FIRST) != FIRST
    started = before["started_at"] if begun else at
    state = {"at": at, "started_at": started, "whole_at": before.get("whole_at")}
    if failed:
        return {**state, "position": before.get("position", FIRST)}
    if part.is_last:
        return {**state, "position": FIRST, "whole_at": started}
    return {**state, "position": part.position}


def _row(
    known: Known, after: Known, totals: Totals, broken: Mapping[int, int], now: datetime
) -> Row:
    """What is remembered of a block: marks, contents, the drift left, since when changed, breaks.

    A change is compared with for a day, so that it is told so long and its undoing is seen.
    """
    open_now = {str(p): krw for p, krw in broken.items() if totals.low <= p < totals.high}
    before = _before(known, totals)
    left = totals.drift_krw - sum(d for _, d in _differences(after, totals))
    if totals.is_moving:
        left = before[3] if before else 0
    changed_at = None
    if before and _unmended(known, totals, broken):
        changed_at = before[4] or now.isoformat()
        if now - datetime.fromisoformat(changed_at) < _CHANGE_TOLD:
            return [*before[:3], left, changed_at, {**open_now, **_broken_before(before)}]
        changed_at = None
    marks = [totals.marks.entry, totals.marks.payment]
    return [marks, _list(totals.entries), _list(totals.payments), left, changed_at, open_now]


def _list(content: Content) -> list[int]:
    return [getattr(content, name) for name in _AMOUNTS]


def _differences(known: Known, totals: Totals) -> Iterator[tuple[int, int]]:
    """The payments of a block that are known to differ, and by how much."""
    for row in known.get("breaks", {}).get(NET, {}).values():
        if row[0] is not None and totals.low <= row[0] < totals.high:
            yield row[0], row[3]


def _is_uneven(known: Known, totals: Totals) -> bool:
    if totals.is_moving:
        return False
    known_krw, moment = 0, 0
    for payment, difference in _differences(known, totals):
        known_krw += difference
        moment += difference * (payment - totals.low)
    return (totals.drift_krw, totals.drift_moment) != (known_krw, moment % MODULUS)


def _changes(known: Known, totals: Totals) -> dict[str, tuple[Content, Content]]:
    """By invariant, the contents before and now of settled rows that have changed."""
    row = _before(known, totals)
    if row is None:
        return {}
    pairs = {
        APPEND_ONLY: (Content(*row[1]), totals.entries_before),
        PAYMENT_KEPT: (Content(*row[2]), totals.payments_before),
    }
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _broken_before(row: Row) -> Mapping[str, int]:
    """What was open in a block when it was last taken as it is, or since, by payment."""
    return row[5] if len(row) > 5 else {}


def _unmended(
    known: Known, totals: Totals, broken: Mapping[int, int]
) -> dict[str, tuple[Content, Content]]:
    """The changes of a block, but for those that only mended what was known to be wrong."""
    changes = _changes(known, totals)
    was = _broken_before(_before(known, totals) or [])
    mended = {int(p): krw for p, krw in was.items() if int(p) not in broken}
    is_mended = all(_mends(mended, totals.low, *pair) for pair in changes.values())
    return {} if is_mended else changes


def _mends(mended: Mapping[int, int], low: int, before: Content, now: Content) -> bool:
    """Whether a change is that of the mended payment, or comes to what the mended ones were off."""
    if replace(before, checksum=0) == replace(now, checksum=0):
        return bool(mended)
    if (payment := _whose(low, before, now)) is not None and payment in mended:
        return True
    moment = sum(krw * (payment - low) for payment, krw in mended.items())
    off = (before.amount_krw - now.amount_krw, before.moment - now.moment)
    return bool(mended) and off == (sum(mended.values()), moment)


def _changed(
    known: Known,
    totals: Totals,
    changes: Mapping[str, tuple[Content, Content]],
    look: Fact[Books] | None,
    shard: str,
    names: frozenset[str],
) -> Books:
    """The breaks that the changes of a block are; a block that is as it was has none."""
    key = f"block {totals.number}"
    breaks = []
    for name, (before, now) in changes.items():
        if name in names:
            payment = _whose(totals.low, before, now) or _newly_broken(known, look)
            breaks.append(_change(name, shard, key, payment, before, now))
    reach = Reach({}, wholes=frozenset({key}))
    return Books(shard, (APPEND_ONLY, PAYMENT_KEPT), tuple(breaks), 0, 0, reach=reach)


def _newly_broken(known: Known, look: Fact[Books] | None) -> int | None:
    """The first payment that is broken since the block changed."""
    if not isinstance(look, Books):
        return None
    before = known.get("breaks", {})
    new = (b.payment_id for b in look.breaks if b.key not in before.get(b.invariant, {}))
    return min((payment for payment in new if payment is not None), default=None)


def _change(
    name: str, shard: str, key: str, payment: int | None, before: Content, now: Content
) -> Break:
    params = {
        "expected_krw": before.amount_krw,
        "actual_krw": now.amount_krw,
        "rows_before": before.rows,
        "rows_now": now.rows,
    }
    return Break(name, shard, key, payment, params)


def _whose(low: int, before: Content, now: Content) -> int | None:
    """The payment whose rows were deleted, added or changed in amount, if it was one, by sums."""
    rows, small = now.rows - before.rows, now.small - before.small
    by, of = (now.offsets - before.offsets, rows) if rows else (now.moment - before.moment, small)
    if not of or by % of or now.moment - before.moment != by // of * small:
        return None
    return low + by // of


def with_control(known: Known, names: frozenset[str], now: datetime) -> Known:
    """The control total of a shard: its known differences, and what is left of its blocks."""
    if CONTROL not in names or "blocks" not in known:
        return known
    breaks = {name: rows for name, rows in known.get("breaks", {}).items() if name != CONTROL}
    total = sum(row[3] for row in breaks.get(NET, {}).values()) + left_krw(known)
    if total:
        before = known.get("breaks", {}).get(CONTROL, {}).get(TOTAL)
        at = now.isoformat()
        breaks[CONTROL] = {TOTAL: [None, before[1] if before else at, at, total]}
    return {**known, "breaks": breaks}


def left_krw(known: Known) -> int:
    """The drift of the blocks that no known break explains."""
    return sum(row[3] for row in known.get("blocks", {}).values())


def extent_of(shard: str, known: Known, since: datetime | None) -> Extent:
    """How far a shard was looked at, and what of its control total is open."""
    whole = known.get("rotation", {}).get("whole_at")
    control = known.get("breaks", {}).get(CONTROL, {})
    return Extent(
        shard,
        since,
        datetime.fromisoformat(whole) if whole else None,
        sum(row[3] for row in control.values()),
        left_krw(known),
    )
