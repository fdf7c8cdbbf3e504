"""Commands on the monitor's own database."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, fail, load, opened

commands = typer.Typer(no_args_is_help=True, help="Look after the monitor's own database.")


@commands.command()
def migrate(config: ConfigOption = None) -> None:
    """Create the database, or bring it to this version's schema."""
    from monitor.store.database import StoreError, head
    from monitor.store.database import migrate as upgrade

    settings = load(config)
    try:
        upgrade(settings.database)
    except StoreError as error:
        fail(str(error))
    typer.echo(f"{settings.database} is at schema {head()}")


@commands.command()
def stats(config: ConfigOption = None) -> None:
    """Rows and bytes, table by table."""
    from monitor.store.upkeep.stats import stats as measure
    from monitor.text.terminal.output import indented, printed, table

    with opened(config) as (_, store):
        found = measure(store)
    typer.echo(f"{found.path}: {found.file_bytes:,} bytes, {found.free_bytes:,} of them free")
    typer.echo(f"snapshots from {found.oldest_at} to {found.newest_at}")
    by_size = sorted(found.tables.items(), key=lambda item: -(item[1].bytes or 0))
    rows = (
        (name, f"{t.rows:,} rows", "" if t.bytes is None else f"{t.bytes:,} bytes")
        for name, t in by_size
    )
    printed([indented(table(rows, "lrr"), 2)])


@commands.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The new file.")], config: ConfigOption = None
) -> None:
    """Copy the database to a new file, consistent while the monitor runs."""
    from monitor.store.database import StoreError
    from monitor.store.upkeep.backup import backup as copy

    settings = load(config)
    try:
        size = copy(settings.database, file)
    except StoreError as error:
        fail(str(error))
    typer.echo(f"{file}: {size:,} bytes")


@commands.command()
def prune(config: ConfigOption = None) -> None:
    """Delete what is older than the configuration keeps (the scheduler does so every hour)."""
    from monitor.store.upkeep.prune import prune as clean

    with opened(config) as (settings, store):
        kept = settings.retention
        done = clean(store, datetime.now(UTC), kept.raw_days, kept.history_years)
    for table, rows in done.rows.items():
        typer.echo(f"{table}: {rows:,} rows deleted")
    typer.echo("done" if done.finished else "not finished; run it again")
