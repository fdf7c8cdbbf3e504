"""/monitoring/loadtest: the results of k6 that lie in the stand-in's folder `k6`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demo.api.wire import Handler, Request, Response, answer
from demo.stand_in import StandIn

_SCENARIOS = {
    "authorize-only": "Authorizations at a constant rate",
    "authorize-capture": "Authorizations, each captured through the API",
    "full-flow": "Authorization, capture and refund of each payment",
}
_NOT_FOUND = {"found": False, "message": "No load test result found"}


def latest(standin: StandIn, request: Request) -> Response:
    """GET loadtest/latest-result."""
    path = _latest_file(standin)
    summary = _read(path)
    if summary is None:
        return answer(_NOT_FOUND)
    message = "Latest result retrieved"
    return answer({"found": True, "summary": summary, "filePath": str(path), "message": message})


def analyze(standin: StandIn, request: Request) -> Response:
    """GET loadtest/analyze."""
    summary = _read(_latest_file(standin))
    if summary is None:
        return answer(_NOT_FOUND)
    try:
        analysis = _analysis(summary["metrics"])
    except (KeyError, TypeError) as error:
        return answer({"error": True, "message": f"The result lacks {error}"})
    message = "Performance analysis completed"
    return answer({"found": True, "analysis": analysis, "message": message})


def history(standin: StandIn, request: Request) -> Response:
    """GET loadtest/history."""
    files = sorted((standin.folder / "k6").glob("summary-*.json"), reverse=True)
    rows = [
        {"file": file.name, "timestamp": int(file.stat().st_mtime * 1000), "summary": summary}
        for file in files[: max(request.number("limit", 5), 0)]
        if (summary := _read(file)) is not None
    ]
    return answer({"count": len(rows), "history": rows, "message": "History retrieved"})


def scenarios(standin: StandIn, request: Request) -> Response:
    """GET loadtest/scenarios."""
    rows = [{"name": name, "description": text} for name, text in _SCENARIOS.items()]
    return answer({"scenarios": rows, "message": "Scenarios retrieved"})


def run(standin: StandIn, request: Request) -> Response:
    """POST loadtest/run: always refused."""
    return answer(
        {
            "error": True,
            "message": "Load tests cannot be started over the API",
            "documentation": "Run scripts/run-k6-test.sh SCENARIO",
        }
    )


def _latest_file(standin: StandIn) -> Path:
    return standin.folder / "k6" / "summary.json"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        summary = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return summary if isinstance(summary, dict) else None


def _analysis(metrics: dict[str, Any]) -> dict[str, Any]:
    times, failed = metrics["http_req_duration"], metrics["http_req_failed"]["value"] * 100
    rate = metrics.get("http_reqs", metrics["iterations"])["rate"]
    return {
        "responseTime": {
            "avg": f"{times['avg']:.2f} ms",
            "p95": f"{times['p(95)']:.2f} ms",
            "p99": f"{times['p(99)']:.2f} ms",
        },
        "successRate": f"{100 - failed:.2f}%",
        "failureRate": f"{failed:.2f}%",
        "throughput": f"{rate:.2f} req/s",
        "performanceGrade": _grade(failed, times["p(95)"]),
        "recommendations": [],
    }


def _grade(failed_percent: float, p95_ms: float) -> str:
    if failed_percent > 1:
        return "POOR - Too many failures"
    if p95_ms > 200:
        return "FAIR - High latency"
    return "GOOD" if p95_ms > 100 else "EXCELLENT"


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "/monitoring/loadtest/latest-result"): latest,
    ("GET", "/monitoring/loadtest/analyze"): analyze,
    ("GET", "/monitoring/loadtest/history"): history,
    ("GET", "/monitoring/loadtest/scenarios"): scenarios,
    ("POST", "/monitoring/loadtest/run"): run,
}
