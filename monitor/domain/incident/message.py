"""The payload of an incident's notification: facts only, put into words when it is delivered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Params, Status, worst
from monitor.domain.incident.impact import Impact
from monitor.domain.incident.model import MANY, Incident, Notice

CONSEQUENCES_MAX = 20
MANY_MAX = 5
EVIDENCE_MAX = 5
LINKS_MAX = 5


@dataclass(frozen=True, slots=True)
class AlertSummary:
    """One alert of an incident as the message tells it; of what is over, the worst that it was."""

    check: str
    code: str
    subject: str
    status: Status
    since: datetime
    ended_at: datetime | None = None
    params: Params = field(default_factory=dict)
    evidence: tuple[Params, ...] = ()

    @property
    def key(self) -> str:
        """What it is about: `code:subject`."""
        return f"{self.code}:{self.subject}"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AlertSummary:
        """The alert behind its plain form."""
        return cls(
            check=data["check"],
            code=data["code"],
            subject=data["subject"],
            status=Status(data["status"]),
            since=datetime.fromisoformat(data["since"]),
            ended_at=_time(data.get("ended_at")),
            params=dict(data.get("params") or {}),
            evidence=tuple(dict(row) for row in data.get("evidence") or ()),
        )


@dataclass(frozen=True, slots=True)
class Link:
    """Another alert that has to do with the incident, and how.

    relation: left_by (a cause that is over), cause_since (a declared cause that began later),
    cause_told (a cause with an incident of its own), effect_before (a consequence that began
    before it, with an incident of its own).
    """

    relation: str
    alert: AlertSummary
    incident_id: int | None = None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Link:
        """The link behind its plain form."""
        alert = AlertSummary.from_dict(data["alert"])
        return cls(data["relation"], alert, data.get("incident_id"))


@dataclass(frozen=True, slots=True)
class IncidentMessage:
    """What is said about an incident. `kind`: see Notice; `reason` is the code of its reason.

    `began_at` is the beginning of the alert that it is named by; `more` counts the consequences
    that were left out; `count` is how many alike it stands for; `simulated` marks what was lived
    on a simulated clock; `in_channel`: who does not follow the thread must see it.
    """

    kind: str
    incident_id: int | None
    status: Status
    opened_at: datetime
    began_at: datetime
    made_at: datetime
    root: AlertSummary
    consequences: tuple[AlertSummary, ...] = ()
    more: int = 0
    count: int = 1
    links: tuple[Link, ...] = ()
    ended_at: datetime | None = None
    reason: str = ""
    acked_by: str = ""
    url: str = ""
    simulated: bool = False
    in_channel: bool = False
    sequence: int = 0
    impact: Impact = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The plain form: JSON types only, times as ISO-8601 text in UTC."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> IncidentMessage:
        """The message behind its plain form."""
        told = {key: data[key] for key in _PLAIN if key in data}
        return cls(
            **told,
            status=Status(data["status"]),
            opened_at=datetime.fromisoformat(data["opened_at"]),
            began_at=datetime.fromisoformat(data["began_at"]),
            made_at=datetime.fromisoformat(data["made_at"]),
            root=AlertSummary.from_dict(data["root"]),
            consequences=tuple(map(AlertSummary.from_dict, data.get("consequences") or ())),
            links=tuple(map(Link.from_dict, data.get("links") or ())),
            ended_at=_time(data.get("ended_at")),
        )


_PLAIN = (
    *("kind", "incident_id", "more", "count", "reason", "acked_by", "url", "simulated"),
    *("in_channel", "sequence", "impact"),
)


def incident_message(
    incident: Incident,
    alerts: Sequence[Alert],
    notice: Notice,
    now: datetime,
    *,
    sequence: int = 0,
    simulated: bool = False,
    url: str = "",
    links: Iterable[tuple[str, Alert, int | None]] = (),
) -> dict[str, Any]:
    """The payload of a notice; `alerts` are the incident's members, live and ended, at least one.

    Alerts that several checks raised about the same thing are told once. As long as the incident
    goes on, only what fires is told of; of one that is over, the worst that everything was.
    """
    told = _once_each(alerts)
    root = _root(incident, told)
    shown = _others(incident, told, root)[:CONSEQUENCES_MAX]
    message = IncidentMessage(
        kind=notice.kind,
        incident_id=incident.id,
        status=_status(incident, told, notice),
        opened_at=incident.opened_at,
        began_at=root.since,
        made_at=now,
        root=root,
        consequences=tuple(replace(item, evidence=()) for item in shown),
        more=len(told) - len(shown) - (0 if incident.is_many else 1),
        count=_count(incident, told),
        links=tuple(Link(r, _summary(a), i) for r, a, i in links)[:LINKS_MAX],
        ended_at=incident.ended_at,
        reason=notice.reason,
        acked_by=incident.acked_by,
        url=url,
        simulated=simulated,
        in_channel=notice.in_channel,
        sequence=sequence,
        impact=incident.impact,
    )
    return message.to_dict()


def _root(incident: Incident, told: Sequence[AlertSummary]) -> AlertSummary:
    """The alert that the incident is named by; of many alike, one that stands for all."""
    if not incident.is_many:
        return next((item for item in told if item.key == incident.root), told[0])
    alike = _alike(incident, told)
    first = min(alike, key=_importance)
    return replace(first, subject=MANY, since=min(item.since for item in alike))


def _others(
    incident: Incident, told: Sequence[AlertSummary], root: AlertSummary
) -> list[AlertSummary]:
    """What is listed below the root: of many alike the worst few, and all that follows."""
    rest = sorted((item for item in told if item is not root), key=_importance)
    alike = _alike(incident, rest)
    return [*alike[:MANY_MAX], *(item for item in rest if item not in alike)]


def _count(incident: Incident, told: Sequence[AlertSummary]) -> int:
    if not incident.is_many:
        return 1
    alike = _alike(incident, told)
    return len([item for item in alike if item.ended_at is None]) or len(alike)


def _alike(incident: Incident, told: Sequence[AlertSummary]) -> list[AlertSummary]:
    """Of an incident about many alike, those that are so, without what follows from them."""
    return [item for item in told if f"{item.code}:{MANY}" == incident.root]


def _summary(alert: Alert) -> AlertSummary:
    is_over = alert.phase is Phase.RESOLVED
    return AlertSummary(
        check=alert.check,
        code=alert.code,
        subject=alert.subject,
        status=worst((alert.worst, alert.status)) if is_over else alert.status,
        since=alert.since,
        ended_at=alert.ended_at if is_over else None,
        params=(alert.peak or alert.params) if is_over else alert.params,
        evidence=tuple(alert.evidence)[:EVIDENCE_MAX],
    )


def _once_each(alerts: Sequence[Alert]) -> list[AlertSummary]:
    """One for each key: what still fires before what is over, as its last look saw it."""
    same: dict[str, list[Alert]] = {}
    for alert in alerts:
        same.setdefault(alert.key, []).append(alert)
    return [_merged(several) for several in same.values()]


def _merged(several: Sequence[Alert]) -> AlertSummary:
    """What several checks saw: the worst, from the first, with the figures of the last look."""
    going_on = [a for a in several if a.phase is not Phase.RESOLVED]
    told = sorted(map(_summary, going_on or several), key=_importance)
    if not going_on or len(going_on) == 1:
        return told[0]
    last = _summary(max(going_on, key=lambda alert: alert.last_seen_at))
    since = min(item.since for item in told)
    return replace(told[0], since=since, params=last.params, evidence=last.evidence)


def _importance(told: AlertSummary) -> tuple[bool, bool, datetime, str]:
    """Sorts what still goes on first, then the worst, then the oldest."""
    return told.ended_at is not None, told.status is not Status.CRIT, told.since, told.key


def _status(incident: Incident, told: Sequence[AlertSummary], notice: Notice) -> Status:
    """How bad it is, or, once it is over, the worst that it was."""
    if notice.kind in ("resolved", "brief"):
        return worst((incident.worst, *(item.status for item in told)))
    return incident.status


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Status):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
