"""What the commands share: the configuration option, and a clear word when things fail."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from monitor.cli.language.spoken import say
from monitor.config import models as configuration
from monitor.config.models import Config, ConfigError
from monitor.domain.statement import InvalidError

if TYPE_CHECKING:
    from monitor.app import App
    from monitor.store.database import Store, StoreError
    from monitor.text.catalog import Catalog

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c"),
]

_NAME_MAX = 80
_YES, _NO = ("y", "yes", "예", "네"), ("n", "no", "아니요", "아니오", "")


def fail(text: str | Exception, code: int = 3) -> NoReturn:
    """Say what went wrong and end."""
    typer.echo(text if isinstance(text, str) else said(text), err=True)
    raise typer.Exit(code)


def refuse(code: str, /, **params: Any) -> NoReturn:
    """Say that what was given cannot be taken, and end."""
    fail(InvalidError(code, **params))


def said(error: Exception) -> str:
    """An error in words: ours in the language that is spoken, others as they are."""
    if not isinstance(error, InvalidError):
        return str(error)
    return say(f"invalid.{error.code}", **error.params)


def agreed(question: str) -> bool:
    """Whether a person says yes; that nobody is there to answer is no."""
    while True:
        try:
            answer = typer.prompt(f"{question} [y/N]", default="", show_default=False)
        except typer.Abort:
            typer.echo()
            return False
        if answer.strip().lower() in _YES:
            return True
        if answer.strip().lower() in _NO:
            return False
        typer.echo(say("prompt.yes_or_no"))


def given_length(option: str, text: str) -> timedelta:
    """The length of time that an option was given as, or a clear word and exit code 3."""
    from monitor.domain.interval import LENGTHS, length_of

    length = length_of(text)
    if length is None:
        refuse("length", option=option, given=text, lengths=LENGTHS)
    return length


def load(path: Path | None) -> Config:
    """The configuration, or a clear word and exit code 3."""
    try:
        return configuration.load(path)
    except ConfigError as error:
        fail(str(error))


def build(
    config: Config, on_broken: Callable[[StoreError], None] = lambda error: None, **given: Any
) -> App:
    """The app behind a configuration, or a clear word and exit code 3.

    `on_broken` is called before the end if it is the database that cannot be used.
    """
    from monitor import app
    from monitor.config.receivers import receiver_options
    from monitor.store.database import StoreError

    try:
        receiver_options(config)  # what is wrong there is said even where nothing is sent
        return app.build(config, **given)
    except ConfigError as error:
        fail(str(error))
    except StoreError as error:
        on_broken(error)
        fail(store_failed(config, error))


def tell_of_no_file(path: Path | None, config: Config) -> None:
    """Say first, on standard error, that no file says otherwise than the defaults."""
    if configuration.file_of(path) is None:
        typer.echo(catalog_in(config).say("run.no_file"), err=True)


def store_failed(config: Config, error: Exception) -> str:
    """What a command says instead of an answer when the monitor's own database fails."""
    return catalog_in(config).say("monitor_news.unknown", error=str(error))


def catalog_of(path: Path | None) -> Catalog:
    """The sentences of the configured language, for commands that need nothing else."""
    return catalog_in(load(path))


def catalog_in(config: Config) -> Catalog:
    """The sentences of a configuration's language."""
    from monitor.text.catalog import Catalog

    return Catalog(config.language, config.zone)


@contextmanager
def opened(path: Path | None) -> Iterator[tuple[Config, Store]]:
    """The configuration and its database, for commands that need nothing else."""
    from monitor.store.database import StoreError, open_store

    config = load(path)
    try:
        store = open_store(config.database)
        try:
            yield config, store
        finally:
            store.close()
    except StoreError as error:
        fail(store_failed(config, error))


def caller(by: str = "") -> str:
    """Who gives the command: as it says, or by the login name."""
    try:
        name = by.strip() or os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        name = f"uid {os.getuid()}"
    return name[:_NAME_MAX]
