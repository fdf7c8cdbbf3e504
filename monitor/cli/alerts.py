"""Commands on alerts: what is wrong, who takes care of it, what is to stay quiet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import (
    ConfigOption,
    agreed,
    caller,
    catalog_in,
    fail,
    given_length,
    opened,
    refuse,
)
from monitor.domain.statement import InvalidError

if TYPE_CHECKING:
    from monitor.domain.alert import Alert
    from monitor.store.database import Connection, Store
    from monitor.text.terminal.listing import Looked

commands = typer.Typer(no_args_is_help=True)


@commands.command("list")
def list_(
    hours: Annotated[float, typer.Option(min=0, max=87_600)] = 24,
    config: ConfigOption = None,
) -> None:
    """The incidents that are open, and those of the last hours."""
    from monitor.store.alerting.acceptances import active_acceptances
    from monitor.store.alerting.incidents import incidents_between
    from monitor.store.alerting.silences import silences
    from monitor.store.delivery.journal import failing_receivers, waiting_and_dead
    from monitor.store.upkeep.integrity import require_sound_alerts
    from monitor.text.catalog import Catalog
    from monitor.text.terminal.deliveries import failing_lines, undelivered_lines
    from monitor.text.terminal.listing import (
        accepted_lines,
        incident_lines,
        no_incidents_line,
        silence_lines,
    )
    from monitor.text.terminal.output import told

    with opened(config) as (settings, store):
        now = datetime.now(UTC)
        catalog = Catalog(settings.language, settings.zone)
        require_sound_alerts(store)
        with store.read() as tx:
            since = now - timedelta(hours=hours)
            stories = incidents_between(tx, since, now + timedelta(seconds=1))
            quiet, known = silences(tx, now), active_acceptances(tx, now)
            pending, failing = waiting_and_dead(tx), failing_receivers(tx)
            looked = _looked(tx, since, now)
    none = [] if stories else [no_incidents_line(catalog, since, now, looked)]
    lines = [*none, *incident_lines(stories, catalog, now), *silence_lines(quiet, catalog)]
    lines += accepted_lines(known, catalog)
    lines += [*failing_lines(failing, catalog), *undelivered_lines(pending, catalog)]
    told(lines)


def _looked(tx: Connection, start: datetime, end: datetime) -> Looked:
    """Whether anybody looked in a span; one that is shorter than a quarter of an hour is that."""
    from monitor.store.passes.counts import counts_between
    from monitor.store.passes.snapshots import latest_snapshots
    from monitor.text.terminal.listing import Looked

    counts = counts_between(tx, min(start, end - timedelta(minutes=15)), end)
    last = max((each.at for each in latest_snapshots(tx).values()), default=None)
    return Looked(counts.ok + counts.warn + counts.crit, counts.unknown, last)


@commands.command()
def show(incident: int, config: ConfigOption = None) -> None:
    """One incident: why it was announced or not, what happened, and who was told when."""
    from monitor.store.alerting.incidents import incident_by_id
    from monitor.store.alerting.transitions import joins_of, silences_of
    from monitor.store.delivery.journal import deliveries
    from monitor.text.catalog import Catalog
    from monitor.text.terminal.incident import incident_page
    from monitor.text.terminal.output import told

    with opened(config) as (settings, store):
        catalog, thread = Catalog(settings.language, settings.zone), f"incident:{incident}"
        with store.read() as tx:
            story = incident_by_id(tx, incident)
            if story is None:
                refuse("no_incident", number=incident)
            journal = joins_of(tx, story.incident), silences_of(tx, story.incident)
            messages = deliveries(tx, [thread])[thread]
    told(incident_page(story, *journal, messages, catalog, datetime.now(UTC)))


ByOption = Annotated[str, typer.Option("--by")]
YesOption = Annotated[bool, typer.Option("--yes")]
PatternArgument = Annotated[str, typer.Argument()]


@commands.command()
def ack(incident: int, by: ByOption = "", config: ConfigOption = None) -> None:
    """Take care of an incident: its reminders stop, its end is still told."""
    from monitor.store.alerting.incidents import acknowledge

    who = caller(by)
    with opened(config) as (settings, store):
        say = catalog_in(settings).say
        if not acknowledge(store, incident, who):
            fail(say("alerts.not_open", number=incident))
    typer.echo(say("alerts.acknowledged", number=incident, who=who))


@commands.command()
def silence(
    pattern: PatternArgument,
    duration: Annotated[str, typer.Option("--for")] = "1h",
    comment: str = "",
    by: ByOption = "",
    yes: YesOption = False,
    config: ConfigOption = None,
) -> None:
    """Keep quiet about matching alerts for a while; afterwards what changed is told."""
    from monitor.store.alerting.silences import add_silence

    length, who = given_length("--for", duration), caller(by)
    with opened(config) as (settings, store):
        say = catalog_in(settings).say
        found = _meant(pattern, store, say, yes)
        now = datetime.now(UTC)
        number = add_silence(store, pattern, now + length, now, who, comment)
    said = {"number": number, "pattern": pattern, "until": now + length, "matching": len(found)}
    typer.echo(say("alerts.silenced", who=who, **said))


@commands.command()
def unsilence(number: int, config: ConfigOption = None) -> None:
    """End a silence."""
    from monitor.store.alerting.silences import end_silence

    with opened(config) as (settings, store):
        say = catalog_in(settings).say
        if not end_silence(store, number, datetime.now(UTC)):
            fail(say("alerts.not_silenced", number=number))
    typer.echo(say("alerts.unsilenced", number=number))


@commands.command()
def accept(
    pattern: PatternArgument,
    reason: Annotated[str, typer.Option()],
    duration: Annotated[str, typer.Option("--for")] = "",
    until: Annotated[str, typer.Option("--until")] = "",
    by: ByOption = "",
    yes: YesOption = False,
    config: ConfigOption = None,
) -> None:
    """Take what matching alerts tell as known: no incident as long as it does not grow."""
    from monitor.app import ALERT_SIZES
    from monitor.domain.incident.model import Acceptance, accepted_sizes
    from monitor.store.alerting.acceptances import add_acceptance

    who = caller(by)
    with opened(config) as (settings, store):
        say = catalog_in(settings).say
        ends_at = _end_of(duration, until, datetime.now(settings.zone))
        if not reason.strip():
            fail(say("alerts.reason_expected"))
        found = _meant(pattern, store, say, yes)
        now, sizes = datetime.now(UTC), accepted_sizes(found, ALERT_SIZES)
        number = add_acceptance(store, Acceptance(pattern, who, reason, now, sizes, ends_at))
    said = {"number": number, "pattern": pattern, "until": ends_at, "matching": len(found)}
    typer.echo(say("alerts.accepted", who=who, reason=reason, **said))


def _end_of(duration: str, until: str, now: datetime) -> datetime | None:
    """When it is to end, as one of the two options says; None: never."""
    from monitor.cli.books.time_input import moment_after

    if duration and until:
        refuse("for_and_until")
    if until:
        try:
            return moment_after(until, now).astimezone(UTC)
        except InvalidError as error:
            fail(error)
        except OverflowError:  # beyond the calendar
            refuse("until", given=until)
    return (now + given_length("--for", duration)).astimezone(UTC) if duration else None


@commands.command()
def unaccept(number: int, config: ConfigOption = None) -> None:
    """End an acceptance: what it covers is told again."""
    from monitor.store.alerting.acceptances import end_acceptance

    with opened(config) as (settings, store):
        say = catalog_in(settings).say
        if not end_acceptance(store, number, datetime.now(UTC)):
            fail(say("alerts.not_accepted", number=number))
    typer.echo(say("alerts.unaccepted", number=number))


def _meant(pattern: str, store: Store, say: Callable[..., str], yes: bool) -> list[Alert]:
    """What fires now and is meant; asks where that is nothing, or the pattern means everything."""
    from monitor.domain.incident.model import is_everything, matching
    from monitor.store.alerting.alerts import all_live_alerts

    if "/" not in pattern and "*" not in pattern:
        fail(say("alerts.pattern_expected", pattern=pattern))
    with store.read() as tx:
        found = matching(pattern, all_live_alerts(tx).values())
    doubt = "everything" if is_everything(pattern) else "" if found else "nothing"
    if doubt and not yes and not agreed(say(f"alerts.means_{doubt}", pattern=pattern)):
        fail(say("alerts.not_done"))
    return found


@commands.command()
def retry(message: int, config: ConfigOption = None) -> None:
    """Let a message that waits or was not delivered be tried now."""
    from monitor.store.delivery import notifications

    with opened(config) as (settings, store):
        say = catalog_in(settings).say
        state = notifications.retry(store, message, datetime.now(UTC))
    if not state:
        refuse("no_message", number=message)
    if state == "merged":
        typer.echo(say("alerts.retry_merged", number=message))
    else:
        typer.echo(say("alerts.retry_due", number=message))
