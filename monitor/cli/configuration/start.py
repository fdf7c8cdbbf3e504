"""What `run` says at its start: what it watches, whom it tells, when the next report is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from monitor.app import App
from monitor.config.models import Config
from monitor.scheduling.timetable import Timetable


def start_lines(app: App, config: Config) -> Iterator[str]:
    """A line each."""
    say = app.catalog.say
    yield say("run.watches", names=", ".join(app.catalog.name("check", n) for n in app.checks))
    yield say("run.tells", names=", ".join(app.senders))
    coming = _next_reports(config, app.clock())
    for kind, at in coming.items():
        yield say("run.report_at", kind=kind, at=at)
    if not coming:
        yield say("run.no_report")


def _next_reports(config: Config, now: datetime) -> dict[str, datetime]:
    crons = {kind: config.report.cron(kind) for kind in ("daily", "weekly")}
    zone = config.timezone
    return {k: Timetable(cron=c, zone=zone).next(now) for k, c in crons.items() if c}
