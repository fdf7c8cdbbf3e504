"""The ordinary command line, with short waits: for the writer's turn, for the look at
the file, and for what is over.

python tests/support/hurried.py ARGUMENT…
"""

from __future__ import annotations

from datetime import timedelta

from monitor.cli.main import run_main
from monitor.recording.reserve import ReserveWatch
from monitor.recording.watch import StoreWatch
from monitor.scheduling import integrity
from monitor.store import database

database._BUSY_SECONDS = 1  # type: ignore[assignment]
integrity.READ_EVERY = timedelta(seconds=1)
ReserveWatch.__init__.__defaults__ = (timedelta(seconds=2),)
StoreWatch.__init__.__defaults__ = (timedelta(seconds=2),)

if __name__ == "__main__":
    run_main()
