"""What the monitor needs of a k6: stated here, implemented in checks, bound in app.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from monitor.domain.load_test.plan import Control, Ended, Plan, Prepared
from monitor.domain.load_test.preflight import Asked, Refusal
from monitor.domain.load_test.progress import Live
from monitor.domain.load_test.run import LoadTestRun


class K6(Protocol):
    """Runs plans of load tests, one at a time; what it cannot do it refuses with a reason."""

    def prepare(self, plan: Plan, /) -> Prepared | Refusal:
        """Find what a plan needs; nothing is run yet."""

    def ask(self, prepared: Prepared, /) -> Asked | Refusal:
        """What the script asks for; no load is made."""

    def describe(self, prepared: Prepared, asked: Asked, now: datetime, /) -> LoadTestRun:
        """The run as it is stored while it goes on."""

    def execute(
        self, prepared: Prepared, locks: Sequence[int], control: Control, /
    ) -> Ended | Refusal:
        """Run it to its end, which `control` may bring about earlier; the locks are inherited."""

    def finish(self, run: LoadTestRun, ended: Ended, /) -> LoadTestRun:
        """The run as it is stored when it is over."""

    def look_live(self, address: str, /) -> Live | None:
        """What has been measured so far; None where nobody answers."""

    def free_address(self) -> str:
        """Where a run may tell how far it is."""

    def alone(self, beside: Path, /) -> AbstractContextManager[tuple[int, ...] | None]:
        """The locks that only one run holds, that file among them; None if one is taken."""

    def claimed(self, path: Path, /) -> AbstractContextManager[int | None]:
        """One lock, as long as the block lasts; None if somebody else has it."""

    def scenarios(self) -> tuple[str, ...]:
        """The names of the scenarios that come with the product."""

    def described(self) -> Mapping[str, str]:
        """What each of them does."""

    def scenario_name(self, scenario: str, /) -> str:
        """What a run of a scenario, or of the script at a path, is called."""
