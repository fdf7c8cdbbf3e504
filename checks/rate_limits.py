"""Is a merchant stopped by a rate limit, or about to be?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from checks.rate_parts.refused import ACTIONS, ANY, Refused, refused
from checks.sources.facts.platform import RateUse, RequestCount
from checks.sources.facts.unavailable import Fact, Unavailable, Why, monitoring_gaps
from monitor.config.option_types import CountOrZero, Minutes, Percent
from monitor.domain.check import (
    Check,
    Finding,
    Memory,
    Metric,
    Params,
    ProbeContext,
    Status,
    Verdict,
)


@dataclass(frozen=True, slots=True)
class Options:
    """The capacities that the platform is configured with: requests per action and window.

    0: not known. The platform tells no capacity of its own, so it is never guessed: without it
    only the requests that ingest refused with 429 in the last `refused_minutes` can be told.
    """

    authorize_max: CountOrZero = 0
    capture_max: CountOrZero = 0
    refund_max: CountOrZero = 0
    near_percent: Percent = 80.0
    refused_minutes: Minutes = 5.0

    def capacities(self) -> dict[str, int]:
        """The capacity of each action of which it is known."""
        every = {
            "authorize": self.authorize_max,
            "capture": self.capture_max,
            "refund": self.refund_max,
        }
        return {action: capacity for action, capacity in every.items() if capacity}


@dataclass(frozen=True, slots=True)
class Facts:
    """Every counter, and the requests that each ingest instance answered."""

    uses: Fact[tuple[RateUse, ...]]
    requests: Mapping[str, Fact[tuple[RequestCount, ...]]] = field(default_factory=dict)


def probe(context: ProbeContext) -> Facts:
    """Ask for every counter, and for what ingest answered."""
    platform = context.platform
    return Facts(platform.redis.rate_uses(), platform.services.requests())


def evaluate(facts: Facts, context: ProbeContext) -> tuple[Verdict, Memory]:
    """A merchant is blocked above its capacity, not at it; where that is not known, 429 tells."""
    options: Options = context.options
    uses = () if isinstance(facts.uses, Unavailable) else facts.uses
    ordered = sorted(uses, key=lambda use: -use.count)
    found = [finding for use in ordered if (finding := _judge(use, options)) is not None]
    window = timedelta(minutes=options.refused_minutes)
    counted = {i: r for i, r in facts.requests.items() if not isinstance(r, Unavailable)}
    limited = refused(counted, context.memory, context.now, window)
    blocked = _blocked(found, context)
    findings = [
        *found,
        *_limited(limited, ordered, blocked, options),
        *monitoring_gaps(_unavailable(facts, limited, options)),
    ]
    memory = {**limited.memory, "blocked": blocked}
    return Verdict.of(findings, _metrics(facts.uses, found, options)), memory


def _judge(use: RateUse, options: Options) -> Finding | None:
    """What is certain: without its action, a counter is held against the largest capacity."""
    capacity = _capacity(use, options)
    used_percent = 100 * use.count / capacity if capacity else 0.0
    if used_percent > 100:
        return _finding("merchant_blocked", Status.CRIT, use, options)
    if use.ttl_seconds is None:
        return _finding("merchant_stuck", Status.WARN, use, options)
    if capacity and used_percent >= options.near_percent and use.action is not None:
        return _finding("merchant_near_limit", Status.WARN, use, options)
    return None


def _capacity(use: RateUse, options: Options) -> int | None:
    """None: not known; where the action was lost, known only if every action's is."""
    known = options.capacities()
    if use.action is not None:
        return known.get(use.action)
    return max(known.values()) if len(known) == len(ACTIONS) else None


def _is_unclear(use: RateUse, options: Options) -> bool:
    """Whether some action's capacity is (nearly) used up, and yet not every action's."""
    known = options.capacities().values()
    if use.action is not None or len(known) < len(ACTIONS):
        return False
    return min(known) * options.near_percent / 100 <= use.count <= max(known)


