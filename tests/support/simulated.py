"""A stand-in platform and the whole engine on one simulated clock, for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from demo.stand_in import StandIn
from monitor import app as application
from monitor.app import App
from monitor.cli.demo.life import InProcess, Kept, Life, SimulatedClock
from monitor.config.models import parse
from monitor.domain.incident.message import IncidentMessage
from monitor.store.alerting.alerts import all_live_alerts
from monitor.store.alerting.incidents import open_incidents
from monitor.store.codec import to_micros

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)  # a Monday noon in Seoul
_EVERY_MINUTE = (
    *("services", "breakers", "kafka_cluster", "redis_health", "outbox_age"),
    *("consumer_lag", "dead_letters", "settlements", "reconciliation", "traffic"),
    "connections",
)


def config_text(
    folder: Path,
    *,
    every: float = 60,
    direct: bool = True,
    actuators: bool = True,
    more: str = "",
    hold_minutes: float = 30,
) -> str:
    """A configuration on the stand-in in `folder`, with a pass of everything `every` seconds."""
    shards = "\n".join(f'{n} = "sqlite:///{folder}/{n}.db"' for n in ("shard1", "shard2"))
    database = f'via = "direct"\n[platform.database.urls]\n{shards}' if direct else ""
    ingest = 'actuators = { ingest = "http://platform.test" }' if actuators else ""
    checks = "\n".join(f"[checks.{n}]\nevery_seconds = {every}" for n in _EVERY_MINUTE)
    checks = checks.replace("dead_letters]", f"dead_letters]\nhold_minutes = {hold_minutes}")
    return f"""
database = "{folder}/paypulse.db"
[platform]
base_url = "http://platform.test"
{ingest}
[platform.database]
{database}
[report]
daily = ""
{checks}
[checks.diagnose_issues]
every_seconds = {every}
[checks.instances]
enabled = false
[checks.rate_limits]
every_seconds = {every}
authorize_max = 100
capture_max = 100
refund_max = 100
{more}
"""


@dataclass(slots=True)
class World:
    """A platform that is watched; `told` is every message so far."""

    standin: StandIn
    app: App
    life: Life
    kept: Kept
    transport: httpx.BaseTransport

    def live(self, minutes: float) -> None:
        """Live on for so long."""
        self.life.live(self.life.clock() + timedelta(minutes=minutes))

    def switch(self, names: Iterable[str], on: bool) -> None:
        """Switch faults on or off, now."""
        for name in names:
            self.standin.set_fault(name, on)

    @property
    def told(self) -> list[IncidentMessage]:
        """The incident messages so far, oldest first."""
        kept = [m for m in self.kept.messages if m.kind == "incident"]
        return [IncidentMessage.from_dict(message.payload) for message in kept]

    @property
    def said(self) -> list[tuple[str, str]]:
        """Kind and root of every incident message so far."""
        return [(m.kind, m.root.key) for m in self.told]

    @property
    def is_quiet(self) -> bool:
        """Whether no alert lives, not even one that has not fired, and no incident is open."""
        with self.app.store.read() as tx:
            return not all_live_alerts(tx) and not open_incidents(tx)

    @property
    def unrest(self) -> list[str]:
        """What keeps it from being quiet: the keys of living alerts, the roots of incidents."""
        with self.app.store.read() as tx:
            alive = [alert.key for alert in all_live_alerts(tx).values()]
            return alive + [incident.root for incident in open_incidents(tx)]

    def live_until_quiet(self, minutes_max: float) -> None:
        """Live on until nothing is wrong any more, so long at the most."""
        for _ in range(round(minutes_max)):
            self.live(1)
            if self.is_quiet:
                return

    def words(self, minutes: float) -> dict[str, list[str]]:
        """The status words of each check's passes in the latest minutes, oldest first."""
        since = to_micros(self.life.clock() - timedelta(minutes=minutes))
        found: dict[str, list[str]] = {}
        query = 'select "check", status from snapshots where at > ? order by at'
        with self.app.store.read() as tx:
            for check, status in tx.exec_driver_sql(query, (since,)):
                found.setdefault(check, []).append(status)
        return found

    def watch_every(
        self,
        seconds: float,
        *,
        hold_minutes: float = 30,
        direct: bool = True,
        actuators: bool = True,
    ) -> None:
        """Go on with an engine that looks so often, on the same history."""
        self.app.close()
        text = config_text(
            self.standin.folder,
            every=seconds,
            hold_minutes=hold_minutes,
            direct=direct,
            actuators=actuators,
        )
        self.app = _app(text, self.life.clock, self.transport, self.kept, seconds)
        self.life = Life(self.standin, self.app, self.life.clock)

    def close(self) -> None:
        """Let go of the files."""
        self.app.close()
        self.standin.close()


def world(
    folder: Path,
    *,
    seed: int = 1,
    payments_per_minute: float = 6.0,
    as_original: bool = False,
    direct: bool = True,
    every: float = 60,
    more: str = "",
    start: datetime = START,
    hold_minutes: float = 30,
    transport: Callable[[StandIn], httpx.BaseTransport] = InProcess,
) -> World:
    """A fresh platform and engine, both at `start`."""
    standin = StandIn(
        folder, seed, start=start, payments_per_minute=payments_per_minute, as_original=as_original
    )
    kept, clock, way = Kept(), SimulatedClock(start), transport(standin)
    text = config_text(folder, every=every, direct=direct, more=more, hold_minutes=hold_minutes)
    app = _app(text, clock, way, kept, every)
    return World(standin, app, Life(standin, app, clock), kept, way)


def _app(
    text: str, clock: SimulatedClock, transport: httpx.BaseTransport, kept: Kept, every: float
) -> App:
    return application.build(
        parse(text, {}),
        clock=clock,
        transport=transport,
        senders={"kept": kept},
        is_simulated=True,
        is_durable=False,
        deliver_every=timedelta(seconds=every),
    )
