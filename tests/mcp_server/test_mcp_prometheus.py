"""Questions to Prometheus: what names become, what is refused, and what "no series" means."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import httpx
import pytest
from mcp_case import NOW, answer, refused
from ops_case import EVIL, TOKENS_MAX, TOKENS_USUAL, assert_only_data, pages, seeing, tokens

from checks.sources.prometheus.source import Prometheus
from mcp_server.tools.prometheus.questions import QUESTIONS, Name, Question, question


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_listed_question_is_accepted_by_its_name(name):
    for said in (name, name.replace("_", " "), f" {name.upper()} "):
        found = question(said, None)
        assert found.name == name and "§" not in found.promql
        assert "application" not in found.promql  # rewritten by service discovery
    assert QUESTIONS.keys() == set(get_args(Name))


def test_minutes_are_the_range_of_a_named_question():
    assert "[3600s]" in question("request_count", None).promql
    assert "[1800s]" in question("request_count", timedelta(minutes=30)).promql


def test_anything_else_is_promql_as_it_is():
    assert question(" sum(rate(x[5m])) ", None) == Question("sum(rate(x[5m]))")


def prometheus(*rows: tuple[dict[str, str], Any], status: int = 200, said: str = "") -> Prometheus:
    """One that gives each question these series: a value for a moment, several for a course."""

    def handle(request: httpx.Request) -> httpx.Response:
        if status != 200:
            return httpx.Response(status, json={"status": "error", "error": said})
        is_course = request.url.path.endswith("query_range")
        kind = "matrix" if is_course else "vector"
        end = float(request.url.params["end"]) if is_course else NOW.timestamp()
        return httpx.Response(200, json=body(kind, rows, end))

    return Prometheus("http://prometheus:9090", transport=httpx.MockTransport(handle))


def body(kind: str, rows: Any, end: float) -> dict[str, Any]:
    if kind == "vector":
        found = [{"metric": labels, "value": [end, str(value)]} for labels, value in rows]
    else:
        found = [
            {
                "metric": labels,
                "values": [[end - 60 * n, str(v)] for n, v in enumerate(value)][::-1],
            }
            for labels, value in rows
        ]
    return {"status": "success", "data": {"resultType": kind, "result": found}}


def asking(folder, *rows, language="en", **more):
    return seeing(folder, language, prometheus=prometheus(*rows, **more))


def test_a_moment_is_answered_with_its_promql_and_the_sum(tmp_path):
    app = asking(tmp_path, ({"job": "ingest-service"}, 40), ({"job": "gateway"}, 60))
    plain = answer(app, "prometheus_query", query="request_count", minutes=60)
    evidence = plain["evidence"]
    assert evidence["question"] == "request_count" and "[3600s]" in evidence["promql_text"]
    assert [row["data"]["job"] for row in evidence["series"]] == ["gateway", "ingest-service"]
    assert plain["verdict"] == "ok" and "100 requests in all" in plain["summary"]
    assert plain["measured_at"] == "2026-11-22T05:30:00Z"


def test_a_course_has_few_points_and_its_figures(tmp_path):
    app = asking(tmp_path, ({"job": "a"}, range(100)))
    plain = answer(app, "prometheus_query", query="cpu", hours=2)
    (row,) = plain["evidence"]["series"]
    assert (row["value"], row["min"], row["max"], row["mean"]) == (0, 0, 99, 49.5)
    assert 6 <= len(row["points"]) <= 12
    span = (plain["evidence"]["start"], plain["evidence"]["end"])
    assert span == ("2026-11-22T03:30:00Z", "2026-11-22T05:30:00Z")


def test_promql_is_passed_through_and_hours_make_a_course(tmp_path):
    app = asking(tmp_path, ({"job": "a"}, [1, 2, 3]))
    plain = answer(app, "prometheus_query", query="sum(rate(x[5m]))", hours=3)
    assert plain["evidence"]["question"] is None
    assert plain["evidence"]["promql_text"] == "sum(rate(x[5m]))"
    assert plain["evidence"]["series"][0]["points"]
    said = refused(app, "prometheus_query", query="sum(rate(x[5m]))", minutes=3)
    assert "its own range" in said


@pytest.mark.parametrize(
    ("language", "words"), [("en", "not the same as zero"), ("ko", "0")], ids=["en", "ko"]
)
def test_no_series_is_unknown_and_not_zero(tmp_path, language, words):
    plain = answer(asking(tmp_path, language=language), "prometheus_query", query="cpu")
    assert plain["verdict"] == "unknown" and words in plain["summary"]
    assert plain["evidence"]["series"] == []
    zero = answer(asking(tmp_path / "b", ({}, 0)), "prometheus_query", query="cpu")
    assert zero["verdict"] == "ok" and zero["evidence"]["series"][0]["value"] == 0


def test_a_share_of_nothing_is_told_as_such(tmp_path):
    plain = answer(asking(tmp_path, ({}, "NaN")), "prometheus_query", query="error rate")
    assert plain["verdict"] == "unknown" and "no number at that time" in plain["summary"]


@pytest.mark.parametrize(
    ("language", "query", "summary"),
    [
        ("en", "breaker state", "State of the breakers: kafka-publisher CLOSED, (…) OPEN."),
        ("ko", "breaker_state", "서킷 브레이커 상태: kafka-publisher CLOSED, (…) OPEN."),
        ("en", "instances_up", "Instances: 3 of 2 up."),
        ("ko", "request_rate", "초당 요청 수: 합계 3건/초, 시계열 2개(1건/초~2건/초)."),
        ("en", "cpu", "CPU used by the process: 2 series from 1 % to 2 %."),
    ],
)
def test_the_summary_has_units_and_states(tmp_path, language, query, summary):
    rows = [
        ({"name": "kafka-publisher", "state": "closed"}, 2),
        ({"name": EVIL, "state": "open"}, 1),
    ]
    plain = answer(asking(tmp_path, *rows, language=language), "prometheus_query", query=query)
    assert plain["summary"] == summary


@pytest.mark.parametrize("query", ["sum(rate(x[5m])", "how many bananas last hour"])
def test_what_prometheus_does_not_take_is_refused_with_the_questions_that_have_a_name(
    tmp_path, query
):
    app = asking(tmp_path, status=400, said="parse error: unexpected identifier")
    said = refused(app, "prometheus_query", query=query)
    assert said.startswith("Prometheus does not take the PromQL: parse error: unexpected")
    assert "Named questions: breaker_failure_rate, breaker_state, error_rate" in said


def test_a_range_is_told_how_it_becomes_a_vector(tmp_path):
    def handle(request: httpx.Request) -> httpx.Response:
        data = {"resultType": "matrix", "result": []}
        return httpx.Response(200, json={"status": "success", "data": data})

    source = Prometheus("http://p:9090", transport=httpx.MockTransport(handle))
    said = refused(seeing(tmp_path, prometheus=source), "prometheus_query", query="x[5m]")
    assert "rate(x[5m])" in said


def test_a_prometheus_that_is_down_or_not_configured_is_unknown(tmp_path):
    plain = answer(asking(tmp_path, status=503, said="starting"), "prometheus_query", query="up")
    assert plain["verdict"] == "unknown" and "starting" in plain["summary"]
    plain = answer(seeing(tmp_path / "b"), "prometheus_query", query="up")
    assert plain["verdict"] == "unknown" and "platform.prometheus.url" in plain["summary"]


def test_a_thousand_hostile_series_are_paged_and_marked_as_data(tmp_path):
    rows = [({"job": f"{EVIL}{n}", EVIL: EVIL, "n": str(n)}, n) for n in range(1000)]
    app = asking(tmp_path, *[(labels | {}, value) for labels, value in rows])
    plain = answer(app, "prometheus_query", query="x_y", limit=100)
    assert tokens(plain) < TOKENS_MAX and plain["cursor"]
    named = [({"job": f"{EVIL}{n}", "n": str(n)}, n) for n in range(120)]
    app = asking(tmp_path / "b", *named)
    rows = pages(app, "prometheus_query", "series", query="x_y")
    assert [row["data"]["n"] for row in rows] == [str(n) for n in range(119, -1, -1)]
    assert_only_data(answer(app, "prometheus_query", query="x_y"))


def test_courses_of_many_series_stay_within_the_budget(tmp_path):
    rows = [({"job": f"job-{n}", "uri": "/" + "u" * 190}, range(60)) for n in range(300)]
    plain = answer(asking(tmp_path, *rows), "prometheus_query", query="x_y", hours=1)
    assert tokens(plain) < TOKENS_USUAL and plain["evidence"]["found"] == 300 and plain["cursor"]
