"""What follows from what: the consequences of each trouble, declared once.

Patterns are over `code:subject` (domain.incident.Cause). A finding may follow from several
causes; no finding follows, however indirectly, from itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

from monitor.domain.cause import DRAIN_DEFAULT, Cause

# How long what a cause left behind takes to go away, as measured on the platform: a backlog is
# worked off one message at a time (2 s a settlement, 3.7 s an event that cannot be booked), and
# the copies that Kafka got of each waiting event are read among it.
_BACKLOG = timedelta(minutes=30)
_COPIES = timedelta(minutes=15)
_UNBOOKED = timedelta(minutes=10)
_RATE_WINDOW = timedelta(minutes=20)  # a rate over 15 minutes, and the passes that see it
_SEEN_AGAIN = timedelta(minutes=2)  # what an outage hid shows itself; later it stands by itself
_DEAD_LETTERS_HELD = timedelta(minutes=35)  # dead letters are told of for 30 minutes

_KAFKA = "service_down:kafka"
_REDIS = "service_down:redis"
_DATABASES = ("service_down:database", "service_down:database/*")
_INGEST = ("service_down:ingest*", "service_down:gateway", "instances_missing:ingest*")
_PUBLISHER = (
    "breaker_open:*/kafka-publisher",
    "breaker_forced:*/kafka-publisher",
    "breaker_half_open_long:*/kafka-publisher",
)
_PG_BREAKERS = (
    "breaker_open:*/pg-auth-api",
    "breaker_forced:*/pg-auth-api",
    "breaker_half_open_long:*/pg-auth-api",
    "breaker_failing:*/pg-auth-api",
)
_RELAY = (_KAFKA, *_PUBLISHER, "partition_offline:*", *_INGEST, *_DATABASES)


_SKIPPED = "events_skipped:payment-consumer"
_LAGS = ("lag_stuck", "lag_in_batch", "lag_rising", "lag_drains_slowly")


def _follows(
    effects: str | Iterable[str],
    *causes: str,
    drain: timedelta = DRAIN_DEFAULT,
    begins_within: timedelta | None = None,
) -> tuple[Cause, ...]:
    """Each of the effects follows from each of the causes, and drains in that time."""
    named = (effects,) if isinstance(effects, str) else tuple(effects)
    return tuple(Cause(effect, cause, drain, begins_within) for effect in named for cause in causes)


def _worker(group: str, service: str) -> tuple[Cause, ...]:
    """A consumer group stands still when its worker does, or what the worker needs."""
    behind = [f"{code}:{group}" for code in _LAGS if code != "lag_stuck"]
    gone = [f"{code}:{group}" for code in ("group_absent", "group_empty")]
    needs = (f"service_down:{service}*", f"instances_missing:{service}*", _KAFKA, *_DATABASES)
    return (
        *_follows(behind, *needs, drain=_BACKLOG),
        *_follows(f"lag_stuck:{group}", *needs, drain=_BACKLOG, begins_within=_SEEN_AGAIN),
        *_follows(gone, *needs, begins_within=_SEEN_AGAIN),
    )


_SIGHT = (
    *_follows("monitoring_gap:*", "monitoring_gap:gateway", "service_down:monitoring"),
    *_follows("monitoring_gap:{part}", "service_down:{part}"),
    *_follows("monitoring_gap:{part}/*", "service_down:{part}"),
    *_follows("monitoring_gap:database", "service_down:database/*"),
    *_follows("monitoring_gap:ingest*", "service_down:ingest*", "instances_missing:ingest*"),
    *_follows("monitoring_gap:{job}@*", "instances_missing:{job}"),
)
_OUTAGES = (
    *_follows("service_down:database/*", "service_down:database"),
    *(
        cause
        for service in ("ingest*", "consumer*", "settlement*", "refund*", "monitoring")
        for cause in _follows(f"service_down:{service}", _REDIS, *_DATABASES)
    ),
    *(
        cause
        for job in ("ingest", "consumer", "settlement", "refund", "monitoring", "gateway", "eureka")
        for cause in _follows(f"instances_missing:{job}*", f"service_down:{job}*")
    ),
    *_follows("instances_missing:*", _REDIS, *_DATABASES),
)
_SLOW = (
    # What is asked through the monitoring-service is slow when that is.
    *_follows(
        [f"service_slow:{part}" for part in ("redis", "kafka", "database", "database/*")],
        "service_slow:monitoring",
    ),
    *_follows("service_slow:database/*", "service_slow:database"),
)
_BREAKERS = (
    *_follows((*_PUBLISHER, "breaker_failing:*/kafka-publisher"), _KAFKA, "partition_offline:*"),
    *_follows("breaker_failing:{breaker}", "breaker_open:{breaker}"),
    *_follows("breaker_half_open_long:{breaker}", "breaker_open:{breaker}"),
)
_CLUSTER = (
    *_follows(("partition_offline:*", "topic_missing:*"), _KAFKA),
    *_follows("under_replicated:*", _KAFKA, "partition_offline:*"),
)
_LIMITS = (
    *_follows("merchant_blocked:*", "key_without_ttl:rate*"),
    *_follows("merchant_near_limit:{use}", "merchant_blocked:{use}"),
    *_follows("merchant_stuck:*", "key_without_ttl:rate*"),
    *_follows("requests_limited:requests/{action}", "merchant_blocked:{action}/*"),
    *_follows("keys_evicted:{part}", "memory_short:{part}"),
)
_CONNECTIONS = (
    *_follows("pool_short:{pool}", "pool_exhausted:{pool}"),
    *_follows(("pool_exhausted:*", "pool_short:*"), "connections_short:*", *_DATABASES),
    *_follows("service_slow:ingest*", "pool_exhausted:ingest*"),
)
_OUTBOX = (
    *_follows("publishing_slow:*", *_RELAY, _REDIS, "relay_stalled:"),
    *_follows("publishing_slow:{shard}", "outbox_old:{shard}", "outbox_exhausted:{shard}"),
    *_follows("relay_stalled:", *_RELAY, _REDIS),
    *_follows("outbox_exhausted:*", *_RELAY),
    # What holds up the relay ages the outbox too, where too little is written to see it stall.
    *_follows("outbox_old:*", *_RELAY, _REDIS, "relay_stalled:"),
    *_follows("outbox_old:{shard}", "outbox_exhausted:{shard}"),
)
_GROUPS = (
    *_worker("settlement-worker-group", "settlement"),
    *_worker("refund-worker-group", "refund"),
    *_worker("payment-consumer", "consumer"),
    *_follows("lag_stuck:{group}", "group_absent:{group}", "group_empty:{group}"),
    *_follows(
        "lag_rising:{group}", "lag_stuck:{group}", "group_absent:{group}", "group_empty:{group}"
    ),
    *_follows("lag_rising:{group}", "lag_drains_slowly:{group}", "lag_in_batch:{group}"),
    *_follows("lag_in_batch:{group}", "lag_drains_slowly:{group}", "group_empty:{group}"),
    *_follows(
        ("lag_rising:*", "lag_in_batch:*", "lag_drains_slowly:*"),
        *("relay_stalled:", *_PUBLISHER),
        drain=_BACKLOG,
    ),
    *_follows(("lag_stuck:{group}", "lag_rising:{group}"), "commit_beyond_end:{group}"),
    # Each event that is skipped holds up its partition for ten attempts.
    *_follows(
        [f"{code}:payment-consumer" for code in _LAGS if code != "lag_stuck"],
        _SKIPPED,
        drain=_BACKLOG,
    ),
    # What was skipped while a database was away is seen at its return, and does not drain.
    *_follows(_SKIPPED, *_DATABASES, drain=timedelta(0), begins_within=_SEEN_AGAIN),
)


def _work(kind: str, group: str) -> tuple[Cause, ...]:
    """A worker's requests fail with their PG and are late with everything before them."""
    stopped = (f"lag_stuck:{group}", f"group_absent:{group}", f"group_empty:{group}")
    slow = tuple(f"{c}:{group}" for c in ("lag_rising", "lag_in_batch", "lag_drains_slowly"))
    late = (*stopped, *slow, "relay_stalled:", "outbox_old:*", _KAFKA)
    return (
        *_follows(f"work_failing:{kind}", *_DATABASES, *_PG_BREAKERS, drain=_RATE_WINDOW),
        *_follows(
            f"work_delayed:{kind}", *late, *_DATABASES, f"work_failing:{kind}", drain=_BACKLOG
        ),
        *_follows(f"work_dead_lettered:{kind}", f"work_failing:{kind}"),
        *_follows(
            f"dead_letters_arrived:{kind}.dlq",
            f"work_dead_lettered:{kind}",
            f"work_failing:{kind}",
            drain=_DEAD_LETTERS_HELD,
            begins_within=DRAIN_DEFAULT,
        ),
    )


