"""The breaks of the books on a terminal: a table for each broken invariant, and their ages."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from monitor.domain.books.discrepancies import money_in
from monitor.domain.books.reconciliation import FoundBreak, Reconciled
from monitor.domain.check import Status
from monitor.text.catalog import Catalog
from monitor.text.filters import clean, clock, duration, krw, number
from monitor.text.plain.discrepancies import (
    ages,
    details_text,
    extent_text,
    groups,
    look_text,
    unavailable_text,
)
from monitor.text.symbols import DOTS
from monitor.text.terminal.output import indented, is_wide, printed, table

ROWS_SHOWN = 20  # of one invariant on one shard; a CSV has all


def show_reconciled(result: Reconciled, catalog: Catalog) -> None:
    """Print what was looked at, the breaks, their ages, and what could not be examined."""
    printed(_parts(result, catalog))


def _parts(result: Reconciled, catalog: Catalog) -> Iterator[RenderableType]:
    for look in result.looks:
        yield Text(look_text(look, result, catalog))
        yield Text(extent_text(look, result, catalog))
    for shard, invariant, severity, ones in groups(result):
        at_least = (shard, invariant) in result.truncated
        yield Text("")
        yield Text(_heading(shard, invariant, severity, ones, at_least, catalog), style="bold")
        yield indented(catalog.say(f"invariant.{invariant}.text"), 3)
        yield indented(_table(ones[:ROWS_SHOWN], result, catalog), 3)
        if len(ones) > ROWS_SHOWN:
            more = catalog.say("reconcile.more", count=len(ones) - ROWS_SHOWN)
            yield indented(more, 3)
    yield Text("")
    if result.breaks:
        yield Text(catalog.say("reconcile.ages"), style="bold")
        yield indented(_ages(result, catalog), 3)
        yield Text("")
    yield from _unavailable(result, catalog)
    yield Text(_verdict(result, catalog), style="bold")


def _heading(
    shard: str,
    invariant: str,
    severity: Status,
    ones: list[FoundBreak],
    at_least: bool,
    catalog: Catalog,
) -> str:
    amount = sum(found.one.amount_krw for found in ones)
    said = catalog.say(
        "reconcile.broken",
        shard=catalog.name("reconcile.shard", shard),
        invariant=invariant,
        count=len(ones),
        at_least=at_least,
        amount_krw=amount,
    )
    return f"{DOTS[severity]} {said}"


def _table(ones: list[FoundBreak], result: Reconciled, catalog: Catalog) -> Table:
    names = ("row", "payment", "amount", "first_seen", "age", "details")[: 6 if is_wide() else 5]
    rows = [
        (*_cells(found, result, catalog), details_text(found, catalog))
        for found in ones[:ROWS_SHOWN]
    ]
    heads = [catalog.say(f"reconcile.{name}") for name in names]
    return table((row[: len(heads)] for row in rows), "lrrllf"[: len(heads)], heads)


def _cells(found: FoundBreak, result: Reconciled, catalog: Catalog) -> tuple[str, ...]:
    one, language = found.one, catalog.language
    amount = krw(one.amount_krw, language) if one.amount_krw else ""
    first = clock(one.first_seen_at, catalog.zone, language, result.at)
    seconds = (result.at - one.first_seen_at).total_seconds()
    return (
        str(clean(one.key, 40)),
        "" if one.payment_id is None else str(one.payment_id),
        amount,
        catalog.say("reconcile.now") if found.is_new else first,
        "" if found.is_new else duration(seconds, language),
    )


def _ages(result: Reconciled, catalog: Catalog) -> Table:
    rows = (
        (
            catalog.say(f"reconcile.{bucket.name}"),
            number(bucket.count),
            krw(bucket.amount_krw, catalog.language),
        )
        for bucket in ages(result)
    )
    return table(rows, "lrr")


def _unavailable(result: Reconciled, catalog: Catalog) -> Iterator[RenderableType]:
    if result.unavailable:
        yield Text(catalog.say("reconcile.not_examined"), style="bold")
        for finding in result.unavailable:
            text = f"{DOTS[Status.UNKNOWN]} {unavailable_text(finding, catalog)}"
            yield indented(text, 3)
        yield Text("")
    if result.full_only:
        yield Text(catalog.say("reconcile.full_only", names=", ".join(result.full_only)))
    if result.together_only:
        yield Text(catalog.say("reconcile.together_only", names=", ".join(result.together_only)))


def _verdict(result: Reconciled, catalog: Catalog) -> str:
    well = "well" if result.is_whole else "well_so_far"
    key = well if result.status is Status.OK else "unknown" if not result.breaks else "breaks"
    amount = money_in(found.one for found in result.breaks)
    said = catalog.say(f"reconcile.{key}", count=len(result.breaks), amount_krw=amount)
    return f"{DOTS[result.status]} {said}"
