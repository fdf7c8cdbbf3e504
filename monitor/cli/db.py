"""Commands on the monitor's own database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, catalog_in, fail, load, opened, store_failed

commands = typer.Typer(no_args_is_help=True)


@commands.command()
def migrate(config: ConfigOption = None) -> None:
    """Create the database, or bring it to this version's schema."""
    from monitor.store.database import StoreError, head
    from monitor.store.database import migrate as upgrade

    settings = load(config)
    try:
        upgrade(settings.database)
    except StoreError as error:
        fail(store_failed(settings, error))
    say = catalog_in(settings).say
    typer.echo(say("db.migrated", path=str(settings.database), schema=head()))


@commands.command()
def stats(config: ConfigOption = None) -> None:
    """Rows and bytes, table by table."""
    from monitor.store.upkeep.stats import stats as measure
    from monitor.text.terminal.output import indented, printed, table

    with opened(config) as (settings, store):
        found = measure(store)
    say = catalog_in(settings).say
    path, free = str(found.path), found.free_bytes
    typer.echo(say("db.size", path=path, bytes=found.file_bytes, free=free))
    typer.echo(say("db.span", oldest=found.oldest_at, newest=found.newest_at))
    by_size = sorted(found.tables.items(), key=lambda item: -(item[1].bytes or 0))
    rows = (
        (
            name,
            say("db.rows", rows=t.rows),
            "" if t.bytes is None else say("db.bytes", bytes=t.bytes),
        )
        for name, t in by_size
    )
    printed([indented(table(rows, "lrr"), 2)])


@commands.command()
def backup(file: Annotated[Path, typer.Argument()], config: ConfigOption = None) -> None:
    """Copy the database to a new file, consistent while the monitor runs."""
    from monitor.domain.statement import InvalidError
    from monitor.store.database import StoreError
    from monitor.store.upkeep.backup import backup as copy

    settings = load(config)
    try:
        size = copy(settings.database, file)
    except InvalidError as error:
        fail(error)
    except StoreError as error:
        fail(store_failed(settings, error))
    typer.echo(catalog_in(settings).say("db.copied", path=str(file), bytes=size))


@commands.command()
def prune(config: ConfigOption = None) -> None:
    """Delete what is older than the configuration keeps (the scheduler does so every hour)."""
    from monitor.store.upkeep.prune import prune as clean

    with opened(config) as (settings, store):
        kept = settings.retention
        done = clean(store, datetime.now(UTC), kept.raw_days, kept.history_years)
    say = catalog_in(settings).say
    for table, rows in done.rows.items():
        typer.echo(say("db.pruned", table=table, rows=rows))
    typer.echo(say("db.done" if done.finished else "db.unfinished"))
