"""monitor/domain/load_test/advice: advice that follows from evidence, and none without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.domain.detection.ddsketch import Comparison
from monitor.domain.detection.rule import Ruling
from monitor.domain.load_test.advice import Level, advise
from monitor.domain.load_test.history import Judged
from monitor.domain.load_test.result import LoadResult, Measure, Threshold
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.statement import Statement
from monitor.text.catalog import Catalog
from monitor.text.load_test_values import advice_text

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
WORSE = {"p(95)": Ruling(Comparison.REGRESSION, "worse_than_baseline")}
TIMES = Measure("http_req_duration", "trend", {"p(95)": 80.0, "p(99)": 120.0})
AUTHORIZE, CAPTURE = (
    Measure(f"http_req_duration{{name:{name}}}", "trend", {"p(95)": 80.0})
    for name in ("authorize", "capture")
)


def counted(name: str, count: float) -> Measure:
    return Measure(name, "counter", {"count": count})


def shared(name: str, rate: float) -> Measure:
    return Measure(name, "rate", {"rate": rate, "matches": 1, "total": 9})


def judged(*measures: Measure, rulings: Any = None, **run: Any) -> Judged:
    told = {m.name: m for m in (TIMES, AUTHORIZE, CAPTURE, *measures)}
    whole = LoadTestRun("full-flow", "http://pay", NOW, NOW, "passed",
                        result=LoadResult("summary_export", told))  # fmt: skip
    return Judged(replace(whole, **run), rulings=rulings or {})


SLOWER = {"http_req_duration": WORSE}
DROPPED = (counted("dropped_iterations", 10), counted("iterations", 90))
OVER = Measure("http_req_duration", "trend", {"p(95)": 900.0}, thresholds=(
    Threshold("p(95)<500", False, 900.0),))  # fmt: skip
CASES = [
    ("nothing is wrong", judged(), {}, []),
    ("dropped", judged(*DROPPED, options={"vus": 40}), {}, ["generator_short_of_vus"]),
    (
        "dropped on a busy machine",
        judged(*DROPPED, host={"cpus": 2, "load_after": 9.0}),
        {},
        ["generator_busy"],
    ),
    ("409 without a payment", judged(shared("pg_refused", 0.2)), {}, ["pg_refuses"]),
    ("409 with a payment", judged(shared("duplicate_requests", 0.2)), {}, ["keys_used_before"]),
    (
        "everything refused by the payment gateway",
        judged(
            shared("pg_refused", 1.0),
            state="invalid",
            doubts=(Statement("requests_failed"), Statement("checks_failed")),
        ),
        {},
        ["pg_refuses"],
    ),
    (
        "slower, and the pool waits",
        judged(rulings=SLOWER | {AUTHORIZE.name: WORSE, CAPTURE.name: WORSE}),
        {"pool_pending_threads{ingest}": Level(0.0, 7.0)},
        ["pool_waits", "all_slower"],
    ),
    ("the pool waits, but nothing is slower", judged(),
     {"pool_pending_threads{ingest}": Level(0.0, 7.0)}, []),
    ("one endpoint", judged(rulings={AUTHORIZE.name: WORSE}), {}, ["some_endpoints_slower"]),
    ("a limit as always", judged(OVER, rulings={"checks": {}}), {}, ["over_limit"]),
    ("lag", judged(), {"lag_messages{g}": Level(10.0, 900.0)}, ["consumers_behind"]),
    ("lag as usual", judged(), {"lag_messages{g}": Level(800.0, 900.0)}, []),
    ("outbox", judged(), {"outbox_oldest_age_seconds{shard1}": Level(1, 90.0)}, ["relay_behind"]),
    ("breaker", judged(), {"breaker_not_permitted_calls{a/b}": Level(0, 3.0)},
     ["breaker_rejects"]),
    ("connections", judged(), {"connections_used_percent{shard1}": Level(70.0, 95.0)},
     ["connections_short"]),
    ("limiter", judged(), {"blocked_merchants": Level(0.0, 2.0)}, ["merchants_blocked"]),
    (
        "a tail",
        judged(Measure("http_req_duration", "trend", {"p(95)": 80.0, "p(99)": 900.0})),
        {},
        ["long_tail"],
    ),
    (
        "invalid: what the platform did explains nothing",
        judged(state="invalid", doubts=(Statement("nothing_answered"),)),
        {"lag_messages{g}": Level(10.0, 900.0)},
        ["check_target"],
    ),
    (
        "two reasons, one advice",
        judged(state="invalid", doubts=(Statement("no_requests"), Statement("checks_failed"))),
        {},
        ["fix_script"],
    ),
    ("limits", judged(state="invalid", doubts=(Statement("threshold_without_data"),)), {},
     ["fix_thresholds"]),
    ("errors", judged(state="invalid", doubts=(Statement("requests_failed"),)), {},
     ["look_at_errors"]),
    ("critical", judged(state="invalid", doubts=(Statement("platform_critical"),)), {},
     ["heal_first"]),
]  # fmt: skip


@pytest.mark.parametrize(("case", "run", "platform", "codes"), CASES, ids=[c[0] for c in CASES])
def test_advice_follows_from_evidence(case, run, platform, codes):
    assert [advice.code for advice in advise(run, platform)] == codes


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_advice_has_words(language):
    words = Catalog(language, UTC, strict=True)
    for _, run, platform, _ in CASES:
        for advice in advise(run, platform):
            assert len(advice_text(advice, words)) > 15
