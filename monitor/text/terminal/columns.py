"""Tables of text for a terminal of 80 columns, where a Korean letter takes two."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size

WIDTH = 80
_GAP = "  "
_NARROW = 8


def columns(rows: Sequence[Sequence[str]], sides: str = "", width: int = WIDTH) -> list[str]:
    """Rows as aligned lines; `sides` has an `r` for each column that is set to the right.

    Where they are too wide, the columns marked `f` give way, else the widest one set to the left.
    """
    if not rows:
        return []
    sizes = [max(cell_len(text) for text in each) for each in zip_longest(*rows, fillvalue="")]
    sides = sides.ljust(len(sizes), "l")
    over = sum(sizes) + len(_GAP) * (len(sizes) - 1) - width
    for kind in ("f", "l"):
        while over > 0:
            able = [i for i, side in enumerate(sides) if side == kind and sizes[i] > _NARROW]
            if not able:
                break
            widest = max(able, key=lambda i: sizes[i])
            cut = min(over, sizes[widest] - _NARROW)
            sizes[widest] -= cut
            over -= cut
    return [
        _GAP.join(_cell(t, sizes[i], sides[i] == "r") for i, t in enumerate(row)).rstrip()
        for row in rows
    ]


def _cell(text: str, size: int, is_right: bool) -> str:
    length = cell_len(text)
    if length > size:
        return set_cell_size(text, size - 1) + "…"
    blank = " " * (size - length)
    return blank + text if is_right else text + blank


def wrapped(text: str, width: int = WIDTH, indent: str = "") -> list[str]:
    """A sentence over several lines, broken between words."""
    lines, line = [], indent
    for word in text.split():
        if line.strip() and cell_len(f"{line} {word}") > width:
            lines.append(line)
            line = indent
        line = f"{line} {word}" if line.strip() else f"{indent}{word}"
    return [*lines, line] if line.strip() else lines
