"""Metrics' histories from a file: a time in each row, and one or several series of values.

The file is read twice: once to learn how the whole of each column is written, once to read it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TextIO

from monitor.cli.detection.series.columns import (
    Columns,
    choose_columns,
    name_candidates,
    named_by,
    repeats,
)
from monitor.cli.detection.series.values import BLANK, NumberForm, NumberSurvey
from monitor.domain.books.time_forms import NAMES, TimeForm, choose_form, form_named
from monitor.domain.detection.replay import BadRow, Point, SeriesFile

BYTES_MAX = 1_000_000_000
POINTS_MAX = 2_000_000
SERIES_MAX = 200
_SEPARATORS = (",", ";", "\t", "|")
_SAMPLE_LINES = 20
_SAMPLE_ROWS = 400
_HEAD_BYTES = 65_536


class SeriesFileError(Exception):
    """A file that holds no series: `code` for the sentence, with its parameters."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.code, self.params = code, params


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody says of a file: the form of its times, its decimal mark, the one series."""

    time_form: str = ""
    decimal: str = ""
    series: str = ""


@dataclass(slots=True)
class ReadSeries:
    """The series of a file, the rows that are left out, and how it was read."""

    series: list[SeriesFile]
    bad: list[BadRow]
    form: TimeForm
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Written:
    """How a file is written."""

    separator: str
    has_header: bool
    columns: Columns
    form: TimeForm
    numbers: dict[int, NumberForm]


_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx, xls
_ASKED_NOTHING = Asked()


def read_series(path: Path, asked: Asked = _ASKED_NOTHING) -> ReadSeries:
    """The series in a file. SeriesFileError says what is wrong with the whole of it."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise SeriesFileError("too_large", bytes_max=BYTES_MAX)
        with path.open(encoding=_encoding(path), errors="replace", newline="") as file:
            return _read(file, _survey(file, asked), asked)
    except FileNotFoundError:
        raise SeriesFileError("missing") from None
    except OSError as error:
        raise SeriesFileError("unreadable", error=error.strerror or str(error)) from None


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(_HEAD_BYTES)
    if start.startswith(_WORKBOOKS):
        raise SeriesFileError("workbook")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        start[: start.rfind(b"\n") + 1].decode("utf-8")
    except UnicodeDecodeError:
        return "cp949"
    return "utf-8-sig"


# --- how it is written -------------------------------------------------------------------------


def _survey(file: TextIO, asked: Asked) -> _Written:
    separator = _separator(file)
    sample = [row for _, row in islice(_rows(file, separator), _SAMPLE_ROWS)]
    has_header = bool(sample) and _is_header(sample[0])
    body = sample[1:] if has_header else sample
    if not body:
        raise SeriesFileError("empty", rows=0)
    columns = choose_columns(sample[0] if has_header else (), body)
    texts, surveys = list[str](), {c: NumberSurvey() for c in columns.values}
    for _, row in _body(file, separator, has_header):
        if columns.time < len(row):
            texts.append(columns.time_text(row))
        for c, survey in surveys.items():
            if c < len(row):
                survey.add(row[c])
        if len(texts) > POINTS_MAX:
            raise SeriesFileError("too_many", points_max=POINTS_MAX)
    if repeats(texts):
        width = max(len(row) for row in body)
        columns = _with_names(file, separator, has_header, columns, width)
    form = _time_form(texts, asked)
    numbers = {c: _number_form(surveys[c], columns, c, separator, asked) for c in columns.values}
    return _Written(separator, has_header, columns, form, numbers)


def _with_names(
    file: TextIO, separator: str, has_header: bool, columns: Columns, width: int
) -> Columns:
    candidates = name_candidates(columns, width)
    names: dict[int, set[str]] = {c: set() for c in candidates}
    pairs: dict[int, set[int]] = {c: set() for c in candidates}
    rows = 0
    for _, row in _body(file, separator, has_header):
        rows += 1
        for c in candidates:
            if c < len(row) and columns.time < len(row):
                names[c].add(row[c])
                pairs[c].add(hash((columns.time_text(row), row[c])))
    counted = {c: (len(names[c]), len(pairs[c])) for c in candidates}
    return named_by(columns, counted, rows)


