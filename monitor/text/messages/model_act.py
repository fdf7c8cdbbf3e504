"""What is said when a model keeps something quiet: who asked for it, how long it holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from monitor.text.catalog import Catalog
from monitor.text.filters import clean, cut
from monitor.text.messages.monitor import MonitorView

_SYMBOL = "🔕"


def model_act_view(payload: Mapping[str, Any], catalog: Catalog) -> MonitorView:
    """The news of an act of a model, in one language."""
    state, params = payload["state"], _params(payload)
    header = cut(f"{_SYMBOL} {catalog.say(f'model_act.{state}_title', **params)}", 148)
    return MonitorView(
        header=header,
        summary=header,
        text=cut(catalog.say(f"model_act.{state}_text", **params), 1500),
        action=catalog.say(f"model_act.{state}_action", **params),
        action_heading=catalog.say("message.action_heading"),
    )


def _params(payload: Mapping[str, Any]) -> dict[str, Any]:
    at = datetime.fromisoformat(payload["at"])
    return {
        "number": payload["number"],
        "subject": clean(payload["subject"]),
        "who": clean(payload["who"]),
        "until": payload["until"] and datetime.fromisoformat(payload["until"]),
        "comment": clean(payload["comment"]),
        "_now": at,
    }
