"""Tables of text for a terminal of 80 columns, where a Korean letter takes two."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size

WIDTH = 80
_GAP = "  "


def columns(rows: Sequence[Sequence[str]], right: str = "", width: int = WIDTH) -> list[str]:
    """Rows as aligned lines; `right` has an `r` for each column that is set to the right.

    Where they are too wide, the widest column that is set to the left gives way.
    """
    if not rows:
        return []
    sizes = [max(cell_len(text) for text in each) for each in zip_longest(*rows, fillvalue="")]
    sides = [side == "r" for side in right.ljust(len(sizes), "l")]
    over = sum(sizes) + len(_GAP) * (len(sizes) - 1) - width
    while over > 0:
        left = [i for i, is_right in enumerate(sides) if not is_right and sizes[i] > 8]
        if not left:
            break
        widest = max(left, key=lambda i: sizes[i])
        cut = min(over, sizes[widest] - 8)
        sizes[widest] -= cut
        over -= cut
    return [_GAP.join(_cell(t, sizes[i], sides[i]) for i, t in enumerate(row)).rstrip()
            for row in rows]  # fmt: skip


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
