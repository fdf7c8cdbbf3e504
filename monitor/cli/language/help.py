"""The help of every command from templates/<language>/help.toml: no word of it is in the code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from monitor.cli.language.usage import usage_line
from monitor.text.sentences import load_file


def put_into_words(root: Any, language: str) -> None:
    """Give a tree of commands its help; its brackets are no markup."""
    texts = load_file(language, "help")
    _fill(root, {key: text.replace("[", r"\[") for key, text in texts.items()}, "help")


def _fill(command: Any, texts: Mapping[str, str], key: str) -> None:
    command.help = texts.get(f"{key}.text")
    command.get_usage = partial(usage_line, command)
    for parameter in command.params:
        name = _name(parameter)
        parameter.help = texts.get(f"{key}.{name}") or texts.get(f"help.common.{name}")
    for name, each in getattr(command, "commands", {}).items():
        _fill(each, texts, f"{key}.{name}")


def _name(parameter: Any) -> str:
    """As a user types it, without dashes."""
    longest: str = max(parameter.opts, key=len)
    return longest.lstrip("-")
