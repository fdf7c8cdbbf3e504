"""What is told of a load test: its grade, its report in both languages, its chart, once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from slack_server import TOKEN, SlackServer
from store_case import T0, fresh_store, record

from monitor import app as application
from monitor import resources
from monitor.cli.demo.life import Kept
from monitor.config.models import parse
from monitor.delivery.outbox import Outbox
from monitor.domain.check import Metric
from monitor.domain.delivery import Message
from monitor.domain.load_test.grade import grade
from monitor.domain.load_test.history import judge
from monitor.domain.load_test.report import LoadReport
from monitor.domain.load_test.result import COUNTER, RATE, TREND, LoadResult, Measure, Threshold
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.statement import Statement
from monitor.load_tests.report import SETTLED, build, owe_load_reports
from monitor.notifiers import slack
from monitor.store.database import Store
from monitor.store.delivery.journal import notifications
from monitor.store.load_tests import save_run
from monitor.text.catalog import Catalog
from monitor.text.messages.chart import chart, png
from monitor.text.messages.render import MessageRenderer

WEEK = timedelta(days=7)
LENGTH = timedelta(minutes=6)
NOISE = (1.0, 1.02, 0.97, 1.01, 0.99, 1.03, 0.98)
WORDS = {name: Catalog(name, ZoneInfo("Asia/Seoul"), strict=True) for name in ("en", "ko")}


def result(
    p95: float = 100.0, failed: float = 0.0, dropped: float = 0.0, kept: bool = True, rule: str = ""
) -> LoadResult:
    limits = (Threshold("p(95)<500", kept, p95),)
    shares = {"rate": failed, "matches": 1000 * failed, "total": 1000.0}
    failures = (Threshold(rule, False, failed),) if rule else ()
    measures = [
        Measure("http_req_duration", TREND, times(p95), "time", limits),
        Measure("http_req_duration{name:authorize}", TREND, times(p95), "time"),
        Measure("http_req_failed", RATE, shares, thresholds=failures),
        Measure("http_reqs", COUNTER, {"count": 1000.0, "rate": 100.0}),
        Measure("iterations", COUNTER, {"count": 1000.0, "rate": 100.0}),
        Measure("dropped_iterations", COUNTER, {"count": 1000 * dropped, "rate": dropped}),
    ]
    return LoadResult("summary_export", {m.name: m for m in measures}, seconds=360.0)


def times(p95: float) -> dict[str, float]:
    shares = {"avg": 0.5, "min": 0.2, "med": 0.45, "max": 2.0, "p(90)": 0.9, "p(95)": 1.0}
    return {name: p95 * share for name, share in shares.items()}


def run(week: int, p95: float = 100.0, state: str = "passed", **given: Any) -> LoadTestRun:
    at = T0 + week * WEEK
    made = result(p95, **given)
    figures = {"p95_ms": p95, "median_ms": 0.45 * p95, "failed_percent": 0.0}
    return LoadTestRun(
        *("full-flow", "http://localhost:1", at, at + LENGTH, state),
        figures=figures,
        result=made,
    )


def history(weeks: int = 8) -> list[LoadTestRun]:
    return [run(week, 100 * NOISE[week % len(NOISE)]) for week in range(weeks)]


@pytest.mark.parametrize(
    ("newest", "before", "letter", "codes"),
    [
        (run(8), history(), "A", ["all_kept"]),
        (run(8, dropped=0.005), history(), "B", ["dropped"]),
        (run(8), history(2), "B", ["unjudged"]),
        (run(9, 131), [*history(), run(8, 130)], "C", ["slower", "slower"]),
        (run(8, kept=False, state="failed"), history(), "D", ["crossed"]),
        (run(8, rule="rate<0.05", failed=0.06, state="failed"), history(), "F", ["crossed"]),
    ],
    ids=["kept", "dropped", "unjudged", "slower", "too slow", "failing"],
)
def test_a_grade_says_what_holds_it_down(newest, before, letter, codes):
    graded = grade(judge(newest, before))
    assert graded is not None
    assert graded.letter == letter
    assert [reason.code for reason in graded.reasons][: len(codes)] == codes


def test_a_run_that_measured_nothing_has_no_grade():
    invalid = replace(run(8), state="invalid", result=None, doubts=(Statement("nothing_answered"),))
    assert grade(judge(invalid, history())) is None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = fresh_store(tmp_path)
    for week, each in enumerate([*history(), run(8, 130), run(9, 131)]):
        with made.write() as tx:
            save_run(tx, each)
        for minute in (-10, 2, 4):
            lag = 900.0 if minute > 0 else 3.0
            at = T0 + week * WEEK + timedelta(minutes=minute)
            record(made, at, Metric("lag_messages", lag, "payment-consumer"), check="consumer_lag")
    yield made
    made.close()


def last_run(store: Store) -> tuple[LoadTestRun, datetime]:
    return replace(run(9), id=10), T0 + 9 * WEEK + LENGTH + SETTLED


def report_of(store: Store) -> LoadReport:
    made = build(store, *last_run(store))
    assert made is not None
    return made


def test_a_report_goes_through_json_unchanged(store):
    made = report_of(store)
    assert LoadReport.from_dict(made.to_dict()) == made


def test_what_the_platform_did_meanwhile_is_told_beside_what_it_did_before(store):
    [lag] = [f for f in report_of(store).platform if f.series.startswith("lag_messages")]
    assert (lag.before, lag.worst) == (3.0, 900.0)


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("en", ["grade C", "100 ms → 131 ms, +31 % (worse)", "Slower than before: authorize"]),
        ("ko", ["C등급", "100 ms → 131 ms, +31% (악화)", "authorize: 31% 느려졌습니다"]),
    ],
)
def test_the_report_tells_the_change_against_what_is_usual(store, language, wanted):
    said = text_of(report_of(store), language)
    assert [part for part in wanted if part not in said] == []


def test_an_invalid_run_says_why_and_compares_nothing(store):
    doubts = (Statement("nothing_answered"),)
    invalid = replace(
        run(10), state="invalid", reason="nothing_answered", doubts=doubts, figures={}
    )
    with store.write() as tx:
        number = save_run(tx, invalid)
    made = build(store, replace(invalid, id=number), invalid.ended_at)
    said = text_of(made, "en")
    assert "Every request was refused" in said
    assert "→" not in said
    assert made.trend[-1].p95_ms is None


def text_of(report: LoadReport | None, language: str) -> str:
    assert report is not None
    payload = report.to_dict()
    message = Message("load_test:1", "r", "load_test", payload, report.made_at, report.made_at)
    return MessageRenderer(WORDS[language]).text(message)


def test_the_chart_marks_what_is_worse_and_ends_with_this_run(store):
    drawn = chart(report_of(store).to_dict(), WORDS["en"])
    assert [mark.kind for mark in drawn.marks][-1] == "regression"
    assert [mark.kind for mark in drawn.marks][:8] == ["passed"] * 8
    assert drawn.x_labels[0].text == "3 Jan"


def test_the_picture_is_a_png_with_hangul_that_can_be_told_apart(store):
    payload = report_of(store).to_dict()
    drawn = {name: png({**payload, "scenario": name}, WORDS["ko"]) for name in ("가", "힣")}
    assert all(content.startswith(b"\x89PNG") for content in drawn.values())
    assert drawn["가"] != drawn["힣"]


def test_the_font_that_comes_along_has_every_syllable_of_our_words():
    folder = resources.folder("templates")
    said = (folder / "ko" / "load_report.toml").read_text("utf-8")
    chart_words = tomllib.loads(said)["load_report"]
    text = "".join([chart_words["chart_title"], *chart_words["legend"].values(), "월일"])
    rare = [c for c in re.findall("[가-힣]", text) if not is_in_ks_x_1001(c)]
    assert rare == []


def is_in_ks_x_1001(syllable: str) -> bool:
    try:
        return len(syllable.encode("euc_kr")) == 2
    except UnicodeEncodeError:
        return False


def test_each_run_is_owed_once_when_the_platform_has_settled(store):
    _, settled = last_run(store)
    assert owe_load_reports(store, settled - timedelta(seconds=1), ["slack"]) == 0
    assert owe_load_reports(store, settled, ["slack"]) == 2
    assert owe_load_reports(store, settled + timedelta(minutes=1), ["slack"]) == 0
    assert owe_load_reports(store, settled + timedelta(days=3), ["slack"]) == 0
    assert {m.kind for m in owed(store)} == {"load_test", "load_chart"}


def test_imported_runs_are_nobodys_news(store):
    imported = replace(run(10), origin="import")
    with store.write() as tx:
        save_run(tx, imported)
    assert owe_load_reports(store, T0 + 10 * WEEK + timedelta(hours=1), ["slack"]) == 0


def owed(store: Store) -> list[Any]:
    with store.read() as tx:
        return notifications(tx, T0, T0 + 20 * WEEK)


def test_the_report_of_a_run_on_a_simulated_clock_says_so(store):
    _, settled = last_run(store)
    senders = {"kept": Kept()}
    app = application.build(
        parse("", {}), clock=lambda: settled, store=store, senders=senders, is_simulated=True
    )
    [job] = [job for job in app.jobs() if job.name == "report:load_test"]
    job.run(settled, settled, 0)
    assert [message.payload["simulated"] for message in owed(store)] == [True, True]


@pytest.mark.parametrize(
    ("plan", "pictures", "posts"),
    [([], 1, 1), (["ok", "missing_scope"], 0, 2)],
    ids=["uploaded", "not allowed"],
)
def test_slack_gets_the_report_and_the_chart_in_its_thread(
    store, monkeypatch, plan, pictures, posts
):
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    _, settled = last_run(store)
    owe_load_reports(store, settled, ["slack"])
    with SlackServer() as server:
        server.plan.extend(plan)
        options = slack.SlackOptions("C1", base_url=server.api_url)
        sender = slack.NOTIFIER.build(options, MessageRenderer(WORDS["ko"]))
        assert Outbox(store, {"slack": sender}).deliver_all(settled) == 2
    assert (len(server.uploads), len(server.accepted)) == (pictures, posts)
    first = server.accepted[0]
    for upload in server.uploads:
        assert (upload.channel, upload.thread_ts) == ("C1", first.ts)
        assert upload.content.startswith(b"\x89PNG")
    for said in server.accepted[1:]:
        assert said.thread_ts == first.ts
        assert "▁" in str(said.body["blocks"])
