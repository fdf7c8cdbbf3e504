"""Redis as the monitoring-service shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from checks.sources.facts.platform import CachedKey, KeyLife, RateUse, RedisStats
from checks.sources.facts.unavailable import Fact, Unavailable, cut
from checks.sources.monitoring_api.ask import Ask, unavailable_part
from checks.sources.monitoring_api.facts import BlockedMerchant, RateLimit
from checks.sources.monitoring_api.fields import Fields

_RATE_KEY = re.compile(r"rate(?:_limit)?:(authorize|capture|refund):(.+)", re.DOTALL)


class RedisReads:
    """The paths under /monitoring/redis. Its own verdicts (limit 100) are never believed."""

    _ask: Ask

    def stats(self) -> Fact[RedisStats]:
        """How many keys there are, by use."""
        return self._ask("redis", "/monitoring/redis/stats", _stats)

    def memory(self) -> None:
        """Not shown by the monitoring-service."""

    def rate_uses(self) -> Fact[tuple[RateUse, ...]]:
        """Every merchant's counters; the action comes from the samples, where they show it."""
        listed = self._ask("redis", "/monitoring/redis/rate-limit/all", _listed)
        if isinstance(listed, Unavailable) or not listed:
            return listed
        sampled = self._ask("redis", "/monitoring/redis/stats", _sampled)
        return sampled if isinstance(sampled, Unavailable) else _completed(listed, sampled)

    def rate_use(self, merchant_id: str) -> Fact[tuple[RateUse, ...]]:
        """One merchant's counters; none means that it asked for nothing in this window."""
        uses = self.rate_uses()
        if isinstance(uses, Unavailable):
            return uses
        return tuple(use for use in uses if use.merchant_id == merchant_id)

    def rate_limit(self, merchant_id: str) -> Fact[RateLimit]:
        """The platform's own answer about one merchant: authorize only, against its limit."""
        path = "/monitoring/redis/rate-limit"
        return self._ask("redis", path, _rate_limit, {"merchantId": merchant_id})

    def blocked_merchants(self) -> Fact[tuple[BlockedMerchant, ...]]:
        """The platform's own list of blocked merchants."""
        return self._ask("redis", "/monitoring/redis/rate-limit/blocked", _blocked)

    def key_lives(self) -> Fact[tuple[KeyLife, ...]]:
        """How long the keys live, by prefix."""
        return self._ask("redis", "/monitoring/redis/ttl-analysis", _lives)

    def cached_key(self, key: str) -> Fact[CachedKey]:
        """What the idempotency cache holds under a key; that it holds nothing is not believed."""
        return self._ask(
            "redis", "/monitoring/redis/idempotency", lambda f: _cached(f, key), {"key": key}
        )

    def idempotent(self, merchant_id: str, key: str) -> Fact[CachedKey]:
        """A key that is taken; that it is free cannot be told, as the merchant is not asked for."""
        return self.cached_key(key)


def _stats(fields: Fields) -> RedisStats:
    return RedisStats(
        fields.count("rateLimitKeys"),
        fields.count("idempotencyKeys"),
        fields.count("cacheKeys"),
        fields.count("totalKeys"),
    )


def _listed(fields: Fields) -> tuple[RateUse, ...]:
    rows = fields.rows("rateLimits")
    return tuple(
        RateUse(
            cut(row.text("merchantId")), None, row.count("currentCount"), _ttl(row, "ttlSeconds")
        )
        for row in rows
    )


def _sampled(fields: Fields) -> tuple[RateUse, ...]:
    samples = (_sample(row) for row in fields.rows("rateLimitSamples"))
    return tuple(sample for sample in samples if sample is not None)


def _sample(row: Fields) -> RateUse | None:
    match = _RATE_KEY.fullmatch(row.text("key"))
    if match is None:
        return None
    count = row.text("count")
    if not re.fullmatch(r"\d{1,18}", count):
        raise row.misfit("a text of digits", "count")
    return RateUse(cut(match[2]), match[1], int(count), _ttl(row, "ttlSeconds"))