def _finding(code: str, status: Status, use: RateUse, options: Options) -> Finding:
    capacity = _capacity(use, options)
    action = use.action or ANY
    params: Params = {
        "merchant_id": use.merchant_id,
        "action": action,
        "count": use.count,
        "capacity": capacity,
        "used_percent": round(100 * use.count / capacity, 1) if capacity else None,
        "ttl_seconds": use.ttl_seconds,
    }
    return Finding(code, status, f"{action}/{use.merchant_id}", params)


def _blocked(found: Iterable[Finding], context: ProbeContext) -> dict[str, str]:
    """By action, when a merchant was last found blocked, within the window."""
    window = timedelta(minutes=context.options.refused_minutes)
    known: Mapping[str, str] = context.memory.get("blocked", {})
    kept = {a: at for a, at in known.items() if context.now - datetime.fromisoformat(at) < window}
    codes = {str(f.params["action"]) for f in found if f.code == "merchant_blocked"}
    return {**kept, **dict.fromkeys(codes, context.now.isoformat())}


def _limited(
    limited: Refused, uses: list[RateUse], blocked: Mapping[str, str], options: Options
) -> Iterator[Finding]:
    """Refused requests whose merchant no counter names: the capacity is not what we think."""
    for action, count in sorted(limited.by_action.items()):
        if {action, ANY} & blocked.keys():
            continue
        asking = [use for use in uses if use.action in (action, None) or action == ANY]
        params: Params = {
            "action": action,
            "refused": round(count),
            "minutes": round(limited.minutes, 1),
            "capacity": options.capacities().get(action),
            "merchant_id": asking[0].merchant_id if asking else "",
            "count": asking[0].count if asking else 0,
        }
        yield Finding("requests_limited", Status.WARN, f"requests/{action}", params)


def _unavailable(
    facts: Facts, limited: Refused, options: Options
) -> Iterator[tuple[Unavailable, str]]:
    if isinstance(facts.uses, Unavailable):
        yield facts.uses, ""
    else:
        yield from _lost(use for use in facts.uses if _is_unclear(use, options))
    lacking = [f"{action}_max" for action in ACTIONS if action not in options.capacities()]
    needed = bool(lacking or limited.by_action)
    for request in facts.requests.values():  # what cannot be seen for now ends nothing
        if isinstance(request, Unavailable) and (needed or request.why is not Why.NOT_VISIBLE):
            yield request, "requests"
    if not lacking:
        return
    keys = ", ".join(f"checks.rate_limits.{key}" for key in lacking)
    if not any(facts.requests.values()):
        yield _unknown("capacity_unknown", keys, "")
    elif limited.earlier:
        yield _unknown("refused_earlier", keys, f"{limited.earlier:.0f}")


def _unknown(reason: str, expected: str, got: str) -> tuple[Unavailable, str]:
    """What is seen of the counters all the same is not obscured by it."""
    part, params = "redis/capacities", {"path": "", "got": got, "expected": expected}
    return Unavailable(part, Why.NOT_VISIBLE, reason, params), part


def _lost(unclear: Iterable[RateUse]) -> list[tuple[Unavailable, str]]:
    """The counters whose action the source lost, where it matters."""
    some = sorted(unclear, key=lambda use: -use.count)
    if not some:
        return []
    got = f"{some[0].merchant_id}: {some[0].count}"
    params = {"path": "", "got": got, "expected": "the action of each counter"}
    return [(Unavailable("redis/actions", Why.NOT_VISIBLE, "action_lost", params), "")]


def _metrics(
    uses: Fact[tuple[RateUse, ...]], found: Iterable[Finding], options: Options
) -> Iterator[Metric]:
    """How many are blocked, and the highest use: of the counters whose capacity is known."""
    if isinstance(uses, Unavailable) or not options.capacities():
        return
    yield Metric("blocked_merchants", sum(f.code == "merchant_blocked" for f in found))
    known = [(use, capacity) for use in uses if (capacity := _capacity(use, options))]
    used = max((100 * use.count / capacity for use, capacity in known), default=0.0)
    yield Metric("rate_limit_used_percent_max", used)


CHECK = Check(name="rate_limits", options=Options, probe=probe, evaluate=evaluate)
