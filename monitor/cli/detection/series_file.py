"""A metric's history from a file: the first column the time, the second the value."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TextIO

from monitor.cli.detection.series_times import TimeReader
from monitor.domain.detection.replay import BadRow, Point, SeriesFile

BYTES_MAX = 1_000_000_000
POINTS_MAX = 2_000_000
_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_LINES = 20
_BLANK = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})


class SeriesFileError(Exception):
    """A file that holds no series: `code` for the sentence, with its parameters."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.code, self.params = code, params


def read_series(path: Path) -> SeriesFile:
    """The series in a file. SeriesFileError says what is wrong with the whole of it."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise SeriesFileError("too_large", bytes_max=BYTES_MAX)
        with path.open(encoding=_encoding(path), errors="replace", newline="") as file:
            return _read(file)
    except FileNotFoundError:
        raise SeriesFileError("missing") from None
    except OSError as error:
        raise SeriesFileError("unreadable", error=error.strerror or str(error)) from None


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(2)
    return "utf-16" if start in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"


def _read(file: TextIO) -> SeriesFile:
    separator = _separator(file)
    times, found = TimeReader(), SeriesFile()
    latest: dict[datetime, tuple[str, float | None]] = {}
    for number, (line, row) in enumerate(_rows(file, separator)):
        if number == 0 and _is_header(row, separator):
            continue
        bad = _take(row, separator, times, latest)
        if bad:
            found.bad.append(BadRow(line, bad, separator.join(row)))
        if len(latest) > POINTS_MAX:
            raise SeriesFileError("too_many", points_max=POINTS_MAX)
    if not latest:
        raise SeriesFileError("no_points" if found.bad else "empty", rows=len(found.bad))
    for at in sorted(latest):
        text, value = latest[at]
        if value is None:
            found.gaps += 1
        else:
            found.points.append(Point(at, value, text))
    return found


def _separator(file: TextIO) -> str:
    """What stands between the columns: what splits the first lines into two or more, evenly."""
    sample = [line for _, line in zip(range(_SAMPLE_LINES), file, strict=False) if line.strip()]
    file.seek(0)
    if not sample:
        raise SeriesFileError("empty", rows=0)
    for separator in _SEPARATORS:
        try:
            counts = {len(row) for row in csv.reader(sample, delimiter=separator) if row}
        except csv.Error as error:
            raise SeriesFileError("broken", line=1, error=str(error)) from None
        if min(counts, default=0) >= 2:
            return separator
    splitting = (s for s in _SEPARATORS if any(s in line for line in sample[1:] or sample))
    separator = next(splitting, "")
    if not separator:
        raise SeriesFileError("one_column", line=sample[0].strip()[:60])
    return separator


def _rows(file: TextIO, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The rows with the line at which each ends; empty lines and comments are none."""
    lines = (line.replace("\0", "") for line in file)
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise SeriesFileError("broken", line=reader.line_num, error=str(error)) from None
        if any(cell.strip() for cell in row) and not row[0].startswith("#"):
            yield reader.line_num, [cell.strip() for cell in row]


def _is_header(row: list[str], separator: str) -> bool:
    """Names and no numbers: neither a time first nor a value second."""
    if TimeReader().read(row[0]) is not None:
        return False
    return len(row) < 2 or _value(row[1], separator) is None


def _take(
    row: list[str],
    separator: str,
    times: TimeReader,
    latest: dict[datetime, tuple[str, float | None]],
) -> str:
    """One row into what is known of each time; the code of what is wrong with it, if anything."""
    at = times.read(row[0])
    if at is None:
        return "time"
    if len(row) < 2:
        return "columns"
    value = _value(row[1], separator)
    is_blank = row[1].lower() in _BLANK
    if value is None and not is_blank:
        return "value"
    latest[at] = row[0], value
    return ""


def _value(text: str, separator: str) -> float | None:
    """A number, with a decimal comma where commas do not separate columns; None for none."""
    if separator != "," and "," in text and "." not in text:
        text = text.replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < _HUGE else None


_HUGE = 1e100
