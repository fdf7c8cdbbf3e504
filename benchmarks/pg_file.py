"""What matching a PG settlement file costs: seconds and memory by the number of its lines.

Run it as `python benchmarks/pg_file.py [--lines 100000,1000000]`. Half of the lines belong to each
of two SQLite shards; one in ten thousand has no row, and one another amount. Each size runs in a
process of its own, so that its peak of memory is its own; `before` is what the process holds
before the match.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sqlalchemy import create_engine, insert

from checks.settlement_file.layout import Layout
from checks.settlement_file.probe import Matched, Request, match_file
from checks.sources.database.servers.tables import METADATA, PAYMENT, SETTLEMENT
from checks.sources.database.source import Database

DAY = date(2026, 11, 26)
START = datetime(2026, 11, 25, 15, tzinfo=UTC)  # the day's begin in Seoul
SHARDS = ("shard1", "shard2")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", default="100000,1000000")
    sizes = [int(size) for size in parser.parse_args().lines.split(",")]
    print("lines, file (MB), match (s), of CPU (s), before (MB), peak (MB), outcomes")
    fresh = multiprocessing.get_context("spawn")
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="paypulse-bench-") as folder:
            with fresh.Pool(1) as pool:
                pool.apply(prepare, (Path(folder), size))
            with fresh.Pool(1) as pool:
                print(pool.apply(measure, (Path(folder), size)), flush=True)


def prepare(folder: Path, size: int) -> None:
    """The shards, and the file that fits them."""
    with (folder / "pg.csv").open("w", encoding="utf-8") as file:
        file.write("transaction_id,payment_id,amount,at,status,kind\n")
        for n, shard in enumerate(SHARDS):
            engine = create_engine(f"sqlite:///{folder}/{shard}.db")
            METADATA.create_all(engine)
            for rows in _batches(size // 2, n):
                with engine.begin() as connection:
                    connection.execute(insert(PAYMENT), [row[0] for row in rows])
                    connection.execute(insert(SETTLEMENT), [row[1] for row in rows])
                file.writelines(row[2] for row in rows)
            engine.dispose()


def _batches(count: int, parity: int) -> Iterator[list[tuple[dict[str, Any], Any, str]]]:
    for first in range(1, count + 1, 20_000):
        last = min(first + 20_000, count + 1)
        yield [_payment(number, parity, count) for number in range(first, last)]


def _payment(number: int, parity: int, count: int) -> tuple[dict[str, Any], dict[str, Any], str]:
    at = START + timedelta(hours=24) * (number / (count + 1))
    naive = at.replace(tzinfo=None)
    payment = {
        "payment_id": number,
        "merchant_id": f"M-{parity}",
        "amount": 1000 + number,
        "currency": "KRW",
        "status": "CAPTURED",
        "idempotency_key": str(number),
        "requested_at": naive,
        "updated_at": naive,
    }
    transaction = f"STL_{parity}{number:09X}"
    request = {
        "payment_id": number + (10**9 if number % 10_000 == 1 else 0),
        "request_amount": 1000 + number,
        "status": "SUCCESS",
        "pg_transaction_id": transaction if number % 10_000 != 1 else None,
        "pg_response_code": "0000",
        "retry_count": 0,
        "requested_at": naive,
        "completed_at": naive,
    }
    amount = 1000 + number + (number % 10_000 == 2)
    local = f"{at + timedelta(hours=9):%Y-%m-%d %H:%M:%S}"
    return payment, request, f"{transaction},{number},{amount},{local},success,capture\n"


def measure(folder: Path, size: int) -> str:
    """One match."""
    database = Database({shard: f"sqlite:///{folder}/{shard}.db" for shard in SHARDS})
    database.healths()
    before, began, worked = _megabytes(), time.perf_counter(), time.process_time()
    found = match_file(Request(folder / "pg.csv", Layout(), day=DAY), database)
    took, worked = time.perf_counter() - began, time.process_time() - worked
    if not isinstance(found, Matched) or found.unavailable:
        raise RuntimeError(f"nothing was matched: {found}")
    file_mb = (folder / "pg.csv").stat().st_size / 1e6
    outcomes = " ".join(f"{name}={n}" for name, n in sorted(found.tally.counts.items()))
    return (
        f"{size:,}, {file_mb:.0f}, {took:.1f}, {worked:.1f}, {before:.0f},"
        f" {_megabytes():.0f}, {outcomes}"
    )


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
