"""A monitor without a store that lives through a timeline, and what its receiver gets."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from timeline import CAUSES, START, TICK_SECONDS, Act, Fault, Spell, Timeline, moment

from checks.sizes import SIZES
from monitor.domain.alert import Alert, Phase, Rule, advance_all
from monitor.domain.cause import Causes
from monitor.domain.check import Finding, Metric, Status, Verdict
from monitor.domain.incident.advance import advance
from monitor.domain.incident.links import links
from monitor.domain.incident.message import IncidentMessage, incident_message
from monitor.domain.incident.model import Acceptance, Change, Incident, Policy, Rules, Silence

RULE = Rule()
POLICY = Policy()
DRAIN_MAX = max(rule.drain for rule in CAUSES)
_PASSES_AFTER_A_CHANGE = 4
_THOROUGH = 20  # of so many timelines one is stepped at passes too that changed nothing
_LASTS_MAX = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of the monitor: what is so, and what its receiver got."""

    now: datetime
    alerts: dict[int, Alert]
    messages: list[IncidentMessage]
    silences: Sequence[Silence]
    accepted: Sequence[Acceptance]
    fired: frozenset[int] = frozenset()  # alerts that fired in this step's pass
    slept: timedelta = timedelta(0)  # how long the monitor was down before
    acked: Sequence[tuple[str, frozenset[str]]] = ()  # roots of incidents, and what these held


@dataclass(slots=True)
class World:
    """The monitor's whole state."""

    timeline: Timeline
    rules: Rules
    policy: Policy = POLICY
    alerts: dict[int, Alert] = field(default_factory=dict)
    incidents: dict[int, Incident] = field(default_factory=dict)
    silences: list[Silence] = field(default_factory=list)
    accepted: list[Acceptance] = field(default_factory=list)
    blind: dict[str, datetime] = field(default_factory=dict)
    opened: int = 0
    numbered: int = 0

    @property
    def open(self) -> list[Incident]:
        """The incidents that are not closed."""
        return [i for i in self.incidents.values() if not i.closed]


Decide = Callable[[World, datetime], Sequence[Change]]
Tell = Callable[[World, Change, datetime], IncidentMessage]


@lru_cache(maxsize=1)
def known_causes() -> Causes:
    """The index of all causes, built once: it only remembers what it was asked."""
    return Causes(CAUSES)


def decide(world: World, now: datetime) -> Sequence[Change]:
    """What the incidents come to at this moment."""
    recent = [
        i
        for i in world.incidents.values()
        if i.closed and i.announced and i.ended_at and i.ended_at >= now - POLICY.flap_within
    ]
    return advance(
        world.open,
        world.alerts,
        world.rules,
        now,
        silences=[s for s in world.silences if s.until > now],
        accepted=[a for a in world.accepted if a.until is None or a.until > now],
        recent=recent,
    )


def tell(world: World, change: Change, now: datetime) -> IncidentMessage:
    """The message of a notice, as it comes out of its plain form at the receiver."""
    assert change.notice is not None
    incident = change.incident
    members = [world.alerts[m] for m in incident.members if m in world.alerts]
    others = links(incident, world.open, world.alerts, world.rules)
    payload = incident_message(incident, members, change.notice, now, links=others)
    return IncidentMessage.from_dict(payload)


def run(timeline: Timeline, decide: Decide = decide, tell: Tell = tell) -> Iterable[Step]:
    """Live through a timeline, moment by moment, until all is over."""
    world = World(timeline, Rules(known_causes(), POLICY, SIZES, timeline.lateness))
    events = _events(timeline)
    heapq.heapify(events)
    is_thorough = (timeline.seed or 0) % _THOROUGH == 0
    ticks: set[int] = set()
    down_until, slept = 0, timedelta(0)
    while events:
        at, _, kind, what = heapq.heappop(events)
        ticks.discard(at)
        if at < down_until or moment(at) - START > _LASTS_MAX:
            continue
        now = moment(at)
        fired, acked = frozenset[int](), []
        if kind == "pass":
            passed = _pass(world, what, now)
            if passed is None and not is_thorough and not slept:
                continue
            fired = passed or fired
        elif kind == "act":
            acked = _act(world, what, now)
            if what.kind == "restart":
                down_until, slept = at + what.seconds, timedelta(seconds=what.seconds)
                world = _restarted(world)
                continue
        messages = _step(world, now, decide, tell)
        yield Step(
            now,
            world.alerts,
            messages,
            tuple(world.silences),
            tuple(world.accepted),
            fired,
            slept,
            acked,
        )
        slept = timedelta(0)
        _prune(world, now)
        for due in _due(world, now):
            if due not in ticks:
                ticks.add(due)
                heapq.heappush(events, (due, 9, "tick", ""))


