"""What the traffic check remembers: the usual rate of each hour, and the refusals of a window."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from checks.sources.facts.platform import RequestCount
from monitor.domain.check import Memory, ProbeContext, Status, worst
from monitor.domain.detection.usual_share import Sample, Share, learned, unusual, usual_max
from monitor.domain.metrics import increase

_LEARNING_MINUTES = 180.0  # of one hour of the day: three days of it weigh two thirds
_KNOWN_MINUTES = 30.0  # so long an hour must have been watched before it lets one expect anything
_GAP_MINUTES_MAX = 60.0
_TRIES_LATEST = 10  # so many requests show whether refusals go on


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What came since the last look; `per_minute` None: too soon to say, or nothing to say.

    For `silent_minutes` nothing came, where `expected` payments were to be expected; `is_gone`
    if that is too long and too many, `is_coming` if something came since the last look.
    """

    memory: Memory
    per_minute: float | None = None
    silent_minutes: float = 0.0
    expected: float = 0.0
    is_gone: bool = False
    is_coming: bool = False


def arrivals(payments: int | None, known: Memory, context: ProbeContext) -> Arrivals:
    """Count what came, a minute at the least, and learn the rate of this hour of the day.

    Hours are of the UTC day. Quiet minutes are learned like others, but not a silence that is
    a fault: it must not become the custom.
    """
    if payments is None:
        return Arrivals(known)
    if not known or payments < known["payments"]:
        return Arrivals(_begun(payments, known, context.now))
    grew = payments > known["seen"]
    new_at = context.now.isoformat() if grew else known["new_at"]
    return _counted({**known, "seen": payments, "new_at": new_at}, payments, context)


def _counted(known: Mapping[str, Any], payments: int, context: ProbeContext) -> Arrivals:
    silent, expected = _expected(known, context.now)
    options = context.options
    gone = silent >= options.silent_minutes and expected >= options.expected_min
    minutes = _minutes(known["at"], context.now)
    if minutes < 1:
        return Arrivals(known, None, silent, expected, gone, silent == 0)
    per_minute = (payments - known["payments"]) / minutes
    rates = known["rates"] if gone else _learned(known["rates"], per_minute, minutes, context.now)
    moved = {**known, "payments": payments, "at": context.now.isoformat(), "rates": rates}
    told = per_minute if minutes <= _GAP_MINUTES_MAX else None
    return Arrivals(moved, told, silent, expected, gone, silent == 0)


def _begun(payments: int, known: Memory, now: datetime) -> dict[str, Any]:
    at = now.isoformat()
    rates = known.get("rates", {})
    return {"payments": payments, "seen": payments, "at": at, "new_at": at, "rates": rates}


def _learned(
    rates: Mapping[str, Sequence[float]], per_minute: float, minutes: float, now: datetime
) -> dict[str, Sequence[float]]:
    """The rates by hour, each [payments per minute, minutes watched]; a long gap blurs hours."""
    if minutes > _GAP_MINUTES_MAX:
        return dict(rates)
    hour = str((now - timedelta(minutes=minutes / 2)).hour)
    rate, watched = rates.get(hour, (0.0, 0.0))
    weight = max(1 - math.exp(-minutes / _LEARNING_MINUTES), minutes / (watched + minutes))
    learned = rate + min(1.0, weight) * (per_minute - rate)
    kept = min(watched + minutes, _LEARNING_MINUTES)
    return {**rates, hour: [round(learned, 4), round(kept, 2)]}


def _expected(known: Mapping[str, Any], now: datetime) -> tuple[float, float]:
    """For how many minutes nothing came, and how many payments were to be expected in them."""
    since = datetime.fromisoformat(known["new_at"])
    expected = 0.0
    for hour, minutes in _by_hour(max(since, now - timedelta(hours=24)), now):
        rate, watched = known["rates"].get(str(hour), (0.0, 0.0))
        expected += rate * minutes if watched >= _KNOWN_MINUTES else 0.0
    return (now - since).total_seconds() / 60, expected


def _by_hour(since: datetime, until: datetime) -> Iterator[tuple[int, float]]:
    while since < until:
        end = since.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
        end = min(end, until)
        yield since.hour, (end - since).total_seconds() / 60
        since = end


@dataclass(frozen=True, slots=True)
class Refusals:
    """Authorizations of a window and how many of them were refused (409).

    `latest` are those of the last minutes, and `status` how bad they are; `so_far` is how many
    were refused since that is unusual.
    """

    memory: Memory
    window: Share
    latest: Share
    status: Status
    so_far: float = 0.0


