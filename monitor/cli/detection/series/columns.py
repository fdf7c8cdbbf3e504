"""Which columns of a file hold the time, the name of a series, and the values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from monitor.cli.detection.series.values import NumberSurvey
from monitor.domain.books.time_forms import choose_form

_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?")
_REPEATED_SHARE = 0.05  # of times that stand more than once: then several series stand below
_NAMES_MAX = 200


@dataclass(frozen=True, slots=True)
class Columns:
    """Places in a row. `clock`: a time of day beside its date; `name` None: one series a column.

    `values`: what each column of numbers is called; `left`: those that hold none.
    """

    time: int
    values: dict[int, str]
    clock: int | None = None
    name: int | None = None
    left: tuple[str, ...] = ()

    def time_text(self, row: Sequence[str]) -> str:
        """The whole time of a row."""
        text = row[self.time]
        has_clock = self.clock is not None and self.clock < len(row)
        return f"{text} {row[self.clock]}" if has_clock and self.clock is not None else text


def choose_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Columns:
    """By the first rows; a column of nothing but 0 and 1 beside others is a mark, no series."""
    width = max((len(row) for row in rows), default=2)
    cells = [[row[c] for row in rows if c < len(row)] for c in range(width)]
    time = next((c for c in range(width) if _is_time(cells[c])), 0)
    clock = _clock(cells, time)
    others = [c for c in range(width) if c not in (time, clock)]
    surveys = {c: _survey(cells[c]) for c in others}
    numbers = [c for c in others if surveys[c].is_number]
    measured = [c for c in numbers if not surveys[c].flags] or numbers[:1] or others[:1]
    names = {c: header[c] if c < len(header) and header[c] else str(c + 1) for c in range(width)}
    left = tuple(names[c] for c in others if c not in measured)
    return Columns(time, {c: names[c] for c in measured}, clock, None, left)


def _is_time(cells: Sequence[str]) -> bool:
    chosen = choose_form(cells)
    forms = (chosen.form,) if chosen.form else chosen.rivals
    read = max((sum(f.read(text) is not None for text in cells) for f in forms if f), default=0)
    return 2 * read >= len(cells) > 0


def _clock(cells: Sequence[Sequence[str]], time: int) -> int | None:
    place = time + 1
    if place >= len(cells) or any(":" in text for text in cells[time]):
        return None
    is_clock = all(_CLOCK.fullmatch(text) for text in cells[place]) and cells[place]
    return place if is_clock else None


def _survey(cells: Sequence[str]) -> NumberSurvey:
    survey = NumberSurvey()
    for text in cells:
        survey.add(text)
    return survey


def repeats(texts: Sequence[str]) -> bool:
    """Whether so many times stand more than once that the rows must be of several series."""
    return len(texts) - len(set(texts)) > _REPEATED_SHARE * len(texts)


def name_candidates(columns: Columns, width: int) -> list[int]:
    """The columns that may hold the names of series: texts first, then numbers."""
    others = [c for c in range(width) if c not in (columns.time, columns.clock)]
    spare = [c for c in others if len(columns.values) > 1 or c not in columns.values]
    return sorted(spare, key=lambda c: c in columns.values)


def named_by(columns: Columns, counted: dict[int, tuple[int, int]], rows: int) -> Columns:
    """With the first candidate whose names tell rows of the same time apart.

    `counted`: of each candidate how many names, and how many pairs of time and name, it has.
    """
    for place, (names, pairs) in counted.items():
        if names <= _NAMES_MAX and rows - pairs <= _REPEATED_SHARE * rows:
            values = {c: name for c, name in columns.values.items() if c != place}
            return replace(columns, name=place, values=values)
    return columns
