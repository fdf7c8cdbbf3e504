"""Load tests under the monitor's eyes: allowed or refused, marked, watched, ended, recorded.

One at a time on this machine and at this database: locks of the file system that die with their
last holder. The row "running" tells others when our own load is on the platform; one that nobody
holds the database's lock for any more is a run that was killed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from monitor.domain.load_test.history import compared_of
from monitor.domain.load_test.plan import Control, Plan, Prepared
from monitor.domain.load_test.preflight import Asked, Refusal, Rules, outside_hours, over_bounds
from monitor.domain.load_test.progress import Progress
from monitor.domain.load_test.run import INVALID, LoadTestRun
from monitor.domain.statement import Statement
from monitor.load_tests.port import K6
from monitor.load_tests.verdicts import judged_against
from monitor.load_tests.watch import HealthWatcher, watch
from monitor.store import load_tests

if TYPE_CHECKING:
    from monitor.store.database import Store


class RunRules(Rules, Protocol):
    """The bounds, and how the platform is watched meanwhile."""

    @property
    def health_checks(self) -> Sequence[str]:
        """The checks that must not be critical."""

    @property
    def watch_seconds(self) -> float:
        """How often they are looked at."""

    @property
    def allow_production(self) -> bool:
        """Whether runs against production begin without being asked for each time."""


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to: real money at the target; an hour or a platform that is not fit."""

    production: bool = False
    anyway: bool = False


@dataclass(slots=True)
class _Going:
    """A run that goes on in this process, and what it holds until it is over."""

    run: LoadTestRun
    prepared: Prepared
    control: Control
    locks: Sequence[int]
    held: ExitStack
    consent: Consent
    started: float = field(default_factory=monotonic)
    over: threading.Event = field(default_factory=threading.Event)
    trouble: Refusal | None = None


