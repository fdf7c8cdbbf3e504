"""The report on demand: printed in any form, or owed to the receivers at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date

from monitor.app import App
from monitor.domain.delivery import Message
from monitor.domain.statement import InvalidError
from monitor.reports.job import report_messages
from monitor.store.delivery.notifications import add_notifications
from monitor.text.messages.render import renderer


def print_report(app: App, kind: str, day: str, form: str) -> str:
    """The report in the asked form: text, html or slack (JSON)."""
    [message] = _messages(app, kind, day, ["print"])
    return formed(app, message, form)


def formed(app: App, message: Message, form: str) -> str:
    """A message as the receivers would get it."""
    made = renderer(app.config.language, app.config.timezone)
    if form == "text":
        return made.text(message)
    if form == "html":
        return made.html(message)
    if form == "slack":
        content = made.slack(message)
        blocks = {"text": content.text, "blocks": list(content.blocks)}
        return json.dumps(blocks, ensure_ascii=False, indent=2)
    raise InvalidError("one_of", option="--format", given=form, known="text, html, slack")


def send_report(app: App, kind: str, day: str, form: str) -> str:
    """Owe the report to every receiver, and deliver; a day's report is sent once to each."""
    return delivered(app, _messages(app, kind, day, list(app.senders)))


def delivered(app: App, messages: Sequence[Message]) -> str:
    """Messages owed to every receiver and delivered: how many were new, how many were sent."""
    with app.store.write() as tx:
        owed = add_notifications(tx, messages)
    sent = app.deliver()
    said = {"key": messages[0].key, "new": owed, "names": ", ".join(app.senders), "sent": sent}
    return app.catalog.say("run.report_sent", **said)


def _messages(app: App, kind: str, day: str, receivers: list[str]) -> list[Message]:
    now = app.clock()
    try:
        local = date.fromisoformat(day) if day else now.astimezone(app.config.zone).date()
    except ValueError:
        raise InvalidError("day", option="--date", given=day) from None
    if local > now.astimezone(app.config.zone).date():
        raise InvalidError("day_to_come", given=local.isoformat())
    return report_messages(app.store, app.config, kind, local, now, receivers)
