"""Results of k6 in files, recognised by what is in them: five shapes, gzip'd or not."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from checks.k6.points import Declared, Gatherer
from checks.k6.shapes import read_summary
from monitor.domain.load_test.files import NoResultError
from monitor.domain.load_test.result import LoadResult

SUMMARY_BYTES_MAX = 20_000_000
BYTES_MAX = 64_000_000_000
LINE_BYTES_MAX = 1_000_000
_HEAD = 65_536
_NOT_TAGS = ("metric_name", "timestamp", "metric_value", "extra_tags", "metadata")


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A result and the fingerprint of its content, which is the same for a gzip'd copy."""

    result: LoadResult
    content_hash: str
    bytes: int


def read_file(path: Path) -> ReadFile:
    """The result in a file. NoResultError says what is wrong with it, and in which line."""
    try:
        with path.open("rb") as file:
            is_packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if is_packed else path.open("rb") as opened:
            return _read(_Counted(opened))
    except FileNotFoundError:
        raise NoResultError("missing") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise NoResultError("gzip_broken", detail=str(error)) from None
    except OSError as error:
        raise NoResultError("unreadable", detail=error.strerror or str(error)) from None


def read_bytes(content: bytes) -> LoadResult:
    """A summary that is at hand already."""
    return read_summary(_parsed(content))


class _Counted:
    """Lines of a file, counted, hashed and bounded; `torn`: it broke off while unpacking."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.line = 0
        self.torn = False

    def next(self, limit: int = 0) -> bytes:
        """The next line with its end; nothing at the end of the file."""
        limit = limit or LINE_BYTES_MAX
        try:
            line: bytes = self._file.readline(limit + 1)
        except EOFError:  # a gzip'd file that was cut off
            self.torn = True
            return b""
        self.line += bool(line)
        if len(line) > limit:
            raise NoResultError("line_too_long", self.line)
        self._hash.update(line)
        self.bytes += len(line)
        if self.bytes > BYTES_MAX:
            raise NoResultError("too_large", self.line)
        return line

    @property
    def hash(self) -> str:
        return self._hash.hexdigest()


def _read(lines: _Counted) -> ReadFile:
    first = lines.next(SUMMARY_BYTES_MAX)
    while first and not first.strip(b"\xef\xbb\xbf \t\r\n"):
        first = lines.next(SUMMARY_BYTES_MAX)
    start = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise NoResultError("torn" if lines.torn else "empty")
    if start.startswith(b"metric_name,") or b",metric_value," in start[:_HEAD]:
        result = _csv(start, lines)
    elif start.startswith(b"{"):
        result = _json(start, lines)
    else:
        raise NoResultError(_unlike(start), lines.line, detail=_shown(start))
    return ReadFile(result, lines.hash, lines.bytes)


def _unlike(start: bytes) -> str:
    if start[:200].lower().startswith((b"<!doctype html", b"<html")):
        return "dashboard"
    return "no_metrics" if start.startswith(b"[") else "not_k6"


def _json(start: bytes, lines: _Counted) -> LoadResult:
    if start.startswith(b'{"event":'):
        raise NoResultError("dashboard", lines.line)
    first = _whole(start)
    if isinstance(first, dict) and first.get("type") in ("Metric", "Point"):
        return _ndjson(first, lines)
    if isinstance(first, dict):  # all of it stands in one line
        return read_summary(first)
    text = bytearray(start)
    while more := lines.next(SUMMARY_BYTES_MAX):
        text += more
        if len(text) > SUMMARY_BYTES_MAX:
            raise NoResultError("too_large", lines.line)
    if lines.torn:
        raise NoResultError("torn", lines.line)
    return read_summary(_parsed(bytes(text)))


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        code = "torn" if error.pos >= len(text.decode("utf-8", "replace").rstrip()) else "json"
        raise NoResultError(code, error.lineno, error.msg) from None
    except UnicodeDecodeError as error:
        raise NoResultError("not_utf8", text.count(b"\n", 0, error.start) + 1) from None
    except RecursionError:
        raise NoResultError("json", detail="nested too deeply") from None


def _whole(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _ndjson(first: Mapping[str, Any], lines: _Counted) -> LoadResult:
    gatherer = Gatherer()
    torn = False
    entry: Any = first
    while entry is not None:
        _take(gatherer, entry, lines.line)
        entry, torn = _entry(lines)
    return gatherer.result("json_lines", torn or lines.torn)


def _entry(lines: _Counted) -> tuple[Any, bool]:
    """The next entry, None at the end; whether the last line broke off."""
    while line := lines.next():
        if not line.strip():
            continue
        entry = _whole(line)
        if entry is not None:
            return entry, False
        if line.endswith(b"\n"):
            raise NoResultError("json", lines.line, _shown(line))
        return None, True
    return None, False


def _take(gatherer: Gatherer, entry: Any, line: int) -> None:
    try:
        name, data = entry["metric"], entry["data"]
        if not isinstance(name, str):
            raise TypeError("the metric's name is no text")
        if entry["type"] == "Metric":
            gatherer.declare(_declared(name, data))
        elif entry["type"] == "Point":
            at = datetime.fromisoformat(data["time"])
            gatherer.add(name, _aware(at), float(data["value"]), data.get("tags") or {})
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise NoResultError("point_broken", line, detail) from None


def _declared(name: str, data: Mapping[str, Any]) -> Declared:
    rules = tuple(_rule(rule) for rule in data.get("thresholds") or ())
    parts = tuple(
        (str(part["suffix"]), dict(part.get("tags") or {})) for part in data.get("submetrics") or ()
    )
    return Declared(name, str(data["type"]), str(data.get("contains", "")), rules, parts)


def _rule(rule: Any) -> str:
    """A limit's text; with `abortOnFail` it stands in an object."""
    return str(rule.get("threshold", "") if isinstance(rule, dict) else rule)