def _time_form(texts: Sequence[str], asked: Asked) -> TimeForm:
    if asked.time_form:
        form = form_named(asked.time_form)
        if form is None:
            raise SeriesFileError("no_form", form=asked.time_form, known=", ".join(NAMES))
        return form
    chosen = choose_form(texts)
    if chosen.rivals:
        forms = ", ".join(f"{form.name} ({form.shape})" for form in chosen.rivals)
        first = next(text for text in texts if chosen.rivals[0].read(text))
        raise SeriesFileError("ambiguous_time", forms=forms, text=first[:40])
    if chosen.form is None:
        first = texts[0][:40] if texts else ""
        raise SeriesFileError("no_points", rows=len(texts), text=first)
    return chosen.form


def _number_form(
    survey: NumberSurvey, columns: Columns, place: int, separator: str, asked: Asked
) -> NumberForm:
    form = survey.form(asked.decimal, separator)
    if form is None:
        raise SeriesFileError("ambiguous_number", column=columns.values[place][:40])
    return form


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
    file.seek(0)
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
            yield reader.line_num, [cell.strip().strip("'") for cell in row]


def _body(file: TextIO, separator: str, has_header: bool) -> Iterator[tuple[int, list[str]]]:
    return islice(_rows(file, separator), int(has_header), None)


def _is_header(row: list[str]) -> bool:
    """Names and no numbers: no time in it, nor a value behind its first column."""
    if any(choose_form([cell]).form or choose_form([cell]).rivals for cell in row):
        return False
    survey = NumberSurvey()
    for cell in row[1:]:
        survey.add(cell)
    return not survey.units


# --- reading it --------------------------------------------------------------------------------


@dataclass(slots=True)
class _Kept:
    """One series while it is read: of equal times the last counts."""

    latest: dict[datetime, tuple[str, float | None]] = field(default_factory=dict)
    repeated: int = 0


def _read(file: TextIO, written: _Written, asked: Asked) -> ReadSeries:
    kept: dict[str, _Kept] = {}
    bad: list[BadRow] = []
    for line, row in _body(file, written.separator, written.has_header):
        bad.extend(_take(line, row, written, kept))
        if len(kept) > SERIES_MAX:
            raise SeriesFileError("too_many_series", series_max=SERIES_MAX)
    if not any(each.latest for each in kept.values()):
        first = bad[0].text[:40] if bad else ""
        raise SeriesFileError("no_points" if bad else "empty", rows=len(bad), text=first)
    if asked.series and asked.series not in kept:
        raise SeriesFileError("no_series", series=asked.series, known=", ".join(kept)[:200])
    chosen = {name: each for name, each in kept.items() if asked.series in ("", name)}
    unit = next(iter(written.numbers.values())).unit
    units = {name: written.numbers[c].unit for c, name in written.columns.values.items()}
    series = [
        replace(_sorted(each), name=name, unit=units.get(name, unit), repeated=each.repeated)
        for name, each in chosen.items()
        if each.latest
    ]
    return ReadSeries(series, bad, written.form, written.columns.left)


def _take(
    line: int, row: Sequence[str], written: _Written, kept: dict[str, _Kept]
) -> Iterator[BadRow]:
    """One row into its series; what is wrong with it, if anything."""
    columns, whole = written.columns, written.separator.join(row)
    if columns.time >= len(row):
        yield BadRow(line, "columns", whole)
        return
    text = columns.time_text(row)
    at = written.form.read(text)
    if at is None:
        yield BadRow(line, "time", whole)
        return
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    for place, name in columns.values.items():
        if place >= len(row):
            yield BadRow(line, "columns", whole)
            return
        value, why = written.numbers[place].read(row[place])
        if why and row[place].lower() not in BLANK:
            yield BadRow(line, why, whole)
            continue
        each = kept.setdefault(_name(row, columns, name), _Kept())
        each.repeated += at in each.latest
        each.latest[at] = text, value


def _name(row: Sequence[str], columns: Columns, column: str) -> str:
    """Of the series: its column's, or what stands in the column of names."""
    if columns.name is None or columns.name >= len(row):
        return column
    return row[columns.name] if len(columns.values) == 1 else f"{row[columns.name]} {column}"


def _sorted(each: _Kept) -> SeriesFile:
    found = SeriesFile()
    for at in sorted(each.latest):
        text, value = each.latest[at]
        if value is None:
            found.gaps += 1
        else:
            found.points.append(Point(at, value, text))
    return found
