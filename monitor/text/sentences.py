"""The sentences as they stand in templates/<language>/, by their dotted keys."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monitor import resources


class CatalogError(Exception):
    """A word is missing, stands twice, or does not fit its parameters."""


def languages() -> tuple[str, ...]:
    """The languages there are words for."""
    folders = (path for path in resources.folder("templates").iterdir() if path.is_dir())
    return tuple(sorted(path.name for path in folders if any(path.glob("*.toml"))))


def load(language: str) -> dict[str, str]:
    """All sentences of a language by dotted key; CatalogError if one stands twice."""
    merged: dict[str, str] = {}
    for path in sorted(_folder(language).glob("*.toml")):
        for key, text in _flat(_parsed(path)):
            if key in merged:
                raise CatalogError(
                    f"{path.name} in {language}: {key} stands in another file as well"
                )
            merged[key] = text
    return merged


def load_file(language: str, name: str) -> dict[str, str]:
    """The sentences of one file by dotted key."""
    return dict(_flat(_parsed(_folder(language) / f"{name}.toml")))


def _folder(language: str) -> Path:
    if language not in languages():
        raise CatalogError(f"no words in {language!r}; there are: {', '.join(languages())}")
    return resources.folder("templates") / language


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{path.name} in {path.parent.name}: {error}") from error


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, str(value)
