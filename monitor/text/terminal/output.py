"""Tables and paragraphs on standard output: as wide as the terminal, unbroken elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from io import StringIO
from itertools import zip_longest

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

NARROW = 80  # where no terminal shows it: what is read in a mail or a ticket
_ROOMY = 100  # columns from which there is room for what is only good to know
_WIDE = 160  # where no terminal shows them, lines are not broken early


def is_wide() -> bool:
    """Whether lines may be long."""
    console = Console()
    return not console.is_terminal or console.width >= _ROOMY


def printed(parts: Iterable[RenderableType], width: int = _WIDE) -> None:
    """Print; a `str` as it is, other parts in lines of `width` where there is no terminal."""
    console = Console(highlight=False)
    if console.is_terminal:
        _print(parts, console)
        return
    asked = os.environ.get("COLUMNS", "")  # whoever exports it wants so many
    width = min(width, int(asked)) if asked.isdecimal() and int(asked) else width
    held = Console(highlight=False, width=width, file=StringIO())
    _print(parts, held)
    text = held.file.getvalue()  # type: ignore[attr-defined]
    console.file.write("".join(f"{line.rstrip()}\n" for line in text.splitlines()))


def told(lines: Iterable[str]) -> None:
    """Print lines; a terminal breaks them between words, set in as far as they begin."""
    console = Console(highlight=False)
    for line in lines:
        if console.is_terminal:
            inner = line.lstrip(" ")
            inset = len(line) - len(inner)
            console.print(indented(inner, inset))
        else:
            console.file.write(f"{line}\n")


def _print(parts: Iterable[RenderableType], console: Console) -> None:
    for part in parts:
        if isinstance(part, str):
            console.print(Text(part), soft_wrap=True)
        else:
            console.print(part)


def table(rows: Iterable[Sequence[str | Text]], sides: str, heads: Sequence[str] = ()) -> Table:
    """Rows in columns set to the left (l) or right (r); one of sort f folds where room is short."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    made.show_header = bool(heads)
    for side, head in zip_longest(sides, heads, fillvalue=""):
        is_right, folds = side == "r", side == "f"
        made.add_column(
            Text(head),
            justify="right" if is_right else "left",
            no_wrap=not folds,
            overflow="fold" if folds else "ellipsis",
        )
    for row in rows:
        made.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    return made


def indented(part: str | Text | Table, by: int) -> Padding:
    """A paragraph or a table set in from the left."""
    return Padding(Text(part) if isinstance(part, str) else part, (0, 0, 0, by))
