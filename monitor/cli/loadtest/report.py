"""The report of a load test on demand: printed in any form, drawn, or owed to the receivers."""

from __future__ import annotations

from datetime import UTC, datetime

from monitor.app import App
from monitor.cli.report import delivered, formed
from monitor.domain.load_test.run import RUNNING, LoadTestRun
from monitor.domain.statement import InvalidError
from monitor.load_tests.report import load_messages
from monitor.store.load_tests import load_test, load_tests
from monitor.text.messages.chart import HEIGHT, WIDTH, chart, png
from monitor.text.messages.layout import render

_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
FORMS = ("text", "slack", "svg", "png")


def report(app: App, number: int, form: str, send: bool) -> bytes:
    """What goes to standard output; ValueError names what cannot be had."""
    run = _run(app, number)
    if send:
        messages = load_messages(app.store, run, app.clock(), list(app.senders))
        return f"{delivered(app, messages)}\n".encode()
    if form not in FORMS:
        raise InvalidError("one_of", option="--format", given=form, known=", ".join(FORMS))
    [message, *_] = load_messages(app.store, run, app.clock(), ["print"])
    if form == "png":
        return png(message.payload, app.catalog)
    if form == "svg":
        drawn = chart(message.payload, app.catalog)
        return render("svg/load_trend.svg.j2", chart=drawn, size=(WIDTH, HEIGHT)).encode()
    return f"{formed(app, message, form).rstrip()}\n".encode()


def _run(app: App, number: int) -> LoadTestRun:
    with app.store.read() as tx:
        if number:
            found = load_test(tx, number)
        else:
            runs = load_tests(tx, _FIRST, app.clock(), limit=20)
            found = next((run for run in runs if run.state != RUNNING), None)
    if found is None:
        raise InvalidError("no_load_test", number=number)
    return found
