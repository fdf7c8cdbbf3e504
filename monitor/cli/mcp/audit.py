"""The acts that models did, or were refused, at somebody's word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, opened

_ROWS_MAX = 200


def audit(
    hours: Annotated[float, typer.Option(min=0, max=87_600)] = 7 * 24,
    config: ConfigOption = None,
) -> None:
    """What was done or refused over MCP: when, which tool, for whom, and how it ended."""
    from monitor.store.acts.audit import audit_between
    from monitor.text.catalog import Catalog
    from monitor.text.terminal.listing import audit_lines

    with opened(config) as (settings, store):
        now = datetime.now(UTC)
        since = now - timedelta(hours=hours)
        with store.read() as tx:
            entries = audit_between(tx, since, now + timedelta(seconds=1), _ROWS_MAX + 1)
    catalog = Catalog(settings.language, settings.zone)
    typer.echo("\n".join(audit_lines(entries[:_ROWS_MAX], catalog, since)))
    if len(entries) > _ROWS_MAX:
        typer.echo(catalog.say("show.audit_more", rows=_ROWS_MAX), err=True)
