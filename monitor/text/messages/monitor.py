"""What is said about the monitor itself: what it cannot use or lacks, and that this is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitor.domain.check import Status
from monitor.text.catalog import Catalog
from monitor.text.filters import clean, cut
from monitor.text.symbols import DOTS


@dataclass(frozen=True, slots=True)
class MonitorView:
    """Sentences; no text in here is escaped, and all of it is bounded."""

    header: str
    summary: str
    text: str
    action: str
    action_heading: str


def monitor_view(payload: Mapping[str, Any], catalog: Catalog) -> MonitorView:
    """News of the monitor itself, in one language."""
    about = "descriptor_news" if payload.get("about") == "descriptor_news" else "monitor_news"
    state = "over" if payload["state"] == "over" else "failing"
    params = _params(payload)
    symbol = DOTS[Status.OK if state == "over" else Status.CRIT]
    header = cut(f"{symbol} {catalog.say(f'{about}.{state}_title', **params)}", 148)
    return MonitorView(
        header=header,
        summary=header,
        text=cut(catalog.say(f"{about}.{state}_text", **params), 1500),
        action="" if state == "over" else catalog.say(f"{about}.failing_action", **params),
        action_heading=catalog.say("message.action_heading"),
    )


def _params(payload: Mapping[str, Any]) -> dict[str, Any]:
    since, until = (datetime.fromisoformat(payload[key]) for key in ("since", "until"))
    return {
        "reason": clean(payload["reason"], 300),
        "database": clean(payload.get("database", ""), 200),
        "since": since,
        "until": until,
        "seconds": max((until - since).total_seconds(), 0),
        "_now": until,
    }
