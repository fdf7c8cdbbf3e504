"""Block Kit as a page that looks as Slack does: for pictures of messages, and for a test of it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

STYLE = """
* { margin: 0; box-sizing: border-box }
body { background: #fff; width: 600px; color: #1d1c1d; word-break: keep-all;
  overflow-wrap: anywhere;
  font: 15px/1.45 Lato, "Noto Sans", "Noto Sans CJK KR", "Noto Color Emoji", sans-serif }
.message { overflow: hidden; padding: 10px 16px 12px 60px; position: relative }
.face { position: absolute; left: 14px; top: 13px; width: 34px; height: 34px; border-radius: 6px;
  background: #1f6f5c; color: #fff; font-weight: 700; font-size: 18px; text-align: center;
  line-height: 34px }
.name { font-weight: 700 }
.app { background: #e8e8e8; color: #616061; font-size: 10px; font-weight: 700; padding: 1px 4px;
  border-radius: 2px; margin: 0 6px; vertical-align: 1px }
.time, .context { color: #616061; font-size: 12px }
.header { font-size: 18px; font-weight: 700; line-height: 1.35; margin: 4px 0 8px }
.section { margin: 8px 0; white-space: pre-wrap }
.fields { display: grid; grid-template-columns: 1fr 1fr; gap: 4px 16px }
.context { margin: 6px 0 2px }
.context span + span { margin-left: 10px }
.divider { border-top: 1px solid #ddd; margin: 10px 0 }
.bar { border-left: 4px solid #ddd; padding-left: 12px; margin: 6px 0 }
.button { display: inline-block; border: 1px solid #bbb; border-radius: 4px; padding: 3px 12px;
  font-weight: 700; margin-right: 8px }
.section b + br { display: none }
a { color: #1264a3; text-decoration: none }
code { background: #f6f6f6; border: 1px solid #ddd; border-radius: 3px; color: #c01343;
  font-size: 12px; padding: 0 3px }
img { max-width: 100%; display: block; border-radius: 4px; margin: 6px 0 }
"""
_LINK = re.compile(r"&lt;(https?://[^|&]+)\|([^&]*)&gt;")


def page(messages: Iterable[str], language: str) -> str:
    """A page of messages, one below the other."""
    body = "".join(messages)
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f"<style>{STYLE}</style><body>{body}</body></html>"
    )


def message(
    blocks: Iterable[Mapping[str, Any]], at: str, attachments: Iterable[Mapping[str, Any]] = ()
) -> str:
    """One message of the app, as it stands in a channel."""
    bars = "".join(_attachment(each) for each in attachments)
    return (
        '<div class="message"><div class="face">p</div><span class="name">paypulse</span>'
        f'<span class="app">APP</span><span class="time">{html.escape(at)}</span>'
        f"{''.join(map(block, blocks))}{bars}</div>"
    )


def block(made: Mapping[str, Any]) -> str:
    """One block as HTML; KeyError for a kind that Slack shows and this page does not know."""
    return _BLOCKS[made["type"]](made)


def _attachment(made: Mapping[str, Any]) -> str:
    color = html.escape(str(made.get("color", "#ddd")))
    inner = "".join(map(block, made.get("blocks", ())))
    return f'<div class="bar" style="border-color: {color}">{inner}</div>'


def _header(made: Mapping[str, Any]) -> str:
    return f'<div class="header">{_text(made["text"])}</div>'


def _section(made: Mapping[str, Any]) -> str:
    text = _text(made["text"]) if "text" in made else ""
    cells = "".join(f"<div>{_text(field)}</div>" for field in made.get("fields", ()))
    fields = f'<div class="fields">{cells}</div>' if cells else ""
    return f'<div class="section">{text}{fields}</div>'


def _context(made: Mapping[str, Any]) -> str:
    parts = "".join(f"<span>{_text(each)}</span>" for each in made["elements"])
    return f'<div class="context">{parts}</div>'


def _actions(made: Mapping[str, Any]) -> str:
    buttons = (f'<span class="button">{_text(each["text"])}</span>' for each in made["elements"])
    return f'<div class="section">{"".join(buttons)}</div>'


def _image(made: Mapping[str, Any]) -> str:
    url, words = html.escape(made["image_url"]), html.escape(made["alt_text"])
    return f'<img src="{url}" alt="{words}">'


def _text(made: Mapping[str, Any]) -> str:
    shown = html.escape(made["text"], quote=False)
    return _marked(shown) if made["type"] == "mrkdwn" else shown


def _marked(escaped: str) -> str:
    """Slack's own marks; what it escapes itself came escaped, and is so once."""
    once = re.sub(r"&amp;(amp|lt|gt);", r"&\1;", escaped)
    linked = _LINK.sub(r'<a href="\1">\2</a>', once)
    bold = re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", linked)
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", bold)


_BLOCKS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "image": _image,
    "divider": lambda made: '<div class="divider"></div>',
}