def refusals(
    counted: Mapping[str, tuple[RequestCount, ...]], known: Memory, context: ProbeContext
) -> Refusals:
    """The growth of the counts of every instance over the window; restarts do not matter."""
    raw, (requests, refused) = _grown(counted, known)
    before = list(known.get("counted", ()))
    grew = bool(before) and refused > before[-1][2]
    seen_at = context.now.isoformat() if grew else known.get("seen_at")
    now = [context.now.isoformat(), requests, refused]
    first, kept = _window([*before, now], context)
    past = known.get("usual", {})
    latest, status = Share(0, 0), Status.OK
    if seen_at and _minutes(seen_at, context.now) <= context.options.refused_recent_minutes:
        latest, status = _judged(kept, now, past, context)
    aged = first if _minutes(first[0], context.now) >= context.options.window_minutes else None
    usual = learned(past, aged, status is not Status.OK, context.now)
    began = None if status is Status.OK else known.get("began", refused - latest.hits)
    memory = {"raw": raw, "counted": kept, "seen_at": seen_at, "usual": usual}
    if began is not None:
        memory["began"] = began
    so_far = 0.0 if began is None else refused - began
    return Refusals(memory, _since(first, now, context), latest, status, so_far)


def _grown(
    counted: Mapping[str, tuple[RequestCount, ...]], known: Memory
) -> tuple[dict[str, list[float]], tuple[float, float]]:
    """The counts of each instance, and all requests and refusals since the check began."""
    raw = dict(known.get("raw", {}))
    samples = known.get("counted", ())
    requests, refused = samples[-1][1:] if samples else (0.0, 0.0)
    for instance, found in counted.items():
        before, after = raw.get(instance), _totals(found)
        if before is not None:
            refused += increase(before[0], after[0]) or 0.0
            requests += increase(before[1], after[1]) or 0.0
        raw[instance] = after
    return raw, (requests, refused)


def _judged(
    samples: Sequence[Sample], now: Sample, past: Memory, context: ProbeContext
) -> tuple[Share, Status]:
    """The shortest time back from now in which more was refused than is usual; else the last
    minutes. Only where these hold too few refusals does it reach back over the whole window."""
    options = context.options
    share, goes_on = Share(0, 0), False
    for sample in reversed(samples[:-1]):
        wider = _since(sample, now, context)
        if wider.minutes > options.refused_recent_minutes and share.hits >= options.refused_min:
            break
        share = wider
        status = _status(share, past, options)
        if status is not Status.OK:
            return share, status
        if not goes_on and share.tries >= _TRIES_LATEST:
            limits = options.refused_warn_percent, options.refused_crit_percent
            goes_on = share.percent > min(100 * usual_max(past), *limits)
            if not goes_on:  # whatever was, the latest are as usual
                break
    return share, Status.OK


def _status(share: Share, past: Memory, options: Any) -> Status:
    """How bad a share is, by what is usual and by the configured limits."""
    if share.hits < options.refused_min:
        return Status.OK
    found = unusual(share, past)
    if share.percent > options.refused_crit_percent:
        return Status.CRIT
    return worst((found, Status.WARN)) if share.percent > options.refused_warn_percent else found


def _since(sample: Sample, now: Sample, context: ProbeContext) -> Share:
    minutes = _minutes(sample[0], context.now)
    return Share(now[1] - sample[1], now[2] - sample[2], minutes)


def _totals(found: Sequence[RequestCount]) -> list[float]:
    """Refused and all authorizations since the instance started."""
    asked = [r for r in found if "authorize" in r.uri]
    return [sum(r.count for r in asked if r.status == 409), sum(r.count for r in asked)]


def _window(samples: list[Any], context: ProbeContext) -> tuple[Any, list[Any]]:
    """The sample at which the window begins, and the samples to keep, thinned to 30 seconds."""
    span: float = context.options.window_minutes
    older = [s for s in samples[:-1] if _minutes(s[0], context.now) >= span]
    first = older[-1] if older else samples[0]
    kept = [first, *(s for s in samples if s[0] > first[0])]
    if len(kept) > 2 and _minutes(kept[-3][0], context.now) < 0.5:
        del kept[-2]
    return first, kept


def _minutes(since: str, now: datetime) -> float:
    return (now - datetime.fromisoformat(since)).total_seconds() / 60