@dataclass(slots=True)
class LoadRunner:
    """Owns the load tests of this process."""

    store: Store
    clock: Callable[[], datetime]
    zone: tzinfo
    rules: RunRules
    k6: K6
    watcher: HealthWatcher
    _going: dict[int, _Going] = field(default_factory=dict)

    def execute(self, plan: Plan) -> LoadTestRun | Refusal:
        """A run of the calendar: over when this call is, and recorded by its caller."""
        going = self._begin(plan, Consent(production=self.rules.allow_production))
        if isinstance(going, Refusal):
            return going
        run = self._follow(going)
        self._going.pop(going.run.id or 0, None)
        if isinstance(run, Refusal):
            self._save(self._not_started(going.run, run))
            return run
        with self.store.read() as tx:
            return replace(run, compared=compared_of(judged_against(tx, run)))

    def start(self, plan: Plan, consent: Consent | None = None) -> int | Refusal:
        """Begin a run in the background; its number, or why not."""
        going = self._begin(plan, consent or Consent())
        if isinstance(going, Refusal):
            return going
        arguments = (going,)
        threading.Thread(
            target=self._to_its_end, args=arguments, name="load test", daemon=True
        ).start()
        return going.run.id or 0

    def refusal(self, plan: Plan, consent: Consent | None = None) -> Refusal | None:
        """Why a run would not begin now; None if it would. The lock is not asked for."""
        prepared = self.k6.prepare(plan)
        if isinstance(prepared, Refusal):
            return prepared
        asked = self.k6.ask(prepared)
        if isinstance(asked, Refusal):
            return asked
        return self._refused(prepared, asked, consent or Consent())

    def progress(self, run_id: int) -> Progress | None:
        """How far a run is, be it of this process or of another one; None if it is unknown."""
        with self.store.read() as tx:
            run = load_tests.load_test(tx, run_id)
        if run is None:
            return None
        going = self._going.get(run_id)
        is_over = run.ended_at is not None
        seconds = ((run.ended_at or self.clock()) - run.started_at).total_seconds()
        address = going.control.address if going else str(run.options.get("address", ""))
        live = None if is_over else self.k6.look_live(address)
        planned = run.options.get("seconds")
        return Progress(run_id, max(0.0, seconds), planned, live, is_over)

    def wait(self, run_id: int, seconds: float) -> bool:
        """Wait so long for a run of this process; whether it is over."""
        going = self._going.get(run_id)
        return going is None or going.over.wait(seconds)

    def is_alive(self) -> bool:
        """Whether a run goes on on this machine, whoever began it."""
        if self._going:
            return True
        with self.k6.claimed(self._lock_path) as lock:
            return lock is None

    def stop(self, run_id: int) -> None:
        """End a run of this process soon."""
        if run_id in self._going:
            self._going[run_id].control.stop("stopped_by_person")

    def stop_all(self) -> None:
        """End what runs in this process, which is about to end itself."""
        for going in list(self._going.values()):
            going.control.stop("monitor_ended")

    def sweep(self) -> list[int]:
        """Mark as aborted what a killed monitor left running; the numbers of those runs."""
        with self.store.read() as tx:
            if not load_tests.running(tx):
                return []
        with self.k6.claimed(self._lock_path) as lock:
            return [] if lock is None else load_tests.abandon(self.store, self.clock())

    @property
    def _lock_path(self) -> Path:
        """Beside the database: whoever opens that finds the lock, in whatever /tmp it lives."""
        return self.store.path.with_name(self.store.path.name + ".k6.lock")

    def _begin(self, plan: Plan, consent: Consent) -> _Going | Refusal:
        """Everything up to the moment at which k6 starts: refused, or marked as running."""
        prepared = self.k6.prepare(plan)
        if isinstance(prepared, Refusal):
            return prepared
        with ExitStack() as held:
            locks = held.enter_context(self.k6.alone(self._lock_path))
            if locks is None:
                return Refusal("k6_busy")
            load_tests.abandon(self.store, self.clock())  # the locks are ours: none of them goes on
            asked = self.k6.ask(prepared)
            if isinstance(asked, Refusal):
                return asked
            refused = self._refused(prepared, asked, consent)
            if refused is not None:
                return refused
            control = Control(self.k6.free_address())
            run = self._marked(prepared, asked, control.address)
            going = _Going(run, prepared, control, locks, held.pop_all(), consent)
            self._going[run.id or 0] = going
            return going

    def _refused(self, prepared: Prepared, asked: Asked, consent: Consent) -> Refusal | None:
        """The first reason against a run, the cheapest to find out first."""
        if prepared.is_production and not consent.production:
            return Refusal("load_production", {"target": prepared.target})
        bounds = over_bounds(asked, self.rules)
        if bounds is not None or consent.anyway:
            return bounds
        hour = outside_hours(self.clock().astimezone(self.zone), self.rules)
        return (
            hour or self.watcher.incident() or self.watcher.look(self.rules.health_checks).refusal
        )

    def _marked(self, prepared: Prepared, asked: Asked, address: str) -> LoadTestRun:
        """The row that says: our own load is on the platform from now on."""
        run = self.k6.describe(prepared, asked, self.clock())
        with_address = replace(run, options={**run.options, "address": address})
        with self.store.write() as tx:
            return replace(with_address, id=load_tests.save_run(tx, with_address))

    def _to_its_end(self, going: _Going) -> None:
        try:
            run = self._follow(going)
            self._save(self._not_started(going.run, run) if isinstance(run, Refusal) else run)
        finally:
            going.over.set()
            self._going.pop(going.run.id or 0, None)

    def _save(self, run: LoadTestRun) -> None:
        with self.store.write() as tx:
            load_tests.save_run(tx, run)

    def _not_started(self, run: LoadTestRun, why: Refusal) -> LoadTestRun:
        doubt = Statement("not_started", {"error": str(why.params.get("error", ""))[:200]})
        ended = replace(run, state=INVALID, reason=doubt.code, doubts=(doubt,))
        return _without_address(replace(ended, ended_at=self.clock()))

    def _follow(self, going: _Going) -> LoadTestRun | Refusal:
        """k6 from its start to its end, the platform watched meanwhile."""

        def call_off(trouble: Refusal) -> None:
            going.trouble = trouble
            going.control.stop("platform_critical")

        over = threading.Event()
        names = () if going.consent.anyway else self.rules.health_checks
        about = (self.watcher, names, self.rules.watch_seconds, over, call_off)
        watching = threading.Thread(target=watch, args=about, name="load watch", daemon=True)
        if not going.consent.anyway:
            watching.start()
        try:
            ended = self.k6.execute(going.prepared, going.locks, going.control)
        finally:
            over.set()
            going.held.close()
        if isinstance(ended, Refusal):
            return ended
        return _without_address(self._told(self.k6.finish(going.run, ended), going))

    def _told(self, run: LoadTestRun, going: _Going) -> LoadTestRun:
        """What turned critical, beside the word that something did."""
        if going.trouble is None or not run.doubts:
            return run
        what = going.trouble.params.get("what") or going.trouble.params.get("root") or ""
        first = replace(run.doubts[0], params={"what": str(what)[:300]})
        return replace(run, doubts=(first, *run.doubts[1:]))


def _without_address(run: LoadTestRun) -> LoadTestRun:
    options = {key: value for key, value in run.options.items() if key != "address"}
    return replace(run, options=options)