def _events(timeline: Timeline) -> list[tuple[int, int, str, Any]]:
    """The passes that can change something, and what people do."""
    changes: dict[str, set[int]] = {name: set() for name in timeline.checks}
    for fault in timeline.faults:
        for spell in fault.spells:
            changes[fault.check] |= {spell.at, spell.until}
    for act in timeline.acts:
        if act.kind == "blind":
            lasts = int(RULE.blind_after.total_seconds())
            changes[act.target] |= {act.at, act.at + act.seconds, act.at + lasts}
        if act.kind == "restart":
            for times in changes.values():
                times.add(act.at + act.seconds)
    for fault in timeline.faults:
        if fault.spells[0].status is Status.UNKNOWN:
            lasts = int(RULE.blind_after.total_seconds())
            changes[fault.check] |= {s.at + lasts for s in fault.spells}
    slots = {
        (timeline.checks[name].slot(at) + n * timeline.checks[name].every, name)
        for name, times in changes.items()
        for at in times
        for n in range(_PASSES_AFTER_A_CHANGE)
    }
    passes = [(at, 1, "pass", name) for at, name in slots]
    acts = [(act.at, -n - 1, "act", act) for n, act in enumerate(timeline.acts)]
    downs = [(a.at + a.seconds, 0, "tick", "") for a in timeline.acts if a.kind == "restart"]
    return [*passes, *acts, *downs]


def _pass(world: World, check: str, now: datetime) -> frozenset[int] | None:
    """A pass of a check over its alerts; gives the ids of those that fire from now on.

    None: nothing changed but that it was seen once more.
    """
    live = {
        a.key: a
        for a in world.alerts.values()
        if a.check == check and a.phase in (Phase.PENDING, Phase.FIRING)
    }
    verdict = _verdict(world, check, (now - START).total_seconds(), now)
    changed, transitions = advance_all(check, live, verdict, RULE, now, (), SIZES)
    fired, has_news = set(), bool(transitions)
    for alert in changed:
        if alert.id is None:
            world.numbered += 1
        number = alert.id or world.numbered
        if alert.phase is Phase.CLEARED:
            world.alerts.pop(number, None)
            continue
        has_news = has_news or alert.params != live[alert.key].params
        world.alerts[number] = replace(alert, id=number)
        if alert.fired_at == now:
            fired.add(number)
    return frozenset(fired) if has_news else None


def _verdict(world: World, check: str, seconds: float, now: datetime) -> Verdict:
    mine = [f for f in world.timeline.faults if f.check == check]
    series = [f.key.partition(":")[2] for f in mine if f.key.startswith("regression:")]
    if now < world.blind.get(check, now):
        return Verdict.of(
            [Finding("monitoring_gap", Status.UNKNOWN, f"check/{check}", {"why": "limit"})]
        )
    found = {}
    for fault in mine:
        spell = next((s for s in fault.spells if s.at <= seconds < s.until), None)
        if spell is not None:
            found[fault.key] = _finding(fault, spell)
    return Verdict.of(found.values(), [_metric(name) for name in series])


def _metric(series: str) -> Metric:
    name, _, subject = series.partition("{")
    return Metric(name, 1, subject.removesuffix("}"))


def _finding(fault: Fault, spell: Spell) -> Finding:
    code, _, subject = fault.key.partition(":")
    params: dict[str, str | int | float | bool | None] = {
        s.param: 100 / max(spell.size, 1) if s.falls else spell.size * s.floor / 5
        for s in fault.sizes
    }
    params |= spell.params
    if code == "monitoring_gap":
        obscured = subject.rpartition("/")[2] or subject
        return Finding(code, Status.UNKNOWN, subject, {"why": "refused"}, obscures=obscured)
    return Finding(code, spell.status, subject, params, passes_required=fault.passes_required)


