"""What a matched PG settlement file comes to: findings and metrics out of its tally."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from monitor.domain.books.settlement_match import BREAKS, Outcome
from monitor.domain.check import Finding, Metric, Params, Status


class TellOptions(Protocol):
    """Which outcomes wake somebody, and how many rows are shown."""

    @property
    def critical(self) -> tuple[str, ...]: ...
    @property
    def evidence_max(self) -> int: ...


def told(day: str, tally: Mapping[str, Any], options: TellOptions) -> Iterator[Finding]:
    """A finding for each kind of break, and for the lines that cannot be read."""
    for outcome in BREAKS:
        if tally["counts"].get(outcome):
            yield _finding(day, outcome, tally, options)
    if tally["bad_lines"]:
        first = tally["bad"][0]
        params: Params = {
            "day": day,
            "file": tally["file"],
            "count": tally["bad_lines"],
            "lines": tally["lines"] + tally["bad_lines"],
            "line": first["line"],
            "line_reason": first["reason"],
            "column": first["column"],
            "text": first["text"],
        }
        rows = tally["bad"][: options.evidence_max]
        yield Finding("pg_lines_bad", Status.WARN, day, params, tuple(rows), passes_required=1)


def _finding(day: str, outcome: Outcome, tally: Mapping[str, Any], options: TellOptions) -> Finding:
    status = Status.CRIT if outcome in options.critical else Status.WARN
    rows = tally["rows"].get(outcome, ())
    params: Params = {
        "day": day,
        "file": tally["file"],
        "outcome": outcome.value,
        "count": tally["counts"][outcome],
        "refunds": tally["refunds"].get(outcome, 0),
        "amount_krw": tally["amounts_krw"][outcome],
        "first_payment_id": next((r["payment_id"] for r in rows if r["payment_id"]), None),
    }
    evidence = tuple(_shown(row) for row in rows[: options.evidence_max])
    return Finding(
        "pg_break", status, f"{day}/{outcome.value}", params, evidence, passes_required=1
    )


def _shown(row: Params) -> Params:
    """A row without what it does not have, and without what the finding says already."""
    return {k: v for k, v in row.items() if v not in (None, "") and k != "outcome"}


def metrics_of(tally: Mapping[str, Any]) -> Iterator[Metric]:
    """How well a day's file and our rows agree."""
    counts, amounts = tally["counts"], tally["amounts_krw"]
    yield Metric("pg_file_lines", tally["lines"])
    yield Metric("pg_file_bad_lines", tally["bad_lines"])
    yield Metric("pg_file_breaks", sum(counts.get(outcome, 0) for outcome in BREAKS))
    yield Metric("pg_file_breaks_krw", sum(amounts.get(outcome, 0) for outcome in BREAKS))
    matched = counts.get(Outcome.MATCHED, 0) + counts.get(Outcome.ELSEWHERE, 0)
    decided = matched + sum(counts.get(outcome, 0) for outcome in BREAKS)
    if decided:
        yield Metric("pg_file_matched_percent", 100 * matched / decided)
