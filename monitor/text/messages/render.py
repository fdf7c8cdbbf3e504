"""The renderer of one receiver: messages as text, Slack blocks or HTML, in its language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from monitor.domain.delivery import Message, Picture, SlackContent
from monitor.text.catalog import Catalog
from monitor.text.messages.chart import png
from monitor.text.messages.delivery import delivery_view
from monitor.text.messages.incident import incident_view
from monitor.text.messages.layout import render
from monitor.text.messages.load_test import load_view
from monitor.text.messages.model_act import model_act_view
from monitor.text.messages.monitor import monitor_view
from monitor.text.messages.plain_text import (
    delivery_text,
    incident_text,
    load_chart_text,
    load_test_text,
    monitor_text,
    report_text,
)
from monitor.text.messages.report import report_view
from monitor.text.messages.slack import (
    Block,
    delivery_blocks,
    incident_blocks,
    load_chart_blocks,
    load_test_blocks,
    monitor_blocks,
    quiet,
    report_blocks,
)

__all__ = ["Catalog", "MessageRenderer", "renderer"]


def renderer(language: str, timezone: str) -> MessageRenderer:
    """The renderer of a language, with times in the zone of that name."""
    return MessageRenderer(Catalog(language, ZoneInfo(timezone)))


@dataclass(frozen=True, slots=True)
class MessageRenderer:
    """Implements domain.delivery.Renderer with one language's words."""

    catalog: Catalog

    def text(self, message: Message) -> str:
        """The whole message as plain text."""
        return _KINDS[message.kind].text(self._view(message))

    def slack(self, message: Message) -> SlackContent:
        """The message as Slack takes it."""
        view = self._view(message)
        return SlackContent(quiet(view.summary), _KINDS[message.kind].blocks(view))

    def picture(self, message: Message) -> Picture | None:
        """The chart of a load test's report."""
        if message.kind != "load_chart":
            return None
        view = self._view(message)
        name = f"{message.key.replace(':', '-')}.png"
        return Picture(name, view.chart_title, view.chart_line, png(message.payload, self.catalog))

    def html(self, message: Message) -> str:
        """The message as a page that needs nothing else; reports only."""
        return render(f"html/{message.kind}.html.j2", view=self._view(message))

    def _view(self, message: Message) -> Any:
        return _KINDS[message.kind].view(message.payload, self.catalog)


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one kind of message is made: its view, and the view as text and as blocks."""

    view: Callable[[Mapping[str, Any], Catalog], Any]
    text: Callable[[Any], str]
    blocks: Callable[[Any], tuple[Block, ...]]


_KINDS = {
    "incident": _Kind(incident_view, incident_text, incident_blocks),
    "report": _Kind(report_view, report_text, report_blocks),
    "load_test": _Kind(load_view, load_test_text, load_test_blocks),
    "load_chart": _Kind(load_view, load_chart_text, load_chart_blocks),
    "delivery": _Kind(delivery_view, delivery_text, delivery_blocks),
    "monitor": _Kind(monitor_view, monitor_text, monitor_blocks),
    "model_act": _Kind(model_act_view, monitor_text, monitor_blocks),
}
