"""Commands on alerts: what is wrong, who takes care of it, what is to stay quiet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, caller, fail, given_length, opened

commands = typer.Typer(no_args_is_help=True, help="What is wrong, and who takes care of it.")


@commands.command("list")
def list_(
    hours: Annotated[
        float, typer.Option(min=0, max=87_600, help="Also what ended within so many hours.")
    ] = 24,
    config: ConfigOption = None,
) -> None:
    """The incidents that are open, and those of the last hours."""
    from monitor.store.alerting.incidents import incidents_between
    from monitor.store.alerting.silences import silences
    from monitor.store.notifications import waiting_and_dead
    from monitor.text.catalog import Words
    from monitor.text.terminal.listing import delivery_lines, incident_lines, silence_lines

    with opened(config) as (settings, store):
        now = datetime.now(UTC)
        words = Words(settings.language, settings.zone)
        with store.read() as tx:
            since = now - timedelta(hours=hours)
            stories = incidents_between(tx, since, now + timedelta(seconds=1))
            quiet = silences(tx, now)
            owed = waiting_and_dead(tx)
    lines = [*incident_lines(stories, words, now), *silence_lines(quiet, words)]
    typer.echo("\n".join([*lines, *delivery_lines(owed, words)]))


@commands.command()
def ack(incident: int, config: ConfigOption = None) -> None:
    """Take care of an incident: its reminders stop, its end is still told."""
    from monitor.store.alerting.incidents import acknowledge

    with opened(config) as (_, store):
        if not acknowledge(store, incident, caller()):
            fail(f"no open incident {incident}; `paypulse alerts list` shows them")
    typer.echo(f"incident {incident}: acknowledged by {caller()}")


@commands.command()
def silence(
    pattern: Annotated[str, typer.Argument(help="check/code:subject, with * [redis_health/*]")],
    duration: Annotated[str, typer.Option("--for", help="30m, 4h, 2d")] = "1h",
    comment: str = "",
    config: ConfigOption = None,
) -> None:
    """Keep quiet about matching alerts for a while; afterwards what changed is told."""
    from monitor.store.alerting.silences import add_silence

    if "/" not in pattern and "*" not in pattern:
        fail(f"{pattern!r}: check/code:subject is expected, as `paypulse alerts list` shows them")
    until = datetime.now(UTC) + given_length("--for", duration)
    with opened(config) as (settings, store):
        number = add_silence(store, pattern, until, datetime.now(UTC), caller(), comment)
    local = until.astimezone(settings.zone)
    typer.echo(f"silence {number}: {pattern} until {local:%Y-%m-%d %H:%M %Z}")


@commands.command()
def unsilence(number: int, config: ConfigOption = None) -> None:
    """End a silence."""
    from monitor.store.alerting.silences import end_silence

    with opened(config) as (_, store):
        if not end_silence(store, number, datetime.now(UTC)):
            fail(f"no silence {number} holds now; `paypulse alerts list` shows them")
    typer.echo(f"silence {number}: ended")


@commands.command()
def retry(message: int, config: ConfigOption = None) -> None:
    """Send a dead message again."""
    from monitor.store.notifications import revive

    with opened(config) as (_, store):
        if not revive(store, message, datetime.now(UTC)):
            fail(f"no dead message {message}; `paypulse alerts list` shows them")
    typer.echo(f"message {message}: will be sent again")
