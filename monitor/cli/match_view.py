"""What a match of a PG settlement file came to, as tables or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from checks.pg_file import Options
from checks.settlement_file.findings import told
from checks.settlement_file.match import BREAKS, Outcome
from checks.settlement_file.probe import Matched
from checks.sources.facts.unavailable import Unseen, blind, blinds
from monitor.domain.check import Finding, Verdict
from monitor.text.catalog import Words
from monitor.text.filters import clean, krw, number
from monitor.text.terminal.listing import finding_lines

_ORDER = (
    Outcome.MATCHED,
    Outcome.ELSEWHERE,
    *BREAKS,
    Outcome.ACCEPTED,
    Outcome.UNMOVED,
    Outcome.UNJUDGED,
)
_WIDTH_MIN = 100


@dataclass(frozen=True, slots=True)
class Result:
    """What was found in a file, or why nothing was."""

    file: str
    found: Matched | Unseen
    options: Options
    shard: str = ""

    @property
    def days(self) -> str:
        """The days that were matched."""
        if isinstance(self.found, Unseen):
            return ""
        first, last = self.found.first.isoformat(), self.found.last.isoformat()
        return first if first == last else f"{first} – {last}"

    @property
    def tally(self) -> Mapping[str, Any]:
        """The counts, as a check's memory keeps them."""
        if isinstance(self.found, Unseen):
            return {}
        return {**self.found.tally.remembered(), "file": self.file}

    @property
    def verdict(self) -> Verdict:
        """As bad as the worst of it; a shard that is not seen makes it unknown."""
        return Verdict.of(self._findings())

    def _findings(self) -> Iterator[Finding]:
        if isinstance(self.found, Unseen):
            yield blind(self.found)
            return
        yield from told(self.days, self.tally, self.options)
        yield from blinds((unseen, "") for unseen in self.found.unseen)


def show(result: Result, words: Words) -> None:
    """The counts, the first breaks of each kind, and what to do."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, _WIDTH_MIN))
    if result.tally:
        shards = result.shard or words.say("match.all_shards")
        about = {"file": result.file, "days": result.days, "zone": result.options.zone}
        typer.echo(words.say("match.title", **about, shards=shards))
        console.print(_counts(result, words))
        breaks = _breaks(result, words)
        if breaks.row_count:
            console.print(breaks)
    for finding in result.verdict.findings:
        typer.echo("\n".join(finding_lines(finding, words, _NO_DAY)))


_NO_DAY: Any = None  # times are told with their date


def _counts(result: Result, words: Words) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(words.say("match.outcome"))
    for name in ("count", "refunds", "amount"):
        table.add_column(words.say(f"match.{name}"), justify="right")
    tally = result.tally
    for outcome in _ORDER:
        count = tally["counts"].get(outcome, 0)
        if count or outcome is Outcome.MATCHED or outcome in BREAKS:
            amount = tally["amounts_krw"].get(outcome, 0)
            refunds = tally["refunds"].get(outcome, 0)
            cells = (_name(outcome, words), number(count), number(refunds), f"{amount:,.0f}")
            table.add_row(*cells, style="bold" if outcome in BREAKS and count else "")
    if tally["bad_lines"]:
        table.add_row(words.say("match.bad_line"), number(tally["bad_lines"]), "", "", style="bold")
    return table


def _name(outcome: str, words: Words) -> str:
    return words.say("match.amount_outcome" if outcome == Outcome.AMOUNT else f"match.{outcome}")


def _breaks(result: Result, words: Words) -> Table:
    """The first rows of each kind; what the PG wrote is shown as plain text."""
    table = Table(box=None, pad_edge=False)
    for name in ("outcome", "side", "difference"):
        table.add_column(words.say(f"match.{name}"), overflow="fold")
    for outcome in BREAKS:
        for row in result.tally["rows"].get(outcome, ())[: result.options.evidence_max]:
            table.add_row(*(Text(cell) for cell in _cells(row, words)))
    return table


def _cells(row: Mapping[str, Any], words: Words) -> tuple[str, str, str]:
    where = words.say("match.line", line=row["line"]) if row["line"] is not None else ""
    if row["payment_id"] is not None:
        payment = {"shard": row["shard"] or "?", "payment": row["payment_id"]}
        where = ", ".join(filter(None, (where, words.say("match.row", **payment))))
    amounts = (row[key] for key in ("file_krw", "our_krw") if row[key] is not None)
    money = " ≠ ".join(dict.fromkeys(krw(amount, words.language) for amount in amounts))
    what = " ".join(
        (
            words.say(f"match.{row['kind']}"),
            clean(row["transaction_id"], 40),
            money,
            row["our_status"],
        )
    )
    return _name(row["outcome"], words), where, " ".join(what.split())


def as_data(result: Result, words: Words) -> dict[str, Any]:
    """The result as plain data."""
    verdict = result.verdict
    data: dict[str, Any] = {
        "status": verdict.status.value,
        "file": result.file,
        "days": result.days,
        "findings": [
            {
                "code": f.code,
                "subject": f.subject,
                "status": f.status.value,
                "title": words.finding(f).title,
                "text": words.finding(f).text,
            }
            for f in verdict.findings
        ],
    }
    kept = ("lines", "bad_lines", "counts", "amounts_krw", "refunds", "rows", "bad")
    return data | {key: result.tally[key] for key in kept if key in result.tally}
