"""Commands on the configuration."""

from __future__ import annotations

import typer

from monitor.cli.common import ConfigOption, load

commands = typer.Typer(no_args_is_help=True, help="The configuration.")


@commands.command()
def example() -> None:
    """Print a commented configuration with every default."""
    from monitor.config.example import example_text

    typer.echo(example_text())


@commands.command()
def check(config: ConfigOption = None) -> None:
    """Validate the configuration, every check and receiver of it included."""
    from monitor.cli.common import fail
    from monitor.cli.mcp.commands import require_sound
    from monitor.config.models import ConfigError
    from monitor.config.plan import plan
    from monitor.config.receivers import receivers

    settings = load(config)
    try:
        planned = plan(settings)
        names = receivers(settings)
        require_sound(settings)
    except ConfigError as error:
        fail(str(error))
    typer.echo(f"well: {len(planned)} checks, receivers: {', '.join(names)}")
