"""What the tables of the configuration have in common: strictness, spans of time, addresses."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from monitor.domain.statement import InvalidError


def _url(text: str) -> str:
    """The word about a wrong one must not repeat it: it may hold a password."""
    try:
        parts = urlsplit(text)
        is_right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # what cannot be split, or a port that is no number
        is_right = False
    if not is_right or any(c.isspace() or not c.isprintable() for c in text):
        raise InvalidError("url")
    return text


def _token(text: str) -> str:
    """It goes into a header as it stands; what cannot stand there would fail at every question."""
    token = text.strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise InvalidError("token_ascii")
    return token


def _home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise InvalidError("no_home") from None


Token = Annotated[str, AfterValidator(_token)]
Home = Annotated[Path, AfterValidator(_home)]
Url = Annotated[str, AfterValidator(_url)]
UrlOrNone = Annotated[str, AfterValidator(lambda text: text and _url(text))]


def seconds_of(span: timedelta) -> float:
    """A default of the domain as a number of the file: 600 and not 600.0, as it is printed."""
    seconds = span.total_seconds()
    return int(seconds) if seconds.is_integer() else seconds


class Section(BaseModel):
    """A table of the file: unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
