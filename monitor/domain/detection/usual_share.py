"""A share judged against its own past and the number of tries: few tries prove little."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist
from typing import Any

from monitor.domain.check import Memory, Status

CONFIDENCE = 0.999  # one-sided: a check looks every minute, and must not find chance
_Z = NormalDist().inv_cdf(CONFIDENCE)
_TRIES_KNOWN = 100.0  # from so many on the past says what is usual
_SHARE_ASSUMED = 0.10  # until then
_MARGIN, _MARGIN_RELATIVE = 0.02, 0.5  # the usual moves by itself from hour to hour
_CRIT_BEYOND = 0.20  # so much more than may be is critical
_SHARE_MAX = 0.50  # more than that is never usual
_HALF_LIFE = timedelta(days=7)
_WEIGHT_UNUSUAL = 0.05  # of what came in times of trouble

Sample = Sequence[Any]  # [time, tries, hits], both since the beginning


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some tries failed, or were refused."""

    tries: float
    hits: float
    minutes: float = 0.0

    @property
    def percent(self) -> float:
        """The share; 0 where nothing was tried."""
        return 100 * self.hits / self.tries if self.tries else 0.0


def bounds(share: Share) -> tuple[float, float]:
    """Between which limits the true share lies, each with `CONFIDENCE` (Wilson's interval)."""
    if share.tries <= 0:
        return 0.0, 1.0
    seen, z2 = share.hits / share.tries, _Z * _Z / share.tries
    centre = (seen + z2 / 2) / (1 + z2)
    reach = _Z * math.sqrt(seen * (1 - seen) / share.tries + z2 / share.tries / 4) / (1 + z2)
    return max(0.0, centre - reach), min(1.0, centre + reach)


def usual_max(past: Memory) -> float:
    """The highest share that is still usual after this past."""
    known = Share(past.get("tries", 0.0), past.get("hits", 0.0))
    if known.tries < _TRIES_KNOWN:
        return _SHARE_ASSUMED
    share = bounds(known)[1]
    return min(share + max(_MARGIN, share * _MARGIN_RELATIVE), _SHARE_MAX)


def unusual(share: Share, past: Memory) -> Status:
    """How far a share is beyond the usual, as far as its tries prove it."""
    beyond = bounds(share)[0] - usual_max(past)
    if beyond <= 0:
        return Status.OK
    return Status.CRIT if beyond > _CRIT_BEYOND else Status.WARN


def learned(past: Memory, aged: Sample | None, is_unusual: bool, now: datetime) -> Memory:
    """The past, with what came until `aged`: a sample so old that trouble in it has shown itself.

    Times of trouble weigh little: a fault must not become the custom, but what goes on for weeks,
    or has been so since the first look, is the custom. Half of what is known is forgotten in a
    week.
    """
    known = {**past, "unusual_at": now.isoformat()} if is_unusual else {**past}
    if aged is None or aged == known.get("until"):
        return known
    before, known["until"] = known.get("until"), list(aged)
    if before is None or _fell(before, aged):
        return known
    weight = _WEIGHT_UNUSUAL if _was_unusual(known, before[0]) else 1.0
    return {**known, **_added(known, before, aged, weight)}


def _fell(before: Sample, aged: Sample) -> bool:
    return any(aged[n] < before[n] for n in (1, 2))


def _was_unusual(known: Mapping[str, Any], since: str) -> bool:
    at = known.get("unusual_at")
    return at is not None and datetime.fromisoformat(at) >= datetime.fromisoformat(since)


def _added(
    known: Mapping[str, Any], before: Sample, aged: Sample, weight: float
) -> dict[str, float]:
    took = datetime.fromisoformat(aged[0]) - datetime.fromisoformat(before[0])
    kept = 0.5 ** (max(took, timedelta()) / _HALF_LIFE)
    return {
        name: round(known.get(name, 0.0) * kept + weight * (aged[n] - before[n]), 3)
        for n, name in ((1, "tries"), (2, "hits"))
    }
