"""Reading a PG settlement file line by line: bad lines are named, and no line is too much.

A file that cannot be used at all is an Unavailable that says what it has and what is expected. At
most one line, of at most a megabyte, is held in memory (a few where quotes span lines).
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from checks.settlement_file.amounts import FieldError
from checks.settlement_file.layout import Layout
from checks.settlement_file.line import PassedOver, line_of
from checks.settlement_file.mend import debit_setting, header_settings, settings_text
from checks.settlement_file.rows import LINE_MAX, FileRows, kind_of_file, opened_text
from checks.sources.facts.psp import BadLine, Line
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from monitor.domain.check import Params

__all__ = ["LINE_MAX", "PART", "FileRead", "Took", "read", "unreadable"]

PART = "pg_file"
SUMMARY, HEADER = "summary", "header"
_SUMMARY_LINES_MAX = 50
_BATCH = 5000
_SHOWN = 300
Took: TypeAlias = Callable[[Sequence[Line], Sequence[BadLine], int], None]


@dataclass(frozen=True, slots=True)
class FileRead:
    """What reading a file came to: good lines, bad ones, and those of other kinds by their word."""

    lines: int
    bad_lines: int
    passed_over: Mapping[str, int] = field(default_factory=dict)


def read(path: Path, layout: Layout, take: Took) -> Fact[FileRead]:
    """Hand over the lines in batches (with the bytes read so far), or say why it cannot be."""
    try:
        if path.exists() and not path.is_file():  # a pipe or a device may never end
            return unreadable(path, OSError(0, "it is no regular file"))
        with path.open("rb") as raw:
            if kind := kind_of_file(raw):
                return _garbled("pg_file_kind", path.name, kind=kind)
            source = FileRows(opened_text(raw, layout.encoding), raw, layout)
            return _Reading(source, layout, take).read(path)
    except OSError as error:
        return unreadable(path, error)
    except (EOFError, zlib.error):
        return unreadable(path, OSError(0, "its compressed content breaks off"))
    except UnicodeError:  # a codec that cannot pass over what it does not know
        return _misencoded(path, layout)


def unreadable(path: Path, error: OSError) -> Unavailable:
    """Why a file could not be opened or read."""
    params: Params = {"file": path.name, "error": error.strerror or str(error)[:100]}
    return Unavailable(PART, Why.REFUSED, "pg_file_unreadable", params)


def places_of(header: Sequence[str], layout: Layout) -> dict[str, int]:
    """Where in a row each field is."""
    if not layout.has_header:
        return {name: int(column) - 1 for name, column in layout.mapped.items()}
    return {name: header.index(column) for name, column in layout.mapped.items()}


def header_problem(path: Path, header: Sequence[str], layout: Layout) -> Unavailable | None:
    """Why a file with this header cannot be read as configured."""
    missing = sorted(column for column in layout.mapped.values() if column not in header)
    if missing and any(is_undecoded(column) for column in header):
        return _misencoded(path, layout)
    if missing:
        shown = {"missing": ", ".join(missing), "columns": cut(", ".join(header), _SHOWN)}
        settings = settings_text(header_settings(path, layout))
        return _garbled("pg_file_columns", path.name, **shown, settings=settings)
    if twice := next((c for c in layout.mapped.values() if header.count(c) > 1), None):
        numbers = [str(n) for n, column in enumerate(header, 1) if column == twice]
        found = {"column": twice, "numbers": ", ".join(numbers)}
        return _garbled("pg_file_column_twice", path.name, **found)
    if setting := debit_setting(header, layout):
        return _garbled("pg_file_debit", path.name, settings=settings_text(setting))
    return None


class _Reading:
    """One pass over a file: its lines are handed over, the rest is counted."""

    def __init__(self, source: FileRows, layout: Layout, take: Took) -> None:
        self._source = source
        self._layout = layout
        self._take = take
        self._lines: list[Line] = []
        self._bad = source.bad
        self._tail: list[BadLine] = []  # what may be a summary below an empty row
        self._counted = FileRead(0, 0)
        self._passed_over: Counter[str] = Counter()

    def read(self, path: Path) -> Fact[FileRead]:
        """The whole file."""
        rows, header = self._source.rows(), list[str]()
        if self._layout.has_header:
            header = next((row for _, row in rows if row), [])
            if problem := header_problem(path, header, self._layout):
                return problem
        self._source.width = len(header)
        places = places_of(header, self._layout)
        is_below_empty = False
        for number, row in rows:
            if not row:
                is_below_empty = True
            elif row == header:
                self._passed_over[HEADER] += 1
            else:
                is_below_empty &= self._add(number, row, places, is_below_empty)
        self._passed_over[SUMMARY] += len(self._tail)
        self._hand_over()
        passed_over = {word: count for word, count in self._passed_over.items() if count}
        return FileRead(self._counted.lines, self._counted.bad_lines, passed_over)

    def _add(
        self, number: int, row: Sequence[str], places: Mapping[str, int], is_below_empty: bool
    ) -> bool:
        """One row; whether it still may be of a summary below an empty row."""
        found = read_row(row, places, self._layout, number)
        if isinstance(found, str):
            self._passed_over[found] += 1
            return is_below_empty
        is_summary = is_below_empty and isinstance(found, BadLine) and _is_undated(row, places)
        if is_summary and len(self._tail) < _SUMMARY_LINES_MAX:
            assert isinstance(found, BadLine)  # noqa: S101 - asked just before
            self._tail.append(found)
            return True
        self._bad.extend(self._tail)  # no summary: lines follow
        self._tail.clear()
        if isinstance(found, Line):
            self._lines.append(found)
        else:
            self._bad.append(found)
        if len(self._lines) + len(self._bad) >= _BATCH:
            self._hand_over()
        return False

    def _hand_over(self) -> None:
        self._take(tuple(self._lines), tuple(self._bad), self._source.read_bytes)
        before = self._counted
        self._counted = FileRead(before.lines + len(self._lines), before.bad_lines + len(self._bad))
        self._lines.clear()
        self._bad.clear()


def read_row(
    row: Sequence[str], places: Mapping[str, int], layout: Layout, number: int
) -> Line | BadLine | str:
    """A row as a line, as a bad one, or the word of a kind that is passed over."""
    if word := _total(row, places, layout):
        return word
    if len(row) <= max(places.values()):
        return BadLine(number, "too_few_fields", cut(layout.separator.join(row), 100))
    if not "".join(row).isascii() and any(is_undecoded(row[place]) for place in places.values()):
        return BadLine(number, "encoding", "")
    try:
        return line_of(row, places, layout, number)
    except PassedOver as passed:
        return passed.word
    except FieldError as error:
        column = layout.mapped.get(error.name, error.name)
        return BadLine(number, error.reason, cut(error.text, 100), column)


def _total(row: Sequence[str], places: Mapping[str, int], layout: Layout) -> str:
    """The word of a row without a time that one of the words to be passed over stands in."""
    if not _is_undated(row, places):  # nearly always
        return ""
    words = (text.strip(" :：").lower() for text in row)
    return next((word for word in words if word and layout.kinds.get(word, "") is None), "")


def _is_undated(row: Sequence[str], places: Mapping[str, int]) -> bool:
    return len(row) <= places["at"] or not row[places["at"]]


def is_undecoded(text: str) -> bool:
    """Whether bytes stand in it that are none of the encoding's."""
    return not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text)


def _misencoded(path: Path, layout: Layout) -> Unavailable:
    settings = settings_text(header_settings(path, layout))
    return _garbled("pg_file_encoding", path.name, encoding=layout.encoding, settings=settings)


def _garbled(reason: str, name: str, **params: str) -> Unavailable:
    about: Params = {"file": name, **params}
    return Unavailable(PART, Why.GARBLED, reason, about)
