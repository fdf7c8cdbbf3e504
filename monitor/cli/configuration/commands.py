"""Commands on the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from monitor.cli.common import ConfigOption, fail, load, refuse
from monitor.cli.language.spoken import say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.config.models import Config
    from monitor.domain.check_pass import Planned
    from monitor.domain.delivery import Sender

commands = typer.Typer(no_args_is_help=True)


@commands.command()
def example(language: str = "") -> None:
    """Print a commented configuration with every default."""
    from monitor.config.example import example_text
    from monitor.config.language import LANGUAGES, speak

    if language:
        if language not in LANGUAGES:
            refuse("one_of", option="--language", given=language, known=", ".join(LANGUAGES))
        speak(language)
    typer.echo(example_text(), nl=False)


@commands.command()
def check(config: ConfigOption = None) -> None:
    """Validate the configuration, every check and receiver of it included."""
    from monitor.config.models import ConfigError
    from monitor.domain.statement import InvalidError

    settings = load(config)
    try:
        planned, names = require_valid(settings)
    except (ConfigError, InvalidError) as error:
        fail(error)
    typer.echo(say("run.config_valid", count=len(planned), names=", ".join(names)))


def require_valid(settings: Config) -> tuple[Mapping[str, Planned], Mapping[str, Sender]]:
    """The checks and the receivers; ConfigError if anything of the file cannot be used."""
    from monitor.app import platform_of
    from monitor.cli.mcp.commands import require_sound
    from monitor.config.plan import plan
    from monitor.config.receivers import receivers

    planned = plan(settings)
    senders = receivers(settings)
    platform_of(settings)
    require_sound(settings)
    return planned, senders
