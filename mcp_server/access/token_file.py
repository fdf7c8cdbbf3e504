"""Files of tokens: one a line, for their owner's eyes only; one of them is the monitor's own."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from monitor.domain.statement import InvalidError

_BYTES_MAX = 64_000
_OTHERS = 0o077
_ROOT = 0


def tokens_in(file: Path) -> tuple[str, ...]:
    """The tokens of a file; InvalidError if it has none, or somebody else may read or write it."""
    try:
        text = _text(file)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InvalidError("token_file_unreadable", file=str(file), error=why) from None
    lines = (line.strip() for line in text.splitlines())
    found = tuple(line for line in lines if line and not line.startswith("#"))
    if not found:
        raise InvalidError("token_file_empty", file=str(file))
    if any(not token.isascii() or not token.isprintable() or " " in token for token in found):
        raise InvalidError("token_file_line", file=str(file))
    return found


def _text(file: Path) -> str:
    opened = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would wait for ever
    with os.fdopen(opened, "rb") as source:
        state = os.fstat(opened)
        if not stat.S_ISREG(state.st_mode):
            raise InvalidError("token_file_kind", file=str(file))
        if state.st_mode & _OTHERS or state.st_uid not in (_ROOT, os.geteuid()):
            raise InvalidError("token_file_open", file=str(file))
        text = source.read(_BYTES_MAX + 1)
    if len(text) > _BYTES_MAX:
        raise InvalidError("token_file_kind", file=str(file))
    return text.decode("utf-8")


def own_token_file(database: Path) -> Path:
    """Where the monitor's own token stands: beside its database."""
    return database.with_name(f"{database.name}.token")


def own_token(database: Path) -> Path:
    """The file of the monitor's own token, made now if there is none; InvalidError if it cannot."""
    file = own_token_file(database)
    if not file.exists():
        try:
            _make(file)
        except OSError as error:
            why = error.strerror or str(error)
            raise InvalidError("token_file_unwritable", file=str(file), error=why) from None
    tokens_in(file)
    return file


def _make(file: Path) -> None:
    """Whole or not at all: another process that starts in the same moment makes it as well."""
    opened, begun = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # of mode 0600
    try:
        with os.fdopen(opened, "w", encoding="ascii") as target:
            target.write(secrets.token_urlsafe(32) + "\n")
        with suppress(FileExistsError):
            os.link(begun, file)
    finally:
        Path(begun).unlink()
