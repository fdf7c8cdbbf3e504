"""The ordinary command line in a process that kills itself (SIGKILL) at a step it is told.

    python tests/killed.py ORDER-FILE ARGUMENT…

It imports everything, says "warm", and waits for a line on standard input before it begins. The
order file holds a step and what the pass must see for it ("posted found", "owed clear"); while it
is missing nothing is killed. What is shortened here: the first wait and the rounds; what comes
and goes is not called unsteady. The lease is the real one: the next start frees it.
"""

from __future__ import annotations

import http.client
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from monitor import app
from monitor.cli.main import main
from monitor.config.models import AlertSection, DeliverySection
from monitor.notifiers.slack import SlackChannel
from monitor.recording.record import Recorder
from monitor.store.delivery import notifications

# Of a pass, within its transaction: right after these statements.
PASS_STATEMENTS = {
    "snapshot": ("INSERT INTO snapshots",),
    "alert": ("INSERT INTO alerts", "UPDATE alerts"),
    "incident": ("INSERT INTO incidents", "UPDATE incidents"),
    "notice": ("INSERT INTO transitions (at, kind, reason, incident_id)",),
    "owed": ("INSERT INTO notifications",),
}
# Of anything else, within its transaction.
STATEMENTS = {
    "report": ("INSERT INTO notifications",),
    "claiming": ("UPDATE notifications SET lease_until",),
    "marking": ("UPDATE notifications SET state = 'sent'",),
}
_pass = threading.local()


class Order:
    """What the parent wants at this moment."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[str, str]:
        """The step and what the pass must see; empty while there is no order."""
        try:
            step, _, seen = self._path.read_text().partition(" ")
        except FileNotFoundError:
            return "", ""
        return step, seen

    def reached(self, *steps: str) -> None:
        """Die if one of these steps is the one."""
        if self.read()[0] in steps:
            os.kill(os.getpid(), signal.SIGKILL)


def arm(order: Order) -> None:
    """Put a stop at every step between the look and the mark."""
    _wrap_pass(order)
    _listen(order)
    _wrap(notifications, "claim", after=lambda owed: owed and order.reached("claimed"))
    _wrap(SlackChannel, "_post", lambda: order.reached("posting"))
    _wrap(http.client.HTTPConnection, "getresponse", lambda: order.reached("asked"))
    _wrap(SlackChannel, "_post", after=lambda _: order.reached("posted"))
    _wrap(notifications, "mark_sent", after=lambda _: order.reached("marked"))


def _wrap_pass(order: Order) -> None:
    record = Recorder.record

    def recorded(self: Recorder, planned: Any, seen: Any, *rest: Any) -> None:
        found = "found" if seen.verdict.findings else "clear"
        _pass.matters = order.read()[1] == found
        if _pass.matters:
            order.reached("looked")
        record(self, planned, seen, *rest)
        if _pass.matters:
            order.reached("recorded")
        _pass.matters = False

    Recorder.record = recorded  # type: ignore[method-assign]


def _listen(order: Order) -> None:
    def executed(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        known = PASS_STATEMENTS if getattr(_pass, "matters", False) else STATEMENTS
        order.reached(*(step for step, begins in known.items() if statement.startswith(begins)))

    event.listen(Engine, "after_cursor_execute", executed)


def _wrap(
    owner: Any,
    name: str,
    before: Callable[[], Any] = lambda: None,
    after: Callable[[Any], Any] = lambda result: None,
) -> None:
    original = getattr(owner, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        before()
        result = original(*args, **kwargs)
        after(result)
        return result

    setattr(owner, name, wrapped)


def hurry() -> None:
    """Make the waits short, and each episode an incident of its own."""
    short = timedelta(seconds=1) / 5
    _changed(DeliverySection, "policy", backoff_first=short)
    _changed(AlertSection, "policy", flaps=1000)
    app.build.__kwdefaults__["deliver_every"] = short


def _changed(owner: Any, name: str, **fields: Any) -> None:
    original = getattr(owner, name)
    setattr(owner, name, lambda self: replace(original(self), **fields))


def end_with_parent() -> None:
    """Do not outlive the test: its end of standard input closes with it."""
    sys.stdin.read()
    os._exit(70)


if __name__ == "__main__":
    arm(Order(Path(sys.argv[1])))
    hurry()
    print("warm", flush=True)
    if sys.stdin.readline():
        threading.Thread(target=end_with_parent, daemon=True).start()
        main(args=sys.argv[2:], prog_name="paypulse")
