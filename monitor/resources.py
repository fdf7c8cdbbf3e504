"""Where the files that are not Python lie: in a checkout, an editable install or a wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def folder(name: Literal["templates", "alembic"]) -> Path:
    """The folder of that name: beside this module (a wheel), else one level up (a checkout)."""
    here = Path(__file__).resolve().parent
    beside = here / name
    return beside if beside.is_dir() else here.parent / name
