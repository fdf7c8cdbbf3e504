"""What reconciliation costs: a pass after new payments, side by side for small and large shards.

Run it as `python benchmarks/reconcile.py [--sizes 10000,100000,500000] [--new 10000]`. SQLite is
always measured; MariaDB too where `scripts/services` is up (PAYPULSE_SHARD1_ADMIN_URL is set).
Beside it stand the two sums over all of the ledger that the platform's own reconciliation makes.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import Engine, create_engine, make_url

from checks.reconciliation import CHECK, Options
from checks.sources.database import Database
from checks.sources.database_tables import METADATA
from monitor.domain.check import Look, Verdict

ROOT = Path(__file__).resolve().parents[1]
NOW = datetime(2026, 11, 19, 15, 30, tzinfo=UTC)
HISTORY = timedelta(days=30)
WARM, PASSES = 4, 5  # passes before those that are measured: until every window is full
EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a kind of database counts to n, and writes the time so many seconds after a start."""

    numbers: str
    time: str


SQLITE = Dialect(
    "(WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last})"
    " SELECT n FROM s)",
    "strftime('%Y-%m-%d %H:%M:%f', '{start}', '+' || ({seconds}) || ' seconds')",
)
MARIADB = Dialect(
    "(SELECT seq AS n FROM seq_{first}_to_{last})",
    "TIMESTAMPADD(MICROSECOND, ROUND(({seconds}) * 1000000), '{start}')",
)


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,500000")
    parser.add_argument("--new", type=int, default=10_000)
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    print(f"payments, pass after {given.new} new (ms), to the first, two sums (ms), sweep (rows/s)")
    for name, shards in (("SQLite", _sqlite), ("MariaDB", _mariadb)):
        _compare(name, shards, sizes, given.new)


def _compare(name: str, shards: Any, sizes: list[int], new: int) -> None:
    first = None
    for size in sizes:
        with shards() as shard:
            if shard is None:
                print(f"{name}: not up")
                return
            figures = _measure(*shard, size, new)
        first = first or figures["pass"]
        ratio = figures["pass"] / first
        print(
            f"{name:8} {size:>9,} {figures['pass']:>9.0f} {ratio:>6.2f} "
            f"{figures['sums']:>9.0f} {figures['rows']:>9,.0f}"
        )


