"""Ends and starts the real services, by the script that started them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "services"
_ENDS_WITHIN_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Script:
    """scripts/services of this checkout, for the set of services in a folder."""

    folder: str
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    def kill(self, name: str) -> None:
        """End a service as if the power went."""
        self._start("kill", name).wait(_ENDS_WITHIN_SECONDS)

    def up(self, name: str) -> None:
        """Bring it back; it answers a few seconds later."""
        self._start("up", name)

    def wait(self) -> None:
        """Until what was begun is done."""
        for process in self._running:
            process.wait(_ENDS_WITHIN_SECONDS)

    def _start(self, *args: str) -> subprocess.Popen[bytes]:
        if not _SCRIPT.is_file() or not self.folder:
            raise RuntimeError("real services can be ended only by the checkout that started them")
        started = subprocess.Popen(  # noqa: S603 - our own script, and names of ours
            [_SCRIPT, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                **os.environ,
                "PAYPULSE_SERVICES_FOLDER": self.folder,
                "PAYPULSE_SERVICES_OFFSET": "",  # the folder knows its own
            },
        )
        self._running[:] = [process for process in self._running if process.poll() is None]
        self._running.append(started)
        return started
