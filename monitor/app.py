"""The composition root: the one place that builds everything from the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import httpx

from checks import load_test
from checks.causes import every_cause
from checks.k6 import runner as k6
from checks.payment_story.probe import moments, spans
from checks.payment_story.probe import probe as probe_payment
from checks.payment_story.story import tell
from checks.sizes import SIZES
from checks.sources.connect import Address, connect
from checks.sources.facts.look import one_look
from checks.sources.facts.platform import Platform
from checks.touches import TOUCHES
from monitor.config.errors import said
from monitor.config.models import Config, ConfigError
from monitor.config.plan import configured, plan
from monitor.config.receivers import receivers
from monitor.delivery.jobs import delivery_jobs
from monitor.delivery.outbox import Outbox
from monitor.domain.alert import Size
from monitor.domain.books.payment_story import Story
from monitor.domain.cause import Causes
from monitor.domain.check import OtherFinding
from monitor.domain.check_pass import Observed, Planned
from monitor.domain.delivery import Sender
from monitor.domain.detection.regressions import Baselines
from monitor.domain.incident.model import Rules
from monitor.domain.load_test.plan import Plan
from monitor.domain.statement import InvalidError
from monitor.load_tests.report import LOOK_EVERY, owe_load_reports
from monitor.load_tests.runner import LoadRunner
from monitor.load_tests.watch import HealthWatcher
from monitor.recording.affected import COUNT_EVERY, PaymentCounter
from monitor.recording.announce import Announcer
from monitor.recording.record import Recorder
from monitor.reports.job import await_passes, enqueue_report
from monitor.reports.payment_history import history_of
from monitor.run_check import Runner
from monitor.scheduling.lock import require_not_gone
from monitor.scheduling.schedule import RECORDING, Calendar, Clock, Job, utc_now
from monitor.scheduling.timetable import Timetable
from monitor.store.database import Store, migrate, open_store
from monitor.store.passes.memory import memory_of
from monitor.store.passes.snapshots import latest_findings
from monitor.store.series.past import StoredPast
from monitor.store.upkeep.prune import prune
from monitor.text.catalog import Catalog
from monitor.text.masking import mask_also

ALERT_SIZES = SIZES
DELIVER_EVERY = timedelta(seconds=2)
LIVE_MAX = 8
PRUNE_EVERY = timedelta(hours=1)
PRUNE_BUDGET = timedelta(seconds=20)


@dataclass(slots=True)
class App:
    """Everything that a configuration stands for, built once and handed around."""

    config: Config
    store: Store
    clock: Clock
    checks: Mapping[str, Planned]
    runner: Runner
    calendar: Calendar
    senders: Mapping[str, Sender]
    outbox: Outbox
    catalog: Catalog
    loads: LoadRunner
    deliver_every: timedelta = DELIVER_EVERY

    def jobs(self) -> list[Job]:
        """All that the calendar wakes: checks, delivery, reports, pruning."""
        checks = [self._check_job(name, planned) for name, planned in self.checks.items()]
        return [*checks, *self._report_jobs(), *self._house_jobs()]

    def live(self, names: Iterable[str] | None = None) -> dict[str, Observed]:
        """The checks as they stand right now, side by side: looked and judged, nothing recorded.

        Without names all of them, but for those that put load on the platform.
        """
        wanted = [n for n, p in self.checks.items() if p.check.live] if names is None else [*names]
        now, stored = self.clock(), _latest(self.store)
        looking = [name for name in wanted if not self._explains(name)]
        with one_look(), ThreadPoolExecutor(LIVE_MAX, "live") as pool:
            found = [pool.submit(copy_context().run, self._observe, n, now, ()) for n in looking]
            seen = {name: each.result() for name, each in zip(looking, found, strict=True)}
        since = {(s.check, s.finding.key): s.since for s in stored if s.finding is not None}
        other_findings = tuple(s for each in seen.values() for s in each.as_other_findings(since))
        return seen | {
            n: self._observe(n, now, other_findings) for n in wanted if self._explains(n)
        }

    @property
    def alert_sizes(self) -> Sequence[Size]:
        """By which parameters an alert grows."""
        return ALERT_SIZES

    def options_of(self, check: str) -> Any:
        """How a check is configured, whether it is switched on or not."""
        return configured(self.config, check)

    def payment_story(self, payment_id: int, shard: str = "") -> Story:
        """What is known of a payment now; InvalidError: no such shard, or no payment id."""
        self._check_asked(payment_id, shard)
        facts = probe_payment(self.runner.platform, payment_id, shard)
        now = self.clock()
        with self.store.read() as tx:
            around = (*spans(facts, now), (now, now))  # and what is wrong right now
            history = history_of(tx, payment_id, facts.records, moments(facts), around)
        return tell(facts, history, now)

    def shards(self) -> tuple[str, ...]:
        """The names of the shards, as they are configured or as the platform calls them."""
        names: tuple[str, ...] = self.runner.platform.database.shard_names()
        return names or ("shard1", "shard2")

    def _check_asked(self, payment_id: int, shard: str) -> None:
        if not 0 < payment_id < 2**63:
            raise InvalidError("payment_id", given=payment_id)
        if shard and shard not in self.shards():
            raise InvalidError("no_shard", given=shard, known=", ".join(self.shards()))

    def deliver(self) -> int:
        """Send what is due; how many messages went out."""
        return self.outbox.deliver_all(self.clock())

    def load_plan(self, **changes: Any) -> Plan:
        """The configured load test, with what a person wants otherwise; see LoadRunner."""
        return load_test.plan_of(self.loads.rules, **changes)  # type: ignore[arg-type]

    def close(self) -> None:
        """Give the database's connections back."""
        self.store.close()

    def _explains(self, name: str) -> bool:
        return self.checks[name].check.explains

    def _observe(
        self, name: str, now: datetime, other_findings: tuple[OtherFinding, ...]
    ) -> Observed:
        with self.store.read() as tx:  # the scheduler may be another process: read it fresh
            memory = memory_of(tx, name)
        return self.runner.observe(self.checks[name], memory, now, lambda: other_findings)

    def _check_job(self, name: str, planned: Planned) -> Job:
        timetable = Timetable(planned.every, planned.cron, self.config.timezone)

        def run(slot_at: datetime, now: datetime, missed: int) -> None:
            self.runner.run(planned, slot_at, now, missed)

        late_max = timedelta(hours=1) if planned.cron else None
        return Job(f"{RECORDING}{name}", timetable, run, late_max, True, planned.jitter_seconds)

    def _report_jobs(self) -> list[Job]:
        late_max = timedelta(hours=self.config.report.late_hours_max)
        jobs = []
        for kind in ("daily", "weekly"):
            cron = self.config.report.cron(kind)
            if cron:
                timetable = Timetable(cron=cron, zone=self.config.timezone)
                jobs.append(Job(f"report:{kind}", timetable, self._reporter(kind), late_max, True))
        return jobs

    def _reporter(self, kind: str) -> Any:
        started_at = self.clock()
        awaited = {name: planned.every for name, planned in self.checks.items() if not planned.cron}

        def run(slot_at: datetime, now: datetime, missed: int) -> None:
            await_passes(self.store, awaited, max(slot_at, started_at), now)
            enqueue_report(
                self.store,
                self.config,
                kind,
                slot_at,
                self.clock(),  # it tells what the passes saw for which it waited
                list(self.senders),
                simulated=self.runner.recorder.announcer.is_simulated,
            )

        return run

    def _house_jobs(self) -> list[Job]:
        announcer, every = self.runner.recorder.announcer, self.deliver_every

        def announce(slot_at: datetime, now: datetime, missed: int) -> None:
            announcer.step(now)

        def count(slot_at: datetime, now: datetime, missed: int) -> None:
            PaymentCounter(self.store, self.runner.platform.database.affected).step(now)

        def clean(slot_at: datetime, now: datetime, missed: int) -> None:
            kept = self.config.retention
            prune(self.store, now, kept.raw_days, kept.history_years, budget=PRUNE_BUDGET)

        def tell(slot_at: datetime, now: datetime, missed: int) -> None:
            simulated = announcer.is_simulated
            owe_load_reports(self.store, now, list(self.senders), simulated=simulated)

        return [
            Job("report:load_test", Timetable(LOOK_EVERY), tell, records=True),
            Job("prune", Timetable(PRUNE_EVERY), clean, late_max=PRUNE_EVERY),
            Job("payments", Timetable(COUNT_EVERY), count),
            Job("announce", Timetable(every), announce, records=True),
            *delivery_jobs(self.outbox, every, is_simulated=announcer.is_simulated),
        ]


