"""What reconciliation costs: a pass after new payments, side by side for small and large shards.

Run it as `python benchmarks/reconcile.py [--sizes 10000,100000,500000] [--new 10000] [--only
SQLite|MariaDB]`. MariaDB is measured where `scripts/services` is up (PAYPULSE_SHARD1_ADMIN_URL is
set); 5,000,000 payments need 6 GB of disk and some minutes to be filled in, and are dropped again.
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
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import Engine, create_engine, make_url

from checks.reconciliation import CHECK, Options
from checks.sources.database.servers.tables import METADATA
from checks.sources.database.source import Database
from monitor.domain.check import ProbeContext

ROOT = Path(__file__).resolve().parents[1]
NOW = datetime(2026, 11, 19, 15, 30, tzinfo=UTC)
HISTORY = timedelta(days=30)
WARM, PASSES = 4, 5  # passes before those that are measured: until every window is full
EVERY = timedelta(minutes=5)
ROWS_EACH = 5  # a payment, its settlement, its entry, two events
IGNORED = ("S4", "T9", "R6", "X2", "S2", "O3")  # as by default, and the rule of two shards


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


_UNCHECKED = "SET foreign_key_checks = 0, unique_checks = 0, check_constraint_checks = 0"


@dataclass(slots=True)
class Monitored:
    """A shard of so many payments, and what the monitor knows of it; `times` of its passes."""

    engine: Engine
    dialect: Dialect
    size: int
    platform: Any
    now: datetime = NOW
    memory: Any = None
    swept_rows_per_second: float = 0.0
    times: list[float] = field(default_factory=list)

    def sweep(self, options: Options) -> None:
        """The first sweep, step by step; measured if it looks at everything."""
        started = time.perf_counter()
        self.look(options)
        while self.memory["shards"]["shard1"]["step"]:
            self.look(options)
        rows_per_second = self.size * ROWS_EACH / (time.perf_counter() - started)
        if not options.only:
            self.swept_rows_per_second = rows_per_second

    def add(self, first: int, last: int, span: timedelta) -> None:
        """Payments that were made within a span up to now, and their rows."""
        _fill(self.engine, self.dialect, first, last, self.now - span, span)

    def look(self, options: Options) -> float:
        """One pass; how many seconds it took."""
        context = ProbeContext(self.platform, options, self.memory or {}, self.now)
        started = time.perf_counter()
        verdict, self.memory = CHECK.evaluate(CHECK.probe(context), context)
        took = time.perf_counter() - started
        assert not verdict.findings, verdict.findings
        return took


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,500000")
    parser.add_argument("--new", type=int, default=10_000)
    parser.add_argument("--only", choices=("SQLite", "MariaDB"))
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    print(f"one shard; a pass after {given.new:,} new payments, median of {PASSES}, by turns")
    print("          payments  pass ms  to first  two sums ms  sums to pass  sweep rows/s")
    for name, shards in (("SQLite", _sqlite), ("MariaDB", _mariadb)):
        if given.only in (None, name):
            _compare(name, shards, sizes, given.new)


def _compare(name: str, shards: Any, sizes: list[int], new: int) -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(shards(size)) for size in sizes]
        if None in opened:
            print(f'{name}: not up; set -a; . "$(scripts/services up)"')
            return
        all_of_them = [
            Monitored(e, d, size, _platform(u))
            for size, (e, u, d) in zip(sizes, opened, strict=True)
        ]
        _measure(all_of_them, new)
        first = statistics.median(all_of_them[0].times[WARM:])
        for one in all_of_them:
            _print(name, one, first)


def _print(name: str, one: Monitored, first: float) -> None:
    swept = one.swept_rows_per_second
    took, sums = statistics.median(one.times[WARM:]), _timed(lambda: _two_sums(one.engine))
    print(
        f"{name:8} {one.size:>9,} {took * 1000:>8,.0f} {took / first:>9.2f} {sums * 1000:>12,.0f}"
        f" {sums / took:>13.2f} {f'{swept:,.0f}' if swept else '–':>13}",
        flush=True,
    )


def _platform(url: str) -> Any:
    return SimpleNamespace(
        database=Database({"shard1": url}, seconds_max=60, sweep_seconds_max=300)
    )


def _measure(shards: list[Monitored], new: int) -> None:
    """Fill, sweep, then pass after pass by turns, so that a busy machine is busy for all."""
    options = Options(ignore=IGNORED, sweep_rows=200_000)
    quick = Options(only=("P1",), sweep_rows=200_000)  # a sweep is measured once, where it is short
    for shard in shards:
        shard.add(1, shard.size, HISTORY)
        shard.sweep(options if shard is shards[0] else quick)
    for number in range(WARM + PASSES):
        for shard in shards:
            shard.now += EVERY
            shard.add(shard.size + number * new + 1, shard.size + (number + 1) * new, EVERY)
            shard.now += timedelta(seconds=2)
            shard.times.append(shard.look(options))


@contextmanager
def _sqlite(size: int) -> Iterator[tuple[Engine, str, Dialect] | None]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/shard.db"
        engine = create_engine(url)
        METADATA.create_all(engine)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        yield engine, url, SQLITE
        engine.dispose()


@contextmanager
def _mariadb(size: int) -> Iterator[tuple[Engine, str, Dialect] | None]:
    url = os.environ.get("PAYPULSE_SHARD1_ADMIN_URL")
    if not url:
        yield None
        return
    schema = f"paydb_bench_{os.getpid()}_{size}"
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
        if dialect is MARIADB:  # an empty table is then filled in bulk, its indexes sorted
            connection.exec_driver_sql(_UNCHECKED)
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
