"""What the strings of the file are filled with: `${NAME}` of the environment, `${file:PATH}`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_REFERENCE = re.compile(r"\$\{(?:file:([^}]+)|(\w+))\}")
_SECRET_BYTES_MAX = 65_536


class FillError(Exception):
    """A string that cannot be filled; the text says why."""


def filled(data: Mapping[str, Any], env: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The data with every reference replaced, and a line for each key where that failed."""
    wrong: list[str] = []

    def fill(value: Any, path: str) -> Any:
        if isinstance(value, Mapping):
            return {
                key: fill(item, f"{path}.{key}" if path else key) for key, item in value.items()
            }
        if isinstance(value, list):
            return [fill(item, f"{path}.{place}") for place, item in enumerate(value)]
        try:
            return _text(value, env) if isinstance(value, str) else value
        except FillError as error:
            wrong.append(f"{path}: {error}")
            return value

    return fill(dict(data), ""), wrong


def _text(value: str, env: Mapping[str, str]) -> str:
    text = _REFERENCE.sub(lambda match: _referred(match, env), value)
    for sign in _unprintable(text):
        raise FillError(f"it holds a character that cannot be printed (U+{ord(sign):04X})")
    return text


def _referred(match: re.Match[str], env: Mapping[str, str]) -> str:
    """Without the line end that an editor or `echo` left behind, and the mark before it."""
    path, name = match[1], match[2]
    if path is None and name not in env:
        raise FillError(f"the environment variable {name} is not set")
    text = env[name] if path is None else _content(path)
    return text.removeprefix("\ufeff").strip(" \t\r\n")


def _content(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(_SECRET_BYTES_MAX + 1)
    except (OSError, ValueError, RuntimeError) as error:
        said = getattr(error, "strerror", None) or error
        raise FillError(f"the file {path} cannot be read: {said}") from None
    if len(content) > _SECRET_BYTES_MAX:
        raise FillError(f"the file {path} is longer than {_SECRET_BYTES_MAX} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise FillError(f"the file {path} is not written in UTF-8") from None


def _unprintable(text: str) -> Iterator[str]:
    return (c for c in text if c != "\t" and (ord(c) < 32 or 127 <= ord(c) < 160 or _is_half(c)))


def _is_half(sign: str) -> bool:
    """Half of a character, as undecodable bytes of an environment come."""
    return 0xD800 <= ord(sign) < 0xE000
