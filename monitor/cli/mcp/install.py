"""paypulse mcp install: an MCP client's configuration, shown before it is changed."""

from __future__ import annotations

import json
import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import typer

from monitor.cli.common import ConfigOption, agreed, fail, load, refuse
from monitor.cli.language.spoken import say
from monitor.cli.mcp.client_entry import (
    TOKEN_ENV,
    Start,
    client_path,
    command_line,
    entries,
    knows_variables,
    variables_of,
)
from monitor.cli.mcp.client_file import (
    SERVERS,
    ClientFileError,
    difference,
    read_client_file,
    with_servers,
    write_client_file,
)
from monitor.cli.mcp.nearby import token_file_of
from monitor.config.models import DEFAULT_FILE

SPLIT = (
    *("circuit-breaker", "database-query", "redis-cache"),
    *("kafka-operations", "loadtest", "system-health"),
)
NAME = "paypulse"
_OURS = frozenset({NAME, *(f"{NAME}-{each}" for each in SPLIT)})
Client = Literal["claude-desktop", "claude-code", "cursor"]


def install(
    client: Client = "claude-code",
    split: Annotated[bool, typer.Option("--split")] = False,
    connect: str = "",
    env_file: Path | None = None,
    file: Path | None = None,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes")] = False,
    only_print: Annotated[bool, typer.Option("--print")] = False,
) -> None:
    """Add paypulse to a client's configuration; what is there stays, and is kept as a backup."""
    if split and connect:
        refuse("not_with_connect", option="--split")
    start = _start(config, connect, env_file)
    added = entries(client, start, SPLIT if split else (), NAME)
    if only_print:
        typer.echo(json.dumps({SERVERS: added}, indent=2, ensure_ascii=False))
        return
    try:
        _put(file or client_path(client, Path.cwd()), added, yes)
    except (ClientFileError, OSError) as error:
        fail(error)
    _say_more(client, start, env_file, connect)


def require_address(url: str) -> None:
    """Refuse what is no address of a monitor, or holds a secret that others would see."""
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_right = is_right and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right:
        refuse("connect_url")
    if parts.username or parts.password or parts.query:
        refuse("connect_secret")


def require_hidden(url: str) -> None:
    """Refuse to send a token where others on the way could read it."""
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        refuse("connect_plain")


def _start(config: Path | None, connect: str, env_file: Path | None) -> Start:
    more = ("--env-file", str(env_file.resolve())) if env_file else ()
    if connect:
        require_address(connect)
        if env_file is None and (token_file := token_file_of(connect, config)):
            return Start(("--connect", connect, "--token-file", str(token_file)))
        return Start(("--connect", connect, *more), () if env_file else (TOKEN_ENV,))
    named = config or Path(os.environ.get("PAYPULSE_CONFIG") or DEFAULT_FILE)
    if not named.is_file():
        fail(say("config_error.no_file", file=str(named)))
    settings = load(named)
    folder = () if settings.database.is_absolute() else ("--directory", str(Path.cwd()))
    variables = variables_of(named.read_text("utf-8"))
    found = () if env_file else variables
    return Start(("-c", str(named.resolve()), *folder, *more), found)


def _put(path: Path, added: dict[str, dict[str, object]], yes: bool) -> None:
    found = read_client_file(path)
    text = with_servers(found, added, _OURS)
    changes = difference(found, text)
    if not changes:
        typer.echo(say("install.nothing", file=str(found.path)))
        return
    typer.echo(changes)
    if not yes and not sys.stdin.isatty():
        fail(say("install.nobody"))
    if not yes and not agreed(say("install.ask", file=str(found.path))):
        fail(say("install.declined"), 1)
    backup = write_client_file(found, text, datetime.now(UTC))
    kept = str(backup or "")
    typer.echo(say("install.written", file=str(found.path), backup=kept))


def _say_more(client: str, start: Start, env_file: Path | None, connect: str) -> None:
    """What is left to do by hand."""
    if start.variables and not knows_variables(client):
        names = ", ".join(start.variables)
        typer.echo(say("install.no_environment", client=client, names=names))
    elif start.variables:
        typer.echo(say("install.environment", client=client, names=", ".join(start.variables)))
    if client == "claude-code":
        command = ["claude", "mcp", "add", NAME, "--", *command_line(), "mcp", *start.options]
        typer.echo(say("install.claude_code", command=shlex.join(command)))
    else:
        typer.echo(say("install.restart", client=client))
