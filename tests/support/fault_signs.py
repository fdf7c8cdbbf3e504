"""By what each fault of the stand-in is told, and which faults hide one another."""

from __future__ import annotations

NET = ("books_broken:*/L10", "books_broken:*/L11")
KAFKA_DOWN = (
    "breaker_open:ingest/kafka-publisher",
    "relay_stalled:",
    "outbox_old:*",
    "publishing_slow:*",
    "books_broken:*/O1",
    "books_broken:*/P2",
    "books_broken:*/P3",
    "monitoring_gap:kafka",
    # what waited comes again and again, and a refund is booked as often
    *("books_broken:*/L7", "books_broken:*/L8", *NET, "lag_rising:*", "lag_in_batch:*"),
)
# fault -> the root that names it, minutes it lasts, and all that may be told to follow from it
FAULTS: dict[str, tuple[str, float, tuple[str, ...]]] = {
    "broker_down": ("service_down:kafka", 8, KAFKA_DOWN),
    "relay_stalled": (
        "relay_stalled:",
        6,
        (
            *("outbox_old:*", "publishing_slow:*"),
            *("books_broken:*/O1", "books_broken:*/P2", "books_broken:*/P3"),
        ),
    ),
    "slow_api": ("requests_slow:authorize", 5, ()),
    "pg_refusing": (
        "breaker_open:ingest/pg-auth-api",
        8,
        ("payments_refused:authorize", "traffic_gone:", "regression:payments_per_minute"),
    ),
    "redis_down": (
        "service_down:redis",
        12,
        (
            *("monitoring_gap:redis", "requests_slow:authorize", "traffic_gone:"),
            "regression:payments_per_minute",
        ),
    ),
    "merchant_over_limit": ("merchant_blocked:authorize/MERCHANT-8", 6, ()),
    "poison_message": ("dead_letters_arrived:payment.dlq", 5, ()),
    "ledger_entry_missing": ("books_broken:shard?/L1", 5, NET),
    "ledger_entry_duplicated": ("books_broken:shard?/L3", 5, NET),
    "ledger_wrong_amount": ("books_broken:shard?/L4", 5, NET),
    "shard2_unbooked": (
        "events_skipped:payment-consumer",
        10,
        (
            *("books_broken:shard2/L1", "books_broken:shard2/L10", "books_broken:shard2/L11"),
            *("books_broken:shard2/L5", "lag_rising:payment-consumer"),
        ),
    ),
    "consumer_stuck": (
        "lag_stuck:payment-consumer",
        10,
        ("lag_rising:payment-consumer", "books_broken:*/L1", "books_broken:*/L5", *NET),
    ),
    "shard_down": ("service_down:database/shard2", 12, ("monitoring_gap:database/shard2",)),
    "traffic_gone": ("traffic_gone:", 14, ("regression:payments_per_minute",)),
}
# fault -> what keeps it from being told beside itself, and why
HIDDEN_BY: dict[str, dict[str, str]] = {
    "relay_stalled": {
        "broker_down": "a relay publishes nothing without a broker",
        "shard_down": "a relay stands still without its databases",
        "traffic_gone": "there is nothing to publish",
        "pg_refusing": "hardly anything is left to publish",
    },
    "slow_api": {
        "pg_refusing": "a payment gateway in trouble makes for slow answers",
        "redis_down": "without Redis every request hangs",
        "traffic_gone": "nobody waits for an answer",
    },
    "merchant_over_limit": {"redis_down": "the limiter counts nothing"},
    "poison_message": {
        "broker_down": "nothing can arrive",
        "consumer_stuck": "nobody reads it before the end",
        "shard_down": "what a shard cannot take ends in the DLQ",
    },
    "shard2_unbooked": {
        "broker_down": "nothing is captured that could be skipped",
        "relay_stalled": "nothing is captured that could be skipped",
        "redis_down": "nothing is paid that could be skipped",
        "pg_refusing": "nothing is paid that could be skipped",
        "traffic_gone": "nothing is paid that could be skipped",
        "consumer_stuck": "a capture that was not consumed leaves no entry",
        "shard_down": "the books of the shard cannot be seen",
        "poison_message": "a capture in the DLQ leaves no entry",
    },
    "consumer_stuck": {
        "broker_down": "the lag cannot be seen",
        "relay_stalled": "nothing comes that could wait",
        "shard_down": "a consumer stands still without its database",
        "traffic_gone": "nothing comes that could wait",
        "pg_refusing": "hardly anything comes that could wait",
    },
    "ledger_entry_missing": {
        "broker_down": "a capture that was not carried leaves no entry",
        "consumer_stuck": "a capture that was not consumed leaves no entry",
        "poison_message": "a capture in the DLQ leaves no entry",
        "shard_down": "the books of the shard cannot be seen",
    },
    "ledger_entry_duplicated": {
        "broker_down": "each event that waited for the broker comes again, and is booked again",
        "shard_down": "the books of the shard cannot be seen",
    },
    "ledger_wrong_amount": {"shard_down": "the books of the shard cannot be seen"},
    "traffic_gone": {
        "redis_down": "without Redis nothing is authorized",
        "pg_refusing": "no payment is made where every one is refused",
        "shard_down": "the payments of the shard cannot be counted",
    },
}
