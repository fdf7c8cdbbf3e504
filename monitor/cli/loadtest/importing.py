"""Results of k6 from files into the store: found, dated, recognised, judged valid or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from checks.k6.read import ReadFile, read_file
from monitor.domain.load_test.dates import date_in, scenario_in
from monitor.domain.load_test.files import Imported, NoResultError
from monitor.domain.load_test.result import figures
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.load_test.validity import Ending, doubts, failure_of, state_of
from monitor.store.database import Store
from monitor.store.load_tests import same_content, save_run

_ENDINGS = (".json", ".jsonl", ".ndjson", ".csv", ".gz")
_RAW_BYTES_MAX = 100_000_000
_YEAR_MIN = 2000


@dataclass(frozen=True, slots=True)
class Order:
    """How files become runs. `at`, `every`: the times of files that tell none themselves."""

    zone: ZoneInfo
    scenario: str = ""
    target: str = ""
    at: datetime | None = None
    every: timedelta = timedelta(minutes=1)
    by_mtime: bool = False
    exit_code: int | None = None


def import_files(store: Store, paths: Iterable[Path], order: Order) -> Iterator[Imported]:
    """Read files and store them as runs, in their order; each for itself."""
    undated = 0
    for path in found(paths):
        try:
            read = read_file(path)
            known = _known(store, read.content_hash)
            if known is not None:
                yield Imported(path, duplicate_of=known)
                continue
            at = _time_of(path, read, order, undated)
        except NoResultError as error:
            yield Imported(path, error=error)
            continue
        undated += at.is_counted
        run = run_of(path, read, at.begun, order)
        with store.write() as tx:
            yield Imported(path, run=replace(run, id=save_run(tx, run), raw=b""))


def _known(store: Store, content_hash: str) -> int | None:
    with store.read() as tx:
        return same_content(tx, content_hash)


def found(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and those in folders that k6 may have written, in the order people count."""
    for path in paths:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.is_file() and _is_result(p))
            yield from sorted(inside, key=_natural)
        else:
            yield path


def passed_over(paths: Iterable[Path]) -> list[Path]:
    """The files in those folders that are left out, as k6 gives its results other names."""
    folders = (path for path in paths if path.is_dir())
    return sorted(
        (p for folder in folders for p in folder.rglob("*") if p.is_file() and not _is_result(p)),
        key=_natural,
    )


def _is_result(path: Path) -> bool:
    return path.suffix.lower() in _ENDINGS and not path.name.startswith(".")


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


@dataclass(frozen=True, slots=True)
class _Dated:
    begun: datetime
    is_counted: bool = False


def _time_of(path: Path, read: ReadFile, order: Order, undated: int) -> _Dated:
    """When the run began: by the file, by its name, by what the caller says; never by guess."""
    result = read.result
    took = timedelta(seconds=result.seconds or 0)
    if result.started_at is not None:
        return _Dated(result.started_at.astimezone(UTC))
    named = date_in(path.name, order.zone)
    if named is not None:
        return _Dated(named)
    if order.at is not None:
        return _Dated(order.at + undated * order.every, is_counted=True)
    if order.by_mtime:  # k6 writes its summary when the run ends
        return _Dated(datetime.fromtimestamp(path.stat().st_mtime, UTC) - took)
    raise NoResultError("undated")


def run_of(path: Path, read: ReadFile, begun: datetime, order: Order) -> LoadTestRun:
    """The run that a file tells of, valid or not."""
    result = read.result
    why = doubts(result, Ending(order.exit_code))
    state = state_of(why, result, order.exit_code)
    failure = failure_of(state, result, order.exit_code)
    script = scenario_in(Path(result.script).name.removesuffix(".js")) if result.script else ""
    return LoadTestRun(
        scenario=order.scenario or script or scenario_in(path.name),
        target=order.target,
        started_at=begun,
        ended_at=begun + timedelta(seconds=result.seconds or 0),
        state=state,
        exit_code=order.exit_code,
        reason=why[0].code if why else failure,
        doubts=why,
        figures=figures(result) if not why else {},
        result=result,
        k6_version=result.k6_version,
        origin="import",
        file=path.name[:200],
        content_hash=read.content_hash,
        raw=_raw(path, read),
    )


def _raw(path: Path, read: ReadFile) -> bytes:
    """The file as it lies there, gzip'd or not, if it is not huge."""
    return path.read_bytes() if read.bytes <= _RAW_BYTES_MAX else b""


def parsed_time(text: str, zone: ZoneInfo) -> datetime | None:
    """The time that somebody typed: ISO 8601, in the configured zone where it tells none."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    return at.astimezone(UTC) if at.year >= _YEAR_MIN else None
