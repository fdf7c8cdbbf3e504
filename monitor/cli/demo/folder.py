"""The demo's folder: made by it, marked as its own, and nobody else's ever touched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from monitor.domain.statement import InvalidError

MARKER = ".paypulse-demo"
_MARK = "This folder belongs to `paypulse demo`, which deletes what it left here before.\n"


class ForeignFolderError(InvalidError):
    """A folder that is not the demo's; the text says why, and what to do."""


def claim(folder: Path) -> None:
    """Make the folder, or take an empty one or one that is marked; any other is refused."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink():
        raise ForeignFolderError("folder_link", folder=str(folder))
    if folder.stat().st_uid != os.getuid():
        raise ForeignFolderError("folder_of_other", folder=str(folder))
    marker = folder / MARKER
    if marker.is_file():
        return
    if any(folder.iterdir()):
        raise ForeignFolderError("folder_not_empty", folder=str(folder))
    marker.write_text(_MARK, encoding="utf-8")


def sweep(folder: Path) -> None:
    """Delete the demo's own leftovers of an earlier run, and nothing else."""
    for name in ("paypulse.db", "paypulse.db-wal", "paypulse.db-shm", "url", "env"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "platform", ignore_errors=True)
