"""Commands on baselines: accept a new normal, list those that were accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from monitor.cli.common import ConfigOption, caller, fail, opened

commands = typer.Typer(no_args_is_help=True)
_LOOK_BACK = timedelta(days=365)


@commands.command()
def accept(
    series: Annotated[str, typer.Argument()],
    since: str = "",
    check: str = "",
    comment: str = "",
    config: ConfigOption = None,
) -> None:
    """Let a series be measured by what it is now: what was before counts no more."""
    from monitor.cli.loadtest.importing import parsed_time
    from monitor.store.series.accepted import Accepted
    from monitor.store.series.accepted import accept as save
    from monitor.store.series.history import series_names
    from monitor.store.series.past import regressions_since
    from monitor.text.catalog import Catalog

    with opened(config) as (settings, store):
        catalog, now = Catalog(settings.language, settings.zone), datetime.now(UTC)
        with store.read() as tx:
            checks = [of for of, name in series_names(tx) if name == series and check in ("", of)]
            spans = regressions_since(tx, checks[0], now - _LOOK_BACK) if len(checks) == 1 else {}
        if len(checks) != 1:
            key = "baseline.ambiguous" if checks else "baseline.unknown_series"
            fail(catalog.say(key, series=series, checks=", ".join(checks)))
        going_on = [begun for begun, ended in spans.get(series, ()) if ended is None]
        at = parsed_time(since, settings.zone) if since else next(iter(going_on), None)
        if at is None or at > now:
            fail(
                catalog.say("baseline.since_wrong" if since else "baseline.no_alert", series=series)
            )
        with store.write() as tx:
            save(tx, Accepted(checks[0], series, at, now, caller(), comment))
    typer.echo(catalog.say("baseline.accepted", check=checks[0], series=series, at=at))


@commands.command("list")
def list_(config: ConfigOption = None) -> None:
    """Every new normal that was accepted, by whom and why."""
    from monitor.store.series.accepted import all_accepted
    from monitor.text.catalog import Catalog
    from monitor.text.filters import clean

    with opened(config) as (settings, store):
        catalog = Catalog(settings.language, settings.zone)
        with store.read() as tx:
            found = all_accepted(tx)
    for each in found:
        told = {"check": each.check, "series": each.series, "from_at": each.from_at}
        who = {"at": each.at, "author": clean(each.author), "comment": clean(each.comment)}
        typer.echo(catalog.say("baseline.row", **told, **who))
    if not found:
        typer.echo(catalog.say("baseline.none"))
