"""Commands for models: answering them, and telling their clients how to ask."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import ConfigOption, fail, load, refuse
from monitor.cli.language.spoken import say
from monitor.cli.mcp.approve import approve, pending
from monitor.cli.mcp.audit import audit
from monitor.cli.mcp.client_entry import TOKEN_ENV, command_line
from monitor.cli.mcp.install import install, require_address, require_hidden
from monitor.cli.mcp.nearby import token_file_of
from monitor.config.models import Config, ConfigError
from monitor.domain.statement import InvalidError
from monitor.scheduling.supervisor import BEAT

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.scheduling.supervisor import Supervised

commands = typer.Typer()

ToolsetOption = Annotated[list[str] | None, typer.Option("--toolset")]
commands.command()(approve)
commands.command()(audit)
commands.command()(pending)
commands.command()(install)


@commands.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    config: ConfigOption = None,
    toolset: ToolsetOption = None,
    connect: str = "",
    token_env: str = TOKEN_ENV,
    token_file: Path | None = None,
    plain_http: Annotated[bool, typer.Option("--plain-http")] = False,
    env_file: Path | None = None,
    directory: Path | None = None,
) -> None:
    """Answer one client on standard input and output."""
    if context.invoked_subcommand is not None:
        return
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    _prepare(env_file, directory)
    if connect:
        require_address(connect)
        token = _token(token_env, token_file or token_file_of(connect, config))
        _connect(connect, toolset, token, plain_http)
        return
    from mcp_server.server import serve_stdio

    settings = load(config)
    try:
        serve_stdio(settings, _opens(settings), toolset or ())
    except (ConfigError, InvalidError) as error:
        fail(error)


def _prepare(env_file: Path | None, directory: Path | None) -> None:
    from monitor.cli.mcp.env_file import load_env_file

    try:
        if env_file is not None:
            load_env_file(env_file, os.environ)
        if directory is not None:
            os.chdir(directory)
    except ValueError as error:
        fail(error)
    except OSError as error:
        refuse("directory", given=str(directory), error=error.strerror)


def _token(token_env: str, token_file: Path | None) -> str:
    """What opens the way to a monitor: from the environment, else from its own file."""
    from mcp_server.access.token_file import tokens_in

    if (token := os.environ.get(token_env, "").strip()) or token_file is None:
        return token
    try:
        return tokens_in(token_file)[-1]
    except InvalidError as error:
        fail(error)


def _connect(url: str, toolset: list[str] | None, token: str, plain_http: bool) -> None:
    from mcp_server.access.bridge import serve_connected

    if toolset:
        refuse("not_with_connect", option="--toolset")
    if token and not plain_http:
        require_hidden(url)
    serve_connected(url, token)


def _opens(settings: Config) -> Callable[[], App]:
    """How the app is built once it is needed; it tells nobody anything by itself."""

    def open_app() -> App:
        from monitor import app

        return app.build(settings, senders={})

    return open_app


def require_sound(settings: Config) -> None:
    """ConfigError if a writing tool is named that does not exist, or the way in is not safe."""
    if settings.mcp.writes:
        from mcp_server.toolsets import offers

        offers((), settings.mcp.writes)
    if settings.mcp.http.enabled:
        from mcp_server.access.certificate import require_certificate
        from mcp_server.access.tokens import tokens_of

        tokens_of(settings.mcp.http)
        require_certificate(settings.mcp.http)


def http_way_in(settings: Config, path: Path | None) -> Supervised | None:
    """The way in over HTTP beside a running scheduler; None where it is not enabled.

    It is a process of its own: whatever is asked of it, the watch goes on.
    """
    from monitor.scheduling.supervisor import Supervised

    if not settings.mcp.http.enabled:
        return None
    try:
        require_sound(settings)
    except (ConfigError, InvalidError) as error:
        fail(error)
    given = () if path is None else ("--config", str(path))
    command = (*command_line(), "mcp", "http", "--supervised", *given)
    return Supervised("MCP over HTTP", command, typer.echo)


@commands.command()
def http(
    config: ConfigOption = None,
    supervised: Annotated[bool, typer.Option("--supervised", hidden=True)] = False,
) -> None:
    """Answer over HTTP, without a scheduler: on the database that another process writes."""
    from mcp_server.http.access_log import log_access_to
    from mcp_server.http.server import HttpServer, is_free
    from monitor.scheduling.logs import log_to_stderr
    from monitor.scheduling.shutdown import END_SECONDS, ending_within, interruptible

    settings = load(config)
    log_to_stderr(logging.WARNING)
    try:
        server = HttpServer(settings, _opens(settings), beat=_beat if supervised else lambda: None)
        if settings.mcp.http.access_log is not None:
            log_access_to(settings.mcp.http.access_log)
    except (ConfigError, InvalidError) as error:
        fail(error)
    except OSError as error:
        fail(f"mcp.http.access_log: {error}")
    if not supervised and not is_free(settings.mcp.http.host, settings.mcp.http.port):
        refuse("port_taken", option="mcp.http.port", port=settings.mcp.http.port)
    with interruptible() as ended:
        if supervised:
            _give_way(ended.set)
        server.start()
        while not (server.is_up or ended.wait(0.1)):
            pass
        if server.is_up:
            typer.echo(say("run.mcp", url=server.url))
        ended.wait()
        with ending_within(END_SECONDS):
            server.stop()


def _beat() -> None:
    """Say to the supervisor that all is well; there is none any more if the pipe is gone."""
    try:
        typer.echo(BEAT)
    except OSError:
        os._exit(1)


def _give_way(end: Callable[[], None]) -> None:
    """The watch comes first on a busy machine, and this process ends with it."""
    os.nice(5)
    with suppress(OSError):  # where there is no such file, nobody picks by it
        Path("/proc/self/oom_score_adj").write_text("500")

    def until_alone() -> None:
        while os.read(sys.stdin.fileno(), 4096):  # no lock of Python's is held at the end
            pass
        end()

    threading.Thread(target=until_alone, name="supervisor", daemon=True).start()
