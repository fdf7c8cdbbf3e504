"""Progress of long work: a bar on a terminal, a line for each tenth elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
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
        if (tenths := int(10 * done / total)) > told:
            told = tenths
            typer.echo(f"{title}: {10 * tenths} %")

    return advance
