"""Where both sides of a match are staged: a temporary database, so that memory stays small.

Lines and rows are written as they come and read back sorted; about 200 bytes of disk each, and a
mark of one byte in memory. The file of the database is nameless and goes with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby, islice
from typing import Any, TypeAlias, TypeVar

from checks.sources.facts.psp import Kind, Line, Record

GROUP_MAX = 1000  # rows with one key; more than these share tell nothing apart
_BATCH = 5000
_CACHE_KIB = 32_768
_TABLES = """
CREATE TABLE line (no INTEGER PRIMARY KEY, number INT, kind TEXT, txn TEXT, payment INT,
  amount REAL, at REAL, done INT, fee REAL, merchant TEXT, file INT, reversal INT);
CREATE TABLE record (no INTEGER PRIMARY KEY, shard TEXT, id INT, kind TEXT, txn TEXT, payment INT,
  amount REAL, at REAL, status TEXT, merchant TEXT);
CREATE TABLE wanted (kind TEXT, payment INT, amount REAL,
  PRIMARY KEY (kind, payment, amount)) WITHOUT ROWID;
"""
_LINE = (
    "no, number, kind, txn, payment, amount, at, done, fee, merchant, file, reversal",
    "INSERT INTO line VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)
_RECORD = (
    "no, shard, id, kind, txn, payment, amount, at, status, merchant",
    "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
)
T = TypeVar("T")
Numbered: TypeAlias = tuple[int, T]  # a line or a row, and its number in the staging
SignCounts: TypeAlias = dict[tuple[Kind, int], int]  # of a kind and a sign, 1 or -1
Group: TypeAlias = tuple[Sequence[Numbered[Line]], Sequence[Numbered[Record]]]


class Staging:
    """Both sides of one match; used by one thread, closed after it."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("PRAGMA temp_store = FILE")
        self._db.executescript(_TABLES)
        self.done_lines = bytearray()
        self.done_records = bytearray()

    def close(self) -> None:
        """Give the disk back."""
        self._db.close()

    def add_lines(self, lines: Iterable[Line]) -> None:
        """Lay out lines."""
        rows = [
            (len(self.done_lines) + n, ln.number, ln.kind, ln.transaction_id, ln.payment_id,
             ln.amount_krw, ln.at.timestamp(), ln.is_done, ln.fee_krw, ln.merchant_id, ln.file,
             ln.is_reversal)
            for n, ln in enumerate(lines)
        ]  # fmt: skip
        self._add(_LINE[1], rows, self.done_lines)

    def add_records(self, records: Iterable[Record]) -> None:
        """Lay out rows."""
        rows = [
            (len(self.done_records) + n, r.shard, r.id, r.kind, r.transaction_id, r.payment_id,
             r.amount_krw, r.at.timestamp(), r.status, r.merchant_id)
            for n, r in enumerate(records)
        ]  # fmt: skip
        self._add(_RECORD[1], rows, self.done_records)

    def signs(self, file: int = 0) -> SignCounts:
        """How many lines of each kind have which sign."""
        counted = self._read(
            "SELECT kind, amount > 0, COUNT(*) FROM line"
            f" WHERE file = {file:d} AND amount <> 0 GROUP BY 1, 2"
        )
        return {(Kind(kind), 1 if plus else -1): count for kind, plus, count in counted}

    def settle_signs(self, refund_sign: int, file: int = 0) -> None:
        """Amounts lose their signs; a line with the wrong one for its kind is taken back."""
        signed = f"amount * (CASE kind WHEN 'refund' THEN {refund_sign:d} ELSE 1 END)"
        turned = f"file = {file:d} AND {signed} < 0"
        self._db.execute(
            "UPDATE line SET reversal = 1, amount = abs(amount),"
            f" kind = CASE kind WHEN 'refund' THEN 'capture' ELSE 'refund' END WHERE {turned}"
        )
        self._db.execute(
            f"UPDATE line SET amount = abs(amount) WHERE file = {file:d} AND amount < 0"
        )

    def unpaired_ids(self, limit: int) -> list[tuple[str, str]]:
        """Ids of lines and of rows without each other, but of one payment or of one second."""
        waiting: dict[tuple[Any, ...], str] = {}
        for _, line in islice(self.left_lines(), limit):
            waiting[line.kind, line.payment_id] = line.transaction_id
            waiting[line.kind, line.at] = line.transaction_id
        pairs = []
        for _, record in self.left_records():
            for key in ((record.kind, record.payment_id), (record.kind, record.at)):
                if key in waiting and record.transaction_id:
                    pairs.append((waiting.pop(key), record.transaction_id))
                    break
        return pairs

    def by_transaction(self) -> Iterator[Group]:
        """Lines and rows that share a kind and a transaction id."""
        order = "WHERE txn <> '' ORDER BY kind, txn, no"
        return _groups(
            self._lines(order),
            self._records(order),
            lambda one: (one.kind.value, one.transaction_id),
        )

    def by_payment(self) -> Iterator[Group]:
        """Lines and rows of the payments that lines are left of; a group: kind, payment, amount."""
        wanted = (
            row[1:]
            for row in self._read("SELECT no, kind, payment, amount FROM line ORDER BY no")
            if not self.done_lines[row[0]] and row[2] is not None
        )
        self._db.executemany("INSERT OR IGNORE INTO wanted VALUES (?, ?, ?)", wanted)
        order = "JOIN wanted USING (kind, payment, amount) ORDER BY kind, payment, amount, no"
        return _groups(
            self._lines(order),
            self._records(order),
            lambda one: (one.kind.value, one.payment_id, one.amount_krw),
        )

    def left_lines(self) -> Iterator[Numbered[Line]]:
        """The lines that nothing was decided about, in their order."""
        return self._lines("ORDER BY no", self.done_lines)

    def left_records(self) -> Iterator[Numbered[Record]]:
        """The rows that nothing was decided about, in their order."""
        return self._records("ORDER BY no", self.done_records)

    def _add(self, insert: str, rows: list[tuple[Any, ...]], done: bytearray) -> None:
        self._db.execute("BEGIN")
        self._db.executemany(insert, rows)
        self._db.execute("COMMIT")
        done.extend(bytes(len(rows)))

    def _lines(self, how: str, but: Sequence[int] = b"") -> Iterator[Numbered[Line]]:
        for row in self._read(f"SELECT {_LINE[0]} FROM line {how}"):
            no, number, kind, txn, payment, amount, at, done, fee, merchant, file, reversal = row
            if but and but[no]:
                continue
            told = (number, Kind(kind), txn, payment, amount, _time(at), bool(done))
            yield no, Line(*told, fee, merchant, file, bool(reversal))

    def _records(self, how: str, but: Sequence[int] = b"") -> Iterator[Numbered[Record]]:
        for no, shard, key, kind, txn, payment, amount, at, status, merchant in self._read(
            f"SELECT {_RECORD[0]} FROM record {how}"
        ):
            if but and but[no]:
                continue
            yield (
                no,
                Record(shard, key, Kind(kind), txn, payment, amount, _time(at), status, merchant),
            )

    def _read(self, sql: str) -> Iterator[Any]:
        cursor = self._db.execute(sql)
        cursor.arraysize = _BATCH
        while rows := cursor.fetchmany():
            yield from rows


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _groups(
    lines: Iterator[Numbered[Line]], records: Iterator[Numbered[Record]], key: Any
) -> Iterator[Group]:
    """What has the same key on both sides, or on one; both sides come sorted by it."""

    def keyed(side: Iterator[Numbered[Any]]) -> Iterator[tuple[Any, list[Numbered[Any]]]]:
        grouped = groupby(side, lambda one: key(one[1]))
        return ((k, list(islice(found, GROUP_MAX + 1))) for k, found in grouped)

    left, right = keyed(lines), keyed(records)
    line, record = next(left, None), next(right, None)
    while line is not None or record is not None:
        if record is None or (line is not None and line[0] < record[0]):
            assert line is not None  # noqa: S101 - one of the two is there
            yield line[1], []
            line = next(left, None)
        elif line is None or record[0] < line[0]:
            yield [], record[1]
            record = next(right, None)
        else:
            yield line[1], record[1]
            line, record = next(left, None), next(right, None)
