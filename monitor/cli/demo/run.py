"""How the demo goes: history first, then the script in real time, said step by step."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import typer

from checks.k6.runner import find_binary
from demo.api.server import Running, Ticker
from demo.stand_in import StandIn
from monitor import app as application
from monitor.app import App
from monitor.cli.demo.config import IN_FILES, ON_SERVICES, history_toml, real_toml
from monitor.cli.demo.folder import claim, sweep
from monitor.cli.demo.life import InProcess, Kept, Life, SimulatedClock, switch_times
from monitor.cli.demo.platform import Ground, make_standin, serve_standin
from monitor.cli.language.spoken import say
from monitor.cli.progress import progress_bar
from monitor.cli.report import print_report
from monitor.config.models import Config, parse
from monitor.scheduling.lock import only_scheduler
from monitor.scheduling.schedule import Scheduler
from monitor.scheduling.shutdown import ShutdownRequested, interruptible
from monitor.scheduling.timetable import Timetable
from monitor.store.alerting.incidents import incidents_between
from monitor.store.load_tests import load_tests
from monitor.store.passes.counts import pass_counts
from monitor.store.passes.snapshots import latest_snapshots
from monitor.text.catalog import Catalog

PASS_SECONDS = 5
_LONG_AGO, _ROWS_MAX = datetime(2000, 1, 1, tzinfo=UTC), 10_000
HISTORY_PAYMENTS_PER_MINUTE = 0.4
REAL_PAYMENTS_PER_MINUTE = 30.0
# In the fortnight: what goes wrong, after how many hours, and for how many.
HISTORY = {
    "broker_down": (100.2, 1.1),
    "redis_down": (211.4, 0.8),
    "ledger_wrong_amount": (286.1, 1.6),
}
# In real time: what goes wrong, when (seconds after the first pass), and until when.
RECOVERY_SECONDS = 55
SCRIPT = (("broker_down", 10, 60), ("ledger_wrong_amount", 130, 190))


@dataclass(frozen=True, slots=True)
class Plan:
    """What the demo was asked for."""

    minutes: float
    days: int
    folder: Path
    port: int
    seed: int
    language: str
    load_tests: bool
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # of real services


def run_demo(plan: Plan) -> None:
    """All of it, from the start to the last word."""
    started = monotonic()
    claim(plan.folder)
    database = plan.folder / "paypulse.db"
    with only_scheduler(database), interruptible() as ended:
        sweep(plan.folder)
        standin = make_standin(
            Ground(plan.folder, plan.seed, plan.env),
            start=datetime.now(UTC) - timedelta(days=plan.days),
            payments_per_minute=HISTORY_PAYMENTS_PER_MINUTE,
        )
        port = _free(plan.port)
        if port != plan.port:
            typer.echo(say("demo.port_taken", port=plan.port), err=True)
        server = serve_standin(standin, plan.folder, port, plan.env)
        catalog = _introduce(plan, server)
        if plan.days:
            _live_history(plan, standin, server, catalog, ended)
        if not ended.is_set():
            _go_on(plan, standin, server, catalog, ended, started)
        server.stop()
        standin.close()
        (plan.folder / "url").unlink(missing_ok=True)
        typer.echo(f"\n{catalog.say('demo.goodbye', folder=plan.folder)}")


def _introduce(plan: Plan, server: Running) -> Catalog:
    config = _config(plan, server, real_toml)
    (plan.folder / "paypulse.toml").write_text(_toml(plan, server, real_toml), encoding="utf-8")
    catalog = Catalog(config.language, config.zone)
    typer.echo(catalog.say("demo.intro", url=server.url))
    typer.echo(catalog.say("demo.folder", folder=plan.folder))
    if plan.env:
        typer.echo(catalog.say("demo.services"))
    if plan.load_tests and find_binary("") is None:
        typer.echo(catalog.say("demo.no_k6"))
    channel = _slack_channel()
    typer.echo(
        catalog.say("demo.slack", channel=channel) if channel else catalog.say("demo.console")
    )
    return catalog


def _live_history(
    plan: Plan, standin: StandIn, server: Running, catalog: Catalog, ended: ShutdownRequested
) -> None:
    """The fortnight, ending at the real now; its messages are kept and sent nowhere."""
    began = monotonic()
    clock, kept = SimulatedClock(standin.now), Kept()
    app = application.build(
        _config(plan, server, history_toml),
        clock=clock,
        transport=InProcess(standin),
        senders={"history": kept},
        is_simulated=True,
        is_durable=False,
        deliver_every=timedelta(minutes=15),
    )
    life = Life(standin, app, clock, switch_times(standin.now, _faults_within(plan.days)))
    total = plan.days * 24 * 3600
    start = standin.now
    with progress_bar(catalog.say("demo.history"), total) as advance:
        while (now := datetime.now(UTC)) - clock() > timedelta(seconds=1) and not ended.is_set():
            until = min(now, clock() + timedelta(hours=6))
            life.live(until)
            advance((until - start).total_seconds())
    lived = (clock() - start) / timedelta(days=1)
    _hand_over(app, clock())
    typer.echo(
        catalog.say(
            "demo.lived", days=round(lived), seconds=round(monotonic() - began), **_lived(app)
        )
    )
    app.close()


def _hand_over(app: App, now: datetime) -> None:
    """A last pass of every check, at the slot where real time takes over."""
    slot_at = Timetable(timedelta(seconds=PASS_SECONDS)).latest(now)
    for planned in app.checks.values():
        if not planned.cron:
            app.runner.run(planned, slot_at, now)


def _lived(app: App) -> dict[str, Any]:
    """What the history holds, as the store has it."""
    span = _LONG_AGO, app.clock()
    with app.store.read() as tx:
        passes = sum(count.passes for count in pass_counts(tx, *span).values())
        stories = incidents_between(tx, *span, limit=_ROWS_MAX)
        load_runs = len(load_tests(tx, *span, limit=_ROWS_MAX))
    return {
        "passes": passes,
        "incidents": sum(story.incident.announced is not None for story in stories),
        "load_tests": load_runs,
        "payments": getattr(app.runner.platform.database.counts(), "payments", 0),
    }


def _go_on(
    plan: Plan,
    standin: StandIn,
    server: Running,
    catalog: Catalog,
    ended: ShutdownRequested,
    started: float,
) -> None:
    """Real time: the scheduler, the script, and at the end the morning report."""
    standin.set_traffic(REAL_PAYMENTS_PER_MINUTE)
    ticker = Ticker(standin, period_seconds=0.5)
    ticker.start()
    app = application.build(_config(plan, server, real_toml))
    scheduler = Scheduler(app.calendar, app.jobs())
    say = catalog.say
    rate = round(REAL_PAYMENTS_PER_MINUTE)
    typer.echo(f"\n{say('demo.real', every=PASS_SECONDS, rate=rate)} {say('demo.until')}")
    _where_to_look(plan, catalog)
    began = datetime.now(UTC)
    scheduler.start()
    _await_pass(app, began, ended)
    typer.echo(say("demo.first", seconds=round(monotonic() - started)) + "\n")
    _play(plan, standin, catalog, ended)
    scheduler.stop()
    ticker.stop()
    app.deliver()
    typer.echo(f"\n{say('demo.report')}\n")
    typer.echo(print_report(app, "daily", "", "text"))
    app.close()


def _play(plan: Plan, standin: StandIn, catalog: Catalog, ended: ShutdownRequested) -> None:
    """The script of faults, each step said; what has no time to end is not begun."""
    began, length = monotonic(), plan.minutes * 60
    acts = [act for act in SCRIPT if act[2] + RECOVERY_SECONDS <= length]
    steps = [(on, name, True) for name, on, _ in acts] + [
        (off, name, False) for name, _, off in acts
    ]
    if not steps:
        _step(catalog.say("demo.short"))
    for at, name, on in sorted(steps):
        if ended.wait(max(0.0, at - (monotonic() - began))):
            break
        standin.set_fault(name, on)
        key = "fault_on" if on else "fault_off"
        _step(catalog.say(f"demo.{key}", name=name, description=catalog.say(f"fault.{name}")))
        _step(catalog.say("demo.watch", what=catalog.say(f"demo.{name}{'' if on else '_end'}")))
    ended.wait(max(0.0, length - (monotonic() - began)))


def _step(text: str) -> None:
    typer.secho(f"▶ {text}", bold=True)


def _where_to_look(plan: Plan, catalog: Catalog) -> None:
    typer.echo(catalog.say("demo.look"))
    if plan.env:
        typer.echo(f"  set -a; . {shlex.quote(str(plan.folder / 'env'))}; set +a")
    folder = plan.folder
    command, config = shlex.quote(_command()), shlex.quote(str(folder / "paypulse.toml"))
    for line in (
        f"alerts list -c {config}",
        f"check -c {config}",
        f"report daily -c {config}",
        f"demo fault list --folder {shlex.quote(str(folder))}",
        f"mcp -c {config}",
    ):
        typer.echo(f"  {command} {line}")


def _command() -> str:
    """How this program was started, so that it can be started again from anywhere."""
    started = Path(sys.argv[0])
    return str(started.absolute()) if started.name == "paypulse" else "paypulse"


def _await_pass(app: App, began: datetime, ended: ShutdownRequested) -> None:
    """Until the store holds a snapshot of real time."""
    while not ended.wait(0.1):
        with app.store.read() as tx:
            latest = latest_snapshots(tx).values()
        if any(snapshot.at >= began for snapshot in latest):
            return


def _faults_within(days: int) -> dict[str, tuple[float, float]]:
    return {n: (at, lasts) for n, (at, lasts) in HISTORY.items() if at + lasts + 3 < days * 24}


def _toml(plan: Plan, server: Running, make: Any) -> str:
    load_tests = plan.load_tests and find_binary("") is not None
    text: str = make(plan.folder, server.url, plan.language, load_tests, _slack_channel())
    return text.replace(IN_FILES.format(folder=plan.folder), ON_SERVICES) if plan.env else text


def _config(plan: Plan, server: Running, make: Any) -> Config:
    return parse(_toml(plan, server, make), plan.env, "the demo's configuration")


def _slack_channel() -> str:
    return os.environ.get("SLACK_CHANNEL", "") if os.environ.get("SLACK_BOT_TOKEN") else ""


def _free(port: int) -> int:
    """The port if it is free, else 0: any."""
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
