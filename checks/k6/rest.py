"""k6's own interface while it runs (v1 and v2 with --address): only on loopback, only read."""

from __future__ import annotations

import json
from typing import Any

import httpx

from monitor.domain.load_test.progress import Live

_TIMEOUT_SECONDS = 0.8
_BYTES_MAX = 1_000_000


def look_live(address: str) -> Live | None:
    """What k6 has measured so far; None where it does not answer (yet, or any more)."""
    if not address:
        return None
    url = f"http://{address}/v1/metrics"
    try:
        with (
            httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as client,
            client.stream("GET", url) as response,
        ):
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _BYTES_MAX:
                    return None
            return live_of(json.loads(body)) if response.status_code == 200 else None
    except (httpx.HTTPError, ValueError, RecursionError):
        return None


def live_of(answer: Any) -> Live | None:
    """The few numbers that are told, from the answer of /v1/metrics."""
    listed = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        return None
    samples = {str(each.get("id")): _sample(each) for each in listed if isinstance(each, dict)}
    return Live(
        requests=_number(samples, "http_reqs", "count"),
        requests_per_second=_number(samples, "http_reqs", "rate"),
        p95_ms=_number(samples, "http_req_duration", "p(95)"),
        failed_share=_number(samples, "http_req_failed", "rate"),
        dropped=_number(samples, "dropped_iterations", "count") or 0.0,
        iterations=_number(samples, "iterations", "count"),
        vus=_number(samples, "vus", "value"),
    )


def _sample(metric: dict[str, Any]) -> dict[str, Any]:
    attributes = metric.get("attributes")
    sample = attributes.get("sample") if isinstance(attributes, dict) else None
    return sample if isinstance(sample, dict) else {}


def _number(samples: dict[str, dict[str, Any]], metric: str, key: str) -> float | None:
    value = samples.get(metric, {}).get(key)
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None
