"""The one place that judges stored runs: commands, MCP and reports all ask here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from monitor.domain.load_test.history import Judged, judge
from monitor.domain.load_test.run import RUNNING, LoadTestRun
from monitor.store.load_tests import load_test, load_tests

if TYPE_CHECKING:
    from monitor.store.database import Connection

HISTORY_MAX = 60
_INSTANT = timedelta(microseconds=1)
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


def judged_runs(
    tx: Connection, until: datetime, scenario: str = "", limit: int = 10
) -> list[Judged]:
    """The last runs before a moment, newest first, each judged against those before it."""
    wanted = load_tests(tx, _FIRST, until, scenario, limit)
    before = {name: _before(tx, name, until, limit) for name in {run.scenario for run in wanted}}
    return [judge(run, _earlier(before[run.scenario], run)) for run in wanted]


def _before(tx: Connection, scenario: str, until: datetime, limit: int) -> list[LoadTestRun]:
    """The runs of a scenario that any of the wanted ones may be judged by, oldest first."""
    runs = load_tests(tx, _FIRST, until, scenario, limit + HISTORY_MAX)
    return [run for run in reversed(runs) if run.state != RUNNING]


def _earlier(runs: list[LoadTestRun], run: LoadTestRun) -> list[LoadTestRun]:
    place = (run.started_at, run.id or 0)
    return [r for r in runs if (r.started_at, r.id or 0) < place][-HISTORY_MAX:]


def judged_run(tx: Connection, run_id: int) -> Judged | None:
    """One run, judged against those before it."""
    run = load_test(tx, run_id)
    return None if run is None else judged_against(tx, run)


def judged_against(tx: Connection, run: LoadTestRun) -> Judged:
    """A run, be it stored already or not, judged against those stored before it."""
    before = _before(tx, run.scenario, run.started_at + _INSTANT, 1)
    return judge(run, _earlier(before, run))
