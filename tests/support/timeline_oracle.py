"""Whether a receiver was told the truth: the rules of telling, judged from alerts and messages.

It knows nothing of incidents: only what fires, what people did, and what the receiver got.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from timeline import Timeline, Violation
from timeline_messages import message_faults
from timeline_past import (
    Past,
    Thread,
    begins_within_of,
    drain_of,
    grows_beyond,
    has_doubled,
    is_declared,
    sizes_of,
)
from timeline_run import POLICY, Step

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status

FIRST_WITHIN = timedelta(seconds=30 + 5)
_TICK = timedelta(seconds=5)


class Oracle:
    """Judges step after step."""

    def __init__(self, timeline: Timeline) -> None:
        self.lateness = timeline.lateness
        self.pasts: dict[int, Past] = {}
        self.threads: dict[int, Thread] = {}
        self.waits: dict[int, datetime] = {}  # critical, with no word and no excuse, since then
        self.unlisted: dict[int, datetime] = {}  # critical beside a told cause, in no message
        self.late: set[int] = set()  # reported once
        self.ever_quiet: set[int] = set()  # silenced or accepted for a while
        self.alone: dict[tuple[str, str, datetime], set[str]] = {}  # first messages, by pass
        self.over: list[tuple[str, datetime]] = []  # ends that were told, by root
        self.violations: list[Violation] = []
        self.messages = 0

    def see(self, step: Step) -> None:
        """One step of the monitor."""
        self.now, self.step = step.now, step
        self.messages += len(step.messages)
        self._remember(step)
        for message in step.messages:
            for rule, text in message_faults(self, message):
                self._broken(rule, text)
            self._file(message)
        for root, held in step.acked:
            self._ack(root, held)
        self._critical_speaks()
        self._critical_is_listed()
        self._ended_untold()
        self._ends_told()
        self._may_drain()
        self._growth_told()
        self._storm_is_one()

    def close(self) -> None:
        """All is over: every first message has its end."""
        for number, thread in self.threads.items():
            if not thread.is_over:
                self._broken("R5", f"incident {number} ({thread.root}) has no end")

    def _broken(self, rule: str, text: str) -> None:
        self.violations.append(Violation(rule, self.now, text))

    def _remember(self, step: Step) -> None:
        for number, alert in step.alerts.items():
            past = self.pasts.setdefault(number, Past(alert))
            past.see(alert, step.now)
        self.firing = {n: a for n, a in step.alerts.items() if a.phase is Phase.FIRING}
        if step.slept:
            self.waits = {n: at + step.slept for n, at in self.waits.items()}
            self.unlisted = {n: at + step.slept for n, at in self.unlisted.items()}

    def _file(self, message) -> None:  # type: ignore[no-untyped-def]
        number = message.incident_id
        thread = self.threads.setdefault(number, Thread(message))
        thread.add(message)
        if thread.is_over and not thread.is_unsteady and message.reason != "accepted":
            self.over.append((thread.root, self.now))
            within = [at for key, at in self.over if key == thread.root]
            if len([at for at in within if at > self.now - POLICY.flap_within]) >= POLICY.flaps:
                self._broken("R12", f"{thread.root} ended {POLICY.flaps} times within the hour")

    def _ack(self, root: str, held: frozenset[str]) -> None:
        for thread in self._open():
            if thread.root == root:
                thread.acked = held

    def _open(self) -> Iterator[Thread]:
        return (t for t in self.threads.values() if not t.is_over)

    # Rule 1

    def _critical_speaks(self) -> None:
        critical = {n: a for n, a in self.firing.items() if a.status is Status.CRIT}
        for number, alert in critical.items():
            waited = self.now - self.waits.get(number, self.now)
            if waited > FIRST_WITHIN:
                self._broken("R1", f"{alert.key}: no word for {waited.total_seconds():.0f} s")
                self.late.add(number)
        waits = {}
        self.ever_quiet |= {n for n, a in self.firing.items() if self.is_quiet(a)}
        for number, alert in critical.items():
            if number in self.late or self.is_quiet(alert) or self._is_told(alert):
                continue
            if not self._is_excused(alert):
                waits[number] = self.waits.get(number, self.now)
        self.waited, self.waits = self.waits, waits

    def is_quiet(self, alert: Alert) -> bool:
        """Whether somebody silenced or accepted it, as large as it is."""
        name = f"{alert.check}/{alert.key}"
        if any(s.until > self.now and fnmatchcase(name, s.pattern) for s in self.step.silences):
            return True
        return self.is_accepted(alert)

    def is_accepted(self, alert: Alert) -> bool:
        """Whether somebody takes it as known, as large as it is."""
        name = f"{alert.check}/{alert.key}"
        return any(
            (a.until is None or a.until > self.now)
            and fnmatchcase(name, a.pattern)
            and not grows_beyond(alert.code, sizes_of(alert), dict(a.sizes))
            for a in self.step.accepted
        )

    def _is_told(self, alert: Alert) -> bool:
        """Whether a critical message of its own stands in the channel."""
        return any(t.was_crit and t.names(alert) for t in self._open())

    def _is_excused(self, alert: Alert) -> bool:
        return self._follows(alert, frozenset()) or self.drains(alert)

    def _follows(self, alert: Alert, seen: frozenset[str]) -> bool:
        """Whether it follows from a critical fault that fires, and of which people know."""
        for number, cause in self.firing.items():
            if cause.key in seen or not is_declared(cause.key, alert.key):
                continue
            if self.pasts[number].worst is not Status.CRIT or not self.is_timely(alert, cause):
                continue
            waits = self.waits.get(number)
            soon = waits is not None and self.now - waits <= FIRST_WITHIN
            soon = soon or number in self.step.fired
            if self.is_quiet(cause) and not self._is_told(cause):
                continue
            if soon or self._is_told(cause) or self._follows(cause, seen | {alert.key}):
                return True
            if self.drains(cause):  # what was left behind keeps what followed from it
                return True
        return False

    def _critical_is_listed(self) -> None:
        """What is critical and follows from what was told is soon in a message about that."""
        unlisted = {}
        for number, alert in self.firing.items():
            if alert.status is not Status.CRIT or number in self.late or not self._is_owed(alert):
                continue
            unlisted[number] = since = self.unlisted.get(number, self.now)
            if self.now - since > FIRST_WITHIN:
                self._broken("R1", f"{alert.key}: follows, and is in no message since {since:%T}")
                self.late.add(number)
        self.unlisted = unlisted

    def _is_owed(self, alert: Alert) -> bool:
        """Whether the thread of its cause must say that it is critical."""
        if self.is_quiet(alert) or self.drains(alert) or self._is_told(alert):
            return False
        if any(t.knows_critical(alert.key) for t in self._open()):
            return False
        return not self._keeps_company(alert) and self._has_told_cause(alert, frozenset())

    def _keeps_company(self, alert: Alert) -> bool:
        """Whether it follows from what drains: what was left behind keeps that."""
        causes = (c for c in self.firing.values() if is_declared(c.key, alert.key))
        return any(self.is_timely(alert, c) and self.drains(c) for c in causes)

    def _has_told_cause(self, alert: Alert, seen: frozenset[str]) -> bool:
        for number, cause in self.firing.items():
            declared = cause.key not in seen and is_declared(cause.key, alert.key)
            if not declared or self.pasts[number].worst is not Status.CRIT:
                continue
            if self.is_quiet(cause) or not self.is_timely(alert, cause):
                continue
            if self._is_told(cause) or self._has_told_cause(cause, seen | {alert.key}):
                return True
        return False

    def is_timely(self, effect: Alert, cause: Alert) -> bool:
        """Whether an effect began at its cause or after it, less the slack of both checks."""
        lateness = self.lateness[effect.check] + self.lateness[cause.check]
        return effect.since >= cause.since - min(lateness, POLICY.lateness_max)

    def drains(self, alert: Alert) -> bool:
        """Whether a critical cause that is over may still have left it behind."""
        past = self.pasts[alert.id or 0]
        for other in self.pasts.values():
            cause, ended_at = other.alert, other.ended_at
            if ended_at is None or other.worst is not Status.CRIT:
                continue
            if not is_declared(cause.key, alert.key) or not self.is_timely(alert, cause):
                continue
            until = ended_at + drain_of(cause.key, alert.key)
            begins_until = ended_at + begins_within_of(cause.key, alert.key)
            # What one check saw critical before is no news when another sees it so later.
            same = [p for p in self.pasts.values() if p.alert.key == alert.key]
            began = min(p.alert.since for p in same if p.lasts_at(alert.since))
            if began > begins_until or self.now > until + _TICK:
                continue
            if alert.status is not Status.CRIT:  # it eased: a cause that drains, too
                if any(p.was_crit_at(ended_at) for p in same):
                    return True
            elif past.was_crit_when_it_fired or any(
                p.crit_at and p.crit_at <= ended_at for p in same
            ):
                return True
        return False

    # Rule 8

    def _ended_untold(self) -> None:
        """What was critical, was owed a word, and is over without one."""
        for number in self.waited:
            past = self.pasts[number]
            if past.ended_at != self.now or number in self.ever_quiet:
                continue
            if not any(t.names(past.alert) for t in self._told_now()):
                self._broken("R8", f"{past.alert.key} was critical, is over, and nobody was told")

    def _told_now(self) -> Iterator[Thread]:
        for thread in self.threads.values():
            if not thread.is_over or thread.messages[-1].made_at == self.now:
                yield thread

    # Rules 4, 7, 11

    def _ends_told(self) -> None:
        for number, thread in self.threads.items():
            if thread.is_over or thread.is_unsteady:
                continue
            if not any(thread.names(a) for a in self.firing.values()):
                if not thread.is_late:
                    self._broken("R4", f"incident {number}: {thread.root} is over, its end untold")
                thread.is_late = True

    def _may_drain(self) -> None:
        """What a cause left behind is not told before its time to drain has passed."""
        for message in self.step.messages:
            thread = self.threads[message.incident_id or 0]
            if message is not thread.first or message.kind != "firing" or thread.is_storm:
                continue
            for past in self.pasts.values():
                alert = past.alert
                if (alert.key, alert.since) == (message.root.key, message.root.since):
                    cause = self._told_cause_that_left(past)
                    if cause is not None:
                        self._broken("R4", f"{alert.key} may still drain, left by {cause}")

    def _told_cause_that_left(self, past: Past) -> str | None:
        alert = past.alert
        for thread in self.threads.values():
            end = thread.messages[-1]
            ended_at = end.made_at
            if end.kind != "resolved" or end.reason != "over" or thread.is_storm:
                continue
            if not is_declared(thread.root, alert.key) or alert.key not in thread.listed:
                continue
            if any(
                p.ended_at is not None
                and p.ended_at > ended_at
                and is_declared(p.alert.key, alert.key)
                for p in self.pasts.values()
            ):
                continue  # another cause was there after it, and left it behind later
            was_there = alert.fired_at is not None and alert.fired_at < ended_at
            same = (p for p in self.pasts.values() if p.alert.key == alert.key)
            is_new_crit = any(p.crit_at is not None and p.crit_at >= ended_at for p in same)
            until = ended_at + drain_of(thread.root, alert.key)
            if was_there and not is_new_crit and thread.was_crit and self.now < until:
                return thread.root
        return None

    def _growth_told(self) -> None:
        latest = {a.key: a for a in sorted(self.firing.values(), key=lambda a: a.last_seen_at)}
        for alert in latest.values():
            for number, thread in self.threads.items():
                since, known = thread.told.get(alert.key, (None, {}))
                if thread.is_over or since != alert.since or not thread.names(alert):
                    continue
                if self.is_quiet(alert) or thread.is_storm:
                    continue
                if has_doubled(alert.code, sizes_of(alert), known):
                    self._broken("R7", f"incident {number}: {alert.key} grew from {known}")

    def _storm_is_one(self) -> None:
        for message in self.step.messages:
            thread = self.threads[message.incident_id or 0]
            if message is not thread.first or thread.is_storm:
                continue
            root = message.root
            pasts = [p.alert for p in self.pasts.values() if p.alert.key == root.key]
            fired_at = max(alert.fired_at or self.now for alert in pasts)
            alike = self.alone.setdefault((root.check, root.code, fired_at), set())
            alike.add(root.key)
            if len(alike) == POLICY.storm:
                self._broken("R11", f"{len(alike)} first messages about {root.code} of one pass")


def judge(timeline: Timeline, steps: Iterator[Step]) -> tuple[list[Violation], int, int]:
    """The violations of a timeline, its steps and messages."""
    oracle, count = Oracle(timeline), 0
    for step in steps:
        oracle.see(step)
        count += 1
    oracle.close()
    return oracle.violations, count, oracle.messages