_WORK = (
    *_work("settlement", "settlement-worker-group"),
    *_work("refund", "refund-worker-group"),
    *_follows(
        "dead_letters_arrived:*",
        *_DATABASES,
        drain=_DEAD_LETTERS_HELD,
        begins_within=DRAIN_DEFAULT,
    ),
)
_NOT_BOOKED = ("books_broken:*/L1", "books_broken:*/L5")
_CONSUMER_STANDS = tuple(
    f"{code}:payment-consumer" for code in (*_LAGS, "group_absent", "group_empty")
)
_BOOKS = (
    *_follows(
        _NOT_BOOKED,
        *(*_CONSUMER_STANDS, "service_down:consumer*", _KAFKA, *_DATABASES),
        drain=_UNBOOKED,
    ),
    # What the consumer gave up stays unbooked while that is told of: nothing drains from it.
    *_follows(_NOT_BOOKED, "dead_letters_arrived:payment.dlq", drain=timedelta(0)),
    # What it skipped neither; but once that is booked, two checks see it one after the other.
    *_follows(_NOT_BOOKED, _SKIPPED, drain=_SEEN_AGAIN),
    # Each event that waited for Kafka is sent again at every try, and booked as often.
    *_follows(
        [f"books_broken:*/{name}" for name in ("L3", "L7", "X3")],
        _KAFKA,
        drain=_COPIES,
    ),
    *_follows("books_broken:*/O1", "outbox_old:*", "relay_stalled:", *_RELAY, _REDIS),
    *_follows("books_broken:*/O2", "outbox_exhausted:*"),
    *_follows(
        ("books_broken:*/P2", "books_broken:*/P3"),
        *("outbox_old:*", "outbox_exhausted:*", "relay_stalled:", "lag_stuck:*", "lag_rising:*"),
        *("lag_in_batch:*", "lag_drains_slowly:*"),
        *("group_absent:*", "group_empty:*", "work_delayed:*", "service_down:settlement*"),
        *("service_down:refund*", *_RELAY),
        drain=_BACKLOG,
    ),
)
_TRAFFIC = (
    *_follows("payments_refused:*", *_PG_BREAKERS, drain=_RATE_WINDOW),
    # Without Redis an authorization hangs for minutes, and nothing is written.
    *_follows("traffic_gone:", "payments_refused:*", *_PG_BREAKERS, *_INGEST, _REDIS),
    *_follows("traffic_gone:", "service_down:database"),
    *_follows(
        "requests_slow:*", "pool_exhausted:ingest*", "pool_short:ingest*", drain=_RATE_WINDOW
    ),
    *_follows(
        "requests_slow:*",
        *("service_slow:ingest*", "service_slow:database*", _REDIS, *_PG_BREAKERS),
        drain=_RATE_WINDOW,
    ),
)
_LOAD_TESTS = (
    *_follows("load_test_failed:*", "service_down:*", "service_slow:*", "breaker_open:*"),
    *_follows("load_test_failed:*", "payments_refused:*", "requests_slow:*"),
    *_follows("load_test_failed:*", "merchant_blocked:*", "requests_limited:*"),
    *_follows("load_test_invalid:*", "service_down:*"),
    *_follows("load_test_worse:*", "load_test_failed:*", "service_slow:*", "requests_slow:*"),
)
_REGRESSIONS = (
    *_follows("regression:response_ms{{part}}", "service_slow:{part}", "service_down:{part}"),
    *_follows("regression:response_ms*", "service_slow:monitoring"),
    *_follows("regression:response_ms{{part}/*}", "service_slow:{part}", "service_down:{part}"),
    *_follows("regression:outbox_*", "outbox_old:*", "relay_stalled:", *_RELAY),
    *(
        cause
        for code in (*_LAGS, "group_absent", "group_empty", "events_skipped")
        for cause in _follows("regression:lag_messages{{group}}", f"{code}:{{group}}")
    ),
    *_follows("regression:lag_messages*", _KAFKA, "relay_stalled:", *_DATABASES, drain=_BACKLOG),
    *_follows("regression:settlement_success_percent", "work_failing:settlement", *_DATABASES),
    *_follows("regression:refund_success_percent", "work_failing:refund", *_DATABASES),
    *_follows(
        "regression:request_ms*",
        "requests_slow:*",
        "service_slow:*",
        _REDIS,
        *_PG_BREAKERS,
        *_INGEST,
        *_DATABASES,
    ),
    *_follows("regression:refused_percent", "payments_refused:*", *_PG_BREAKERS),
    *_follows(
        "regression:payments_per_minute",
        "traffic_gone:",
        "payments_refused:*",
        "merchant_blocked:*",
        "requests_limited:*",
        "requests_slow:*",
        "service_slow:ingest*",
        _REDIS,
        *_PG_BREAKERS,
        *_INGEST,
        *_DATABASES,
    ),
)
_HOURS_OF_PAST = timedelta(hours=1)  # a regression is judged by hours, and lasts as long
CAUSES: tuple[Cause, ...] = (
    *_SIGHT,
    # An outage is no leftover: what goes down after its cause is over is down by itself.
    *(replace(cause, begins_within=timedelta(0)) for cause in _OUTAGES),
    *_SLOW,
    *_BREAKERS,
    *_CLUSTER,
    *_LIMITS,
    *_CONNECTIONS,
    *_OUTBOX,
    *_GROUPS,
    *_WORK,
    *_BOOKS,
    *_TRAFFIC,
    *_LOAD_TESTS,
    *(replace(cause, drain=_HOURS_OF_PAST) for cause in _REGRESSIONS),
)


@lru_cache(maxsize=1)
def every_cause() -> tuple[Cause, ...]:
    """The causes declared here and those that the invariants declare among themselves.

    What breaks along with an entry of the books has that one's causes too.
    """
    from checks.invariants.catalogue import implied_causes  # noqa: PLC0415  (its drivers)

    implied = implied_causes()
    return tuple(dict.fromkeys((*CAUSES, *implied, *_shared(implied))))


def _shared(implied: Iterable[Cause]) -> Iterator[Cause]:
    """The causes of each entry as those of what breaks with it, with the same time to drain."""
    for each in implied:
        effect, entry = (side.replace("{shard}", "*") for side in (each.effect, each.cause))
        yield from (replace(cause, effect=effect) for cause in CAUSES if cause.effect == entry)