def _csv(head: bytes, lines: _Counted) -> LoadResult:
    gatherer = Gatherer()
    columns = _cells(head.decode("utf-8", "replace"), lines.line)
    if not {"metric_name", "timestamp", "metric_value"} <= set(columns):
        raise NoResultError("csv_columns", lines.line, ", ".join(columns))
    torn = False
    for row, is_whole in _rows(lines):
        if len(row) != len(columns) or not is_whole:
            if is_whole:
                raise NoResultError("csv_row", lines.line, f"{len(row)} / {len(columns)}")
            torn = True
            continue
        _take_row(gatherer, dict(zip(columns, row, strict=True)), lines.line)
    return gatherer.result("csv", torn or lines.torn)


def _rows(lines: _Counted) -> Iterator[tuple[list[str], bool]]:
    """The rows, and whether each ends as a line does; the last one may have broken off."""
    while line := lines.next():
        text = _whole_row(line, lines).decode("utf-8", "replace")
        if text.strip():
            yield _cells(text, lines.line), text.endswith("\n")


def _whole_row(line: bytes, lines: _Counted) -> bytes:
    """A line with those that a line break in quotes parts from it."""
    parts, size, is_open = [line], len(line), line.count(b'"') % 2
    while is_open and (more := lines.next()):
        parts.append(more)
        size, is_open = size + len(more), (is_open + more.count(b'"')) % 2
        if size > LINE_BYTES_MAX:
            raise NoResultError("line_too_long", lines.line)
    return b"".join(parts)


def _cells(text: str, line: int) -> list[str]:
    try:
        return next(csv.reader([text]), [])
    except csv.Error as error:
        raise NoResultError("point_broken", line, str(error)) from None


def _take_row(gatherer: Gatherer, row: Mapping[str, str], line: int) -> None:
    try:
        at, value = _csv_time(row["timestamp"]), float(row["metric_value"])
    except (ValueError, OverflowError) as error:
        raise NoResultError("point_broken", line, str(error)) from None
    tags = {key: text for key, text in row.items() if text and key not in _NOT_TAGS}
    for pair in row.get("extra_tags", "").split("&"):
        key, _, text = pair.partition("=")
        if text:
            tags.setdefault(key, text)
    gatherer.add(row["metric_name"], at, value, tags)


def _csv_time(text: str) -> datetime:
    """Seconds since 1970, or milli-, micro- or nanoseconds, or RFC 3339, as k6 was told."""
    if not text.lstrip("-").isdigit():
        return _aware(datetime.fromisoformat(text))
    number = int(text)
    for unit in (1, 10**3, 10**6, 10**9):
        if abs(number) < 10**11 * unit:
            return datetime.fromtimestamp(number / unit, UTC)
    raise ValueError(text)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _shown(line: bytes) -> str:
    return line[:60].decode("utf-8", "replace").strip()
