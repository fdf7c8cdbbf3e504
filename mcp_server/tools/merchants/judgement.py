"""A merchant's limits and volumes judged: is it refused now, why, and is that unlike itself?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from checks.sources.facts.payments import Count, MerchantShard, Periods
from checks.sources.facts.platform import RateUse
from checks.sources.facts.unavailable import Unavailable
from mcp_server.tools.merchants.rate_uses import used
from monitor.domain.check import Status
from monitor.reports.periods import days_before

DAYS = 7
_SURGE = 3.0  # so many times the usual is a surge
_FAILED = ("CAPTURE_FAILED", "REFUND_FAILED")


@dataclass(frozen=True, slots=True)
class Limit:
    """What a merchant used of one limit; `verdict`: blocked, stuck, near, fine, unclear,
    capacity_unknown.
    """

    action: str
    count: int
    capacity: int | None
    ttl_seconds: int | None
    verdict: str

    @property
    def used_percent(self) -> float | None:
        """In percent of the capacity; None where that is not known."""
        return 100 * self.count / self.capacity if self.capacity else None

    @property
    def refused(self) -> int:
        """How many requests this window has refused so far: the counter goes on counting them."""
        return 0 if self.capacity is None else max(self.count - self.capacity, 0)


@dataclass(frozen=True, slots=True)
class Volume:
    """Payments of the last hour and of the same hour of the days before it, and day by day."""

    hour: int
    usual: float | None  # the median of the same hour; None: it did not exist yet
    days: tuple[tuple[datetime, Mapping[str, Count]], ...]

    @property
    def per_minute(self) -> float:
        """How many payments it makes in a minute, usually, or else in the last hour."""
        return (self.hour if self.usual is None else self.usual) / 60

    @property
    def failed_share(self) -> float | None:
        """The failed ones among today's payments."""
        if not self.days:
            return None
        today = self.days[0][1]
        whole = sum(one.count for one in today.values())
        return sum(today[s].count for s in _FAILED if s in today) / whole if whole else None


def limits(
    uses: Sequence[RateUse], capacities: Mapping[str, int], near_percent: float
) -> list[Limit]:
    """Each counter against its capacity; blocked is above it, not at it."""
    return [_limit(use, capacities, near_percent) for use in uses]


def _limit(use: RateUse, capacities: Mapping[str, int], near_percent: float) -> Limit:
    (one,) = used([use], capacities)
    if one.capacity is None:
        verdict = "stuck_soon" if use.ttl_seconds is None else "capacity_unknown"
    elif one.is_blocked:
        verdict = "stuck" if use.ttl_seconds is None else "blocked"
    elif use.action is None:
        verdict = "unclear" if one.may_reach(100) else "fine"
    elif use.ttl_seconds is None:
        verdict = "stuck_soon"
    else:
        verdict = "near" if one.reaches(near_percent) else "fine"
    return Limit(use.action or "any", use.count, one.capacity, use.ttl_seconds, verdict)


LIMIT_STATUS = {
    "blocked": Status.CRIT,
    "stuck": Status.CRIT,
    "stuck_soon": Status.WARN,
    "near": Status.WARN,
    "unclear": Status.UNKNOWN,
    "capacity_unknown": Status.UNKNOWN,
    "fine": Status.OK,
}


def periods(now: datetime, zone: Any) -> Periods:
    """The last hour, the same hour of the days before, then today and the days before it."""
    hour = timedelta(hours=1)
    hours = [(days_before(now, n, zone) - hour, days_before(now, n, zone)) for n in range(DAYS + 1)]
    local = now.astimezone(zone)
    midnight = days_before(
        local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0), 0, zone
    )
    days = [(midnight, now)]
    days += [
        (days_before(midnight, n, zone), days_before(midnight, n - 1, zone)) for n in range(1, DAYS)
    ]
    return (*hours, *days)


def volume(shards: Sequence[MerchantShard], asked: Periods) -> Volume:
    """What the shards counted in those periods, together."""
    sums = [_added([shard.periods[at] for shard in shards]) for at in range(len(asked))]
    counts = [sum(one.count for one in by_status.values()) for by_status in sums]
    first = min((s.first_at for s in shards if s.first_at), default=None)
    lived = [c for c, (start, _) in zip(counts[1 : DAYS + 1], asked[1:], strict=False)
             if first and start >= first]  # fmt: skip
    days = tuple((asked[at][0], sums[at]) for at in range(DAYS + 1, len(asked)))
    return Volume(counts[0], median(lived) if lived else None, days)


def _added(parts: Sequence[Sequence[Count]]) -> dict[str, Count]:
    found: dict[str, Count] = {}
    for one in (one for part in parts for one in part):
        before = found.get(one.kind, Count(one.kind, 0, 0))
        amount = before.amount_krw + one.amount_krw
        found[one.kind] = Count(one.kind, before.count + one.count, amount)
    return found


def misplaced(shards: Sequence[MerchantShard]) -> list[str]:
    """The shards that have payments of a merchant whose digits belong elsewhere."""
    return [s.shard for s in shards if s.is_home is False and s.first_at is not None]


def times_usual(found: Sequence[Limit], volumes: Volume | None) -> float | None:
    """Its requests in this window of a minute beside the payments that it usually makes in one.

    Refused requests make no payments, so that payments alone never show a surge.
    """
    if volumes is None or not found or not volumes.per_minute:
        return None
    return max(limit.count for limit in found) / volumes.per_minute


def conclusion(
    found: Sequence[Limit],
    uses: Unavailable | Sequence[RateUse],
    volumes: Volume | None,
    is_known: bool,
) -> str:
    """The one code that answers "why does it get 429?"."""
    if not is_known:
        return "nothing"
    verdicts = {limit.verdict for limit in found}
    if "stuck" in verdicts:
        return "stuck"
    if "blocked" in verdicts:
        times = times_usual(found, volumes)
        return "over_unknown" if times is None else "surge" if times >= _SURGE else "over"
    if isinstance(uses, Unavailable):
        return "unavailable"
    for code in ("unclear", "capacity_unknown"):
        if code in verdicts:
            return code
    return "near" if verdicts & {"near", "stuck_soon"} else "not_now"
