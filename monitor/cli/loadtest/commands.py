"""Commands on load tests: read results of k6, list and show runs, compare them."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import ConfigOption, catalog_of, fail, given_length, opened

if TYPE_CHECKING:
    from monitor.store.database import Store
    from monitor.text.catalog import Catalog

commands = typer.Typer(no_args_is_help=True, help="Load tests: run, read, compare.")
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ScenarioOption = Annotated[str, typer.Option(help="Only runs of this scenario.")]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)]


@commands.command()
def run(
    scenario: Annotated[
        str, typer.Argument(help="A scenario of ours, or a k6 script [as set].")
    ] = "",
    duration: Annotated[str, typer.Option(help="How long: 30s, 5m [as the scenario says].")] = "",
    rate: Annotated[int, typer.Option(min=0, help="Payments begun in a second.")] = 0,
    target: Annotated[str, typer.Option(help="Another one of the targets allowed.")] = "",
    production: Annotated[bool, typer.Option("--production", help="It may be production.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Whatever the hour and health.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Run a load test now. Exit code: 0 passed, 1 thresholds crossed, 3 invalid, 4 not started."""
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
    paths: Annotated[list[Path], typer.Argument(help="Results of k6 of any shape, or folders.")],
    scenario: Annotated[str, typer.Option(help="What they are runs of [from the name].")] = "",
    target: Annotated[str, typer.Option(help="What they were run against.")] = "",
    at: Annotated[
        str, typer.Option(help="When, for files that do not tell: 2026-11-22T04:00")
    ] = "",
    every: Annotated[str, typer.Option(help="How far apart those files are: 7d, 1h, 30m")] = "1m",
    mtime: Annotated[bool, typer.Option("--mtime", help="Take the files' own time.")] = False,
    exit_code: Annotated[int | None, typer.Option(help="What k6 ended with, if known.")] = None,
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
            fail(f"--at {at!r}: a time such as 2026-11-22T04:00 is expected")
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
    scenario: ScenarioOption = "",
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
            typer.echo(catalog.say("loadtest.none"))


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
    before: Annotated[int, typer.Argument(help="The number of the earlier run.")],
    now: Annotated[int, typer.Argument(help="The number of the later run.")],
    everything: Annotated[bool, typer.Option("--all", help="Every metric and statistic.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """One run against another. Exit code 1 if they cannot be compared."""
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
    metric: Annotated[str, typer.Argument(help="As in k6: http_req_duration{name:authorize}")],
    statistic: Annotated[str, typer.Option("--statistic", "-s", help="p(95), med, rate")] = "",
    scenario: ScenarioOption = "",
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
    numbers: Annotated[list[int] | None, typer.Argument(help="The runs; all if none.")] = None,
    format: Annotated[
        str, typer.Option(help="json, csv, or raw: the file as k6 wrote it")
    ] = "json",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file [to the screen].")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Give runs away: every value of every run, or the file that k6 wrote."""
    from monitor.cli.loadtest.export import exported
    from monitor.text.catalog import Catalog

    if format not in ("json", "csv", "raw"):
        fail(f"--format {format!r}: json, csv or raw is expected")
    with opened(config) as (settings, store), store.read() as tx:
        catalog = Catalog(settings.language, settings.zone)
        try:
            content, count = exported(tx, numbers or [], format, _soon(), catalog)
        except ValueError as error:
            fail(str(error))
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
    files: Annotated[list[Path], typer.Argument(help="Results of k6 of one scenario, in order.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON line a run.")] = False,
    config: ConfigOption = None,
) -> None:
    """Judge runs one after the other, as if each were the newest. Nothing is stored.

    Exit code: 0 if at least one run could be judged by itself, 3 if none was valid.
    """
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
