"""Commands for models: answering them, and telling their clients how to ask."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import ConfigOption, fail, load
from monitor.cli.mcp.audit import audit
from monitor.cli.mcp.client_entry import TOKEN_ENV
from monitor.cli.mcp.install import install, require_address
from monitor.config.models import Config, ConfigError

if TYPE_CHECKING:
    from mcp_server.http import HttpServer
    from monitor.app import App
    from monitor.store.database import Store

commands = typer.Typer(help="Answer Claude and other models over MCP.")

ToolsetOption = Annotated[
    list[str] | None, typer.Option("--toolset", help="Only the tools of this set; repeatable.")
]
commands.command()(audit)
commands.command()(install)


@commands.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    config: ConfigOption = None,
    toolset: ToolsetOption = None,
    connect: Annotated[
        str, typer.Option(help="Be answered by the monitor at this URL (http://host:8750/mcp).")
    ] = "",
    token_env: Annotated[
        str, typer.Option(help="Which environment variable holds the token for --connect.")
    ] = TOKEN_ENV,
    env_file: Annotated[
        Path | None, typer.Option(help="NAME=value lines, for clients that pass no environment.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Option(help="Where relative paths of the configuration begin.")
    ] = None,
) -> None:
    """Answer one client on standard input and output."""
    if context.invoked_subcommand is not None:
        return
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    _prepare(env_file, directory)
    if connect:
        _connect(connect, toolset, token_env)
        return
    from mcp_server.server import serve_stdio

    settings = load(config)
    try:
        serve_stdio(settings, _opens(settings), toolset or ())
    except ConfigError as error:
        fail(str(error))


def _prepare(env_file: Path | None, directory: Path | None) -> None:
    from monitor.cli.mcp.env_file import load_env_file

    try:
        if env_file is not None:
            load_env_file(env_file, os.environ)
        if directory is not None:
            os.chdir(directory)
    except ValueError as error:
        fail(f"--env-file: {error}")
    except OSError as error:
        fail(f"--directory: {error}")


def _connect(url: str, toolset: list[str] | None, token_env: str) -> None:
    from mcp_server.access.bridge import serve_connected

    if toolset:
        fail("--toolset goes with the monitor's own tools, not with --connect")
    require_address(url)
    serve_connected(url, os.environ.get(token_env, "").strip())


def _opens(settings: Config, store: Store | None = None) -> Callable[[], App]:
    """How the app is built once it is needed; it tells nobody anything by itself."""

    def open_app() -> App:
        from monitor import app

        return app.build(settings, senders={}, store=store)

    return open_app


def require_sound(settings: Config) -> None:
    """ConfigError if a writing tool is named that does not exist, or the way in is not safe."""
    if settings.mcp.writes:
        from mcp_server.toolsets import offers

        offers((), settings.mcp.writes)
    if settings.mcp.http.enabled:
        from mcp_server.access.tokens import tokens_of

        tokens_of(settings.mcp.http)


def http_way_in(settings: Config, store: Store) -> HttpServer | None:
    """The way in over HTTP beside a running scheduler; None where it is not enabled.

    It has an app of its own: looks that people ask for must not hold up those that are due.
    """
    if not settings.mcp.http.enabled:
        return None
    from mcp_server.http import HttpServer

    try:
        return HttpServer(settings, _opens(settings, store))
    except ConfigError as error:
        fail(str(error))
