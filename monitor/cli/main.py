"""The commands, thin: each builds what it needs, calls it, and prints."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import sys
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import (
    ConfigOption,
    build,
    fail,
    load,
    refuse,
    store_failed,
    tell_of_no_file,
)
from monitor.cli.language.group import SpokenGroup
from monitor.cli.language.spoken import say

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.config.models import Config
    from monitor.domain.delivery import FailingReceiver
    from monitor.scheduling.schedule import Job, Watch
    from monitor.store.database import StoreError

main = typer.Typer(
    name="paypulse",
    cls=SpokenGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@main.command()
def run(config: ConfigOption = None, verbose: bool = False) -> None:
    """Run the scheduler: checks, alerts, delivery, reports. Stop it with Ctrl-C or SIGTERM."""
    from monitor.cli.configuration.reload import end_all, start_anew, wait_for_end
    from monitor.cli.configuration.start import start_lines
    from monitor.cli.mcp.commands import http_way_in
    from monitor.scheduling.integrity import examine_at_start, integrity_jobs
    from monitor.scheduling.lock import LockedError, only_scheduler
    from monitor.scheduling.logs import log_to_stderr
    from monitor.scheduling.schedule import Scheduler
    from monitor.scheduling.shutdown import END_SECONDS, ending_within, interruptible
    from monitor.store.database import StoreError, make_folder

    settings = load(config)
    tell_of_no_file(config, settings)
    log_to_stderr(logging.INFO if verbose else logging.WARNING)
    try:
        make_folder(settings.database)
        with interruptible() as ended, only_scheduler(settings.database):
            app = build(settings, partial(_tell_of_store, settings))
            watch, heart = _watches(settings, app, ended.wait)
            examine_at_start(app.store, watch, app.clock())
            _move_what_lies_ahead(app)
            app.runner.recorder.resolve_orphans(app.checks, app.clock())
            app.loads.sweep()
            app.outbox.release(app.clock())
            jobs = [*app.jobs(), *integrity_jobs(app.store, watch), *heart]
            abandon, set_back = app.runner.abandoned.set, partial(_clock_set_back, app)
            scheduler = Scheduler(
                app.calendar, jobs, abandon=abandon, watch=watch, set_back=set_back
            )
            way_in = http_way_in(settings, config)
            typer.echo(say("run.started", count=len(app.checks), url=settings.platform.shown_url))
            scheduler.start()
            if way_in is not None:
                way_in.start()
            typer.echo("\n".join(start_lines(app, settings)))
            is_reloaded = wait_for_end(ended, settings, config)
            typer.echo(say("run.stopping"))
            with ending_within(END_SECONDS):
                end_all(app, scheduler, way_in)
        if is_reloaded:
            start_anew()
    except LockedError as error:
        fail(error)
    except StoreError as error:
        _tell_of_store(settings, error)
        fail(store_failed(settings, error))


def _watches(settings: Config, app: App, ended: Callable[[float], bool]) -> tuple[Watch, list[Job]]:
    """Who hears of every pass: the eye on the store, and the heartbeat, with its job, if any.

    The eye on what the process itself may open begins to look at once, until `ended`.
    """
    from monitor.delivery.heartbeat import Heartbeat, Watches, heartbeat_job
    from monitor.delivery.ping import Pinger
    from monitor.recording.reserve import ReserveWatch
    from monitor.recording.watch import StoreWatch

    ReserveWatch(app.senders).start(ended)
    watch = StoreWatch(app.senders, settings.database)
    if not settings.heartbeat.url or app.runner.recorder.announcer.is_simulated:
        return watch, []
    pinger = Pinger(settings.heartbeat.url, app.runner.abandoned)
    heartbeat = Heartbeat(pinger, app.store, app.checks, app.outbox, app.catalog.say)
    return Watches((watch, heartbeat)), [heartbeat_job(heartbeat, settings.heartbeat.every)]


def _clock_set_back(app: App, now: datetime, by: timedelta) -> None:
    """What waits keeps its pace, and whoever reads the history knows why its times overlap."""
    from monitor.store.upkeep.clock import set_back

    set_back(app.store, now, by)
    _note_set_back(app, now, by)


def _move_what_lies_ahead(app: App) -> None:
    """At the start nothing waits for a time that a clock which was set back has yet to reach."""
    from monitor.store.upkeep.clock import set_back_since

    now = app.clock()
    by = set_back_since(app.store, now)
    if by > timedelta(seconds=5):
        _note_set_back(app, now, by)


def _note_set_back(app: App, now: datetime, by: timedelta) -> None:
    from monitor.store.notes import Note, add_note

    text = app.catalog.say("monitor_news.clock_set_back", seconds=by.total_seconds())
    add_note(app.store, Note(now, "monitor", text, "paypulse"))


def _tell_of_store(settings: Config, error: StoreError) -> None:
    """Nobody watches the platform when the monitor cannot start: the receivers are told so."""
    from monitor.config.receivers import receivers
    from monitor.recording.watch import StoreWatch
    from monitor.scheduling.schedule import utc_now

    watch = StoreWatch(receivers(settings), settings.database)
    watch.failed("start", error, utc_now())
    watch.settle(timedelta(seconds=15))


@main.command()
def check(
    names: Annotated[list[str] | None, typer.Argument()] = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Look once, right now, and record nothing; a receiver that takes no messages is a warning."""
    from monitor.cli.doctor.receivers import unusable_receivers
    from monitor.domain.check import Status, worst
    from monitor.store.database import StoreError
    from monitor.text.plain.passes import failing_json, observed_json
    from monitor.text.symbols import DOTS
    from monitor.text.terminal.deliveries import failing_lines
    from monitor.text.terminal.observed import observed_lines
    from monitor.text.terminal.output import told

    settings = load(config)
    tell_of_no_file(config, settings)
    app = build(settings, senders={})
    unknown = set(names or ()) - app.checks.keys()
    if unknown:
        known = ", ".join(app.checks)
        refuse("no_check", given=", ".join(sorted(unknown)), known=known)
    try:
        seen = app.live(names or None)
    except StoreError as error:
        fail(store_failed(settings, error))
    failing, unusable = _failing_receivers(app), unusable_receivers(settings)
    if as_json:
        data = observed_json(seen, app.catalog)
        data |= {"receivers": failing_json(failing, app.catalog)} if failing else {}
        data |= {"receivers_unusable": unusable} if unusable else {}
        typer.echo(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        lines = [*observed_lines(seen, app.catalog), *failing_lines(failing, app.catalog)]
        if unusable:
            lines.append(
                f"{DOTS['warn']} {app.catalog.say('doctor.receivers_broken', error=unusable)}"
            )
        told(lines)
    statuses = [each.verdict.status for each in seen.values()]
    raise typer.Exit(
        worst([*statuses, *(Status.WARN for _ in (*failing, *filter(None, [unusable])))]).exit_code
    )


def _failing_receivers(app: App) -> list[FailingReceiver]:
    """The receivers that take no messages: whoever looks by hand should know."""
    from monitor.store.delivery.journal import failing_receivers

    with app.store.read() as tx:
        return failing_receivers(tx)


@main.command()
def doctor(
    receiver: Annotated[str, typer.Argument()] = "",
    send_test: Annotated[bool, typer.Option("--send-test")] = False,
    config: ConfigOption = None,
) -> None:
    """Try the configuration and every connection, and say what to do about each."""
    from monitor.cli.doctor.examine import examine
    from monitor.cli.doctor.receivers import send_tests
    from monitor.text.terminal.output import told

    settings = load(config)
    tell_of_no_file(config, settings)
    if receiver and not send_test:
        refuse("receiver_unasked", given=receiver)
    if receiver and receiver not in (settings.receivers or ("console",)):
        known = ", ".join(settings.receivers) or "console"
        refuse("no_receiver", given=receiver, known=known)
    lines, code = send_tests(settings, receiver) if send_test else examine(settings)
    told(lines)
    raise typer.Exit(code)


@main.command()
def report(
    kind: Annotated[str, typer.Argument()] = "daily",
    date: str = "",
    format: str = "text",
    number: Annotated[int, typer.Option("--run")] = 0,
    send: Annotated[bool, typer.Option("--send")] = False,
    config: ConfigOption = None,
) -> None:
    """Print the report of a day or of a load test, or send it."""
    from monitor.cli import report as report_command
    from monitor.cli.loadtest import report as load_report_command

    settings = load(config)
    if kind not in ("daily", "weekly", "load-test"):
        refuse("no_report", given=kind, known="daily, weekly, load-test")
    app = build(settings)
    try:
        if kind == "load-test":
            if format == "png" and sys.stdout.isatty():
                fail(app.catalog.say("show.picture_to_terminal"))
            sys.stdout.buffer.write(load_report_command.report(app, number, format, send))
            return
        action = report_command.send_report if send else report_command.print_report
        typer.echo(action(app, kind, date, format))
    except ValueError as error:
        fail(error)


def run_main() -> None:
    """The command's entry: what the machine refuses is said in a line, not in a traceback."""
    try:
        main()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except (OSError, OverflowError) as error:
        typer.echo(f"paypulse: {error}", err=True)
        sys.exit(3)
    except Exception:  # a bug: whoever runs a check must not take it for a warning (1)
        traceback.print_exc()
        sys.exit(3)


@main.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--version")] = False,
) -> None:
    """Watches a payment platform, remembers what it saw, and tells you what matters."""
    if show:
        typer.echo(importlib.metadata.version("paypulse"))
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(3)


def _groups() -> None:
    """Hang in the groups of commands."""
    from monitor.cli import alerts as cli_alerts
    from monitor.cli import db as cli_db
    from monitor.cli.books import match as cli_match
    from monitor.cli.books import payment as cli_payment
    from monitor.cli.books import reconcile as cli_reconcile
    from monitor.cli.configuration import commands as cli_config
    from monitor.cli.demo import commands as cli_demo
    from monitor.cli.detection import backtest as cli_backtest
    from monitor.cli.detection import baseline as cli_baseline
    from monitor.cli.loadtest import commands as cli_loadtest
    from monitor.cli.mcp import commands as cli_mcp

    main.command()(cli_payment.payment)
    main.command()(cli_reconcile.reconcile)
    main.add_typer(cli_alerts.commands, name="alerts")
    main.add_typer(cli_baseline.commands, name="baseline")
    main.command("backtest")(cli_backtest.backtest)
    main.add_typer(cli_config.commands, name="config")
    main.add_typer(cli_db.commands, name="db")
    main.add_typer(cli_demo.commands, name="demo")
    main.add_typer(cli_loadtest.commands, name="loadtest")
    main.command("match")(cli_match.match)
    main.add_typer(cli_mcp.commands, name="mcp")


_groups()
