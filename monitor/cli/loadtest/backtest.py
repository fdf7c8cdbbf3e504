"""Results of k6 replayed in the order given: each judged against those before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from checks.k6.read import read_file
from monitor.cli.loadtest.importing import Order, found, run_of
from monitor.domain.load_test.files import Backtested, NoResultError
from monitor.domain.load_test.history import judge
from monitor.domain.load_test.run import LoadTestRun
from monitor.load_tests.verdicts import HISTORY_MAX

_ORDER = Order(ZoneInfo("UTC"), scenario="backtest")  # the files given are runs of one scenario
_SOMETIME = datetime(2000, 1, 1, tzinfo=UTC)  # their order counts, not their times


def backtested(paths: Iterable[Path]) -> Iterator[Backtested]:
    """Each file, judged by what was known when it was the newest."""
    runs: list[LoadTestRun] = []
    for path in found(paths):
        try:
            run = run_of(path, read_file(path), _SOMETIME, _ORDER)
        except NoResultError as error:
            yield Backtested(path, error=error)
            continue
        yield Backtested(path, judge(run, runs))
        if run.is_valid:
            runs = [*runs, run][-HISTORY_MAX:]
