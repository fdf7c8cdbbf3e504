"""Commands on load tests: read results of k6, list and show runs, compare them."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import ConfigOption, catalog_of, fail, given_length, opened, refuse

if TYPE_CHECKING:
    from monitor.store.database import Store
    from monitor.text.catalog import Catalog

commands = typer.Typer(no_args_is_help=True)
JsonOption = Annotated[bool, typer.Option("--json")]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)]


@commands.command()
def run(
    scenario: Annotated[str, typer.Argument()] = "",
    duration: str = "",
    rate: Annotated[int, typer.Option(min=0)] = 0,
    target: str = "",
    production: Annotated[bool, typer.Option("--production")] = False,
    anyway: Annotated[bool, typer.Option("--anyway")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Run a load test now."""
    from monitor.cli.common import build, load
    from monitor.cli.loadtest.run import run_test
    from monitor.load_tests.runner import Consent
    from monitor.scheduling.shutdown import interruptible

    seconds = round(given_length("--duration", duration).total_seconds()) if duration else 0
    app = build(load(config), senders={})
    given = {"scenario": scenario, "seconds": seconds, "rate": rate, "target": target}
    plan = app.load_plan(**{key: value for key, value in given.items() if value})
    try:
        with interruptible() as ended:
            number = run_test(app, plan, Consent(production, anyway), ended, as_json)
        state = _tell(app.store, app.catalog, number, as_json)
    finally:
        app.close()
    raise typer.Exit({"passed": 0, "failed": 1}.get(state, 3))


