"""Whether a consumer group stands still, or works through a batch that is not committed yet."""

from __future__ import annotations

from dataclasses import dataclass

from checks.lag_parts.course import seconds, usual_gap_seconds, written
from monitor.domain.check import Memory

# No group's custom excuses more: the platform's poll interval, and far more where nobody sees
# whether a group that commits nothing writes.
_EXCUSED_SECONDS_MAX = {True: 300.0, False: 1800.0}
_USUAL_TIMES = 3.0


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long, and at how many looks, offsets may stand; one partition's, among others."""

    looks: int
    seconds: float
    partition_seconds: float


def standing(known: Memory, patience: Patience) -> list[str]:
    """The partitions that wait where the whole group has committed nothing for too long."""
    stands = known["stands"]
    if stands is None or stands["looks"] < patience.looks:
        return []
    long = seconds(stands["since"], _now(known)) >= _allowed_seconds(known, patience)
    return list(known["parts"]) if long else []


def partitions_standing(known: Memory, patience: Patience) -> list[str]:
    """The partitions that stand still for long while others of the group move."""
    if known["stands"] is None or known["stands"]["looks"] >= patience.looks:
        return []
    limit = max(patience.partition_seconds, _allowed_seconds(known, patience))
    return [
        key
        for key, (_, since, looks) in known["parts"].items()
        if looks >= patience.looks and seconds(since, _now(known)) >= limit
    ]


def works(known: Memory, patience: Patience) -> bool:
    """Whether the group added rows of its own lately, after its last commit."""
    at, stands = known["wrote_at"], known["stands"]
    if not at or stands is None or at <= stands["since"]:
        return False
    last_two = known["looks"][-2:]
    between = seconds(last_two[0]["at"], last_two[-1]["at"])
    return seconds(at, _now(known)) < max(patience.seconds, between)


def works_without_membership(known: Memory) -> bool:
    """Whether rows were added between two looks at both of which the group had no member."""
    last_two = known["looks"][-2:]
    both = len(last_two) == 2 and all(look["empty"] for look in last_two)
    return both and written(last_two[0]["rows"], last_two[1]["rows"]) > 0


def _now(known: Memory) -> str:
    at: str = known["looks"][-1]["at"]
    return at


def _allowed_seconds(known: Memory, patience: Patience) -> float:
    """How long this group's offsets may stand: it may be its custom to commit seldom."""
    most = _EXCUSED_SECONDS_MAX[bool(known["looks"][-1]["rows"])]
    usual = min(_USUAL_TIMES * usual_gap_seconds(known), most)
    return max(patience.seconds, usual)
