"""Tables and paragraphs on standard output: as wide as the terminal, unbroken elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO

from rich.console import Console, RenderableType

_ROOMY = 100  # columns from which there is room for what is only good to know
_WIDE = 160  # where no terminal shows them, lines are not broken early


def is_wide() -> bool:
    """Whether lines may be long."""
    console = Console()
    return not console.is_terminal or console.width >= _ROOMY


def printed(parts: Iterable[RenderableType]) -> None:
    """Print; blanks at the ends of lines are of use on a terminal only."""
    console = Console(highlight=False)
    if console.is_terminal:
        for part in parts:
            console.print(part)
        return
    held = Console(highlight=False, width=_WIDE, file=StringIO())
    for part in parts:
        held.print(part)
    text = held.file.getvalue()  # type: ignore[attr-defined]
    console.file.write("".join(f"{line.rstrip()}\n" for line in text.splitlines()))
