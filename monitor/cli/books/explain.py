"""`paypulse match --explain`: how the first lines of a PG settlement file are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from checks.pg_file import Options
    from checks.settlement_file.explain import Explained
    from checks.sources.facts.psp import Line
    from monitor.text.catalog import Catalog


def explain_file(file: Path, options: Options, catalog: Catalog) -> int:
    """Print what stands in the mapped columns and what was made of it; 3 if nothing can be."""
    from checks.settlement_file.explain import explain
    from checks.sources.facts.unavailable import Unavailable, monitoring_gap
    from monitor.text.terminal.observed import finding_lines
    from monitor.text.terminal.output import printed, table

    found = explain(file, options)
    if isinstance(found, Unavailable):
        typer.echo("\n".join(finding_lines(monitoring_gap(found), catalog, None)))
        return 3
    typer.echo(catalog.say("match.explained", file=file.name, count=len(found)))
    heads = [catalog.say(f"match.explain_{name}") for name in ("line", "given", "read")]
    printed([table(list(_rows(found, options, catalog)), "rff", heads)])
    return 0


def _rows(
    found: Sequence[Explained], options: Options, catalog: Catalog
) -> Iterator[tuple[str, str, str]]:
    from monitor.text.filters import clean

    for each in found:
        given = ", ".join(f"{name}={text}" for name, text in each.given.items() if text)
        yield str(each.number), str(clean(given, 200)), _outcome(each, options, catalog)


def _outcome(each: Explained, options: Options, catalog: Catalog) -> str:
    from checks.sources.facts.psp import BadLine
    from monitor.text.filters import clean

    outcome = each.outcome
    if isinstance(outcome, str):
        return catalog.say("match.explain_passed_over", word=clean(outcome, 40))
    if isinstance(outcome, BadLine):
        params = {"text": outcome.text, "column": outcome.column}
        return catalog.say(f"pg_line.{outcome.reason}", **params)
    return _line(outcome, options, catalog)


def _line(line: Line, options: Options, catalog: Catalog) -> str:
    from monitor.text.filters import clean, krw

    at = line.at.astimezone(options.place)
    payment = "" if line.payment_id is None else str(line.payment_id)
    told = (
        catalog.say(f"match.{line.kind}"),
        str(clean(line.transaction_id, 40)),
        payment,
        krw(line.amount_krw, catalog.language),
        f"{at:%Y-%m-%d %H:%M:%S}",
        "" if line.is_done else catalog.say("match.explain_failed"),
    )
    return "  ".join(part for part in told if part)
