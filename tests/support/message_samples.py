"""A dozen messages that the engine makes: most of a simulated life, some of made-up alerts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from simulated import World
from store_case import fresh_store, record
from two_faults import healthy

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Metric, Status
from monitor.domain.delivery import Message
from monitor.domain.incident.message import incident_message
from monitor.domain.incident.model import MANY, Incident, Notice
from monitor.domain.load_test.result import COUNTER, RATE, TREND, LoadResult, Measure, Threshold
from monitor.domain.load_test.run import LoadTestRun
from monitor.load_tests.report import SETTLED, build
from monitor.reports.job import report_messages
from monitor.store.load_tests import save_run

AT = datetime(2026, 11, 4, 5, 31, tzinfo=UTC)  # a Wednesday afternoon in Seoul
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """A message with its name, and what it shows in a line."""

    name: str
    caption: str
    message: Message


def samples() -> Iterator[Sample]:
    """All of them; a day is learned first, which takes a minute."""
    yield from made_samples()
    yield Sample("load-test", "The report of a load test", _load_test())
    with tempfile.TemporaryDirectory() as folder:
        life = healthy(Path(folder))
        yield from _lived(life)
        life.close()


def made_samples() -> Iterator[Sample]:
    """Those of made-up alerts with parameters as the checks give them."""
    yield Sample("storm", "Many alike at once are one message", _storm())
    yield Sample("regression", "A figure unlike its own past", _regression())
    yield Sample("unsteady", "What comes and goes is one incident", _unsteady())
    yield Sample("never-visible", "What this set-up can never check, once", _never_visible())
    yield Sample("receiver", "A receiver that takes nothing, told to the others", _receiver())


_LIVES = (
    ("broker_down", "kafka-down", "Kafka is down, with what follows from it", -2),
    ("broker_down", "kafka-over", "Its end, and what is not over with it", -1),
    ("redis_down", "redis-down", "Redis is down", -2),
    ("shard_down", "shard-down", "A shard is down", 0),
    ("ledger_wrong_amount", "books", "The books do not hold: the amount first, the id last", 0),
)


def _lived(life: World) -> Iterator[Sample]:
    told: dict[str, list[Message]] = {}
    for fault in dict.fromkeys(row[0] for row in _LIVES):
        told[fault] = _messages_of(life, fault)
    for fault, name, caption, which in _LIVES:
        yield Sample(name, caption, _real(told[fault][which]))
    morning = life.life.clock().replace(hour=0, minute=0) + timedelta(days=1)  # nine in Seoul
    life.life.live(morning)
    app = life.app
    (report,) = report_messages(
        app.store, app.config, "daily", morning.date(), morning, ["slack"], simulated=False
    )
    payload = {**report.payload, "gaps": []}  # the day was learned by few passes
    yield Sample("morning-report", "The morning report", replace(report, payload=payload))


def _messages_of(life: World, fault: str) -> list[Message]:
    life.live(15)
    before = len(life.kept.messages)
    life.switch([fault], True)
    life.live(12)
    life.switch([fault], False)
    life.live_until_quiet(40)
    return [m for m in life.kept.messages[before:] if m.kind == "incident"]


def _real(message: Message) -> Message:
    return replace(message, payload={**message.payload, "simulated": False})


def _alert(check: str, code: str, subject: str, status: Status, params: Mapping[str, Any]) -> Alert:
    since = AT - 3 * MINUTE
    return Alert(check, code, subject, Phase.FIRING, status, since, AT, params, fired_at=since)


def _incident(root: str, alerts: Sequence[Alert], notice: Notice, **more: Any) -> Message:
    status = alerts[0].status
    incident = Incident(root, AT - 3 * MINUTE, status, worst=status, id=7, **more)
    return _message("incident", incident_message(incident, alerts, notice, AT))


def _message(kind: str, payload: Mapping[str, Any]) -> Message:
    return Message(f"sample:{kind}", "slack", kind, payload, AT, AT)


def _storm() -> Message:
    alerts = [
        _alert(
            *("rate_limits", "merchant_blocked", f"authorize/MERCHANT-{n}", Status.CRIT),
            {
                "merchant_id": f"MERCHANT-{n}",
                "action": "authorize",
                "count": 240 - n,
                "capacity": 100,
                "used_percent": 240.0 - n,
                "ttl_seconds": 41,
            },
        )
        for n in range(1, 48)
    ]
    return _incident(f"merchant_blocked:{MANY}", alerts, Notice("firing", "many_alike"))


def _regression() -> Message:
    series = "response_ms{ingest}"
    params = {
        "series": series,
        "now": 820.0,
        "before": 210.0,
        "change_percent": 290.5,
        "unit": "ms",
    }
    alert = _alert("regressions", "regression", series, Status.WARN, params)
    return _incident(alert.key, [alert], Notice("firing", "no_cause_seen"))


def _unsteady() -> Message:
    params = {
        "name": "pg-auth-api",
        "instance": "ingest",
        "state": "OPEN",
        "failed_calls": 12,
        "failure_percent": 60.0,
        "since": (AT - MINUTE).isoformat(),
    }
    alert = _alert("breakers", "breaker_open", "ingest/pg-auth-api", Status.CRIT, params)
    return _incident(alert.key, [alert], Notice("unsteady", "ended_so_often"))


def _never_visible() -> Message:
    gaps = (
        ("connections", "ingest/pools", "pools_not_shown"),
        ("breakers", "pg-auth-api", "breaker_not_shown"),
        ("instances", "instances", "no_prometheus"),
    )
    params = {"why": "not_visible", "expected": "ingest, consumer-worker", "got": "", "path": ""}
    alerts = [
        _alert(
            *(check, "monitoring_gap", part, Status.UNKNOWN),
            {**params, "part": part, "reason": why},
        )
        for check, part, why in gaps
    ]
    return _incident("not_visible:", alerts, Notice("firing", "never_visible"))


def _receiver() -> Message:
    payload = {
        "kind": "failing",
        "receiver": "slack",
        "since": (AT - 12 * MINUTE).isoformat(),
        "error": "invalid_auth",
        "waiting": 3,
        "refused": True,
    }
    return _message("delivery", payload)


def _load_test() -> Message:
    with tempfile.TemporaryDirectory() as folder:
        store = fresh_store(Path(folder))
        runs = [_run(week, p95) for week, p95 in enumerate((101, 99, 103, 100, 98, 102, 100, 131))]
        for run in [*runs, _run(8, 134)]:
            with store.write() as tx:
                save_run(tx, run)
            for minute, lag in ((-10, 3.0), (2, 900.0)):
                at = run.started_at + minute * MINUTE
                record(store, at, Metric("lag_messages", lag, "payment-consumer"))
        last = replace(_run(8, 134), id=len(runs) + 1)
        report = build(store, last, last.started_at + 6 * MINUTE + SETTLED)
        store.close()
    assert report is not None
    return _message("load_test", report.to_dict())


def _run(week: int, p95: float) -> LoadTestRun:
    shares = {"avg": 0.5, "min": 0.2, "med": 0.45, "max": 2.0, "p(90)": 0.9, "p(95)": 1.0}
    times = {name: p95 * share for name, share in shares.items()}
    measures = (
        Measure("http_req_duration", TREND, times, "time", (Threshold("p(95)<500", True, p95),)),
        Measure("http_req_duration{name:authorize}", TREND, times, "time"),
        Measure("http_req_failed", RATE, {"rate": 0.0, "matches": 0.0, "total": 36000.0}),
        Measure("http_reqs", COUNTER, {"count": 36000.0, "rate": 100.0}),
        Measure("iterations", COUNTER, {"count": 9000.0, "rate": 25.0}),
    )
    result = LoadResult("summary_export", {m.name: m for m in measures}, seconds=360.0)
    at = AT.replace(hour=18, minute=0) - timedelta(weeks=9 - week)
    figures = {"p95_ms": p95, "median_ms": 0.45 * p95, "failed_percent": 0.0}
    named = ("full-flow", "http://platform.test", at, at + 6 * MINUTE, "passed")
    return LoadTestRun(*named, figures=figures, result=result)
