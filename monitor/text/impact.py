"""What an incident does to payments, in a line: the same wherever an incident is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monitor.domain.incident.impact import NOT_COUNTED, Impact
from monitor.text.catalog import Catalog


def impact_line(impact: Impact, catalog: Catalog) -> str:
    """How many payments and how much money, by kind; empty if it touches none."""
    if not impact:
        return ""
    if set(impact) == {NOT_COUNTED}:
        return catalog.say("impact.unknown")
    parts = [
        catalog.say("impact.part", name=catalog.name("impact_kind", kind), **each)
        for kind, each in impact.items()
        if kind != NOT_COUNTED
    ]
    return catalog.say("impact.line", parts=", ".join(parts))


def impact_beside(impact: Impact, params: Mapping[str, Any], catalog: Catalog) -> str:
    """The line beside a title with these parameters; empty if the title says as much already."""
    told = (params.get("count"), params.get("amount_krw"))
    counted = [(each.get("count"), each.get("krw")) for each in impact.values()]
    is_told = counted == [told] and None not in told
    return "" if is_told else impact_line(impact, catalog)
