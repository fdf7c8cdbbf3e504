"""What must agree with what in each answer of the monitoring-service, path by path.

Fields that an answer leaves out are not compared: whether it may leave them out is said by those
who read it. What a fact of any source must agree with stands in facts/agreement.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from checks.sources.facts.agreement import is_about
from checks.sources.monitoring_api.fields import ContradictionError, Fields

Rule = Callable[[Fields], None]


def hold_together(path: str, fields: Fields) -> None:
    """ContradictionError: two fields of the answer to this path cannot both be true."""
    for rule in _RULES.get(path, ()):
        rule(fields)


def _counted(count: str, rows: str, *, at_least: bool = False) -> Rule:
    """`count` is the number of `rows` (`at_least`: it counts rows that are not listed, too)."""

    def rule(fields: Fields) -> None:
        listed = fields.data.get(rows)
        if count not in fields.data or not isinstance(listed, (list, dict)):
            return
        counted = fields.count(count)
        fits = counted >= len(listed) if at_least else counted == len(listed)
        if not fits or (counted and not listed):
            raise ContradictionError(f"{counted} `{rows}`", f"{len(listed)}")

    return rule


def _summed(total: str, *parts: str) -> Rule:
    """`total` is about the sum of the parts."""

    def rule(fields: Fields) -> None:
        if all(fields.has(name) for name in (total, *parts)):
            _same(fields.count(total), sum(fields.count(name) for name in parts), total)

    return rule


def _at_most(smaller: str, larger: str) -> Rule:
    """`smaller` counts some of what `larger` counts."""

    def rule(fields: Fields) -> None:
        if fields.has(smaller) and fields.has(larger):
            few, many = fields.number(smaller), fields.number(larger)
            if few > many:
                raise ContradictionError(f"at most {many:g} as `{smaller}`", f"{few:g}")

    return rule


def _by_row(total: str, rows: str, name: str) -> Rule:
    """`total` is about the sum of `name` over the rows."""

    def rule(fields: Fields) -> None:
        if fields.has(total) and rows in fields.data:
            found = sum(row.number(name) for row in fields.rows(rows))
            _same(fields.number(total), found, total)

    return rule


def _same(total: float, found: float, name: str) -> None:
    if not is_about(total, found):
        raise ContradictionError(f"{found:g}, the sum of its parts, as `{name}`", f"{total:g}")


def _each(rows: str, *rules: Rule) -> Rule:
    """The rules hold for every row, or every object of an object."""

    def rule(fields: Fields) -> None:
        found = fields.data.get(rows)
        values = list(found.values()) if isinstance(found, dict) else found
        for row in values if isinstance(values, list) else ():
            for one in rules:
                if isinstance(row, dict):
                    one(Fields(row, rows))

    return rule


def _within(rows: str, *rules: Rule) -> Rule:
    """The rules hold for the object under this name."""

    def rule(fields: Fields) -> None:
        if fields.has(rows):
            for one in rules:
                one(fields.object(rows))

    return rule


def _different(names: str) -> Rule:
    """No name is listed twice."""

    def rule(fields: Fields) -> None:
        listed = fields.texts(names) if fields.has(names) else ()
        if len({*listed}) < len(listed):
            raise ContradictionError(f"different `{names}`", ", ".join(listed))

    return rule


def _ends(row: Fields) -> None:
    """What a topic holds cannot be more than ever came to it."""
    ends = row.data.get("endOffsets")
    if row.has("totalMessages") and isinstance(ends, dict):
        offsets = row.object("endOffsets")
        total = sum(offsets.count(name) for name in ends)
        if row.count("totalMessages") > total:
            raise ContradictionError(
                f"at most {total} as `totalMessages`", row.got("totalMessages")
            )


def _lag(row: Fields) -> None:
    """A lag is what lies between two offsets; beyond the end it is negative, or written as 0."""
    if all(row.has(name) for name in ("currentOffset", "endOffset", "lag")):
        behind = row.count("endOffset") - row.count("currentOffset")
        if row.integer("lag") not in (behind, max(0, behind)):
            raise ContradictionError(f"{behind} as `lag`", row.got("lag"))


def _quiet_outbox(fields: Fields) -> None:
    """Nothing waits, and yet something is listed or counted."""
    waits = fields.data.get("events") or fields.data.get("count")
    if fields.data.get("healthy") is True and waits:
        raise ContradictionError("no event and no `count` where `healthy`", fields.got("count"))


def _balanced(fields: Fields) -> None:
    if all(fields.has(name) for name in ("balanced", "totalDebits", "totalCredits")):
        are_same = fields.integer("totalDebits") == fields.integer("totalCredits")
        if fields.flag("balanced") and not are_same:
            raise ContradictionError("equal totals where `balanced`", fields.got("totalCredits"))


def _ordered(fields: Fields) -> None:
    """The least is not above the average, nor that above the most."""
    names = ("min_amount", "avg_amount", "max_amount")
    if all(fields.has(name) for name in names):
        low, middle, high = (fields.number(name) for name in names)
        if not low - 1 <= middle <= high + 1:  # an average may be rounded
            raise ContradictionError(f"{low:g} to {high:g} as `avg_amount`", f"{middle:g}")


def _some_merchant(fields: Fields) -> None:
    """Payments have merchants, and none of these has more than there are."""
    if not (fields.has("overall") and fields.has("topMerchants")):
        return
    count = fields.object("overall").count("total_count")
    counts = [row.count("transaction_count") for row in fields.rows("topMerchants")]
    fits = sum(counts) <= count or is_about(sum(counts), count)
    if bool(count) != bool(counts) or 0 in counts or not fits:
        raise ContradictionError(f"merchants of {count} payments", f"{sum(counts)} payments")


def _free(fields: Fields) -> None:
    if fields.data.get("exists") is False and fields.has("paymentId"):
        raise ContradictionError(
            "no `paymentId` of a key that does not exist", fields.got("paymentId")
        )


def _keys(fields: Fields) -> None:
    """Every key has its prefix."""
    if "totalKeys" in fields.data and fields.has("analysis"):
        analysis = fields.object("analysis")
        found = sum(analysis.object(prefix).count("count") for prefix in analysis.data)
        _same(fields.count("totalKeys"), found, "totalKeys")


def _failure_rate(fields: Fields) -> None:
    """A rate is the share of the calls that were counted; negative: none was yet."""
    if not all(fields.has(n) for n in ("failureRate", "numberOfFailedCalls")):
        return
    calls, failed = fields.count("numberOfBufferedCalls"), fields.count("numberOfFailedCalls")
    rate = fields.percent("failureRate")
    if rate is not None and (not calls or abs(rate - 100 * failed / calls) > 1):
        raise ContradictionError(
            f"the share of {failed} in {calls} as `failureRate`", f"{rate:g} %"
        )


_CALLS = (
    _at_most("numberOfFailedCalls", "numberOfBufferedCalls"),
    _at_most("numberOfSlowCalls", "numberOfBufferedCalls"),
    _summed("numberOfBufferedCalls", "numberOfSuccessfulCalls", "numberOfFailedCalls"),
    _failure_rate,
)
_WORK = (
    _summed("totalCount", "successCount", "failedCount", "pendingCount"),
    _by_row("failedCount", "failureDetails", "count"),
)
_REDIS_STATS = (
    _at_most("blockedMerchants", "rateLimitKeys"),
    _counted("rateLimitKeys", "rateLimitSamples", at_least=True),
)
_RULES: Mapping[str, tuple[Rule, ...]] = {
    "/monitoring/circuit-breaker/status": _CALLS,
    "/monitoring/kafka/stats": (
        _counted("topicCount", "topics"),
        _counted("consumerGroupCount", "consumerGroups"),
        _different("topics"),
        _different("consumerGroups"),
    ),
    "/monitoring/kafka/topics": (_counted("count", "topics"), _different("topics")),
    "/monitoring/kafka/topic-stats": (
        _counted("count", "topics"),
        _each("topics", _counted("partitions", "endOffsets"), _ends),
    ),
    "/monitoring/kafka/topic-details": (_counted("partitionCount", "partitions"),),
    "/monitoring/kafka/consumer-groups": (_counted("count", "groups"),),
    "/monitoring/kafka/consumer-lag": (_each("partitions", _lag),),
    "/monitoring/kafka/dlq-messages": (_counted("count", "messages", at_least=True),),
    "/monitoring/redis/stats": _REDIS_STATS,
    "/monitoring/redis/cache-stats": _REDIS_STATS,
    "/monitoring/redis/rate-limit/all": (_counted("count", "rateLimits"),),
    "/monitoring/redis/rate-limit/blocked": (_counted("count", "blockedMerchants"),),
    "/monitoring/redis/ttl-analysis": (
        _keys,
        _each("analysis", _at_most("neverExpire", "count"), _at_most("expiringSoon", "count")),
    ),
    "/monitoring/redis/idempotency": (_free,),
    "/monitoring/database/stats": (
        _by_row("totalPayments", "paymentsByStatus", "count"),
        _within("outboxEvents", _summed("total", "published", "unpublished")),
    ),
    "/monitoring/database/statistics": (
        _within("overall", _ordered),
        _some_merchant,
    ),
    "/monitoring/database/outbox": (
        _quiet_outbox,
        _counted("count", "events", at_least=True),
    ),
    "/monitoring/database/payments": (_counted("count", "payments"),),
    "/monitoring/database/ledger": (_counted("count", "entries"),),
    "/monitoring/database/reconciliation": (
        _balanced,
        _by_row("totalDebits", "debitAccounts", "total"),
        _by_row("totalCredits", "creditAccounts", "total"),
    ),
    "/stats/settlement": _WORK,
    "/stats/refund": _WORK,
}
