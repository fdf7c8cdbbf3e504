"""Block Kit: the blocks of a message, within Slack's limits whatever the content.

Limits of docs.slack.dev: 50 blocks, 3000 characters a section, 150 a header, 10 elements a
context; and some 10,000 characters in all, which is not documented but enforced. Platform text
stands in plain_text only: there it can neither mention, link nor format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from monitor.text.messages.delivery import DeliveryView
from monitor.text.messages.incident import IncidentView
from monitor.text.messages.load_test import LoadView
from monitor.text.messages.monitor import MonitorView
from monitor.text.messages.report import ReportView
from monitor.text.messages.sections import Part

BLOCKS_MAX = 50
SECTION_MAX = 3000
HEADER_MAX = 150
ELEMENTS_MAX = 10
TOTAL_MAX = 9500
TEXT_MAX = 3000
FIGURES_MAX = 14
_JOINER = "\u2060"  # word joiner: shows nothing, and parts what Slack would make a link of
_DIVIDER: Mapping[str, Any] = {"type": "divider"}
Block = Mapping[str, Any]


def incident_blocks(view: IncidentView) -> tuple[Block, ...]:
    """An incident: what it is and since when, what follows from it, what to do, its data."""
    return fit(
        [
            *_header(view.header),
            *_plain(view.text),
            *_plain(view.when),
            *_plain(view.impact),
            *_listed(view.links),
            *_under(view.remaining_heading, _listed(view.remaining)),
            *_under(view.consequences_heading, _listed(view.consequences)),
            *_under(view.action_heading, _plain(view.action)),
            *_under(view.evidence_heading, _listed(view.evidence)),
            *_link(view.url, view.url_text),
            *_context(view.context),
        ]
    )


def delivery_blocks(view: DeliveryView) -> tuple[Block, ...]:
    """The news of a receiver: what it is, and what to do."""
    action = _under(view.action_heading, _plain(view.action))
    return fit([*_header(view.header), *_plain(view.text), *action, *_context(view.context)])


def monitor_blocks(view: MonitorView) -> tuple[Block, ...]:
    """News of the monitor itself: what it is, and what to do."""
    action = _under(view.action_heading, _plain(view.action))
    return fit([*_header(view.header), *_plain(view.text), *action])


def report_blocks(view: ReportView) -> tuple[Block, ...]:
    """A daily or weekly report: its verdict, then part by part."""
    parts = [block for part in view.parts for block in _part(part)]
    return fit([*_opening(view), *parts, *_context(view.context)])


def _part(part: Part) -> Iterator[Block]:
    yield from _heading(part.heading)
    yield from _listed(map(str, part.lines))
    yield from _listed(row.line for row in part.figures[:FIGURES_MAX])


def load_test_blocks(view: LoadView) -> tuple[Block, ...]:
    """The report of a load test: its verdict, then section by section."""
    sections = [block for s in view.sections for block in (*_heading(s.heading), *_listed(s.lines))]
    return fit([*_opening(view), *sections, *_context(view.context)])


def load_chart_blocks(view: LoadView) -> tuple[Block, ...]:
    """The chart of a load test where no picture can be sent: a line of bars."""
    return fit(_plain(view.chart_line))


def _opening(view: ReportView | LoadView) -> list[Block]:
    return [*_header(f"{view.symbol} {view.title}"), *_plain(view.headline), _DIVIDER]


def fit(made: Sequence[Block]) -> tuple[Block, ...]:
    """Blocks within the limits: what is too much is cut from the end, the last block stays."""
    if not made:
        return ()
    *body, last = made
    room = TOTAL_MAX - block_size(last)
    kept: list[Block] = []
    for block in body[: BLOCKS_MAX - 1]:
        size = block_size(block)
        if size > room:
            shortened = _shorten(block, room)
            kept += [shortened] if shortened else []
            break
        kept.append(block)
        room -= size
    return (*kept, last)


def _shorten(block: Block, room: int) -> Block | None:
    text = block.get("text")
    if room < 20 or not text or text["type"] != "plain_text":
        return None
    return {**block, "text": {**text, "text": cut_units(text["text"], room)}}


def block_size(block: Block) -> int:
    """The characters of a block's texts."""
    texts = [block["text"]] if "text" in block else block.get("elements", [])
    return sum(units(text["text"]) for text in texts)


def units(text: str) -> int:
    """The length of a text as JavaScript counts it: an emoji is two."""
    return len(text) + sum(1 for ch in text if ord(ch) > 0xFFFF)


def cut_units(text: str, limit: int) -> str:
    """Text of at most `limit` of those units; an ellipsis marks what is missing."""
    if units(text) <= limit:
        return text
    kept = text[: limit - 1]
    while units(kept) > limit - 1:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def escape(text: str) -> str:
    """Text for mrkdwn: the three characters by which Slack knows mentions and links."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def quiet(text: str, limit: int = TEXT_MAX) -> str:
    """Top-level text that mentions nobody and links nothing, whatever it quotes."""
    parted = text.replace("@", "@" + _JOINER).replace("://", ":" + _JOINER + "//")
    return escape(cut_units(parted, limit))


def _plain_text(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": cut_units(text, limit), "emoji": False}


def _header(text: str) -> list[Block]:
    return [{"type": "header", "text": _plain_text(text, HEADER_MAX)}] if text else []


def _plain(text: str) -> list[Block]:
    return [{"type": "section", "text": _plain_text(text, SECTION_MAX)}] if text else []


def _marked(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _heading(text: str) -> list[Block]:
    """One of our own headings, in bold; the marks of bold themselves are taken out of it."""
    return [_marked(f"*{escape(cut_units(text.replace('*', ''), 200))}*")] if text else []


def _under(heading: str, content: Sequence[Block]) -> list[Block]:
    return [*_heading(heading), *content] if content else []


def _listed(lines: Iterable[str]) -> list[Block]:
    """Lines as few sections as hold them."""
    parts: list[str] = []
    for line in (cut_units(f"• {line}", 1000) for line in lines):
        if parts and units(parts[-1]) + units(line) < SECTION_MAX:
            parts[-1] = f"{parts[-1]}\n{line}"
        else:
            parts.append(line)
    return [block for part in parts for block in _plain(part)]


def _link(url: str, text: str) -> list[Block]:
    if not url.startswith(("https://", "http://")) or len(url) > 1000:
        return []
    address = escape(url).replace("|", "%7C")
    label = escape(text).replace("|", "/")
    return [_marked(f"<{address}|{label}>")]


def _context(lines: Iterable[str]) -> list[Block]:
    elements = [_plain_text(line, 300) for line in lines if line][:ELEMENTS_MAX]
    return [{"type": "context", "elements": elements}] if elements else []