@contextmanager
def _sqlite() -> Iterator[tuple[Engine, str, Dialect] | None]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/shard.db"
        engine = create_engine(url)
        METADATA.create_all(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        yield engine, url, SQLITE
        engine.dispose()


@contextmanager
def _mariadb() -> Iterator[tuple[Engine, str, Dialect] | None]:
    url = os.environ.get("PAYPULSE_SHARD1_ADMIN_URL")
    if not url:
        yield None
        return
    schema = f"paydb_bench_{os.getpid()}"
    server = create_engine(url)
    text = (ROOT / "scripts" / "services.d" / "schema.sql").read_text("utf-8")
    with server.begin() as connection:
        for statement in re.sub(r"\bpaydb\b", schema, re.sub("--.*", "", text)).split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    own = make_url(url).set(database=schema).render_as_string(hide_password=False)
    engine = create_engine(own)
    try:
        yield engine, own, MARIADB
    finally:
        engine.dispose()
        with server.begin() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {schema}")


def _measure(engine: Engine, url: str, dialect: Dialect, size: int, new: int) -> dict[str, float]:
    _fill(engine, dialect, 1, size, NOW - HISTORY, HISTORY)
    platform = SimpleNamespace(database=Database({"shard1": url}, seconds_max=60))
    options = Options(ignore=("S4", "T9", "R6", "X2", "S2", "O3"), sweep_rows=200_000)
    memory: Any = {}
    now = NOW
    swept, steps = 0.0, 0
    while not steps or memory["shards"]["shard1"]["step"]:  # the first sweep, step by step
        took, _, memory = _pass(platform, options, memory, now)
        swept, steps = swept + took, steps + 1
    times = []
    for number in range(WARM + PASSES):
        first = size + number * new + 1
        _fill(engine, dialect, first, first + new - 1, now, EVERY)
        now += EVERY + timedelta(seconds=1)
        took, verdict, memory = _pass(platform, options, memory, now)
        assert verdict.status.value == "ok" or _only_rule(verdict), verdict.findings
        times.append(took)
    rows = size * 6
    sums = _timed(lambda: _two_sums(engine))
    return {
        "pass": statistics.median(times[WARM:]) * 1000,
        "sums": sums * 1000,
        "rows": rows / swept,
    }


def _only_rule(verdict: Verdict) -> bool:
    return all(finding.code == "blind" for finding in verdict.findings)


def _pass(
    platform: Any, options: Options, memory: Any, now: datetime
) -> tuple[float, Verdict, Any]:
    look = Look(platform, options, memory, now)
    started = time.perf_counter()
    verdict, after = CHECK.evaluate(CHECK.probe(look), look)
    return time.perf_counter() - started, verdict, after


def _timed(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _two_sums(engine: Engine) -> None:
    with engine.connect() as connection:
        for account in ("debit_account", "credit_account"):
            ask = f"SELECT {account}, SUM(amount) FROM ledger_entry GROUP BY {account}"
            connection.exec_driver_sql(ask).all()


def _fill(
    engine: Engine, dialect: Dialect, first: int, last: int, start: datetime, span: timedelta
) -> None:
    """Captured payments, evenly spread over the span, each with its right rows."""
    step = span.total_seconds() / (last - first + 1)
    numbers = dialect.numbers.format(first=first, last=last)

    def at(late: float = 0.0) -> str:
        seconds = f"(n - {first}) * {step} + {late}"
        return dialect.time.format(start=f"{start:%Y-%m-%d %H:%M:%S}", seconds=seconds)

    payload = "'{\"paymentId\": ' || n || ', \"amount\": 5000}'"
    if dialect is MARIADB:
        payload = "CONCAT('{\"paymentId\": ', n, ', \"amount\": 5000}')"
    name = "'k' || n" if dialect is SQLITE else "CONCAT('k', n)"
    merchant = "'M-' || (n % 1000)" if dialect is SQLITE else "CONCAT('M-', n % 1000)"
    event = "aggregate_type, aggregate_id, event_type, payload, published, published_at, created_at"
    with engine.begin() as connection:
        for sql in (
            "INSERT INTO payment (payment_id, merchant_id, amount, currency, status,"
            f" idempotency_key, requested_at, updated_at) SELECT n, {merchant}, 5000, 'KRW',"
            f" 'CAPTURED', {name}, {at()}, {at(1)} FROM {numbers} x",
            "INSERT INTO settlement_request (payment_id, request_amount, status,"
            " pg_transaction_id, pg_response_code, retry_count, requested_at, completed_at)"
            f" SELECT n, 5000, 'SUCCESS', 'T', '0000', 0, {at(0.5)}, {at(1)} FROM {numbers} x",
            "INSERT INTO ledger_entry (payment_id, debit_account, credit_account, amount,"
            f" occurred_at) SELECT n, 'merchant_receivable', 'cash', 5000, {at(1)}"
            f" FROM {numbers} x",
            f"INSERT INTO outbox_event ({event}, retry_count) SELECT 'payment', n,"
            f" k, {payload}, 1, {at(0.2)}, {at()}, 0 FROM {numbers} x,"
            " (SELECT 'PAYMENT_AUTHORIZED' AS k UNION ALL SELECT 'PAYMENT_CAPTURE_REQUESTED') y"
            " ORDER BY n",
        ):
            connection.exec_driver_sql(sql.replace("%", "%%") if dialect is MARIADB else sql)


if __name__ == "__main__":
    main()