def _completed(listed: Iterable[RateUse], sampled: Iterable[RateUse]) -> tuple[RateUse, ...]:
    """The list of all counters, each with its action where the samples leave no doubt."""
    known = _by_merchant(sampled)
    done: list[RateUse] = []
    for merchant, rows in _by_merchant(listed).items():
        done += _with_actions(rows, known.get(merchant, []))
    return tuple(done)


def _by_merchant(uses: Iterable[RateUse]) -> dict[str, list[RateUse]]:
    ordered = sorted(uses, key=lambda use: use.merchant_id)
    return {name: list(rows) for name, rows in groupby(ordered, lambda use: use.merchant_id)}


def _with_actions(rows: Sequence[RateUse], samples: Sequence[RateUse]) -> list[RateUse]:
    if len(rows) == len(samples):
        by_count = attrgetter("count")
        pairs = zip(sorted(rows, key=by_count), sorted(samples, key=by_count), strict=True)
        return [replace(sample, count=max(row.count, sample.count)) for row, sample in pairs]
    left = list(samples)
    return [_matched(row, left) for row in rows]


def _matched(row: RateUse, samples: list[RateUse]) -> RateUse:
    same = [sample for sample in samples if sample.count == row.count]
    if len(same) != 1:
        return row
    samples.remove(same[0])
    return same[0]


def _rate_limit(fields: Fields) -> RateLimit:
    return RateLimit(
        cut(fields.text("merchantId")),
        fields.count("currentCount"),
        fields.count("limit"),
        fields.integer("remaining"),
        _ttl(fields, "ttlSeconds") if fields.has("ttlSeconds") else None,
    )


def _blocked(fields: Fields) -> tuple[BlockedMerchant, ...]:
    return tuple(_blocked_one(row) for row in fields.rows("blockedMerchants"))


def _blocked_one(row: Fields) -> BlockedMerchant:
    return BlockedMerchant(
        cut(row.text("merchantId")),
        row.count("count"),
        _ttl(row, "ttl") if row.has("ttl") else None,
    )


def _ttl(row: Fields, name: str) -> int | None:
    """Redis says -1 for a key that never expires, and -2 for one that has just gone."""
    ttl = row.integer(name)
    return None if ttl == -1 else max(0, ttl)


def _lives(fields: Fields) -> tuple[KeyLife, ...]:
    if not fields.has("analysis") and not fields.count("totalKeys"):
        return ()  # an empty Redis has nothing to analyse
    analysis = fields.object("analysis")
    return tuple(_life(cut(prefix), analysis.object(prefix)) for prefix in analysis.data)


def _life(prefix: str, row: Fields) -> KeyLife:
    average = row.number("avgTTLSeconds") if row.has("avgTTLSeconds") else 0.0
    count, never = row.count("count"), row.count("neverExpire")
    soon = row.count("expiringSoon") if row.has("expiringSoon") else None
    share = None if soon is None or count <= never else round(100 * soon / (count - never), 1)
    return KeyLife(prefix, count, average, never, share)


def _cached(fields: Fields, key: str) -> Fact[CachedKey]:
    """The original looks a key up without its merchant, where nothing ever is."""
    if not fields.flag("exists"):
        return unavailable_part(
            "redis/idempotency", "idempotency_without_merchant", "the merchant", ""
        )
    ttl = _ttl(fields, "ttlSeconds") if fields.has("ttlSeconds") else None
    return CachedKey(key, True, _payment_id(fields), ttl)


def _payment_id(fields: Fields) -> int | None:
    """A number, or the cached response itself as JSON text, which holds the number."""
    value = fields.data.get("paymentId")
    if not isinstance(value, str):
        return fields.count("paymentId") if fields.has("paymentId") else None
    try:
        inner = json.loads(value)
    except (ValueError, RecursionError):
        raise fields.misfit("a payment id", "paymentId") from None
    holder = inner if isinstance(inner, dict) else {"paymentId": inner}
    return Fields(holder).count("paymentId") if holder.get("paymentId") is not None else None
