"""The platform of the demo: a stand-in in a folder, or on the services of an env file."""

from __future__ import annotations

import errno
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import typer

from demo.api.server import Running, Ticker, serve
from demo.stand_in import StandIn
from monitor.cli.demo.folder import claim
from monitor.cli.language.spoken import say
from monitor.domain.statement import InvalidError
from monitor.scheduling.shutdown import interruptible


@dataclass(frozen=True, slots=True)
class Ground:
    """What a stand-in stands on. `env`: the addresses of real services; empty: its own folder."""

    folder: Path
    seed: int
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


def make_standin(
    ground: Ground, start: datetime, payments_per_minute: float, as_original: bool = False
) -> StandIn:
    """A stand-in. Services remember earlier lives, so that there each has customers of its own."""
    make, seed = None, ground.seed
    if ground.env:
        from demo.real.connect import on_services

        make, seed = on_services(ground.env), ground.seed + int(start.timestamp())
    return StandIn(
        ground.folder / "platform",
        seed,
        start=start,
        as_original=as_original,
        payments_per_minute=payments_per_minute,
        make_parts=make,
    )


def serve_standin(standin: StandIn, folder: Path, port: int, env: Mapping[str, str]) -> Running:
    """Serve it, and leave its address where other terminals and Prometheus find it."""
    server = serve(standin, port=port)
    (folder / "url").write_text(server.url, encoding="utf-8")
    if env:
        from demo.real.connect import tell_prometheus

        tell_prometheus(env, server.url)
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in env.items()]
        (folder / "env").touch(mode=0o600)
        (folder / "env").write_text("".join(lines), encoding="utf-8")
    return server


def run_platform(ground: Ground, port: int, as_original: bool, payments_per_minute: float) -> None:
    """The stand-in alone, until it is interrupted."""
    claim(ground.folder)
    with interruptible() as ended:
        standin = make_standin(ground, datetime.now(UTC), payments_per_minute, as_original)
        server = _served(standin, ground, port)
        ticker = Ticker(standin, period_seconds=0.5)
        ticker.start()
        shards = "" if ground.env else str(ground.folder / "platform")
        typer.echo(say("run.stand_in", url=server.url, shards=shards))
        ended.wait()
        ticker.stop()
        server.stop()
        standin.close()
        (ground.folder / "url").unlink(missing_ok=True)


def _served(standin: StandIn, ground: Ground, port: int) -> Running:
    try:
        return serve_standin(standin, ground.folder, port, ground.env)
    except OSError as error:
        standin.close()
        if error.errno == errno.EADDRINUSE:
            raise InvalidError("port_taken", option="--port", port=port) from None
        raise
