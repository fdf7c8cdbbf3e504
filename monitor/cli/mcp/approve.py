"""A person's yes to what a model asked for, given on the monitor's own machine."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import typer

from monitor.cli.common import ConfigOption, agreed, caller, catalog_in, fail, opened


def pending(config: ConfigOption = None) -> None:
    """What models asked for and nobody approved yet."""
    from monitor.store.acts.approvals import open_approvals
    from monitor.text.terminal.listing import approval_lines

    with opened(config) as (settings, store), store.read() as tx:
        waiting = open_approvals(tx, datetime.now(UTC))
    typer.echo("\n".join(approval_lines(waiting, catalog_in(settings))))


def approve(code: str, config: ConfigOption = None) -> None:
    """Show what a model asked for, and let it be done once if a person says yes."""
    from monitor.store.acts import approvals
    from monitor.text.terminal.listing import approval_lines

    code, who = code.strip().upper(), caller()
    with opened(config) as (settings, store):
        catalog = catalog_in(settings)
        with store.read() as tx:
            waiting = approvals.open_approvals(tx, datetime.now(UTC))
        meant = [each for each in waiting if each.code == code and not each.approved_by]
        if not meant:
            fail(catalog.say("approval.unknown", code=code))
        typer.echo("\n".join(approval_lines(meant, catalog)))
        if not sys.stdin.isatty():  # there is no --yes, for a model may give commands, too
            fail(catalog.say("approval.nobody_here"))
        if not agreed(catalog.say("approval.ask", until=meant[0].expires_at)):
            approvals.reject(store, code)
            fail(catalog.say("approval.rejected", code=code), 1)
        if not approvals.approve(store, code, who, datetime.now(UTC)):
            fail(catalog.say("approval.unknown", code=code))
    typer.echo(catalog.say("approval.approved", code=code, who=who))
