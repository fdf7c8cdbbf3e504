"""The configuration file of an MCP client: our entries go in, all else stays as it is."""

from __future__ import annotations

import difflib
import json
import math
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from monitor.domain.statement import InvalidError

SERVERS = "mcpServers"
_PRIVATE = 0o600
_TRANSPORT = frozenset({"type", "url", "serverUrl", "headers"})  # of an entry for a remote server


class ClientFileError(InvalidError):
    """The file cannot be used; the text says where and why, and that nothing was changed."""


@dataclass(frozen=True, slots=True)
class ClientFile:
    """A file as it was read: its text, and what that says."""

    path: Path
    text: str
    plain: Mapping[str, Any]

    @property
    def servers(self) -> Mapping[str, Any]:
        """The servers that are in it, by name."""
        found: Mapping[str, Any] = self.plain.get(SERVERS, {})
        return found


def read_client_file(path: Path) -> ClientFile:
    """The file, an empty one if there is none; an error for what is not plain JSON."""
    real = path.resolve()  # a link stays one: what it leads to is written
    try:
        text = real.read_text("utf-8-sig") if real.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ClientFileError("client_unreadable", file=str(path), error=str(error)) from None
    try:
        plain = json.loads(text, **_STRICT) if text.strip() else {}
        json.dumps(plain, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ClientFileError(
            "client_no_json",
            file=str(path),
            line=error.lineno,
            column=error.colno,
            error=error.msg,
            is_comment=_is_comment(text, error.lineno),
        ) from None
    except UnicodeEncodeError:
        raise ClientFileError("client_half", file=str(path)) from None
    except InvalidError as error:
        raise ClientFileError(error.code, file=str(path), **error.params) from None
    except (ValueError, RecursionError) as error:
        raise ClientFileError("client_unreadable", file=str(path), error=str(error)) from None
    if not isinstance(plain, dict) or not isinstance(plain.get(SERVERS, {}), dict):
        raise ClientFileError("client_shape", file=str(path), servers=SERVERS)
    return ClientFile(real, text, plain)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a name that stands twice JSON keeps one: writing it back would lose the other."""
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidError("client_twice", name=twice)
    return dict(pairs)


def _finite(text: str) -> float:
    """JSON's own numbers only: others would be written back as words that are no JSON."""
    number = float(text)
    if not math.isfinite(number):
        raise InvalidError("client_number", given=text[:40])
    return number


_STRICT: Mapping[str, Any] = {
    "object_pairs_hook": _once,
    "parse_float": _finite,
    "parse_constant": _finite,
}


def _is_comment(text: str, line: int) -> bool:
    """Whether the line holds a comment, which JSON has not."""
    shown = text.splitlines()[line - 1].strip() if text.splitlines()[line - 1 :] else ""
    return shown.startswith(("//", "/*", "#")) or "//" in shown


def with_servers(
    file: ClientFile, entries: Mapping[str, Mapping[str, Any]], ours: frozenset[str]
) -> str:
    """The text with these entries; of our names, those that are not among them go.

    What somebody added to an entry of ours (a timeout, a variable) stays.
    """
    kept = {n: entry for n, entry in file.servers.items() if n in entries or n not in ours}
    merged = {name: _merged(file.servers.get(name), entry) for name, entry in entries.items()}
    return _dumped({**file.plain, SERVERS: {**kept, **merged}}, file.text)


def _merged(old: Any, new: Mapping[str, Any]) -> dict[str, Any]:
    """What somebody added to our entry stays, but for another way to reach a server.

    So does a variable, unless it only names the one of the environment: where ours is not asked
    for any more, an empty one would hide that of an env file.
    """
    if not isinstance(old, dict):
        return dict(new)
    kept = {key: value for key, value in old.items() if key in new or key not in _TRANSPORT}
    known = old["env"] if isinstance(old.get("env"), dict) else {}
    env = {name: value for name, value in known.items() if value not in _references(name)}
    env |= new.get("env", {})
    merged = {**kept, **new, "env": env}
    return merged if env else {key: value for key, value in merged.items() if key != "env"}


def _references(name: str) -> tuple[str, ...]:
    return f"${{{name}}}", f"${{env:{name}}}"


def difference(file: ClientFile, text: str) -> str:
    """What changes, line by line, and nothing else: other entries may hold secrets."""
    before = _dumped(file.plain, file.text) if file.text.strip() else ""
    lines = difflib.unified_diff(
        before.splitlines(), text.splitlines(), str(file.path), str(file.path), n=0, lineterm=""
    )
    return "\n".join(lines)


def _dumped(plain: Mapping[str, Any], like: str) -> str:
    """JSON with the indentation that the file has."""
    found = re.search(r"^([ \t]+)\S", like, re.MULTILINE)
    indent: int | str = found[1] if found else 2
    return json.dumps(plain, ensure_ascii=False, indent=indent) + "\n"


def write_client_file(file: ClientFile, text: str, now: datetime) -> Path | None:
    """Put the text into the file, all of it or nothing; gives back where the old one is kept."""
    if read_client_file(file.path).text != file.text:
        raise ClientFileError("client_changed", file=str(file.path))
    file.path.parent.mkdir(parents=True, exist_ok=True)
    backup = _kept(file, now)
    handle, name = tempfile.mkstemp(dir=file.path.parent, prefix=f".{file.path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            os.fsync(new.fileno())
        Path(name).chmod(file.path.stat().st_mode & 0o777 if file.path.exists() else _PRIVATE)
        Path(name).replace(file.path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return backup


def _kept(file: ClientFile, now: datetime) -> Path | None:
    if not file.path.exists():
        return None
    backup = file.path.with_name(f"{file.path.name}.{now:%Y%m%d-%H%M%S-%f}.bak")
    handle = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, file.path.stat().st_mode & 0o777)
    with os.fdopen(handle, "wb") as kept:
        kept.write(file.path.read_bytes())
    return backup
