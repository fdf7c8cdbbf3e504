"""What is said about a receiver: it takes nothing, it works again, or this is a test."""

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
class DeliveryView:
    """Sentences; no text in here is escaped, and all of it is bounded."""

    header: str
    summary: str
    text: str
    action: str
    action_heading: str
    context: tuple[str, ...]


def delivery_view(payload: Mapping[str, Any], catalog: Catalog) -> DeliveryView:
    """The news of a receiver, in one language."""
    kind = payload["kind"]
    params = _params(payload)
    symbol = DOTS[Status.CRIT if kind == "failing" else Status.OK]
    header = cut(f"{symbol} {catalog.say(f'delivery.{kind}_title', **params)}", 148)
    action = "refused_action" if payload.get("refused") else f"{kind}_action"
    return DeliveryView(
        header=header,
        summary=header,
        text=cut(catalog.say(f"delivery.{kind}_text", **params), 1500),
        action=catalog.say(f"delivery.{action}", **params) if kind == "failing" else "",
        action_heading=catalog.say("message.action_heading"),
        context=(catalog.say("message.simulated"),) if payload.get("simulated") else (),
    )


def _params(payload: Mapping[str, Any]) -> dict[str, Any]:
    since = datetime.fromisoformat(payload["since"])
    until = datetime.fromisoformat(payload.get("until") or payload["since"])
    return {
        "receiver": clean(payload["receiver"], 60),
        "error": clean(payload.get("error", ""), 300),
        "refused": bool(payload.get("refused")),
        "waiting": payload.get("waiting", 0),
        "since": since,
        "until": until,
        "seconds": (until - since).total_seconds(),
    }