def build(
    config: Config,
    *,
    clock: Clock = utc_now,
    store: Store | None = None,
    transport: httpx.BaseTransport | None = None,
    senders: Mapping[str, Sender] | None = None,
    is_simulated: bool = False,
    is_durable: bool = True,
    deliver_every: timedelta = DELIVER_EVERY,
) -> App:
    """Everything behind a configuration. What is given takes the place of the real thing."""
    checks = plan(config)
    mask_also(config.privacy.mask)
    if store is None:
        require_not_gone(config.database)
        migrate(config.database)
        store = open_store(config.database, durable=is_durable)
    senders = receivers(config) if senders is None else senders
    names = list(senders)
    announcer = Announcer(store, _rules(config, checks), lambda: names, is_simulated)
    recorder = Recorder(store, announcer)
    runner = Runner(
        platform=platform_of(config, transport),
        recorder=recorder,
        baselines=_baselines(config, store),
        other_findings=lambda: _latest(store),
    )
    catalog = Catalog(config.language, config.zone)
    loads = _loads(config, store, clock, checks, runner, catalog)
    checks = _with_runs_of(loads, checks)
    policy = config.delivery.policy()
    outbox = Outbox(store, senders, policy, announcer.refreshed, runner.abandoned)
    made = (config, store, clock, checks, runner, Calendar(store), senders, outbox, catalog, loads)
    return App(*made, deliver_every)


