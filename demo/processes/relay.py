"""The relay: publishes the events of the outboxes, oldest first, as far as its breaker permits."""

from __future__ import annotations

from datetime import datetime, timedelta

from demo.platform.breaker import Breaker
from demo.platform.parts import Parts, Span
from demo.platform.shards import Row, Shard
from demo.platform.times import row_text, row_time

_TOPIC_OF = {
    "PAYMENT_AUTHORIZED": "payment.authorized",
    "PAYMENT_CAPTURE_REQUESTED": "payment.capture-requested",
    "PAYMENT_CAPTURED": "payment.captured",
    "PAYMENT_REFUND_REQUESTED": "payment.refund-requested",
}
_RETRY_AFTER = timedelta(seconds=1)
_PROBES_MAX = 12
_POLL_SECONDS = 0.5
_COPIES_MAX = 57


def run(parts: Parts, span: Span) -> bool:
    """Publish what waits, and say whether anything did; a failed sending changes no row."""
    if parts.conditions.relay_stalled:
        return True
    probe(parts.publisher, parts.broker.up, span)
    if not parts.broker.up:
        parts.broker_away_until = span.until
    if not parts.broker.up or parts.publisher.state == "OPEN":
        return True
    return _publish(parts, span) or not parts.publisher.calm


def probe(breaker: Breaker, healthy: bool, span: Span) -> None:
    """Keep-alive calls through a breaker, so that it opens and closes without traffic too."""
    if healthy and breaker.calm:
        return
    count = min(max(int(span.seconds), 1), _PROBES_MAX)
    for step in range(1, count + 1):
        at = span.start + (span.until - span.start) * step / count
        if breaker.permits(at):
            breaker.record(healthy, at)


def _publish(parts: Parts, span: Span) -> bool:
    waiting = [
        (row, shard) for shard in parts.shards.reachable() for row in _rows(parts, shard, span)
    ]
    waiting.sort(key=lambda event: str(event[0]["created_at"]))
    at = span.start
    for row, shard in waiting:
        at = _sent_at(parts, row, at)
        if at > span.until:
            break
        for _ in range(_copies(parts, row, len(waiting))):
            _send(parts, row, at)
        shard.execute(
            "UPDATE outbox_event SET published = 1, published_at = ? WHERE event_id = ?",
            (row_text(at), row["event_id"]),
        )
    return bool(waiting)


def _rows(parts: Parts, shard: Shard, span: Span) -> list[Row]:
    polls = max(int(span.seconds), 1)
    return shard.rows(
        "SELECT o.event_id, o.aggregate_id, o.event_type, o.payload, o.created_at, p.merchant_id"
        " FROM outbox_event o JOIN payment p ON p.payment_id = o.aggregate_id"
        " WHERE o.published = 0 AND o.created_at <= ? AND o.retry_count < ?"
        " AND (o.last_retry_at IS NULL OR o.last_retry_at <= ?)"
        " ORDER BY o.created_at, o.event_id LIMIT ?",
        (
            row_text(span.until),
            parts.settings.relay_retries_max,
            row_text(span.until - _RETRY_AFTER),
            parts.settings.relay_batch * polls,
        ),
    )


def _copies(parts: Parts, row: Row, waiting: int) -> int:
    """How often an event is sent: each poll hands over once more what waits for the broker.

    54 times in the median and up to 57, as measured on the platform after an outage.
    """
    away_until, created_at = parts.broker_away_until, row_time(row["created_at"])
    if away_until is None or created_at >= away_until:
        return 1
    polls = int((away_until - created_at).total_seconds() / _POLL_SECONDS)
    most = min(parts.chance.randint(50, _COPIES_MAX), parts.settings.copies_max // waiting)
    return max(1, min(polls, most))


def _sent_at(parts: Parts, row: Row, after: datetime) -> datetime:
    """Soon after its creation, and a moment after the event before it."""
    soon = row_time(row["created_at"]) + timedelta(seconds=parts.chance.uniform(0.02, 0.4))
    return max(soon, after + timedelta(microseconds=200))


def _send(parts: Parts, row: Row, at: datetime) -> None:
    topic = _TOPIC_OF[row["event_type"]]
    key = str(row["aggregate_id"])
    parts.broker.append(topic, key, row["payload"], at, merchant_id=row["merchant_id"])
