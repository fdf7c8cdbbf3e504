"""A stand-in platform and the whole engine on one simulated clock, for tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from demo.platform import StandIn
from monitor import app as application
from monitor.app import App
from monitor.cli_demo_life import InProcess, Kept, Life, SimulatedClock
from monitor.config import parse
from monitor.domain.message import IncidentMessage

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)  # a Monday noon in Seoul
MINUTE = timedelta(minutes=1)
_EVERY_MINUTE = (
    *("services", "breakers", "kafka_cluster", "redis_health", "outbox_age"),
    *("consumer_lag", "dead_letters", "settlements", "reconciliation", "traffic"),
)


def config_text(folder: Path, *, every: float = 60, direct: bool = True, more: str = "") -> str:
    """A configuration on the stand-in in `folder`, with a pass of everything `every` seconds."""
    shards = "\n".join(f'{n} = "sqlite:///{folder}/{n}.db"' for n in ("shard1", "shard2"))
    database = f'via = "direct"\n[platform.database.urls]\n{shards}' if direct else ""
    checks = "\n".join(f"[checks.{n}]\nevery_seconds = {every}" for n in _EVERY_MINUTE)
    return f"""
database = "{folder}/paypulse.db"
[platform]
base_url = "http://platform.test"
actuators = {{ ingest = "http://platform.test" }}
[platform.database]
{database}
[report]
daily = ""
{checks}
[checks.diagnose_issues]
every_seconds = {every}
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
) -> World:
    """A fresh platform and engine, both at `start`."""
    standin = StandIn(
        folder, seed, start=start, payments_per_minute=payments_per_minute, as_original=as_original
    )
    kept, clock = Kept(), SimulatedClock(start)
    app = application.build(
        parse(config_text(folder, every=every, direct=direct, more=more), {}),
        clock=clock,
        transport=InProcess(standin),
        senders={"kept": kept},
        is_simulated=True,
        is_durable=False,
        deliver_every=MINUTE,
    )
    return World(standin, app, Life(standin, app, clock), kept)
