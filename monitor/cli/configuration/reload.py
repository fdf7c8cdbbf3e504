"""SIGHUP: a valid configuration is taken by starting anew in the same process."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from monitor.cli.common import catalog_in
from monitor.cli.configuration.commands import require_valid
from monitor.config.models import Config, ConfigError, load
from monitor.scheduling.shutdown import ShutdownRequested

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.scheduling.schedule import Scheduler
    from monitor.scheduling.supervisor import Supervised

_LOOK_SECONDS = 0.2


def wait_for_end(ended: ShutdownRequested, settings: Config, path: Path | None) -> bool:
    """Wait until the end was asked for; True: a new configuration is to be taken after it."""
    asked: list[int] = []
    signal.signal(signal.SIGHUP, lambda number, _: asked.append(number))
    while not ended.wait(_LOOK_SECONDS):
        if asked:
            asked.clear()
            if _is_taken(settings, path):
                signal.signal(signal.SIGHUP, signal.SIG_IGN)
                return True
    return False


def start_anew() -> None:
    """This command once more, in this process: whoever watches it sees it live on."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command


def _is_taken(settings: Config, path: Path | None) -> bool:
    say = catalog_in(settings).say
    try:
        new = load(path)
        require_valid(new)
    except ConfigError as error:
        typer.echo(f"{say('run.kept')}\n{error}", err=True)
        return False
    keys = changed(settings.model_dump(), new.model_dump())
    typer.echo(say("run.reloaded", keys=", ".join(keys)) if keys else say("run.unchanged"))
    return bool(keys)


def changed(before: Any, after: Any) -> list[str]:
    """The keys that differ, without their values: some are secrets."""
    return list(_changed(before, after, ""))


def _changed(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys((*before, *after)):
            at = f"{path}.{key}" if path else str(key)
            yield from _changed(before.get(key), after.get(key), at)
    elif before != after:
        yield path


def end_all(app: App, scheduler: Scheduler, way_in: Supervised | None) -> None:
    """Let everything come to its end, what takes longest first."""
    if way_in is not None:
        way_in.begin_to_stop()
    app.loads.stop_all()
    scheduler.stop()
    if way_in is not None:
        way_in.stop()
    app.outbox.deliver_last(app.clock())
    app.close()
