"""What may be wrong with one message, judged when it reaches the receiver."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from timeline_past import Past, Thread, has_doubled, is_declared, sizes_of
from timeline_run import POLICY

from monitor.domain.alert import Alert
from monitor.domain.check import Status, worst
from monitor.domain.incident.message import AlertSummary, IncidentMessage

Fault = tuple[str, str]
_ENDS = ("resolved", "brief")


class Known(Protocol):
    """What an oracle knows when a message arrives."""

    now: datetime
    firing: dict[int, Alert]
    pasts: dict[int, Past]
    threads: dict[int, Thread]

    def is_timely(self, effect: Alert, cause: Alert) -> bool: ...
    def is_accepted(self, alert: Alert) -> bool: ...


def message_faults(known: Known, message: IncidentMessage) -> Iterator[Fault]:
    """The rules that a message breaks, and how."""
    thread = known.threads.get(message.incident_id or 0)
    yield from _place(known, thread, message)
    yield from _what_fires(known, message)
    yield from _consequences(known, message)
    if thread is not None and not message.more:
        yield from _what_is_new(thread, message)
    if thread is not None and thread.acked is not None:
        yield from _after_ack(thread, message)
    if message.kind in _ENDS:
        yield from _end(known, thread, message)
    if message.kind == "unsteady":
        yield from _unsteady(known, message)


def _place(known: Known, thread: Thread | None, message: IncidentMessage) -> Iterator[Fault]:
    """One first message, one end, nothing after it; one thread about one thing."""
    name = f"incident {message.incident_id} {message.kind} {message.root.key}"
    if thread is None:
        if message.kind not in ("firing", "brief", "unsteady"):
            yield "R5", f"{name}: no first message"
        if not message.in_channel:
            yield "R1", f"{name}: a first message that is not in the channel"
        same = [t for t in known.threads.values() if not t.is_over and t.root == message.root.key]
        if same:
            yield "R5", f"{name}: a second thread about the same"
        return
    if thread.is_over:
        yield "R5", f"{name}: after the end"
    if message.kind in ("firing", "brief"):
        yield "R5", f"{name}: a second first message"
    if message.root.key != thread.root:
        yield "R2", f"{name}: the thread is about {thread.root}"


def _what_fires(known: Known, message: IncidentMessage) -> Iterator[Fault]:
    """What a message calls broken fires now, so badly, and since then."""
    name = f"incident {message.incident_id} {message.kind}"
    if message.kind in ("firing", "update", "reminder") and message.root.ended_at is not None:
        yield "R2", f"{name}: {message.root.key} is over"
    if message.began_at != message.root.since:
        yield "R2", f"{name}: begins at another time than {message.root.key}"
    for item in (message.root, *message.consequences):
        if item.ended_at is not None:
            continue
        if not any(_is(item, a) for a in known.firing.values()):
            yield "R2", f"{name}: {item.key} since {item.since:%T} is not so"
        if not any(_is_so_bad(item, a) for a in known.firing.values()):
            yield "R2", f"{name}: {item.key} is not {item.status}"
    if message.root.subject == "*":
        alike = [a for a in known.firing.values() if a.code == message.root.code]
        if message.count > max(len(alike), 1) and message.kind not in _ENDS:
            yield "R11", f"{name}: says {message.count}, {len(alike)} are alike"


def _is(item: AlertSummary, alert: Alert) -> bool:
    if item.subject == "*":
        return (item.check, item.code) == (alert.check, alert.code)
    return (item.key, item.since) == (alert.key, alert.since)


def _is_so_bad(item: AlertSummary, alert: Alert) -> bool:
    same = item.key == alert.key or (item.subject == "*" and item.code == alert.code)
    return same and item.status is alert.status


def _what_is_new(thread: Thread, message: IncidentMessage) -> Iterator[Fault]:
    """An update that speaks of more names it."""
    listed = {item.key for item in message.consequences if item.ended_at is None}
    risen = {i.key for i in message.consequences if i.status is Status.CRIT} - thread.told_crit
    is_new = risen or listed - thread.told.keys()
    if message.reason in ("more_follows", "new_critical") and not is_new:
        yield "R2", f"incident {message.incident_id} {message.kind}: names nothing new"


def _consequences(known: Known, message: IncidentMessage) -> Iterator[Fault]:
    """Each consequence has a declared cause in the message, and began at it or after it."""
    is_cut = message.more or message.root.subject == "*"
    listed = {item.key for item in (message.root, *message.consequences)}
    for item in message.consequences:
        if item.ended_at is not None or (is_cut and item.code == message.root.code):
            continue
        effect = next((a for a in known.firing.values() if _is(item, a)), None)
        if effect is None:
            continue
        fired = (p.alert for p in known.pasts.values() if p.alert.fired_at is not None)
        causes = [a for a in fired if is_declared(a.key, item.key)]
        if message.kind not in _ENDS:
            causes = [c for c in causes if c.ended_at is None]
        causes = [c for c in causes if is_cut or c.key in listed]
        if not any(known.is_timely(effect, c) for c in causes):
            name = f"incident {message.incident_id} {message.kind} {message.root.key}"
            yield "R3", f"{name}: {item.key} since {item.since:%T} follows from nothing in it"


def _after_ack(thread: Thread, message: IncidentMessage) -> Iterator[Fault]:
    """After an acknowledgement only what is new, worse or larger, and the end."""
    if message.kind in ("resolved", "unsteady") or thread.is_unsteady or thread.is_over:
        return
    items = [i for i in (message.root, *message.consequences) if i.ended_at is None]
    held = thread.acked or frozenset()
    fresh = [i for i in items if thread.told.get(i.key, (None, {}))[0] != i.since]
    fresh = [i for i in fresh if i.key not in held or i.key in thread.told]
    grown = [
        i for i in items if has_doubled(i.code, sizes_of(i), thread.told.get(i.key, (None, {}))[1])
    ]
    rises = message.status is Status.CRIT and thread.messages[-1].status is not Status.CRIT
    rises |= any(i.status is Status.CRIT and i.key not in thread.told_crit for i in items)
    if not (rises or grown or thread.is_storm or any(i.status is Status.CRIT for i in fresh)):
        yield "R6", f"incident {message.incident_id} {message.kind}: {message.reason} after an ack"


def _end(known: Known, thread: Thread | None, message: IncidentMessage) -> Iterator[Fault]:
    """An end says over what is over, and the worst that it was."""
    name = f"incident {message.incident_id} {message.kind} {message.root.key}"
    root = message.root
    live = [
        a
        for a in known.firing.values()
        if a.key == root.key and (message.reason != "accepted" or not known.is_accepted(a))
    ]
    if live:
        yield "R2", f"{name}: it fires"
    told = [m.status for m in thread.messages] if thread else []
    if worst((message.status, *told)) is not message.status:
        yield "R9", f"{name}: says {message.status}, it was told as worse"
    # What could not be looked at while it went on may go on longer than it.
    gaps = message.status is Status.UNKNOWN
    items = {root.key, *(item.key for item in message.consequences if item.ended_at or gaps)}
    was = [p.worst for p in known.pasts.values() if p.alert.key in items]
    if root.subject != "*" and not message.more and message.status not in (*was, *told):
        yield "R9", f"{name}: says {message.status}, nothing in it ever was"
    if root.subject != "*" and message.reason != "accepted":
        yield from _peak(known, message, name)


def _peak(known: Known, message: IncidentMessage, name: str) -> Iterator[Fault]:
    root = message.root
    episodes = [
        p for p in known.pasts.values() if p.alert.key == root.key and p.alert.since == root.since
    ]
    if not any(p.worst is root.status for p in episodes):
        yield "R9", f"{name}: says {root.status}, it was {[p.worst for p in episodes]}"
    if not any(p.peak == sizes_of(root) for p in episodes):
        yield "R9", f"{name}: says {sizes_of(root)}, it was {[p.peak for p in episodes]}"


def _unsteady(known: Known, message: IncidentMessage) -> Iterator[Fault]:
    since = known.now - POLICY.flap_within
    ends = [
        p
        for p in known.pasts.values()
        if p.alert.key == message.root.key and p.ended_at and p.ended_at >= since
    ]
    if len(ends) < POLICY.flaps:
        yield "R12", f"{message.root.key} is called unsteady after {len(ends)} ends"
