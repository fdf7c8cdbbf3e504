"""kill -9 around the morning report: it is owed once for its day, and arrives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from kill_case import await_killed, ready, repeats, site, stop

from monitor.store.database import migrate, open_store
from monitor.store.job_runs import JobRun, record_run

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)


def sent_the_day_before(database: Path, slot_at: datetime) -> None:
    """A database whose last report was that of yesterday."""
    migrate(database)
    store = open_store(database)
    before = slot_at - DAY
    with store.write() as tx:
        record_run(tx, JobRun("report:daily", before, before, before, "done", 0))
    store.close()


def test_a_report_is_owed_once_and_arrives_whatever_dies_on_its_way(tmp_path: Path) -> None:
    slot_at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=5)
    with site(tmp_path, {"services": ""}, daily=f"{slot_at:%H:%M}") as place:
        sent_the_day_before(place.database, slot_at)
        for step, owed in (("report", 0), ("claimed", 1), ("posted", 1), ("marked", 1)):
            place.order(step, "-")
            await_killed(place.start())
            assert len(place.owed()) == owed
        place.countermand()
        process = ready(place.start())
        place.await_told(1)
        assert stop(process) == 0
        assert [row["key"] for row in place.owed()] == [f"report:daily:{slot_at:%Y-%m-%d}"]
        assert len(repeats(place)) == 1
