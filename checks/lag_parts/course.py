"""What is remembered of a consumer group: its looks, its commits, and the rows that it wrote.

Workers commit once a poll, when the whole batch is done: an offset may stand for minutes while
payments are settled. What a group wrote tells the two apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from checks.sources.facts.platform import GroupLag
from monitor.domain.check import Memory

LOOKS_MAX = 100
_GAPS_MAX = 20
_GAPS_MIN = 3
_USUAL_SHARE = 0.9

Rows = Mapping[str, int]  # by shard: how many rows the group has written
# One look: {"at", "lag", "done", "rows", "left", "empty"}; `done` is the sum of the committed
# offsets, `left` what waits without what was written since the last commit.
Look = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """A group at one moment; `rows` is empty where nobody can see what it writes."""

    lag: GroupLag
    rows: Rows
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class Keep:
    """How many looks are kept: so many, and more where they would span less than so long."""

    looks: int
    span_seconds: float


def course(before: Any, seen: Seen, now: datetime, keep: Keep) -> Memory:
    """The memory of a group after one more look; one of another form begins anew."""
    known: Mapping[str, Any] = before if isinstance(before, Mapping) else {}
    last = known["looks"][-1] if known.get("looks") else None
    at = now.isoformat()
    wrote = written(last["rows"], seen.rows) if last else 0
    stands = _stands(known.get("stands"), last, seen, wrote, at)
    rests = stands is not None and stands["looks"] > 1
    left = seen.lag.lag_messages - (stands["written"] if stands else 0)
    look = {
        "at": at,
        "lag": seen.lag.lag_messages,
        "done": _done(seen.lag),
        "rows": dict(seen.rows),
        "left": max(0, left),
        "empty": seen.is_empty,
    }
    return {
        "looks": _trimmed([*known.get("looks", ()), look], keep),
        "stands": stands,
        "parts": _parts(known.get("parts", {}), seen.lag, at),
        "gaps": _gaps(known, rests, last),
        "wrote_at": at if wrote else known.get("wrote_at"),
    }


def written(earlier: Rows, later: Rows) -> int:
    """How many rows were added between two looks, on the shards that both saw."""
    return sum(max(0, later[shard] - earlier[shard]) for shard in earlier.keys() & later.keys())


def usual_gap_seconds(known: Memory) -> float:
    """How long this group mostly lets its offsets stand between two commits; 0: not known."""
    gaps: list[float] = sorted(known["gaps"])
    return gaps[int(_USUAL_SHARE * (len(gaps) - 1))] if len(gaps) >= _GAPS_MIN else 0.0


def seconds(since: str, until: str) -> float:
    """The time between two moments of the memory."""
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()


def _done(lag: GroupLag) -> int:
    return sum(p.committed_offset for p in lag.partitions)


def _stands(
    before: Mapping[str, Any] | None, last: Look | None, seen: Seen, wrote: int, at: str
) -> dict[str, Any] | None:
    """Since when nothing was committed though messages wait, how many waited then, and what was
    written since; None: nothing waits."""
    if not seen.lag.lag_messages:
        return None
    if before is None or last is None or last["done"] != _done(seen.lag):
        return {"since": at, "looks": 1, "lag": seen.lag.lag_messages, "written": 0}
    more = {"looks": before["looks"] + 1, "written": before["written"] + wrote}
    return {**before, **more}


def _parts(before: Mapping[str, Sequence[Any]], lag: GroupLag, at: str) -> dict[str, Sequence[Any]]:
    """The partitions with a lag, each [offset, since when it stands there, looks]."""
    found: dict[str, Sequence[Any]] = {}
    for one in lag.partitions:
        if one.lag_messages:
            key, offset = f"{one.topic}/{one.partition}", one.committed_offset
            known = before.get(key)
            stood = known is not None and known[0] == offset
            found[key] = [offset, known[1], known[2] + 1] if known and stood else [offset, at, 1]
    return found


def _gaps(known: Mapping[str, Any], rests: bool, last: Look | None) -> list[float]:
    """The latest times for which offsets stood, as far as they were seen to; a fault now and then
    does not become the custom, which most of them make."""
    gaps, stood = list(known.get("gaps", ())), known.get("stands")
    if stood is None or rests or last is None:
        return gaps
    return [*gaps[1 - _GAPS_MAX :], seconds(stood["since"], last["at"])]


def _trimmed(looks: list[Look], keep: Keep) -> list[Look]:
    """So many looks, and more where they follow so quickly that they would span too little."""
    first = max(0, len(looks) - keep.looks)
    while first > 0 and len(looks) - first < LOOKS_MAX:
        if seconds(looks[first]["at"], looks[-1]["at"]) >= keep.span_seconds:
            break
        first -= 1
    return looks[first:]
