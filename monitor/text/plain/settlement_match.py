"""What a match of a PG settlement file came to, as plain data."""

from __future__ import annotations

from typing import Any

from monitor.domain.books.settlement_match import SettlementMatch
from monitor.text.catalog import Catalog

_KEPT = ("lines", "bad_lines", "counts", "amounts_krw", "refunds", "rows", "bad", "passed_over")


def match_json(match: SettlementMatch, catalog: Catalog) -> dict[str, Any]:
    """The counts, the first rows of each outcome, and the findings in words."""
    return {
        "status": match.verdict.status.value,
        "file": match.file,
        "days": match.days,
        "findings": [
            {
                "code": f.code,
                "subject": f.subject,
                "status": f.status.value,
                "title": catalog.finding(f).title,
                "text": catalog.finding(f).text,
            }
            for f in match.verdict.findings
        ],
    } | {key: match.tally[key] for key in _KEPT if key in match.tally}