def _rules(config: Config, checks: Mapping[str, Planned]) -> Rules:
    """All that decides about incidents."""
    lateness = {name: planned.every * planned.rule.fire for name, planned in checks.items()}
    return Rules(Causes(every_cause()), config.alerts.policy(), ALERT_SIZES, lateness, TOUCHES)


def _with_runs_of(loads: LoadRunner, checks: Mapping[str, Planned]) -> dict[str, Planned]:
    """The checks, the runs of the load test carried out under the monitor's eyes."""
    name, check = load_test.CHECK.name, load_test.run_by(loads.execute)
    return {n: replace(p, check=check) if n == name else p for n, p in checks.items()}


def _loads(
    config: Config,
    store: Store,
    clock: Clock,
    checks: Mapping[str, Planned],
    runner: Runner,
    catalog: Catalog,
) -> LoadRunner:
    """The load tests, with the options of their check, be it enabled or not."""
    rules = configured(config, "load_test")
    own = Runner(runner.platform, runner.recorder, None, runner.other_findings)
    watcher = HealthWatcher(store, checks, own, catalog, clock)
    return LoadRunner(store, clock, config.zone, rules, k6, watcher)


def platform_of(config: Config, transport: httpx.BaseTransport | None = None) -> Platform:
    """The platform's sources, as configured."""
    section = config.platform
    address = Address(
        base_url=section.base_url,
        timeout_seconds=section.timeout_seconds,
        slow_timeout_seconds=section.slow_timeout_seconds,
        token=section.token,
        actuators=section.actuators,
        shards=section.database.urls if section.database.via == "direct" else {},
        redis_url=section.redis.url,
        redis_write_url=section.redis.write_url,
        kafka_bootstrap=section.kafka.bootstrap,
        kafka_options=section.kafka.options,
        prometheus_url=section.prometheus.url,
        prometheus_token=section.prometheus.token,
        ingest_job=section.breakers.job,
        breakers_scraped=section.breakers.via == "prometheus",
        zone=config.zone,
    )
    try:
        return connect(address, transport)
    except ValueError as error:
        raise ConfigError(f"platform.{said(error)}") from None


def _baselines(config: Config, store: Store) -> Baselines | None:
    if not config.baseline.enabled:
        return None
    return Baselines(config.baseline.live_limits(), StoredPast(store), config.zone)


def _latest(store: Store) -> tuple[OtherFinding, ...]:
    with store.read() as tx:
        return latest_findings(tx)
