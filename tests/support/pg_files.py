"""PG settlement files for tests: the lines that healthy shards should have on a day."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import books

SEOUL = ZoneInfo("Asia/Seoul")
COLUMNS = ("transaction_id", "payment_id", "amount", "at", "status", "kind")
OF_KIND = {
    "settlement_request": ("capture", "pg_transaction_id", "request_amount"),
    "refund_request": ("refund", "pg_cancel_transaction_id", "refund_amount"),
}


def lines(shards: Sequence[books.Rows], day: date) -> list[dict[str, Any]]:
    """What an honest PG has of a day in Seoul, in the order of its time."""
    found = []
    for rows in shards:
        for table, (kind, transaction, amount) in OF_KIND.items():
            for row in rows[table]:
                at = row["completed_at"].replace(tzinfo=UTC).astimezone(SEOUL)
                if at.date() == day:
                    about = (row[transaction], row["payment_id"], row[amount])
                    line = (*about, f"{at:%Y-%m-%d %H:%M:%S}", "success", kind)
                    found.append(dict(zip(COLUMNS, line, strict=True)))
    return sorted(found, key=lambda line: line["at"])


def write(path: Path, listed: Iterable[dict[str, Any]], at: datetime | None = None) -> Path:
    """A file of these lines, as old as `at` says."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    path.write_text(text.getvalue(), encoding="utf-8")
    if at is not None:
        os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def distinct(rows: books.Rows, mark: str) -> books.Rows:
    """The rows with transaction ids of a shard's own."""
    for table, (_, transaction, _) in OF_KIND.items():
        for row in rows[table]:
            row[transaction] = f"{mark}{row[transaction]}"
    return rows
