"""A load test from the command line: begun, shown while it runs, told when it is over."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from monitor.domain.load_test.preflight import Refusal
from monitor.load_tests.runner import Consent
from monitor.scheduling.shutdown import ShutdownRequested
from monitor.text.load_test_values import progress_line

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.domain.load_test.plan import Plan
    from monitor.domain.load_test.progress import Progress as Far
    from monitor.text.catalog import Catalog

LINE_SECONDS = 5.0
_LOOK_SECONDS = 0.5


def run_test(app: App, plan: Plan, consent: Consent, ended: ShutdownRequested, quiet: bool) -> int:
    """Run it to its end, or until `ended` is set; its number. A refusal ends the command."""
    swept = app.loads.sweep()
    if swept and not quiet:
        numbers = ", #".join(map(str, swept))
        typer.echo(app.catalog.say("loadtest.run.swept", numbers=numbers))
    number = app.loads.start(plan, consent)
    if isinstance(number, Refusal):
        refuse(app.catalog, number)
    if quiet:
        _wait(app, number, ended, lambda far: None)
    else:
        _show(app, number, ended)
    return number


def refuse(catalog: Catalog, refusal: Refusal) -> NoReturn:
    """Say why no run begins, and end with 4."""
    text = catalog.say(f"reason.{refusal.code}.text", **refusal.params)
    lines = [catalog.say("loadtest.run.refused", text=text)]
    if refusal.code in _FORCEABLE:
        lines.append(catalog.say("loadtest.run.anyway"))
    typer.echo("\n".join(lines), err=True)
    raise typer.Exit(4)


_FORCEABLE = (
    *("load_outside_hours", "load_platform_critical", "load_platform_unseen"),
    "load_incident_open",
)


def _show(app: App, number: int, ended: ShutdownRequested) -> None:
    console = Console()
    far = app.loads.progress(number)
    _say_started(app, number)
    if not console.is_terminal:
        _wait(app, number, ended, _Lines(app.catalog))
        return
    with ExitStack() as held:
        columns = (
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.description}"),
        )
        bar = held.enter_context(Progress(*columns, console=console, transient=True))
        task = bar.add_task(app.catalog.say("loadtest.run.waiting"), total=1.0)

        def update(far: Far) -> None:
            bar.update(
                task, completed=far.share or 0.0, description=progress_line(far, app.catalog)
            )

        if far is not None:
            update(far)
        _wait(app, number, ended, update)


def _say_started(app: App, number: int) -> None:
    from monitor.store.load_tests import load_test

    with app.store.read() as tx:
        run = load_test(tx, number)
    if run is not None:
        told = {"rate": run.options.get("rate"), "seconds": run.options.get("seconds")}
        about = {"number": number, "scenario": run.scenario, "target": run.target}
        typer.echo(app.catalog.say("loadtest.run.started", **about, **told))


def _wait(app: App, number: int, ended: ShutdownRequested, tell: Any) -> None:
    is_stopping = False
    while not app.loads.wait(number, _LOOK_SECONDS):
        if ended.is_set() and not is_stopping:
            is_stopping = True
            app.loads.stop(number)
            typer.echo(app.catalog.say("loadtest.run.stopping"), err=True)
        far = app.loads.progress(number)
        if far is not None and not far.is_over:
            tell(far)


class _Lines:
    """Where there is no terminal: a line every few seconds."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._told_at = time.monotonic()

    def __call__(self, far: Far) -> None:
        now = time.monotonic()
        if now - self._told_at >= LINE_SECONDS:
            self._told_at = now
            typer.echo(progress_line(far, self._catalog))
