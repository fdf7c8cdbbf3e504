"""Questions to Prometheus: what words become, what is refused, and what "no series" means."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from mcp_case import NOW, answer, refused
from ops_case import EVIL, TOKENS_MAX, TOKENS_USUAL, assert_only_data, pages, seeing, tokens

from checks.sources.prometheus import Prometheus
from mcp_server.promql import QUESTIONS, NotUnderstoodError, is_promql, read
from mcp_server.sentence.times import Calendar

CALENDAR = Calendar(NOW, ZoneInfo("Asia/Seoul"))


@pytest.mark.parametrize(
    ("question", "name", "over"),
    [
        ("지난 1시간 HTTP 요청 수는?", "request_count", "3600s"),
        ("How many requests in the last 30 minutes?", "request_count", "1800s"),
        ("request rate", "request_rate", "300s"),
        ("초당 요청 수 알려줘", "request_rate", "300s"),
        ("what is the error rate right now", "error_rate", "300s"),
        ("최근 10분 에러율은?", "error_rate", "600s"),
        ("5xx errors last 24 hours", "server_errors", "86400s"),
        ("429 responses last hour", "refused_requests", "3600s"),
        ("average response time of ingest last hour", "latency", "3600s"),
        ("평균 응답 시간 보여줘", "latency", "300s"),
        ("p95 latency last hour", "latency_p95", "3600s"),
        ("CPU 사용률 추이 보여줘", "cpu", "300s"),
        ("cpu trend over the last 6 hours", "cpu", "360s"),
        ("heap memory usage", "memory", ""),
        ("메모리 사용량은?", "memory", ""),
        ("connection pool usage of gateway", "pool", ""),
        ("커넥션 풀 사용률", "pool", ""),
        ("pending connections", "pool_pending", ""),
        ("circuit breaker state", "breaker_state", ""),
        ("브레이커 실패율", "breaker_failure_rate", ""),
        ("kafka publish errors today", "publish_errors", ""),
        ("카프카 발행 실패 지난 3시간", "publish_errors", "10800s"),
        ("which instances are up?", "instances_up", ""),
        ("active threads of consumer-worker", "threads", ""),
    ],
)
def test_a_question_becomes_the_promql_that_has_its_name(question, name, over):
    found = read(question, CALENDAR, "ingest-service")
    assert found.name == name
    assert f"[{over}]" in found.promql if over else True
    assert "§" not in found.promql


def test_jobs_are_chosen_by_job_and_never_by_application():
    assert 'job="ingest-7"' in read("error rate of ingest", CALENDAR, "ingest-7").promql
    assert 'job="gateway"' in read("게이트웨이 요청 수", CALENDAR, "x").promql
    assert not any("application" in one.promql for one in QUESTIONS)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("how many bananas last hour", ["bananas"]),
        ("requests of merchant 7 last hour", ["merchant", "7"]),
        ("요청 수 바나나", ["바나나"]),
        ("how is it going", []),
    ],
)
def test_a_question_that_is_half_understood_is_not_answered(question, words):
    with pytest.raises(NotUnderstoodError) as error:
        read(question, CALENDAR, "ingest-service")
    assert set(words) <= set(error.value.words)


def test_two_questions_at_once_are_named():
    with pytest.raises(NotUnderstoodError) as error:
        read("cpu and memory", CALENDAR, "ingest-service")
    assert error.value.several == ["cpu", "memory"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("up", True),
        ("process_cpu_usage", True),
        ("sum(rate(x[5m]))", True),
        ('x{job="a"}', True),
        ("job:x:rate5m", True),
        ("request rate", False),
        ("what is up?", False),
        ("지난 1시간 HTTP 요청 수는?", False),
        ("cpu", False),
    ],
)
def test_promql_is_told_from_words(text, expected):
    assert is_promql(text) is expected


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
    plain = answer(app, "prometheus_query", query="지난 1시간 HTTP 요청 수는?")
    evidence = plain["evidence"]
    assert evidence["question"] == "request_count" and "[3600s]" in evidence["promql_text"]
    assert [row["data"]["job"] for row in evidence["series"]] == ["gateway", "ingest-service"]
    assert plain["verdict"] == "ok" and "100 requests in all" in plain["summary"]
    assert plain["measured_at"] == "2026-11-22T05:30:00Z"


def test_a_course_has_few_points_and_its_figures(tmp_path):
    app = asking(tmp_path, ({"job": "a"}, range(100)))
    plain = answer(app, "prometheus_query", query="cpu trend last 2 hours")
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
    said = refused(app, "prometheus_query", query="error rate yesterday", hours=3)
    assert "not both" in said


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


def test_an_unknown_question_is_answered_with_those_that_are_known(tmp_path):
    app = asking(tmp_path)
    said = refused(app, "prometheus_query", query="how many bananas last hour")
    assert "not understood: 'bananas'" in said and "request rate" in said and "PromQL" in said
    assert "ask for one" in refused(app, "prometheus_query", query="cpu and memory")


@pytest.mark.parametrize(
    ("language", "query", "summary"),
    [
        ("en", "breaker state", "State of the breakers: kafka-publisher CLOSED, (…) OPEN."),
        ("ko", "브레이커 상태", "브레이커 상태: kafka-publisher CLOSED, (…) OPEN."),
        ("en", "instances", "Instances: 3 of 2 up."),
        ("ko", "처리량", "초당 요청 수: 합계 3건/초, 시계열 2개(1건/초~2건/초)."),
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


def test_wrong_promql_is_the_callers_error(tmp_path):
    app = asking(tmp_path, status=400, said="parse error: unclosed left parenthesis")
    said = refused(app, "prometheus_query", query="sum(rate(x[5m])")
    assert said == "Prometheus does not take the PromQL: parse error: unclosed left parenthesis"


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


def test_the_end_of_a_stretch_is_the_moment_that_is_asked_for(tmp_path):
    asked: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("time", ""))
        return httpx.Response(200, json=body("vector", [({}, 1)], NOW.timestamp()))

    source = Prometheus("http://p:9090", transport=httpx.MockTransport(handle))
    answer(seeing(tmp_path, prometheus=source), "prometheus_query", query="request count yesterday")
    ended = datetime(2026, 11, 22, tzinfo=ZoneInfo("Asia/Seoul"))
    assert float(asked[0]) == ended.timestamp()
