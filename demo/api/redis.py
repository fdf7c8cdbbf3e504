"""/monitoring/redis: the rate limiter's counters and the cached answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from demo.api.wire import Handler, Request, Response, answer
from demo.platform.cache import Held, rate_key
from demo.processes import ingest
from demo.stand_in import StandIn

ACTIONS = (ingest.AUTHORIZE, ingest.CAPTURE, ingest.REFUND)
_SAMPLES_MAX = 100
_SOON_SECONDS = 60


def rate_limit(standin: StandIn, request: Request) -> Response:
    """GET redis/rate-limit: the action that the merchant used most."""
    merchant = request.text("merchantId")
    limit = standin.parts.settings.rate_capacity
    return answer(rate_body(standin, merchant, ACTIONS, limit, blocked_from=limit + 1))


def rate_body(
    standin: StandIn, merchant: str, actions: Sequence[str], limit: int, blocked_from: int
) -> dict[str, Any]:
    """What a merchant used of a limit, over some actions."""
    cache, now = standin.parts.cache, standin.now
    found = [cache.get(rate_key(action, merchant), now) for action in actions]
    held = max((h for h in found if h), key=lambda h: int(h.value), default=None)
    count = int(held.value) if held else 0
    blocked = count >= blocked_from
    body = {
        "merchantId": merchant,
        "currentCount": count,
        "limit": limit,
        "remaining": max(limit - count, 0),
        "status": "RATE_LIMITED" if blocked else "OK",
        "message": "Rate limit exceeded" if blocked else "Rate limit OK",
    }
    return body | ({"ttlSeconds": held.ttl_seconds(now)} if held else {})


def idempotency(standin: StandIn, request: Request) -> Response:
    """GET redis/idempotency: whichever merchant used the key."""
    key = request.text("key")
    for name, held in standin.parts.cache.scan("idem:", standin.now):
        if name.endswith(f":{key}"):
            return answer(
                {
                    "exists": True,
                    "idempotencyKey": key,
                    "message": "The key is taken",
                    "paymentId": json.loads(held.value)["paymentId"],
                    "ttlSeconds": held.ttl_seconds(standin.now),
                }
            )
    return answer({"exists": False, "idempotencyKey": key, "message": "The key is available"})


def stats(standin: StandIn, request: Request) -> Response:
    """GET redis/stats."""
    blocked = len(blocked_keys(standin, standin.parts.settings.rate_capacity + 1))
    return answer(_counts(standin) | {"blockedMerchants": blocked})


def cache_stats(standin: StandIn, request: Request) -> Response:
    """GET redis/cache-stats."""
    return answer(_counts(standin))


def all_limits(standin: StandIn, request: Request) -> Response:
    """GET redis/rate-limit/all: one row per action and merchant."""
    return answer(all_body(standin, standin.parts.settings.rate_capacity + 1))


def all_body(standin: StandIn, blocked_from: int) -> dict[str, Any]:
    """Every counter, with the limit applied to it."""
    rows = [
        {
            "merchantId": key.split(":", 2)[2],
            "currentCount": int(held.value),
            "ttlSeconds": held.ttl_seconds(standin.now),
            "status": "RATE_LIMITED" if int(held.value) >= blocked_from else "OK",
        }
        for key, held in _rates(standin)
    ]
    return {"count": len(rows), "rateLimits": rows}


def blocked(standin: StandIn, request: Request) -> Response:
    """GET redis/rate-limit/blocked."""
    return answer(blocked_body(standin, standin.parts.settings.rate_capacity + 1))


def blocked_body(standin: StandIn, blocked_from: int) -> dict[str, Any]:
    """The counters that are over the limit."""
    rows = [
        {
            "merchantId": key.split(":", 2)[2],
            "count": int(held.value),
            "ttl": held.ttl_seconds(standin.now),
            "isBlocked": True,
        }
        for key, held in blocked_keys(standin, blocked_from)
    ]
    message = f"{len(rows)} merchants are blocked" if rows else "No merchant is blocked"
    return {"count": len(rows), "blockedMerchants": rows, "message": message}


def ttl_analysis(standin: StandIn, request: Request) -> Response:
    """GET redis/ttl-analysis."""
    lives: dict[str, list[int]] = {}
    for key, held in standin.parts.cache.scan("", standin.now):
        lives.setdefault(key.split(":", 1)[0], []).append(held.ttl_seconds(standin.now))
    return answer(
        {
            "totalKeys": sum(map(len, lives.values())),
            "analysis": {prefix: _lives(ttls) for prefix, ttls in lives.items()},
            "message": "TTL analysis completed",
        }
    )


def forget(standin: StandIn, request: Request) -> Response:
    """DELETE redis/rate-limit."""
    merchant = request.text("merchantId")
    gone = [standin.parts.cache.delete(rate_key(action, merchant)) for action in ACTIONS]
    message = "Rate limit reset" if any(gone) else "There was no counter"
    return answer({"success": any(gone), "merchantId": merchant, "message": message})


def blocked_keys(standin: StandIn, blocked_from: int) -> list[tuple[str, Held]]:
    """The counters that reached a count."""
    return [(key, held) for key, held in _rates(standin) if int(held.value) >= blocked_from]


def _rates(standin: StandIn) -> list[tuple[str, Held]]:
    return list(standin.parts.cache.scan("rate:", standin.now))


def _counts(standin: StandIn) -> dict[str, Any]:
    rates = _rates(standin)
    keys = [key for key, _ in standin.parts.cache.scan("", standin.now)]
    rates.sort(key=lambda rate: -int(rate[1].value))
    return {
        "rateLimitKeys": len(rates),
        "idempotencyKeys": sum(key.startswith("idem:") for key in keys),
        "cacheKeys": sum(key.startswith("cache:") for key in keys),
        "totalKeys": len(keys),
        "rateLimitSamples": [
            {"key": key, "count": held.value, "ttlSeconds": held.ttl_seconds(standin.now)}
            for key, held in rates[:_SAMPLES_MAX]
        ],
        "message": "Redis statistics retrieved successfully",
    }


def _lives(ttls: list[int]) -> dict[str, Any]:
    ending = [ttl for ttl in ttls if ttl >= 0]
    return {
        "count": len(ttls),
        "avgTTLSeconds": round(sum(ending) / len(ending), 1) if ending else 0,
        "expiringSoon": sum(ttl < _SOON_SECONDS for ttl in ending),
        "neverExpire": len(ttls) - len(ending),
    }


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/monitoring/redis/rate-limit"): rate_limit,
    ("GET", "/monitoring/redis/idempotency"): idempotency,
    ("GET", "/monitoring/redis/stats"): stats,
    ("GET", "/monitoring/redis/cache-stats"): cache_stats,
    ("GET", "/monitoring/redis/rate-limit/all"): all_limits,
    ("GET", "/monitoring/redis/rate-limit/blocked"): blocked,
    ("GET", "/monitoring/redis/ttl-analysis"): ttl_analysis,
    ("DELETE", "/monitoring/redis/rate-limit"): forget,
}
