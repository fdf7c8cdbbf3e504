"""A CSV for people: inert in spreadsheets, written whole or not at all, and over nobody's file."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monitor.domain.statement import InvalidError
from monitor.text.filters import inert

ENCODING = "utf-8-sig"  # spreadsheets take UTF-8 without its mark for something else


class CsvError(InvalidError):
    """The file cannot be written; the text says why and what would be right."""


def check_target(path: Path, columns: Sequence[str]) -> None:
    """Refuse before the work what could not be written after it: CsvError."""
    if not path.parent.is_dir():
        raise CsvError("csv_no_folder", file=str(path), folder=str(path.parent))
    if not os.access(path.parent, os.W_OK):
        raise CsvError("csv_folder_closed", file=str(path), folder=str(path.parent))
    if path.exists() and not _is_ours(path, columns):
        raise CsvError("csv_of_others", file=str(path))


def _is_ours(path: Path, columns: Sequence[str]) -> bool:
    """Whether a file begins with just our columns."""
    if not path.is_file():
        return False
    try:
        with path.open(encoding=ENCODING, newline="") as opened:
            return next(csv.reader(opened), None) == list(columns)
    except (OSError, UnicodeError, csv.Error):
        return False


class Rows:
    """The rows of one file, as they are written."""

    def __init__(self, writer: csv.DictWriter[str]) -> None:
        self._writer = writer
        self.count = 0
        self.is_kept = True  # False: the file stays as it was

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row."""
        self._writer.writerow({name: inert(value) for name, value in row.items()})
        self.count += 1


@contextmanager
def replacing(path: Path, columns: Sequence[str]) -> Iterator[Rows]:
    """Rows that are written beside the file, and put in its place at the end: CsvError."""
    check_target(path, columns)
    target = path.resolve()
    try:
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.name}.", suffix=".part"
        )
    except OSError as error:
        raise CsvError("csv_failed", file=str(path), error=str(error.strerror)) from None
    try:
        os.fchmod(handle, target.stat().st_mode & 0o777 if target.exists() else _mode())
        with os.fdopen(handle, "w", encoding=ENCODING, newline="") as opened:
            writer = csv.DictWriter(opened, columns)
            writer.writeheader()
            rows = Rows(writer)
            yield rows
        if rows.is_kept:
            Path(name).replace(target)
    except OSError as error:
        raise CsvError("csv_failed", file=str(path), error=str(error.strerror)) from None
    finally:
        Path(name).unlink(missing_ok=True)


def write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write the rows; how many there were."""
    with replacing(path, columns) as written:
        for row in rows:
            written.add(row)
    return written.count


def _mode() -> int:
    """What the user's umask leaves of a new file: rows about payments are not for everybody."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
