"""What a match of a PG settlement file came to, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from monitor.domain.books.settlement_match import BREAKS, Outcome, SettlementMatch
from monitor.text.catalog import Catalog
from monitor.text.filters import clean, krw, number
from monitor.text.terminal.observed import finding_lines
from monitor.text.terminal.output import printed, table

_ORDER = (
    Outcome.MATCHED,
    Outcome.ELSEWHERE,
    *BREAKS,
    Outcome.ACCEPTED,
    Outcome.UNMOVED,
    Outcome.UNJUDGED,
)


def show_match(match: SettlementMatch, catalog: Catalog) -> None:
    """Print the counts, the first breaks of each kind, and what to do."""
    printed(_parts(match, catalog))


def _parts(match: SettlementMatch, catalog: Catalog) -> Iterator[RenderableType]:
    if match.tally:
        shards = match.shard or catalog.say("match.all_shards")
        about = {"file": match.file, "days": match.days, "zone": match.zone, "shards": shards}
        yield catalog.say("match.title", **about)
        heads = [catalog.say(f"match.{name}") for name in ("outcome", "count", "refunds", "amount")]
        yield table(_counts(match.tally, catalog), "lrrr", heads)
        breaks = list(_breaks(match, catalog))
        if breaks:
            heads = [catalog.say(f"match.{name}") for name in ("outcome", "side", "difference")]
            yield table(breaks, "fff", heads)
    for finding in match.verdict.findings:
        yield "\n".join(finding_lines(finding, catalog, None))  # times with their date


def _counts(tally: Mapping[str, Any], catalog: Catalog) -> Iterator[list[Text]]:
    for outcome in _ORDER:
        count = tally["counts"].get(outcome, 0)
        if count or outcome is Outcome.MATCHED or outcome in BREAKS:
            refunds = number(tally["refunds"].get(outcome, 0))
            amount = f"{tally['amounts_krw'].get(outcome, 0):,.0f}"
            style = "bold" if outcome in BREAKS and count else ""
            cells = (_name(outcome, catalog), number(count), refunds, amount)
            yield [Text(cell, style=style) for cell in cells]
    for word, passed in tally.get("passed_over", {}).items():
        named = catalog.say("match.passed_over", word=clean(word, 40))
        yield [Text(named), Text(number(passed))]
    if tally["bad_lines"]:
        bad = (catalog.say("match.bad_line"), number(tally["bad_lines"]))
        yield [Text(cell, style="bold") for cell in bad]


def _name(outcome: str, catalog: Catalog) -> str:
    return catalog.say("match.amount_outcome" if outcome == Outcome.AMOUNT else f"match.{outcome}")


def _breaks(match: SettlementMatch, catalog: Catalog) -> Iterator[tuple[str, str, str]]:
    """The first rows of each kind."""
    for outcome in BREAKS:
        for row in match.tally["rows"].get(outcome, ())[: match.rows_max]:
            yield _cells(row, catalog)


def _cells(row: Mapping[str, Any], catalog: Catalog) -> tuple[str, str, str]:
    where = catalog.say("match.line", line=row["line"]) if row["line"] is not None else ""
    if row["payment_id"] is not None:
        payment = {"shard": row["shard"] or "?", "payment": row["payment_id"]}
        where = ", ".join(filter(None, (where, catalog.say("match.row", **payment))))
    amounts = (row[key] for key in ("file_krw", "our_krw") if row[key] is not None)
    money = " ≠ ".join(dict.fromkeys(krw(amount, catalog.language) for amount in amounts))
    kind = catalog.say(f"match.{row['kind']}")
    what = f"{kind} {clean(row['transaction_id'], 40)} {money} {row['our_status']}"
    return _name(row["outcome"], catalog), where, " ".join(what.split())
