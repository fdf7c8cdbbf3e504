"""Which findings touch payments, and which of their parameters say how many and how much."""

from __future__ import annotations

from monitor.domain.incident.impact import Touch

TOUCHES: tuple[Touch, ...] = (
    Touch("payments_refused:*", "refused", "refused_so_far"),
    Touch("books_broken:*/P2", "waiting_for_capture", "count", "amount_krw"),
    Touch("books_broken:*/P3", "waiting_for_refund", "count", "amount_krw"),
    Touch("work_delayed:settlement", "waiting_for_capture", "delayed"),
    Touch("work_delayed:refund", "waiting_for_refund", "delayed"),
    Touch("work_failing:settlement", "capture_failed", "failed"),
    Touch("work_failing:refund", "refund_failed", "failed"),
    Touch("work_dead_lettered:settlement", "capture_failed", "dead_letters"),
    Touch("work_dead_lettered:refund", "refund_failed", "dead_letters"),
    Touch("events_skipped:*", "not_booked", "unbooked", "unbooked_krw"),
    Touch("books_broken:*/L1", "not_booked", "count", "amount_krw"),
    Touch("books_broken:*/L3", "booked_twice", "count", "amount_krw"),
    Touch("books_broken:*/L4", "wrong_amount", "count", "amount_krw"),
    Touch("books_broken:*/L5", "refund_not_booked", "count", "amount_krw"),
    Touch("books_broken:*/L7", "refund_booked_twice", "count", "amount_krw"),
    Touch("books_broken:*/R1", "refunded_twice", "count", "amount_krw"),
    Touch("pg_break:*", "differs_from_pg", "count", "amount_krw"),
    *(
        Touch(pattern)
        for pattern in (
            *("service_down:*", "instances_missing:*", "breaker_open:*", "breaker_forced:*"),
            *("partition_offline:*", "traffic_gone:*", "requests_slow:*"),
            *("relay_stalled:*", "outbox_old:*", "outbox_exhausted:*", "pool_exhausted:*"),
            *("lag_stuck:*", "group_absent:*", "group_empty:*", "dead_letters_arrived:*"),
        )
    ),
)
