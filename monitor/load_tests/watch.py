"""The platform's health before and during a load test: fit to be loaded, or to be left alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from monitor.domain.check import Status
from monitor.domain.load_test.preflight import Refusal, in_trouble, unhealthy
from monitor.store.alerting.incidents import open_incidents
from monitor.store.passes.memory import memory_of
from monitor.text.catalog import Catalog

if TYPE_CHECKING:
    from monitor.domain.check_pass import Observed, Planned
    from monitor.run_check import Runner
    from monitor.store.database import Store

log = logging.getLogger(__name__)

_LOOKS_MAX = 8
_CRITICAL_LOOKS = 2  # one critical look may be a moment, two are a state


@dataclass(frozen=True, slots=True)
class Health:
    """How the checks that matter stand, and what the critical ones say."""

    seen: Mapping[str, Status]
    titles: Mapping[str, Sequence[str]]

    @property
    def refusal(self) -> Refusal | None:
        """Why no load may begin, or go on; None if it may."""
        return unhealthy(self.seen, self.titles)


@dataclass(slots=True)
class HealthWatcher:
    """Looks at the platform with a runner of its own: the scheduler's passes are not disturbed."""

    store: Store
    checks: Mapping[str, Planned]
    runner: Runner
    catalog: Catalog
    clock: Callable[[], datetime]

    def look(self, names: Sequence[str]) -> Health:
        """The named checks as they stand, as far as they are configured; nothing is recorded."""
        wanted = [name for name in names if name in self.checks and self.checks[name].check.live]
        with ThreadPoolExecutor(_LOOKS_MAX, "load health") as pool:
            seen = dict(zip(wanted, pool.map(self._observe, wanted), strict=True))
        titles = {name: self._titles(each) for name, each in seen.items()}
        return Health({name: each.verdict.status for name, each in seen.items()}, titles)

    def incident(self) -> Refusal | None:
        """A critical incident that is open."""
        with self.store.read() as tx:
            return in_trouble(open_incidents(tx))

    def _observe(self, name: str) -> Observed:
        with self.store.read() as tx:
            memory = memory_of(tx, name)
        return self.runner.observe(self.checks[name], memory, self.clock(), tuple)

    def _titles(self, each: Observed) -> list[str]:
        critical = [f for f in each.verdict.findings if f.status is Status.CRIT]
        return [self.catalog.finding(finding, each.at).title for finding in critical]


def watch(
    watcher: HealthWatcher,
    names: Sequence[str],
    every_seconds: float,
    over: threading.Event,
    stop: Callable[[Refusal], None],
) -> None:
    """Look again and again until the run is over; call it off where the platform turns critical."""
    critical = 0
    while not over.wait(every_seconds):
        try:
            found = watcher.look(names).refusal
            trouble = watcher.incident()
        except Exception:  # the store's or a check's bug must not decide about the run
            log.exception("the platform could not be watched during a load test")
            continue
        is_critical = found is not None and found.code == "load_platform_critical"
        critical = critical + 1 if is_critical else 0
        why = trouble if trouble is not None else found if critical >= _CRITICAL_LOOKS else None
        if why is not None:
            stop(why)
            return
