"""The language that the commands speak: found in the arguments and files before anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monitor.config.language import LANGUAGES, spoken, spoken_language
from monitor.config.models import DEFAULT_FILE

if TYPE_CHECKING:
    from monitor.text.catalog import Catalog


def spoken_catalog() -> Catalog:
    """The sentences of the language that this command speaks."""
    return _catalog_in(spoken())


@lru_cache(maxsize=2)
def _catalog_in(language: str) -> Catalog:
    from monitor.text.catalog import Catalog

    return Catalog(language, UTC)


def say(key: str, /, **params: Any) -> str:
    """A sentence without times, for whoever has no configuration at hand."""
    return spoken_catalog().say(key, **params)


def language_of(arguments: Sequence[str], env: Mapping[str, str]) -> str:
    """The language of --language, PAYPULSE_LANGUAGE, the configuration file or the terminal."""
    given = _option(arguments, "--language")
    if given in LANGUAGES:
        return given
    config = _option(arguments, "--config", "-c") or env.get("PAYPULSE_CONFIG")
    return spoken_language(_text(Path(config) if config else DEFAULT_FILE), env)


def _option(arguments: Sequence[str], *names: str) -> str:
    """What stands behind an option, as `--name value`, `--name=value` or `-nvalue`."""
    for word, after in pairwise([*arguments, ""]):
        for name in names:
            if word == name:
                return after
            if word.startswith(f"{name}=" if name.startswith("--") else name):
                return word[len(name) :].removeprefix("=")
    return ""


def _text(file: Path) -> str | None:
    """What stands in a file; what is wrong with it is said when it is read."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
