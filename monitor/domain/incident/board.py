"""The open incidents while one moment is decided, and what is asked of them again and again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status, worst
from monitor.domain.incident.model import (
    NOT_VISIBLE,
    Acceptance,
    Change,
    Incident,
    Joined,
    Rules,
    Silence,
    accepting,
    is_silenced,
)


@dataclass
class Board:
    """One moment: alerts by id, the open incidents, and what changed so far.

    `recent` are incidents that were announced and ended within `flap_within`.
    """

    alerts: Mapping[int, Alert]
    rules: Rules
    silences: Sequence[Silence]
    accepted: Sequence[Acceptance]
    recent: Sequence[Incident]
    now: datetime
    incidents: list[Incident] = field(default_factory=list)
    over: list[Change] = field(default_factory=list)
    joined: dict[int, list[Joined]] = field(default_factory=dict)  # by index of incident

    @cached_property
    def firing(self) -> dict[str, list[tuple[int, Alert]]]:
        """The firing alerts by code."""
        found: dict[str, list[tuple[int, Alert]]] = {}
        for alert_id, alert in self.alerts.items():
            if alert.phase is Phase.FIRING:
                found.setdefault(alert.code, []).append((alert_id, alert))
        return found

    def fires(self, key: str) -> bool:
        """Whether any alert with this key fires, in whichever incident."""
        return any(a.key == key for _, a in self.firing.get(key.partition(":")[0], ()))

    @cached_property
    def ended(self) -> list[tuple[int, Alert]]:
        """The alerts that fired and are over."""
        return [
            (i, a)
            for i, a in self.alerts.items()
            if a.phase is Phase.RESOLVED and a.fired_at is not None and not is_not_visible(a)
        ]

    @cached_property
    def home_of(self) -> dict[int, int]:
        """The index of the open incident of each alert that has one."""
        return {m: n for n, i in enumerate(self.incidents) if not i.closed for m in i.members}

    def above(self, effect: Alert) -> Iterator[tuple[int, Alert]]:
        """The firing alerts that are declared causes of this one, whenever they began."""
        codes = self.rules.causes.codes_above(effect.key)
        near = self.firing.values() if "" in codes else (self.firing.get(c, ()) for c in codes)
        for group in near:
            for alert_id, alert in group:
                if self.rules.causes.rule(alert.key, effect.key) is not None:
                    yield alert_id, alert

    def lateness(self, effect: Alert, cause: Alert) -> timedelta:
        """By how much a cause may be seen later than its effect: the pace of both their checks."""
        known, most = self.rules.lateness, self.rules.policy.lateness_max
        return min(known.get(effect.check, most) + known.get(cause.check, most), most)

    def is_timely(self, effect: Alert, cause: Alert) -> bool:
        """Whether an effect began at its cause or after it."""
        return effect.since >= cause.since - self.lateness(effect, cause)

    def follows(self, effect: Alert, cause: Alert) -> bool:
        """Whether one is a declared cause of the other, and began in time for that."""
        declared = self.rules.causes.rule(cause.key, effect.key) is not None
        return declared and self.is_timely(effect, cause)

    def is_accepted(self, alert: Alert) -> bool:
        """Whether somebody took it as known, as large as it is."""
        return accepting(alert, self.accepted, self.rules.sizes, self.now) is not None

    def is_silenced(self, incident: Incident) -> bool:
        """Whether the alert that it is named by is silenced, and nothing in it is worse."""
        live = self.live(incident) or self.members(incident)
        roots = [a for a in live if self.is_root(incident, a)] or live
        if not roots or not all(is_silenced(a, self.silences, self.now) for a in roots):
            return False
        severity = worst(a.status for a in roots)
        louder = [a for a in live if worst((a.status, severity)) is not severity]
        return all(is_silenced(a, self.silences, self.now) for a in louder)

    def drains(self, incident: Incident) -> bool:
        """Whether it still has time to go away by itself."""
        return incident.speak_at is not None and self.now < incident.speak_at

    def was_left_with(self, incident: Incident, alert: Alert) -> bool:
        """Whether an alert was there, as bad as it is, when its cause left the incident behind."""
        was_there = alert.fired_at is not None and alert.fired_at < incident.opened_at
        return was_there and not self.has_risen(alert, incident.opened_at)

    def has_risen(self, alert: Alert, since: datetime) -> bool:
        """Whether it became critical then or later, having been known as less."""
        if alert.rose_at is None or alert.rose_at < since:
            return False
        same = (a for _, a in self.firing.get(alert.code, ()) if a.key == alert.key)
        return not any(
            a.status is Status.CRIT and (a.rose_at or a.fired_at or a.since) < since for a in same
        )

    def members(self, incident: Incident) -> list[Alert]:
        """Its alerts, live and ended."""
        return [alert for _, alert in self.known(incident)]

    def known(self, incident: Incident) -> list[tuple[int, Alert]]:
        """Its alerts, live and ended, with their ids."""
        return [(m, self.alerts[m]) for m in incident.members if m in self.alerts]

    def live(self, incident: Incident) -> list[Alert]:
        """Its alerts that fire."""
        return [a for a in self.members(incident) if a.phase is Phase.FIRING]

    def is_root(self, incident: Incident, alert: Alert) -> bool:
        """Whether the incident is named by this alert."""
        if incident.root == NOT_VISIBLE:
            return is_not_visible(alert)
        return alert.key == incident.root or (
            incident.is_many and alert.code == incident.root.partition(":")[0]
        )

    def root(self, incident: Incident) -> Alert | None:
        """The alert that it is named by: the one that fires, else the last that ended."""
        roots = [a for a in self.members(incident) if self.is_root(incident, a)]
        return max(roots, key=lambda a: (a.phase is Phase.FIRING, a.since), default=None)

    def open(self, incident: Incident, alert_id: int, why: Joined | None = None) -> None:
        """A new incident with its first alert."""
        self.incidents.append(incident)
        self.home_of[alert_id] = len(self.incidents) - 1
        if why is not None:
            self.joined.setdefault(len(self.incidents) - 1, []).append(why)

    def join(self, home: int, why: Joined) -> None:
        """Put an alert into an open incident."""
        incident = self.incidents[home]
        members = tuple(dict.fromkeys((*incident.members, why.alert_id)))
        status = self.status_of(members)
        self.incidents[home] = replace(
            incident, members=members, status=status, worst=worst((status, incident.worst))
        )
        self.home_of[why.alert_id] = home
        self.joined.setdefault(home, []).append(why)

    def incident_of_ended(self, alert_id: int) -> int | None:
        """The number of the incident in which an ended alert was, as far as it is at hand."""
        known = (*self.recent, *self.incidents)
        return next((i.id for i in reversed(known) if alert_id in i.members), None)

    def status_of(self, members: Sequence[int]) -> Status:
        """How bad what fires of these is."""
        alerts = (self.alerts[m] for m in members if m in self.alerts)
        return worst(a.status for a in alerts if a.phase is Phase.FIRING)


def is_not_visible(alert: Alert) -> bool:
    """Whether it tells of what a source can never show: that is no trouble, and does not end."""
    return alert.params.get("why") == "not_visible"
