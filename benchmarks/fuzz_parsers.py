"""The parsers of foreign text, each with texts to begin with and the errors that it may answer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from mcp.server.mcpserver.exceptions import ToolError

from checks.k6.inspect import seconds_of
from checks.k6.read import read_bytes, read_file
from checks.k6.rest import live_of
from checks.settlement_file.layout import Layout
from checks.settlement_file.reader import read as read_settlements
from checks.sources.actuator.metrics import breakers_from, pools_from, requests_from
from checks.sources.connect import Address, connect
from checks.sources.kafka.dead_letter import dead_letter
from mcp_server.answers.paging import encode, offset, position, timed_offset
from mcp_server.sentence.read import read, read_moment, read_stretch
from mcp_server.sentence.times import Calendar
from mcp_server.tools.history.time_range import time_range
from mcp_server.tools.kafka.dead_letter_rows import places_of
from mcp_server.tools.prometheus.questions import question
from monitor.cli.books.time_input import moment_before
from monitor.cli.detection.series.file import SeriesFileError, read_series
from monitor.cli.mcp.client_file import ClientFileError, read_client_file
from monitor.cli.mcp.env_file import load_env_file
from monitor.config.models import ConfigError, parse
from monitor.domain.interval import length_of
from monitor.domain.load_test.dates import date_in, scenario_in
from monitor.domain.load_test.files import NoResultError
from monitor.domain.load_test.rules import limit_of, statistic_of
from monitor.text.filters import clean
from monitor.text.particles import particle

NOW = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)
_APP = SimpleNamespace(config=parse("", {}))
CALENDAR = Calendar(NOW, ZoneInfo("Asia/Seoul"))
FOLDER = Path(tempfile.mkdtemp(prefix="paypulse-fuzz-"))
SENTENCES = (
    "지난 1시간 동안 실패한 결제",
    "5천만원 이상 승인",
    "failed payments of merchant 'M-1' over 50,000 KRW since yesterday 14:00",
    "어제 오후 2시부터 3시까지 shard2 취소 10건",
    "last 20 refunds between 1,000 and 2만원",
)
TIMES = (
    *(
        "1h",
        "14:00",
        "yesterday",
        "2026-11-22T14:00",
        "13:00 to 15:00",
        "어제 오후 2시",
        "last week",
    ),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2026-W47-1", "20261122T0600"),
)


@dataclass(frozen=True, slots=True)
class Parser:
    """`run` reads a text; whatever it raises but `errors` is a crash. `share` of all inputs."""

    run: Callable[[str], Any]
    seeds: tuple[str, ...]
    errors: tuple[type[Exception], ...] = ()
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class _Clock:
    """The little of a tool's context that reading a time needs."""

    now: datetime = NOW
    app: Any = field(default_factory=lambda: _APP)


def _file(read: Callable[[Path], Any], text: str) -> Any:
    path = FOLDER / "input"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    path.chmod(0o600)
    return read(path)


def _cursor(text: str) -> None:
    question = "a question"
    given = encode(question, (text[:200],)) if len(text) % 2 else text
    for take in (position, offset):
        try:
            take(question, given)
        except ToolError:
            continue
    timed_offset(question, given, NOW)


def _places(text: str) -> None:
    places_of((text,))


def _k6(text: str) -> None:
    read_bytes(text.encode("utf-8", "surrogatepass"))


def _threshold(text: str) -> None:
    statistic_of(text)
    limit_of(text)
    seconds_of(text)


def _json_value(text: str) -> None:
    try:
        live_of(json.loads(text))
    except (ValueError, RecursionError):
        return


def _actuator(text: str) -> None:
    for take in (requests_from, breakers_from, pools_from):
        take(text, "ingest")


def _words(text: str) -> None:
    clean(text)
    particle(text, "이/가")
    length_of(text)
    date_in(text, UTC)
    scenario_in(text)


_ANSWER = {"text": "{}"}
_PLATFORM = connect(
    Address("http://platform", actuators={"ingest": "http://ingest"}, prometheus_url="http://prom"),
    httpx.MockTransport(
        lambda request: httpx.Response(
            200, content=_ANSWER["text"].encode("utf-8", "surrogatepass")
        )
    ),
)
_QUESTIONS: tuple[Callable[[], Any], ...] = (
    _PLATFORM.kafka.cluster,
    partial(_PLATFORM.kafka.partitions, "payment.dlq"),
    partial(_PLATFORM.kafka.group_lag, "payment-consumer"),
    partial(_PLATFORM.kafka.dead_letters, "payment.dlq", 5),
    _PLATFORM.redis.stats,
    _PLATFORM.redis.rate_uses,
    _PLATFORM.redis.blocked_merchants,
    partial(_PLATFORM.redis.cached_key, "idem:1"),
    _PLATFORM.database.counts,
    partial(_PLATFORM.database.statistics, "today", NOW),
    partial(_PLATFORM.database.outbox, NOW),
    partial(_PLATFORM.database.work, "settlement", NOW),
    _PLATFORM.database.reconciliation,  # type: ignore[attr-defined]
    partial(_PLATFORM.database.payment, 1),
    _PLATFORM.services.breakers,
    _PLATFORM.services.requests,
    partial(_PLATFORM.prometheus.instant, "up"),  # type: ignore[union-attr]
    partial(_PLATFORM.prometheus.points, "up", NOW - timedelta(hours=1), NOW),  # type: ignore[union-attr]
)