def _act(world: World, act: Act, now: datetime) -> Sequence[tuple[str, frozenset[str]]]:
    until = now + timedelta(seconds=act.seconds)
    if act.kind == "silence":
        world.silences.append(Silence(act.target, until))
    elif act.kind == "accept":
        check, _, key = act.target.partition("/")
        for alert in world.alerts.values():
            if (alert.check, alert.key, alert.phase) == (check, key, Phase.FIRING):
                sizes = {s.param: v for s in SIZES if (v := s.of(alert)) is not None}
                one = Acceptance(act.target, "kim", "known", now, sizes, until)
                world.accepted.append(one)
    elif act.kind == "blind":
        world.blind[act.target] = until
    elif act.kind == "ack":
        return list(_acknowledge(world, act.target))
    return ()


def _acknowledge(world: World, key: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Take the incident that is named by this key ("": all); gives what was in it."""
    for number, incident in world.incidents.items():
        if key in ("", incident.root) and not incident.closed and incident.announced:
            world.incidents[number] = replace(
                incident, acked_by="kim", acked_members=incident.members
            )
            held = (world.alerts[m].key for m in incident.members if m in world.alerts)
            yield incident.root, frozenset(held)


def _step(world: World, now: datetime, decide: Decide, tell: Tell) -> list[IncidentMessage]:
    said = []
    for change in decide(world, now):
        number = change.incident.id
        if number is None:
            number = world.opened = world.opened + 1
        incident = replace(change.incident, id=number)
        world.incidents[number] = incident
        if change.notice is not None:
            said.append(replace(change, incident=incident))
    return [tell(world, change, now) for change in said]


def _prune(world: World, now: datetime) -> None:
    """Forget what neither an open incident nor a cause that may have left something needs."""
    held = {m for i in world.open for m in i.refers_to}
    for number, alert in list(world.alerts.items()):
        if alert.ended_at and alert.ended_at < now - DRAIN_MAX and number not in held:
            del world.alerts[number]
    world.silences = [s for s in world.silences if s.until >= now]


def _due(world: World, now: datetime) -> set[int]:
    """The next moments at which time alone may bring something about."""
    policy, times = world.policy, [s.until for s in world.silences]
    times += [a.until for a in world.accepted if a.until]
    for incident in world.open:
        if incident.announced is None:
            times += [incident.opened_at + policy.wait, incident.opened_at + policy.wait_max]
            times += [incident.speak_at] if incident.speak_at else []
        elif incident.announced_at is not None:
            times += [incident.announced_at + policy.update_every]
            times += [incident.announced_at + policy.remind_crit]
            members = (world.alerts[m] for m in incident.members if m in world.alerts)
            times += [(a.rose_at or a.fired_at or now) + policy.wait for a in members]
        if incident.unsteady_at is not None:
            for alert in (world.alerts[m] for m in incident.members if m in world.alerts):
                lasts = alert.since + policy.lasting
                times += [alert.ended_at + policy.steady_after if alert.ended_at else lasts]
    found = set()
    for at in times:
        if at > now:
            seconds = int((at - START).total_seconds())
            found.add(-(-seconds // TICK_SECONDS) * TICK_SECONDS)
    return found


def _restarted(world: World) -> World:
    """The monitor as it comes back from what it stored."""
    alerts = {n: _thawed(Alert, _frozen(a)) for n, a in world.alerts.items()}
    incidents = {n: _thawed(Incident, _frozen(i)) for n, i in world.incidents.items()}
    return replace(world, alerts=alerts, incidents=incidents)


def _frozen(thing: Any) -> str:
    return json.dumps(asdict(thing), default=lambda at: at.isoformat())


def _thawed(kind: Any, text: str) -> Any:
    plain = json.loads(text)
    for each in fields(kind):
        value = plain[each.name]
        if value is None:
            continue
        if "datetime" in str(each.type):
            plain[each.name] = datetime.fromisoformat(value)
        elif "Status" in str(each.type):
            plain[each.name] = Status(value)
        elif "Phase" in str(each.type):
            plain[each.name] = Phase(value)
        elif isinstance(value, list):
            plain[each.name] = tuple(value)
    return kind(**plain)
