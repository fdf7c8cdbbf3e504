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
    from checks.books.by_hand import ReconcileRequest
    from monitor.app import App
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
    out: Annotated[Path | None, typer.Option("--csv", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    config: ConfigOption = None,
) -> None:
    """Look at the books now, and list every break of them; records nothing."""
    from monitor.text.plain.discrepancies import reconciled_json
    from monitor.text.terminal.discrepancies import show_reconciled

    settings = load(config)
    start = _start(since, settings) if since else None
    if full and start:
        refuse("full_since")
    _check(settings, shard, out)
    app = build(settings, senders={})
    try:
        result = _looked(app, _request(app, full, start, shard))
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


def _request(app: App, full: bool, start: datetime | None, shard: str) -> ReconcileRequest:
    from checks.books.by_hand import ReconcileRequest
    from checks.reconciliation import CHECK
    from monitor.config.plan import configured
    from monitor.store.passes.memory import memory_of

    options = configured(app.config, CHECK.name)
    with app.store.read() as tx:
        memory = memory_of(tx, CHECK.name)
    return ReconcileRequest(options, memory, full, start, shard)


def _looked(app: App, request: ReconcileRequest) -> Reconciled:
    from checks.books.by_hand import reconcile as looked

    with _progress(app.catalog, request) as progress:
        return looked(app.runner.platform, request, app.clock, progress)


@contextmanager
def _progress(catalog: Catalog, request: ReconcileRequest) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error; the rows of a sweep, or that something is going on."""
    from monitor.cli.progress import rows_bar

    title = catalog.say("reconcile.sweeping" if request.is_full else "reconcile.looking")
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
