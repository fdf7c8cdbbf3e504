"""What serves people, in a process of its own: started again when it ends or falls silent."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from subprocess import PIPE
from time import monotonic

log = logging.getLogger(__name__)

BEAT = "."  # the line that a process writes each second in which it is well
_END_SECONDS = 4.0
_STEADY_SECONDS = 60.0
_LINE_BYTES_MAX = 4096


@dataclass(slots=True)
class Supervised:
    """A process beside the watch, whatever happens to it.

    It writes BEAT lines, and other lines for `say`; its standard input ends when the monitor does.
    One that is silent for `silent_seconds_max` is killed and started again, as one that ended is:
    after a second, then after longer, up to `again_seconds_max`.
    """

    name: str
    command: Sequence[str]
    say: Callable[[str], None]
    silent_seconds_max: float = 30.0
    again_seconds_max: float = 30.0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _process: subprocess.Popen[bytes] | None = None
    _thread: threading.Thread | None = None
    _ends_at: float = 0.0

    @property
    def pid(self) -> int | None:
        """The process that serves now, if one does."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start it, and go on."""
        self._thread = threading.Thread(target=self._supervise, name=self.name, daemon=True)
        self._thread.start()

    def begin_to_stop(self) -> None:
        """Ask it to end; what it is doing has a few seconds, in which others may end too."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._ends_at = monotonic() + _END_SECONDS
        if (process := self._process) is not None:
            process.terminate()

    def stop(self) -> None:
        """End it, if need be by force."""
        self.begin_to_stop()
        if (process := self._process) is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, self._ends_at - monotonic()))
            process.kill()
        if self._thread is not None:
            self._thread.join(_END_SECONDS)

    def _supervise(self) -> None:
        pause = 1.0
        while not self._stopping.is_set():
            began = monotonic()
            try:
                why = self._live()
            except OSError as error:
                why = str(error)
            if self._stopping.is_set():
                return
            pause = 1.0 if monotonic() - began > _STEADY_SECONDS else pause
            log.error("%s %s: the watch goes on, it starts again in %g s", self.name, why, pause)
            self._stopping.wait(pause)
            pause = min(2 * pause, self.again_seconds_max)

    def _live(self) -> str:
        """One life of the process, and how it ended."""
        with subprocess.Popen(self.command, stdin=PIPE, stdout=PIPE) as process:  # noqa: S603
            self._process = process
            try:
                is_silent = self._listen(process)
            finally:
                if not self._stopping.is_set():
                    process.kill()
                process.wait()
                self._process = None
        if is_silent:
            return f"gave no sign of life for {self.silent_seconds_max:g} s and was killed"
        return f"ended by itself (exit code {process.returncode})"

    def _listen(self, process: subprocess.Popen[bytes]) -> bool:
        """Hear it until it ends; whether it fell silent instead."""
        assert process.stdout is not None  # noqa: S101  (a pipe was asked for)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            begun = b""
            while selector.select(self.silent_seconds_max):
                heard = os.read(process.stdout.fileno(), _LINE_BYTES_MAX)
                if not heard:
                    return False
                *lines, begun = (begun[-_LINE_BYTES_MAX:] + heard).split(b"\n")
                for line in lines:
                    if line != BEAT.encode():
                        self.say(line.decode("utf-8", "replace"))
        return True