def _answer(text: str) -> None:
    """One answer of the platform, given to one of the questions by its own length."""
    _ANSWER["text"] = text
    _QUESTIONS[len(text) % len(_QUESTIONS)]()


_ROWS = '{"data": {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "2"]}]}}'
_K6 = (
    '{"metrics": {"http_req_duration": {"med": 1.5, "p(95)": 2, "thresholds": {"p(95)<5": false}},'
    ' "checks": {"passes": 1, "fails": 0}}, "root_group": {"checks": {}, "groups": {}}}',
    '{"type":"Metric","data":{"name":"http_reqs","type":"counter"},"metric":"http_reqs"}\n'
    '{"type":"Point","metric":"http_reqs","data":{"time":"2026-11-22T04:00:00Z","value":1}}\n',
    '{"type":"Point","metric":"http_reqs","data":{"time":"9999-12-31T23:59:59Z","value":1}}\n'
    '{"type":"Point","metric":"http_reqs","data":{"time":"0001-01-01T00:00:00+14:00","value":1}}\n',
    "metric_name,timestamp,metric_value,status\nhttp_reqs,1795379621,1.0,200\n",
)
_SERIES = ("time,value\n2026-11-01,1\n2026-11-02,2,5\n", "1795379621;1,5\n1795379681;2,5\n")
_SETTLEMENTS = (
    "pg_transaction_id,payment_id,amount,at,kind\nT1,1,1000,2026-11-22,capture\n",
    "transaction,amount,at\nT1,-1.000,20261122\n",
)
_METRICS = (
    "# TYPE http_server_requests_seconds histogram\n"
    'http_server_requests_seconds_count{method="POST",uri="/api",status="200",} 5\n'
    'resilience4j_circuitbreaker_state{name="pg",state="open",} 1.0\n'
    'hikaricp_connections_active{pool="p",} NaN\n'
)
_DEAD = (
    '{"paymentId": 1, "originalTopic": "payment", "errorMessage": "e", "payload": "{\\"a\\": 1}"}'
)
_HEALTH = '{"status": "UP", "topics": ["a"], "groups": [{"state": "STABLE"}], "success": true}'
_TOML = (
    'language = "ko"\n[platform]\nbase_url = "http://x"\n[platform.kafka]\noptions = { a = 1 }\n'
)
_CLIENT = '{"mcpServers": {"paypulse": {"command": "paypulse", "args": []}}}'

PARSERS: Mapping[str, Parser] = {
    "sentence": Parser(lambda text: read(text, CALENDAR), SENTENCES),
    "stretch": Parser(lambda text: read_stretch(text, CALENDAR), (*SENTENCES, *TIMES)),
    "moment": Parser(lambda text: read_moment(text, CALENDAR), TIMES, (ValueError, OverflowError)),
    "time_range": Parser(lambda text: time_range(_Clock(), text), TIMES, (ToolError,)),  # type: ignore[arg-type]
    "moment_before": Parser(
        lambda text: moment_before(text, NOW.astimezone(CALENDAR.zone)), TIMES, (ValueError,)
    ),
    "promql": Parser(
        lambda text: question(text, timedelta(minutes=5)), ("requests", "rate(x[5m])"), (ToolError,)
    ),
    "cursor": Parser(_cursor, (encode("a question", (1, 2)), "W1tb"), (ToolError,)),
    "places": Parser(_places, ("0:12,1:5",), (ToolError,)),
    "k6_summary": Parser(_k6, _K6[:1], (NoResultError,)),
    "k6_file": Parser(lambda text: _file(read_file, text), _K6, (NoResultError,), 0.5),
    "k6_threshold": Parser(_threshold, ("p(95)<500", "rate>=0.99", "1m30s")),
    "k6_live": Parser(_json_value, ('{"data": [{"id": "vus", "attributes": {"sample": {}}}]}',)),
    "series": Parser(lambda text: _file(read_series, text), _SERIES, (SeriesFileError,), 0.5),
    "settlements": Parser(
        lambda text: _file(lambda p: read_settlements(p, Layout(), lambda *a: None), text),
        _SETTLEMENTS,
        share=0.5,
    ),
    "toml": Parser(lambda text: parse(text, {}), (_TOML,), (ConfigError,), 0.3),
    "client_file": Parser(
        lambda text: _file(read_client_file, text), (_CLIENT,), (ClientFileError,), 0.5
    ),
    "env_file": Parser(
        lambda text: _file(lambda path: load_env_file(path, {}), text),
        ("A=1\nexport B='x'\n# c\n",),
        (ValueError,),
        0.5,
    ),
    "actuator": Parser(_actuator, (_METRICS,), (ValueError,), 0.5),
    "dead_letter": Parser(lambda text: dead_letter("t", 0, 1, NOW, text[:9], text), (_DEAD,)),
    "answer": Parser(_answer, (_HEALTH, _ROWS, _DEAD), share=0.5),
    "words": Parser(_words, (*TIMES, "full-flow-2026-11-22T04-00-05.json", "결제 topic")),
}
