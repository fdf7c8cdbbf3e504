"""Variables from a file of one's own: for programs that are started without one's environment."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from pathlib import Path

from monitor.domain.statement import InvalidError

_LINE = re.compile(r"\A(?:export\s++)?([A-Za-z_]\w*+)=(.*)")
_OTHERS = 0o077


def load_env_file(path: Path, env: MutableMapping[str, str]) -> None:
    """Add the NAME=value lines of a file that nobody else can read.

    What is set already stays. InvalidError: the file cannot be used (never with a value in it).
    """
    try:
        mode, text = path.stat().st_mode, path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError("env_file_unreadable", file=str(path), error=str(error)) from None
    if mode & _OTHERS:
        raise InvalidError("env_file_open", file=str(path))
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise InvalidError("env_file_line", file=str(path), line=number)
        env.setdefault(match[1], _unquoted(match[2].strip()))


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value
