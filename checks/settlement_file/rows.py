"""The rows of a CSV file with the number of each line, whatever else it may be."""

from __future__ import annotations

import csv
import gzip
from collections import deque
from collections.abc import Iterator
from io import BufferedReader, TextIOWrapper
from typing import IO, cast

from checks.settlement_file.layout import Layout
from checks.sources.facts.psp import BadLine
from checks.sources.facts.unavailable import cut

LINE_MAX = 1_000_000
_QUOTED_LINES_MAX = 20
_HEAD = 64
_GZIP = b"\x1f\x8b"
_KINDS = {  # how a file begins that is no text; the words are those of [pg_kind]
    b"PK\x03\x04": "xlsx",
    b"\xd0\xcf\x11\xe0": "xls",
    b"%PDF": "pdf",
    b"<!doctype html": "html",
    b"<html": "html",
    b"<table": "html",
    b"7z\xbc\xaf": "archive",
    b"BZh": "archive",
    b"\xfd7zXZ": "archive",
    b"\x28\xb5\x2f\xfd": "archive",
}
_END_OF_TEXT = "\x1a\0"


def kind_of_file(raw: BufferedReader) -> str:
    """What a file is if it is no text, gzip'd or not; empty if it may be."""
    start = raw.peek(_HEAD)[:_HEAD]
    if start.startswith(_GZIP):
        with gzip.GzipFile(fileobj=raw) as unpacked:
            start = unpacked.read(_HEAD)
        raw.seek(0)
    lowered = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return next((kind for mark, kind in _KINDS.items() if lowered.startswith(mark.lower())), "")


def opened_text(raw: BufferedReader, encoding: str) -> TextIOWrapper:
    """Its text, unpacked if need be."""
    is_packed = raw.peek(2).startswith(_GZIP)
    content = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if is_packed else raw
    return TextIOWrapper(content, encoding, "surrogateescape", newline="")


class FileRows:
    """The rows of a CSV with the number of each line; `bad` gathers the lines that are none.

    A quoted field may span lines if a row of the header's `width` comes of it; else the open
    quote spoils its own line and not all behind it.
    """

    def __init__(self, opened: TextIOWrapper, raw: BufferedReader, layout: Layout) -> None:
        self._opened = opened
        self._raw = raw
        self._layout = layout
        self._number = 0
        self._ahead: deque[tuple[int, str]] = deque()
        self.width = 0
        self.bad: list[BadLine] = []

    @property
    def read_bytes(self) -> int:
        """How far the file has been read."""
        return self._raw.tell()

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Rows that are not to be ignored, [] for an empty one; the first is the header."""
        while (numbered := self._next()) is not None:
            number, line = numbered
            if number <= self._layout.skip_first or not line.strip(_END_OF_TEXT + "\r\n"):
                if number > self._layout.skip_first and not line.strip():
                    yield number, []
                continue
            row = self._row(number, line)
            if row is None:
                continue
            fields = [field.strip().removeprefix("\ufeff") for field in row]
            if not any(fields):
                yield number, []
            elif not self._is_ignored(fields[0]):
                yield number, fields

    def _row(self, number: int, line: str) -> list[str] | None:
        row = self._parsed(line)
        if row is None and line.count('"') % 2:
            row = self._over_lines(line)
        if row is None:
            self.bad.append(BadLine(number, "quotes", cut(line, 100)))
        return row

    def _over_lines(self, line: str) -> list[str] | None:
        """The row that a quoted field with line ends makes; what was read for it is put back."""
        taken: list[tuple[int, str]] = []
        text = line
        while len(taken) < _QUOTED_LINES_MAX and (more := self._next()) is not None:
            taken.append(more)
            text += more[1]
            if not text.count('"') % 2:
                row = self._parsed(text)
                if row is not None and len(row) == self.width:
                    return row
                break
        self._ahead.extendleft(reversed(taken))
        return None

    def _parsed(self, text: str) -> list[str] | None:
        lines = text.splitlines(keepends=True) if text.count("\n") > 1 else (text,)
        try:
            return next(csv.reader(lines, delimiter=self._layout.separator, strict=True))
        except csv.Error:
            return None

    def _is_ignored(self, first_field: str) -> bool:
        words = self._layout.ignore_first_words
        return bool(words) and first_field.startswith(words)

    def _next(self) -> tuple[int, str] | None:
        """The next line that is not too long, with its number; None at the end."""
        if self._ahead:
            return self._ahead.popleft()
        while line := self._opened.readline(LINE_MAX):
            self._number += 1
            if len(line) < LINE_MAX or line.endswith(("\n", "\r")):
                return self._number, line
            while (rest := self._opened.readline(LINE_MAX)) and not rest.endswith(("\n", "\r")):
                pass
            self.bad.append(BadLine(self._number, "too_long"))
        return None
