"""Which language a person is spoken to in, known before the configuration is read whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Literal, get_args

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
DEFAULT: Language = "en"
_WRITTEN = re.compile(r"""^[ \t]*language[ \t]*=[ \t]*["'](\w+)["']""", re.MULTILINE)
_TERMINAL = ("LC_ALL", "LC_MESSAGES", "LANG")  # as setlocale(3) reads them


_spoken: ContextVar[str] = ContextVar("spoken", default=DEFAULT)


def speak(language: str) -> None:
    """Let what is said from here on be in a language: the command's, then its configuration's."""
    _spoken.set(language)


def spoken() -> str:
    """The language that is spoken."""
    return _spoken.get()


def named_language(env: Mapping[str, str]) -> Language | None:
    """The language that PAYPULSE_LANGUAGE names; it outranks the configuration file."""
    return _known(env.get("PAYPULSE_LANGUAGE", ""))


def spoken_language(text: str | None, env: Mapping[str, str]) -> Language:
    """The language of a configuration's text, be it valid or not; without a file the terminal's."""
    named = named_language(env)
    if named:
        return named
    if text is None:
        terminal = next((env[name] for name in _TERMINAL if env.get(name)), "")
        return _known(terminal[:2]) or DEFAULT
    written = _WRITTEN.search(text)
    return _known(written[1] if written else "") or DEFAULT


def _known(text: str) -> Language | None:
    return next((each for each in LANGUAGES if each == text.lower()), None)
