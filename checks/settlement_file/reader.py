"""Reading a PG settlement file line by line: bad lines are named, and no line is too much.

A file that cannot be used at all is an Unavailable that says what it has and what is expected. At
most one line, of at most a megabyte, is held in memory.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import TypeAlias

from checks.settlement_file.layout import FieldError, Layout, line_of
from checks.sources.facts.psp import BadLine, Line
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from monitor.domain.check import Params

PART = "pg_file"
LINE_MAX = 1_000_000
_BATCH = 5000
_SHOWN = 300
Took: TypeAlias = Callable[[Sequence[Line], Sequence[BadLine], int], None]


@dataclass(frozen=True, slots=True)
class FileRead:
    """What reading a file came to: how many lines were good and bad."""

    lines: int
    bad_lines: int


def read(path: Path, layout: Layout, take: Took) -> Fact[FileRead]:
    """Hand over the lines in batches (with the bytes read so far), or say why it cannot be."""
    try:
        if path.exists() and not path.is_file():  # a pipe or a device may never end
            return unreadable(path, OSError(0, "it is no regular file"))
        with path.open("rb") as raw:
            opened = TextIOWrapper(raw, layout.encoding, "surrogateescape", newline="")
            return _read(_Source(opened, raw, layout), layout, take, path.name)
    except OSError as error:
        return unreadable(path, error)
    except UnicodeError:  # a codec that cannot pass over what it does not know
        return _garbled("pg_file_encoding", path.name, encoding=layout.encoding)


def unreadable(path: Path, error: OSError) -> Unavailable:
    """Why a file could not be opened or read."""
    params: Params = {"file": path.name, "error": error.strerror or type(error).__name__}
    return Unavailable(PART, Why.REFUSED, "pg_file_unreadable", params)


def _read(source: _Source, layout: Layout, take: Took, name: str) -> Fact[FileRead]:
    header = next((row for _, row in source.rows()), [])
    missing = _missing(header, layout)
    if missing:
        if any(_is_undecoded(column) for column in header):
            return _garbled("pg_file_encoding", name, encoding=layout.encoding)
        shown = {"missing": ", ".join(missing), "columns": cut(", ".join(header), _SHOWN)}
        return _garbled("pg_file_columns", name, **shown)
    places = {field: header.index(column) for field, column in layout.mapped.items()}
    lines: list[Line] = []
    bad, counted = source.bad, FileRead(0, 0)
    for number, row in source.rows():
        found = _line(row, places, layout, number)
        if isinstance(found, Line):
            lines.append(found)
        else:
            bad.append(found)
        if len(lines) + len(bad) >= _BATCH:
            counted = _hand_over(lines, bad, counted, take, source.read_bytes)
    return _hand_over(lines, bad, counted, take, source.read_bytes)


def _hand_over(
    lines: list[Line], bad: list[BadLine], before: FileRead, take: Took, read_bytes: int
) -> FileRead:
    take(tuple(lines), tuple(bad), read_bytes)
    after = FileRead(before.lines + len(lines), before.bad_lines + len(bad))
    lines.clear()
    bad.clear()
    return after


def _missing(header: Sequence[str], layout: Layout) -> list[str]:
    return sorted(column for column in layout.mapped.values() if column not in header)


def _line(
    row: Sequence[str], places: dict[str, int], layout: Layout, number: int
) -> Line | BadLine:
    if len(row) <= max(places.values()):
        return BadLine(number, "too_few_fields", cut(layout.separator.join(row), 100))
    if any(_is_undecoded(row[place]) for place in places.values()):
        return BadLine(number, "encoding", "")
    try:
        return line_of(row, places, layout, number)
    except FieldError as error:
        column = layout.mapped.get(error.name, error.name)
        return BadLine(number, error.reason, cut(error.text, 100), column)


def _is_undecoded(text: str) -> bool:
    """Whether bytes stand in it that are none of the encoding's."""
    return not text.isascii() and any("\udc80" <= c <= "\udcff" for c in text)


def _garbled(reason: str, name: str, **params: str) -> Unavailable:
    about: Params = {"file": name, **params}
    return Unavailable(PART, Why.GARBLED, reason, about)


class _Source:
    """The rows of a CSV with the number of each line; `bad` gathers the lines that are none.

    Every line is a row of its own, so that an open quote spoils one line and not all behind it.
    """

    def __init__(self, opened: TextIOWrapper, raw: BufferedReader, layout: Layout) -> None:
        self._opened = opened
        self._raw = raw
        self._layout = layout
        self._number = 0
        self.bad: list[BadLine] = []

    @property
    def read_bytes(self) -> int:
        """How far the file has been read."""
        return self._raw.tell()

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Rows that hold something and are not to be ignored; the first is the header."""
        while line := self._next():
            if self._number <= self._layout.skip_first or not line.strip():
                continue
            try:
                row = next(csv.reader((line,), delimiter=self._layout.separator, strict=True))
            except csv.Error:
                self.bad.append(BadLine(self._number, "quotes", cut(line, 100)))
                continue
            fields = [field.strip().removeprefix("\ufeff") for field in row]
            if any(fields) and not self._is_ignored(fields[0]):
                yield self._number, fields

    def _is_ignored(self, first_field: str) -> bool:
        words = self._layout.ignore_first_words
        return bool(words) and first_field.startswith(words)

    def _next(self) -> str:
        """The next line that is not too long; "" at the end."""
        while True:
            line = self._opened.readline(LINE_MAX)
            self._number += bool(line)
            if len(line) < LINE_MAX or line.endswith(("\n", "\r")):
                return line
            while (rest := self._opened.readline(LINE_MAX)) and not rest.endswith(("\n", "\r")):
                pass
            self.bad.append(BadLine(self._number, "too_long"))
