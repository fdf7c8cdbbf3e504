"""How the first lines of a PG settlement file are read, for a person who sets up its layout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from checks.settlement_file.layout import Layout
from checks.settlement_file.reader import PART, header_problem, places_of, read_row, unreadable
from checks.settlement_file.rows import FileRows, kind_of_file, opened_text
from checks.sources.facts.psp import BadLine, Line
from checks.sources.facts.unavailable import Fact, Unavailable, Why


@dataclass(frozen=True, slots=True)
class Explained:
    """A line of the file: what stands in the mapped columns, and what was made of it.

    `outcome` is a Line, a BadLine, or the word of a kind that is passed over.
    """

    number: int
    given: dict[str, str]
    outcome: Line | BadLine | str


def explain(path: Path, layout: Layout, count: int = 10) -> Fact[list[Explained]]:
    """The first lines; or why the file cannot be read as configured."""
    try:
        with path.open("rb") as raw:
            if kind := kind_of_file(raw):
                about = {"file": path.name, "kind": kind}
                return Unavailable(PART, Why.GARBLED, "pg_file_kind", about)
            source = FileRows(opened_text(raw, layout.encoding), raw, layout)
            return _explained(source, path, layout, count)
    except OSError as error:
        return unreadable(path, error)
    except (UnicodeError, EOFError) as error:
        return unreadable(path, OSError(0, str(error)[:80]))


def _explained(source: FileRows, path: Path, layout: Layout, count: int) -> Fact[list[Explained]]:
    rows, header = source.rows(), list[str]()
    if layout.has_header:
        header = next((row for _, row in rows if row), [])
        if problem := header_problem(path, header, layout):
            return problem
    source.width = len(header)
    places, found = places_of(header, layout), list[Explained]()
    for number, row in rows:
        if row:
            given = {name: row[at] for name, at in places.items() if at < len(row)}
            found.append(Explained(number, given, read_row(row, places, layout, number)))
        if len(found) == count:
            break
    spoilt = [Explained(bad.number, {}, bad) for bad in source.bad]
    return sorted((*found, *spoilt), key=lambda each: each.number)[:count]
