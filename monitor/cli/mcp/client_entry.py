"""What an MCP client is told: which command to start, and where its variables come from."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN_ENV = "PAYPULSE_MCP_TOKEN"  # noqa: S105  (a name)
CLIENTS = ("claude-desktop", "claude-code", "cursor")
# How a client's file names a variable of the environment; Claude Desktop's cannot.
_REFERENCE = {"claude-code": "${%s}", "cursor": "${env:%s}"}
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Start:
    """How the server is started: the options behind `paypulse mcp`."""

    options: tuple[str, ...]
    variables: tuple[str, ...] = ()  # of the environment, that it needs


def client_path(
    client: str, folder: Path, env: Mapping[str, str] = os.environ, platform: str = sys.platform
) -> Path:
    """The file in which a client keeps its servers; `folder`: the project's, for Claude Code."""
    if client == "claude-code":
        return folder / ".mcp.json"
    home = Path(env.get("HOME") or env.get("USERPROFILE") or Path.home())
    if client == "cursor":
        return home / ".cursor" / "mcp.json"
    if platform == "darwin":
        base = home / "Library" / "Application Support"
    elif platform == "win32":
        base = Path(env.get("APPDATA") or home / "AppData" / "Roaming")
    else:
        base = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
    return base / "Claude" / "claude_desktop_config.json"


def entries(
    client: str, start: Start, toolsets: Iterable[str], name: str = "paypulse"
) -> dict[str, dict[str, Any]]:
    """The entries: one with every tool, or one for each toolset."""
    sets = [*toolsets]
    if not sets:
        return {name: _entry(client, start, ())}
    return {f"{name}-{each}": _entry(client, start, ("--toolset", each)) for each in sets}


def _entry(client: str, start: Start, more: tuple[str, ...]) -> dict[str, Any]:
    command, *before = command_line()
    entry: dict[str, Any] = {"type": "stdio"} if client == "claude-code" else {}
    entry |= {"command": command, "args": [*before, "mcp", *start.options, *more]}
    reference = _REFERENCE.get(client)
    if reference and start.variables:
        entry["env"] = {name: reference % name for name in start.variables}
    return entry


def command_line() -> tuple[str, ...]:
    """The command that starts this very installation, by its full path."""
    beside = Path(sys.executable).with_name("paypulse")
    found = str(beside) if beside.is_file() else shutil.which("paypulse")
    if found:
        return (found,)
    return (sys.executable, "-c", "from monitor.cli.main import run_main; run_main()")


def variables_of(config_text: str) -> tuple[str, ...]:
    """The variables that a configuration takes from the environment."""
    lines = [line for line in config_text.splitlines() if not line.lstrip().startswith("#")]
    return tuple(dict.fromkeys(_VARIABLE.findall("\n".join(lines))))


def knows_variables(client: str) -> bool:
    """Whether a client's file can name a variable instead of holding its value."""
    return client in _REFERENCE
