"""What the MCP tools about single rows cost on large shards: milliseconds and tokens of an answer.

Run it as `python benchmarks/mcp_rows.py [--payments 1000000] [--repeat 3]`. Two shards in SQLite
files are always measured; MariaDB too where `scripts/services` is up. `source` is the time of the
same question put to the source alone, so that `beyond` is what the tool itself adds.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import anyio
from mcp import Client
from reconcile import HISTORY, NOW, Dialect, _fill, _mariadb, _sqlite
from sqlalchemy import Engine

from mcp_server.server import build_server
from monitor.app import App, build
from monitor.config.models import parse

QUESTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("query_payments", {}),
    ("query_payments", {"filter": "failed payments last hour"}),
    ("query_payments", {"filter": "지난 3일 동안 실패한 결제"}),
    ("query_payments", {"filter": "merchant M-7 this week"}),
    ("query_payments", {"filter": "largest captured this week"}),
    ("query_payments", {"filter": "captured", "limit": 100}),
    ("query_ledgers", {}),
    ("query_ledgers", {"merchant_id": "M-7"}),
    ("query_ledgers", {"query_type": "totals"}),
    ("payment_statistics", {}),
    ("payment_statistics", {"time_range": "last_7_days"}),
    ("find_duplicate_idempotency", {}),
    ("outbox_replay_plan", {}),
    ("investigate_merchant", {"merchant_id": "M-7"}),
)
FAILED = "UPDATE payment SET status = 'CAPTURE_FAILED' WHERE payment_id % 211 = 0"
WAITING = "UPDATE outbox_event SET published = 0, published_at = NULL WHERE event_id % 50021 = 0"


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    print(f"{given.payments:,} payments on two shards")
    print("database tool and arguments, answer (ms), of it the source (ms), tokens, verdict")
    for name, shards in (("SQLite", _sqlite), ("MariaDB", _mariadb)):
        with contextlib.ExitStack() as stack:
            made = [stack.enter_context(shards(n)) for n in range(2 if name == "SQLite" else 1)]
            if made[0] is None:
                print(f"{name}: not up")
                continue
            urls = _filled(made, given.payments)
            for line in _lines(urls, given.repeat):
                print(f"{name:8} {line}", flush=True)


def _filled(made: list[Any], payments: int) -> dict[str, str]:
    """The shards with their payments, a few of them failed and a few events waiting."""
    each = payments // len(made)
    urls = {}
    for number, (engine, url, dialect) in enumerate(made, 1):
        _one(engine, dialect, each)
        urls[f"shard{number}"] = url
    return urls


def _one(engine: Engine, dialect: Dialect, payments: int) -> None:
    _fill(engine, dialect, 1, payments, NOW - HISTORY, HISTORY)
    with engine.begin() as connection:
        for sql in (FAILED, WAITING):
            connection.exec_driver_sql(sql if engine.name == "sqlite" else sql.replace("%", "%%"))
        if engine.name == "sqlite":
            connection.exec_driver_sql("ANALYZE")


def _lines(urls: dict[str, str], repeat: int) -> Iterator[str]:
    with _app(urls) as app:
        for tool, arguments in QUESTIONS:
            took, plain, beside = _asked(app, tool, arguments, repeat)
            tokens = len(json.dumps(plain, ensure_ascii=False, separators=(",", ":"))) / 4
            named = f"{tool} {json.dumps(arguments, ensure_ascii=False)}"
            verdict = plain["verdict"]
            yield f"{named:72} {took:>8.1f} {beside:>8.1f} {tokens:>6.0f} {verdict}"


@contextmanager
def _app(urls: dict[str, str]) -> Iterator[App]:
    with tempfile.TemporaryDirectory() as folder:
        shards = "\n".join(f"{name} = {json.dumps(url)}" for name, url in urls.items())
        text = (
            f'database = "{folder}/paypulse.db"\ntimezone = "Asia/Seoul"\n[platform]\n'
            'base_url = "http://127.0.0.1:9"\n[platform.database]\nvia = "direct"\n'
            f"[platform.database.urls]\n{shards}\n"
        )
        app = build(parse(text, {}), clock=lambda: NOW + timedelta(seconds=1))
        yield app
        app.close()


def _asked(
    app: App, tool: str, arguments: dict[str, Any], repeat: int
) -> tuple[float, dict[str, Any], float]:
    """The median time of an answer, the answer, and how much of it the source took."""
    spent: list[float] = []
    database = app.runner.platform.database
    app.runner.platform = _timed(app.runner.platform, spent)

    async def run() -> tuple[list[float], list[float], dict[str, Any]]:
        times, sources = [], []
        async with Client(build_server(app)) as client:
            await client.call_tool(tool, arguments)
            for _ in range(repeat):
                spent.clear()
                started = time.perf_counter()
                called = await client.call_tool(tool, arguments)
                times.append((time.perf_counter() - started) * 1000)
                sources.append(sum(spent) * 1000)
            return times, sources, called.structured_content or {}

    times, sources, plain = anyio.run(run)
    assert app.runner.platform.database is not database
    return statistics.median(times), plain, statistics.median(sources)


class _Clocked:
    """A source that notes how long each of its answers took."""

    def __init__(self, source: Any, spent: list[float]) -> None:
        self._source, self._spent = source, spent

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._source, name)
        if not callable(found):
            return found

        def call(*args: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return found(*args, **named)
            finally:
                self._spent.append(time.perf_counter() - started)

        return call


class _timed(_Clocked):  # noqa: N801 - it stands for a platform whose parts are clocked
    def __getattr__(self, name: str) -> Any:
        return _Clocked(getattr(self._source, name), self._spent)


if __name__ == "__main__":
    main()
