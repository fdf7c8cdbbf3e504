"""Plug-ins: one file each in a package, ending in a constant that says what it is."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Any


def names(package: str) -> list[str]:
    """The module names in a package, without importing any of them."""
    path = importlib.import_module(package).__path__
    return sorted(m.name for m in pkgutil.iter_modules(path) if not m.ispkg)


def names_in_folders(package: str) -> list[str]:
    """The modules one folder below a package, as `folder.module`."""
    path = importlib.import_module(package).__path__
    folders = sorted(m.name for m in pkgutil.iter_modules(path) if m.ispkg)
    return [f"{folder}.{name}" for folder in folders for name in names(f"{package}.{folder}")]


def load(package: str, constant: str, only: Iterable[str] | None = None) -> dict[str, Any]:
    """The plug-ins of a package by file name; files without the constant are none.

    `only` names the files to import: a plug-in is imported when it is configured.
    """
    wanted = names(package) if only is None else only
    modules = {name: importlib.import_module(f"{package}.{name}") for name in wanted}
    return {n: getattr(m, constant) for n, m in modules.items() if hasattr(m, constant)}