@commands.command("import")
def import_(
    paths: Annotated[list[Path], typer.Argument()],
    scenario: str = "",
    target: str = "",
    at: str = "",
    every: str = "1m",
    mtime: Annotated[bool, typer.Option("--mtime")] = False,
    exit_code: int | None = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Read results of k6 into the history. What is no result is named and left alone."""
    from monitor.cli.loadtest.importing import Order, import_files, parsed_time, passed_over
    from monitor.text.catalog import Catalog
    from monitor.text.plain.load_test import import_json
    from monitor.text.terminal.load_test import import_lines, import_total

    with opened(config) as (settings, store):
        time = parsed_time(at, settings.zone) if at else None
        if at and time is None:
            refuse("time", option="--at", given=at)
        order = Order(
            settings.zone, scenario, target, time, given_length("--every", every), mtime, exit_code
        )
        catalog = Catalog(settings.language, settings.zone)
        outcomes = []
        for outcome in import_files(store, paths, order):
            outcomes.append(outcome)
            if as_json:
                typer.echo(json.dumps(import_json(outcome, catalog), ensure_ascii=False))
            else:
                typer.echo("\n".join(import_lines(outcome, catalog)))
    left = passed_over(paths)
    if as_json:
        for path in left:
            typer.echo(json.dumps({"file": str(path), "passed_over": True}, ensure_ascii=False))
    else:
        typer.echo("\n".join(import_total(outcomes, left, catalog)))
    raise typer.Exit(1 if any(outcome.error for outcome in outcomes) else 0)


@commands.command("list")
def list_(
    scenario: str = "",
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """The last runs, newest first."""
    from monitor.load_tests.verdicts import judged_runs
    from monitor.text.catalog import Catalog
    from monitor.text.plain.load_test import judged_json
    from monitor.text.terminal.load_test import list_parts
    from monitor.text.terminal.output import NARROW, printed

    with opened(config) as (settings, store):
        with store.read() as tx:
            runs = judged_runs(tx, _soon(), scenario, limit)
        catalog = Catalog(settings.language, settings.zone)
        if as_json:
            typer.echo(json.dumps([judged_json(run) for run in runs], ensure_ascii=False))
        elif runs:
            printed(list_parts(runs, catalog), NARROW)
        else:
            key = "loadtest.none_of" if scenario else "loadtest.none"
            typer.echo(catalog.say(key, scenario=scenario))


@commands.command()
def show(number: int, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """One run whole: what it measured, and how it stands against those before it."""
    from monitor.text.catalog import Catalog

    with opened(config) as (settings, store):
        _tell(store, Catalog(settings.language, settings.zone), number, as_json)


def _tell(store: Store, catalog: Catalog, number: int, as_json: bool) -> str:
    """A run whole, as text or as JSON; its state."""
    from monitor.load_tests.advice import advice_on
    from monitor.load_tests.platform import platform_during
    from monitor.load_tests.verdicts import judged_run
    from monitor.store.load_tests import raw_file
    from monitor.text.plain.load_test import judged_json, platform_json
    from monitor.text.terminal.load_test import advice_parts, platform_parts, run_parts
    from monitor.text.terminal.output import NARROW, printed

    with store.read() as tx:
        judged = judged_run(tx, number)
        if judged is None:
            fail(catalog.say("loadtest.not_there", number=number))
        kept = raw_file(tx, number)
        meanwhile = platform_during(tx, judged.run, datetime.now(UTC))
    advice = advice_on(judged, meanwhile)
    if as_json:
        found = judged_json(judged, whole=True) | {"platform": platform_json(meanwhile)}
        found |= {"advice": [{"code": each.code, **each.params} for each in advice]}
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        parts = run_parts(judged, catalog, None if kept is None else len(kept))
        after = (*platform_parts(meanwhile, catalog), *advice_parts(advice, catalog))
        printed([*parts, *after], NARROW)
    return judged.run.state


@commands.command()
def diff(
    before: Annotated[int, typer.Argument()],
    now: Annotated[int, typer.Argument()],
    everything: Annotated[bool, typer.Option("--all")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """One run against another."""
    from monitor.domain.load_test.validity import differences
    from monitor.store.load_tests import load_test
    from monitor.text.catalog import Catalog
    from monitor.text.plain.load_test import diff_json
    from monitor.text.terminal.load_test_compare import diff_parts
    from monitor.text.terminal.output import NARROW, printed

    with opened(config) as (settings, store):
        catalog = Catalog(settings.language, settings.zone)
        with store.read() as tx:
            pair = [load_test(tx, each) for each in (before, now)]
    for number, run in zip((before, now), pair, strict=True):
        if run is None:
            fail(catalog.say("loadtest.not_there", number=number))
    old, new = (run for run in pair if run is not None)
    if as_json:
        typer.echo(json.dumps(diff_json(new, old, everything), ensure_ascii=False, indent=2))
    else:
        printed(diff_parts(new, old, catalog, everything), NARROW)
    is_fair = old.is_valid and new.is_valid and not differences(new, old)
    raise typer.Exit(0 if is_fair else 1)


@commands.command()
def trend(
    metric: Annotated[str, typer.Argument()],
    statistic: Annotated[str, typer.Option("--statistic", "-s")] = "",
    scenario: str = "",
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """A value over the last runs, with what is said of it each time."""
    from monitor.load_tests.verdicts import judged_runs
    from monitor.text.catalog import Catalog
    from monitor.text.plain.load_test import trend_json
    from monitor.text.terminal.load_test_compare import trend_parts, trend_values, usual_statistic
    from monitor.text.terminal.output import NARROW, printed

    with opened(config) as (settings, store), store.read() as tx:
        runs = judged_runs(tx, _soon(), scenario, limit)[::-1]
        catalog = Catalog(settings.language, settings.zone)
    wanted = statistic or usual_statistic(runs, metric)
    if as_json:
        typer.echo(json.dumps(trend_json(runs, metric, wanted), ensure_ascii=False))
    else:
        printed(trend_parts(runs, metric, wanted, catalog), NARROW)
    if not trend_values(runs, metric, wanted):
        raise typer.Exit(3)


@commands.command()
def export(
    numbers: Annotated[list[int] | None, typer.Argument()] = None,
    format: str = "json",
    out: Annotated[Path | None, typer.Option("--out", "-o")] = None,
    config: ConfigOption = None,
) -> None:
    """Give runs away: every value of every run, or the file that k6 wrote."""
    from monitor.cli.loadtest.export import exported
    from monitor.text.catalog import Catalog

    if format not in ("json", "csv", "raw"):
        refuse("one_of", option="--format", given=format, known="json, csv, raw")
    with opened(config) as (settings, store), store.read() as tx:
        catalog = Catalog(settings.language, settings.zone)
        try:
            content, count = exported(tx, numbers or [], format, _soon(), catalog)
        except ValueError as error:
            fail(error)
    if out is None:
        sys.stdout.buffer.write(content)
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        fail(f"{out}: {error.strerror}")
    typer.echo(catalog.say("loadtest.exported", count=count, file=str(out)))


@commands.command()
def backtest(
    files: Annotated[list[Path], typer.Argument()],
    as_json: Annotated[bool, typer.Option("--json")] = False,
    config: ConfigOption = None,
) -> None:
    """Judge runs one after the other, as if each were the newest. Nothing is stored."""
    from monitor.cli.loadtest.backtest import backtested
    from monitor.text.plain.load_test import backtest_json
    from monitor.text.terminal.load_test_compare import backtest_parts
    from monitor.text.terminal.output import NARROW, printed

    catalog, runs = catalog_of(config), []
    for run in backtested(files):
        runs.append(run)
        if as_json:
            typer.echo(json.dumps(backtest_json(run, catalog), ensure_ascii=False))
    if not as_json:
        printed(backtest_parts(runs, catalog), NARROW)
    raise typer.Exit(0 if any(run.is_valid for run in runs) else 3)


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(days=365 * 50)
