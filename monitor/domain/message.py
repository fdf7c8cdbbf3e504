"""The payload of an incident's notification: facts only, put into words when it is delivered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Params, Status, worst
from monitor.domain.incident import Incident, Notice

CONSEQUENCES_MAX = 20
EVIDENCE_MAX = 5


@dataclass(frozen=True, slots=True)
class Told:
    """One alert of an incident, as it stood when the message was made."""

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
    def from_dict(cls, data: Mapping[str, Any]) -> Told:
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
class IncidentMessage:
    """What is said about an incident. `kind`: firing, update, reminder or resolved.

    `began_at` is the first sighting of any of its alerts; `more` counts the consequences that
    were left out; `simulated` marks what was lived on a simulated clock.
    """

    kind: str
    incident_id: int | None
    status: Status
    opened_at: datetime
    began_at: datetime
    made_at: datetime
    root: Told
    consequences: tuple[Told, ...] = ()
    more: int = 0
    ended_at: datetime | None = None
    reason: str = ""
    acked_by: str = ""
    url: str = ""
    simulated: bool = False
    sequence: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The plain form: JSON types only, times as ISO-8601 text in UTC."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> IncidentMessage:
        """The message behind its plain form."""
        return cls(
            kind=data["kind"],
            incident_id=data.get("incident_id"),
            status=Status(data["status"]),
            opened_at=datetime.fromisoformat(data["opened_at"]),
            began_at=datetime.fromisoformat(data["began_at"]),
            made_at=datetime.fromisoformat(data["made_at"]),
            root=Told.from_dict(data["root"]),
            consequences=tuple(Told.from_dict(item) for item in data.get("consequences") or ()),
            more=data.get("more", 0),
            ended_at=_time(data.get("ended_at")),
            reason=data.get("reason", ""),
            acked_by=data.get("acked_by", ""),
            url=data.get("url", ""),
            simulated=data.get("simulated", False),
            sequence=data.get("sequence", 0),
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
) -> dict[str, Any]:
    """The payload of a notice; `alerts` are the incident's members, live and ended, at least one.

    Alerts that several checks raised about the same thing are told once.
    """
    told = _once_each([_told(alert) for alert in alerts])
    root = next((item for item in told if item.key == incident.root), told[0])
    others = sorted((item for item in told if item is not root), key=_importance)
    message = IncidentMessage(
        kind=notice.kind,
        incident_id=incident.id,
        status=_status(incident, told, notice),
        opened_at=incident.opened_at,
        began_at=min(item.since for item in told),
        made_at=now,
        root=root,
        consequences=tuple(replace(item, evidence=()) for item in others[:CONSEQUENCES_MAX]),
        more=max(len(others) - CONSEQUENCES_MAX, 0),
        ended_at=incident.ended_at,
        reason=notice.reason,
        acked_by=incident.acked_by,
        url=url,
        simulated=simulated,
        sequence=sequence,
    )
    return message.to_dict()


def _told(alert: Alert) -> Told:
    return Told(
        check=alert.check,
        code=alert.code,
        subject=alert.subject,
        status=alert.status,
        since=alert.since,
        ended_at=alert.ended_at if alert.phase is Phase.RESOLVED else None,
        params=alert.params,
        evidence=tuple(alert.evidence)[:EVIDENCE_MAX],
    )


def _once_each(told: Sequence[Told]) -> list[Told]:
    best: dict[str, Told] = {}
    for item in told:
        known = best.get(item.key)
        if known is None or _importance(item) < _importance(known):
            best[item.key] = item
    return list(best.values())


def _importance(told: Told) -> tuple[bool, bool, datetime, str]:
    """Sorts what still goes on first, then the worst, then the oldest."""
    return told.ended_at is not None, told.status is not Status.CRIT, told.since, told.key


def _status(incident: Incident, told: Sequence[Told], notice: Notice) -> Status:
    """How bad it is, or, once it is over, how bad it was."""
    return worst(item.status for item in told) if notice.kind == "resolved" else incident.status


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
