"""What else has to do with an incident without belonging to it: told in words, both ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from monitor.domain.alert import Alert, Phase
from monitor.domain.incident.model import Incident, Rules

Related = tuple[str, Alert, int | None]


def links(
    incident: Incident, incidents: Sequence[Incident], alerts: Mapping[int, Alert], rules: Rules
) -> list[Related]:
    """The cause that left it behind, declared causes that fire apart from it, and what began
    before it although it is declared to follow from it; each with the number of its incident."""
    root = _root(incident, alerts)
    if root is None:
        return []
    home = {m: i.id for i in incidents if i.id != incident.id for m in i.members}
    return [
        *_left_by(incident, alerts),
        *_causes(root, incident, alerts, rules, home),
        *_effects(root, incident, incidents, alerts, rules),
    ]


def _root(incident: Incident, alerts: Mapping[int, Alert]) -> Alert | None:
    found = [alerts[m] for m in incident.members if m in alerts]
    return next((a for a in reversed(found) if a.key == incident.root), None)


def _left_by(incident: Incident, alerts: Mapping[int, Alert]) -> Iterator[Related]:
    causes = [a for a in alerts.values() if a.key == incident.left_by and a.ended_at is not None]
    if causes:
        yield "left_by", max(causes, key=lambda a: a.since), incident.left_by_incident


def _causes(
    root: Alert,
    incident: Incident,
    alerts: Mapping[int, Alert],
    rules: Rules,
    home: Mapping[int, int | None],
) -> Iterator[Related]:
    for alert_id, alert in alerts.items():
        apart = alert_id not in incident.members and alert.phase is Phase.FIRING
        if apart and rules.causes.rule(alert.key, root.key) is not None:
            relation = "cause_since" if alert.since > root.since else "cause_told"
            yield relation, alert, home.get(alert_id)


def _effects(
    root: Alert,
    incident: Incident,
    incidents: Sequence[Incident],
    alerts: Mapping[int, Alert],
    rules: Rules,
) -> Iterator[Related]:
    for other in incidents:
        if other.id == incident.id or other.announced is None or other.closed:
            continue
        effect = _root(other, alerts)
        if effect is None or effect.phase is not Phase.FIRING:
            continue
        if rules.causes.rule(root.key, effect.key) is not None and effect.since < root.since:
            yield "effect_before", effect, other.id
