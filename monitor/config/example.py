"""The commented configuration: every key with its default, made from the models themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from textwrap import wrap
from typing import Any

from monitor.config.errors import comment, has_comment
from monitor.config.keys import Key, Table, tables

_WIDTH, _WIDTH_WIDE = 95, 55  # of letters that take two columns
_SET_BY_HAND = {  # what has no default: a value to begin with
    "access_log": "access.log",
    "certfile": "monitor.pem",
    "keyfile": "monitor.key",
}


def example_text() -> str:
    """The whole example in the language that is spoken, valid as it stands."""
    parts = ["\n".join(_comment(comment("head")))]
    parts += ["\n".join(_table(table)) for table in tables()]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> Iterator[str]:
    """A table of ours stands open; a receiver is one only once somebody names it."""
    mark = "# "
    if table.path.startswith("receivers."):
        mark = "#"  # the whole table is taken away or set
        yield from _comment(comment("receiver"))
        yield f"#[{table.path}]"
    elif table.path:
        yield f"[{table.path}]"
    is_cron = any(key.name == "cron" and key.default for key in table.keys)
    for key in table.keys:
        if is_cron and key.name == "every_seconds":  # only one of the two holds
            continue
        told = comment(comment_key(table.path, key.name))
        yield from _comment(f"{told} {comment('unset')}" if key.default is None else told)
        yield f"{mark}{key.name} = {_toml(_shown(key))}"


def comment_key(path: str, name: str) -> str:
    """Where the comment of a key stands: its own, or that of every check."""
    if path.endswith(".alert"):
        path = "alerts"
    own = f"table.{path}.{name}" if path else f"table.{name}"
    return f"check.{name}" if path.startswith("checks.") and not has_comment(own) else own


def _comment(text: str) -> list[str]:
    """Twice marked, so that whoever takes one mark away is left with settings."""
    width = _WIDTH if text.isascii() else _WIDTH_WIDE
    return [f"## {line}" for line in wrap(text, width, break_long_words=False)]


def _shown(key: Key) -> Any:
    return _SET_BY_HAND[key.name] if key.default is None else key.default


def _toml(value: Any) -> str:
    if isinstance(value, Enum):
        return _toml(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, (str, Path)):
        return json.dumps(str(value), ensure_ascii=False)
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def _key(key: Any) -> str:
    text = str(key)
    return text if text.replace("_", "").replace("-", "").isalnum() else json.dumps(text)
