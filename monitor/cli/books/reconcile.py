"""The command that looks at the books right now: what is new, since a time, or all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import ConfigOption, build, fail, load, refuse

if TYPE_CHECKING:
    from monitor.config.models import Config
    from monitor.domain.books.reconciliation import Reconciled
    from monitor.text.catalog import Catalog


def reconcile(
    full: Annotated[bool, typer.Option("--full")] = False,
    shard: str = "",
    since: Annotated[
        str,
        typer.Option(
            metavar="T",
        ),
    ] = "",
    only: Annotated[str, typer.Option(metavar="L1,L5")] = "",
    out: Annotated[Path | None, typer.Option("--csv", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    config: ConfigOption = None,
) -> None:
    """Look at the books now, and list every break of them; records nothing."""
    from monitor.recording.reconcile import reconcile_now
    from monitor.text.plain.discrepancies import reconciled_json
    from monitor.text.terminal.discrepancies import show_reconciled

    settings = load(config)
    start = _start(since, settings) if since else None
    if full and start:
        refuse("full_since")
    _check(settings, shard, out)
    names = tuple(name.strip().upper() for name in only.split(",") if name.strip())
    app = build(settings, senders={})
    try:
        with _progress(app.catalog, full) as progress:
            result = reconcile_now(
                app.store,
                app.runner.platform,
                app.options_of("reconciliation"),
                app.clock,
                full=full,
                since=start,
                shard=shard,
                only=names,
                progress=progress,
            )
    except ValueError as error:
        fail(error)
    finally:
        app.close()
    if as_json:
        data = reconciled_json(result, app.catalog)
        typer.echo(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        show_reconciled(result, app.catalog)
    if out is not None:
        _write(out, result, app.catalog)
    raise typer.Exit(result.status.exit_code)


def _start(text: str, settings: Config) -> datetime:
    from monitor.cli.books.time_input import moment_before

    now = datetime.now(settings.zone)
    try:
        return moment_before(text, now)
    except ValueError as error:
        fail(error)


def _check(settings: Config, shard: str, out: Path | None) -> None:
    """What would fail after a long look is refused before it."""
    from monitor.cli.books.csv_file import CsvError, check_target
    from monitor.text.catalog import Catalog
    from monitor.text.plain.discrepancies import COLUMNS

    database = settings.platform.database
    if database.via != "direct":
        fail(Catalog(settings.language, settings.zone).say("reconcile.no_shards"))
    if shard and shard not in database.urls:
        refuse("no_shard", given=shard, known=", ".join(database.urls))
    if out is not None:
        try:
            check_target(out, COLUMNS)
        except CsvError as error:
            fail(error)


@contextmanager
def _progress(catalog: Catalog, is_full: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error; the rows of a sweep, or that something is going on."""
    from monitor.cli.progress import rows_bar

    title = catalog.say("reconcile.sweeping" if is_full else "reconcile.looking")
    with rows_bar(title, catalog.say("reconcile.rows")) as progress:
        yield progress


def _write(out: Path, result: Reconciled, catalog: Catalog) -> None:
    from monitor.cli.books.csv_file import CsvError, write
    from monitor.text.plain.discrepancies import COLUMNS, break_row

    try:
        count = write(out, COLUMNS, (break_row(one, result, catalog) for one in result.breaks))
    except CsvError as error:
        fail(error)
    typer.echo(catalog.say("reconcile.written", count=count, path=out), err=True)
