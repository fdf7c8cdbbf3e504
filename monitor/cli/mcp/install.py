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

from monitor.cli.common import ConfigOption, fail, load
from monitor.cli.mcp.client_entry import (
    CLIENTS,
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
from monitor.config.models import DEFAULT_FILE

SPLIT = (
    *("circuit-breaker", "database-query", "redis-cache"),
    *("kafka-operations", "loadtest", "system-health"),
)
NAME = "paypulse"
_OURS = frozenset({NAME, *(f"{NAME}-{each}" for each in SPLIT)})
Client = Literal["claude-desktop", "claude-code", "cursor"]


def install(
    client: Annotated[Client, typer.Option(help=f"{', '.join(CLIENTS)}")] = "claude-code",
    split: Annotated[bool, typer.Option("--split", help="Six entries, one per toolset.")] = False,
    connect: Annotated[str, typer.Option(help="Be answered by the monitor at this URL.")] = "",
    env_file: Annotated[
        Path | None, typer.Option(help="A file of NAME=value lines with the secrets it needs.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="Another file than the client's own.")] = None,
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    only_print: Annotated[
        bool, typer.Option("--print", help="Print the entries, and write nothing.")
    ] = False,
) -> None:
    """Add paypulse to a client's configuration; what is there stays, and is kept as a backup."""
    if split and connect:
        fail("--split goes with the monitor's own tools, not with --connect")
    start = _start(config, connect, env_file)
    added = entries(client, start, SPLIT if split else (), NAME)
    if only_print:
        typer.echo(json.dumps({SERVERS: added}, indent=2, ensure_ascii=False))
        return
    try:
        _put(file or client_path(client, Path.cwd()), added, yes)
    except (ClientFileError, OSError) as error:
        fail(str(error))
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
        fail("--connect: an http(s) URL is expected, such as http://monitor.example.com:8750/mcp")
    if parts.username or parts.password or parts.query:
        fail(
            "--connect: no user, password or query in the URL, for others see it; "
            "the token goes into the variable named by --token-env"
        )


def require_hidden(url: str) -> None:
    """Refuse to send a token where others on the way could read it."""
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        fail(
            "--connect: over http everybody on the way reads the token: use https (a reverse proxy "
            "in front of the monitor), or say --plain-http where the way is protected otherwise"
        )


def _start(config: Path | None, connect: str, env_file: Path | None) -> Start:
    more = ("--env-file", str(env_file.resolve())) if env_file else ()
    if connect:
        require_address(connect)
        return Start(("--connect", connect, *more), () if env_file else (TOKEN_ENV,))
    named = config or Path(os.environ.get("PAYPULSE_CONFIG") or DEFAULT_FILE)
    if not named.is_file():
        fail(f"no configuration file {named}; `paypulse config example` prints one, -c names one")
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
        typer.echo(f"{found.path} has it already: nothing to do")
        return
    typer.echo(changes)
    if not yes and not sys.stdin.isatty():
        fail("nothing was written: there is nobody to ask here; --yes writes without asking")
    if not yes and not typer.confirm(f"Write this to {found.path}?"):
        fail("nothing was written", 1)
    backup = write_client_file(found, text, datetime.now(UTC))
    typer.echo(f"written: {found.path}" + (f"; as it was: {backup}" if backup else ""))


def _say_more(client: str, start: Start, env_file: Path | None, connect: str) -> None:
    """What is left to do by hand."""
    if start.variables and not knows_variables(client):
        names = ", ".join(start.variables)
        typer.echo(
            f"{client} starts it without your environment: put {names} as NAME=value lines into a "
            "file that only you can read, and install again with --env-file FILE"
        )
    elif start.variables:
        typer.echo(f"taken from the environment of {client}: {', '.join(start.variables)}")
    if client == "claude-code":
        command = ["claude", "mcp", "add", NAME, "--", *command_line(), "mcp", *start.options]
        typer.echo(f"the same by Claude Code itself: {shlex.join(command)}")
    else:
        typer.echo(f"restart {client} to see it")
