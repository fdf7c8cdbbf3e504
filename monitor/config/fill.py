"""What the strings of the file are filled with: `${NAME}` of the environment, `${file:PATH}`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monitor.config.errors import said
from monitor.domain.statement import InvalidError

_REFERENCE = re.compile(r"\$\{(?:file:([^}]+)|(\w+))\}")
_SECRET_BYTES_MAX = 65_536


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
        except InvalidError as error:
            wrong.append(f"{path}: {said(error)}")
            return value

    return fill(dict(data), ""), wrong


def _text(value: str, env: Mapping[str, str]) -> str:
    text = _REFERENCE.sub(lambda match: _referred(match, env), value)
    for sign in _unprintable(text):
        raise InvalidError("unprintable", sign=f"U+{ord(sign):04X}")
    return text


def _referred(match: re.Match[str], env: Mapping[str, str]) -> str:
    """Without the line end that an editor or `echo` left behind, and the mark before it."""
    path, name = match[1], match[2]
    if path is None and name not in env:
        raise InvalidError("variable", name=name)
    text = env[name] if path is None else _content(path)
    return text.removeprefix("\ufeff").strip(" \t\r\n")


def _content(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(_SECRET_BYTES_MAX + 1)
    except (OSError, ValueError, RuntimeError) as error:
        told = str(getattr(error, "strerror", None) or error)
        raise InvalidError("secret_file", file=path, error=told) from None
    if len(content) > _SECRET_BYTES_MAX:
        raise InvalidError("secret_file_long", file=path, bytes=_SECRET_BYTES_MAX)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidError("secret_file_bytes", file=path) from None


def _unprintable(text: str) -> Iterator[str]:
    return (c for c in text if c != "\t" and (ord(c) < 32 or 127 <= ord(c) < 160 or _is_half(c)))


def _is_half(sign: str) -> bool:
    """Half of a character, as undecodable bytes of an environment come."""
    return 0xD800 <= ord(sign) < 0xE000
