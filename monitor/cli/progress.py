"""Progress of long work: a bar on a terminal, a line for each tenth elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress_bar(title: str, total: float) -> Iterator[Callable[[float], None]]:
    """How far the work is: call what comes with what is done so far, of `total`."""
    columns = (TextColumn(title), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn()) as progress:
        if not progress.console.is_terminal:
            yield _tenths(title, total)
            return
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)


def _tenths(title: str, total: float) -> Callable[[float], None]:
    told = 0

    def advance(done: float) -> None:
        nonlocal told
        if (tenths := int(10 * done / total) if total else 10) > told:
            told = tenths
            typer.echo(f"{title}: {10 * tenths} %")

    return advance


@contextmanager
def rows_bar(title: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """On standard error, how many rows of how many are done; before any, that work goes on."""
    columns = (TextColumn(title), BarColumn(), TextColumn("{task.fields[rows]}"))
    console = Console(stderr=True)
    if not console.is_terminal:
        typer.echo(f"{title} …", err=True)
        yield _tenths_of_rows(title, unit)
        return
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task(title, total=None, rows="")

        def advance(done: int, total: int) -> None:
            rows = f"{done:,} / {total:,} {unit}"
            progress.update(task, completed=done, total=total, rows=rows)

        yield advance


def _tenths_of_rows(title: str, unit: str) -> Callable[[int, int], None]:
    told = 0

    def advance(done: int, total: int) -> None:
        nonlocal told
        if total and (tenths := 10 * done // total) > told:
            told = tenths
            typer.echo(f"{title}: {done:,} / {total:,} {unit}", err=True)

    return advance
