"""Incidents: causes, waiting, telling, silence and the end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain.alert import Alert, Phase
from monitor.domain.cause import Cause, root_of
from monitor.domain.check import Status
from monitor.domain.incident import Incident, Policy, Silence, advance

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
CAUSES = (
    Cause("breaker_open:*", "service_down:kafka"),
    Cause("outbox_old:*", "breaker_open:*"),
    Cause("monitoring_gap:{part}", "service_down:{part}"),
    Cause("regression:response_ms{{part}}", "service_down:{part}"),
)
POLICY = Policy(
    wait=timedelta(seconds=30), wait_max=timedelta(seconds=90), update_every=timedelta(minutes=5)
)
KAFKA, BREAKER, OUTBOX = "service_down:kafka", "breaker_open:a/kafka-publisher", "outbox_old:s1"


class World:
    """Alerts and incidents that live on: sets a moment, advances, keeps what came of it."""

    def __init__(self, policy=POLICY, silences=()):
        self.alerts, self.incidents, self.told = {}, {}, []
        self.policy, self.silences = policy, silences

    def set(self, key, phase=Phase.FIRING, status=Status.CRIT, check="c"):
        code, _, subject = key.partition(":")
        ids = [i for i, a in self.alerts.items() if a.key == key and a.phase is not Phase.RESOLVED]
        alert_id = ids[0] if ids else len(self.alerts) + 1
        self.alerts[alert_id] = Alert(
            check, code, subject, phase, status, START, START, id=alert_id
        )

    def step(self, seconds):
        now = START + timedelta(seconds=seconds)
        opened = [i for i in self.incidents.values() if not i.closed]
        for change in advance(opened, self.alerts, CAUSES, self.policy, self.silences, now):
            incident = change.incident
            if incident.id is None:
                incident = replace(incident, id=len(self.incidents) + 1)
            self.incidents[incident.id] = incident
            if change.notice:
                self.told.append((seconds, incident.id, change.notice.kind, incident.root))
        return self.told

    @property
    def kinds(self):
        return [(kind, root) for _, _, kind, root in self.told]


def test_a_cause_without_causes_of_its_own_speaks_at_once_and_only_once():
    world = World()
    world.set(KAFKA)
    for second in (0, 5, 10, 60):
        world.step(second)
    assert world.told == [(0, 1, "firing", KAFKA)]


def test_a_consequence_waits_for_its_cause_and_is_folded_into_it():
    world = World()
    world.set(BREAKER)
    world.step(0)
    world.set(KAFKA)
    world.set(OUTBOX)
    world.step(10)
    assert world.kinds == [("firing", KAFKA)]
    [incident] = [i for i in world.incidents.values() if not i.closed]
    assert {world.alerts[m].key for m in incident.members} == {KAFKA, BREAKER, OUTBOX}


def test_a_consequence_without_its_cause_speaks_after_the_wait():
    world = World()
    world.set(OUTBOX)
    assert world.step(0) == world.step(29) == []
    assert world.step(30) == [(30, 1, "firing", OUTBOX)]


def test_a_pending_cause_is_waited_for_longer():
    world = World()
    world.set(OUTBOX)
    world.set(BREAKER, Phase.PENDING)
    world.step(0)
    world.step(60)
    assert world.step(89) == []
    assert world.step(90) == [(90, 1, "firing", OUTBOX)]


def test_a_cause_found_after_speaking_is_told_as_an_update_in_the_same_incident():
    world = World()
    world.set(OUTBOX)
    world.step(0)
    world.step(30)
    world.set(KAFKA)
    world.set(BREAKER)
    world.step(40)
    assert world.kinds == [("firing", OUTBOX), ("update", KAFKA)]
    assert {told[1] for told in world.told} == {1}


def test_an_incident_is_over_when_all_of_it_is_over_and_says_so_once():
    world = World()
    world.set(KAFKA)
    world.set(OUTBOX)
    world.set(BREAKER)
    world.step(0)
    world.set(KAFKA, Phase.RESOLVED)
    world.step(60)
    assert world.kinds == [("firing", KAFKA)]
    world.set(BREAKER, Phase.RESOLVED)
    world.set(OUTBOX, Phase.RESOLVED)
    world.step(120)
    world.step(180)
    assert world.kinds == [("firing", KAFKA), ("resolved", KAFKA)]


def test_two_causes_are_two_incidents():
    world = World()
    world.set(KAFKA)
    world.set("service_down:redis")
    world.set("monitoring_gap:redis", status=Status.UNKNOWN)
    world.step(0)
    assert sorted(world.kinds) == [("firing", KAFKA), ("firing", "service_down:redis")]
    assert (
        root_of("monitoring_gap:redis", [KAFKA, "service_down:redis"], CAUSES)
        == "service_down:redis"
    )


def test_several_checks_that_cannot_see_one_part_are_one_incident():
    world = World()
    world.set("monitoring_gap:gateway", status=Status.UNKNOWN, check="a")
    world.alerts[2] = replace(world.alerts[1], check="b", id=2)
    world.step(0)
    world.step(30)
    assert len([i for i in world.incidents.values() if not i.closed]) == 1
    assert len(world.told) == 1


def test_what_never_spoke_ends_without_a_word():
    world = World()
    world.set(OUTBOX)
    world.step(0)
    world.set(OUTBOX, Phase.RESOLVED)
    assert world.step(10) == []
    assert all(i.closed for i in world.incidents.values())


def test_a_warning_that_becomes_critical_is_an_update():
    world = World()
    world.set(KAFKA, status=Status.WARN)
    world.step(0)
    world.set(KAFKA, status=Status.CRIT)
    world.step(5)
    world.step(10)
    assert world.kinds == [("firing", KAFKA), ("update", KAFKA)]


def test_what_lasts_is_said_again_unless_somebody_took_it():
    policy = replace(POLICY, remind_crit=timedelta(hours=1))
    world, taken = World(policy), World(policy)
    for each in (world, taken):
        each.set(KAFKA)
        each.step(0)
    taken.incidents[1] = replace(taken.incidents[1], acked_by="kim")
    for each in (world, taken):
        each.step(3599)
        each.step(3600)
        each.step(3700)
    assert [kind for kind, _ in world.kinds] == ["firing", "reminder"]
    assert [kind for kind, _ in taken.kinds] == ["firing"]


def test_a_silence_holds_back_and_afterwards_the_difference_is_told():
    silence = Silence("*service_down:kafka", START + timedelta(minutes=10))
    world = World(silences=[silence])
    world.set(KAFKA)
    assert world.step(0) == []
    world.step(600)
    assert world.kinds == [("firing", KAFKA)]


@pytest.mark.parametrize("pattern", ["*/monitoring_gap:redis", "*/blind:redis"])
def test_a_monitoring_gap_is_silenced_by_its_name_and_its_former_name(pattern):
    world = World(silences=[Silence(pattern, START + timedelta(hours=1))])
    world.set("monitoring_gap:redis", status=Status.UNKNOWN)
    assert world.step(0) == []


def test_a_recovery_under_silence_is_told_when_the_silence_ends():
    world = World()
    world.set(KAFKA)
    world.step(0)
    world.silences = [Silence("*", START + timedelta(minutes=10))]
    world.set(KAFKA, Phase.RESOLVED)
    world.step(60)
    assert world.kinds == [("firing", KAFKA)]
    world.step(600)
    assert world.kinds == [("firing", KAFKA), ("resolved", KAFKA)]


def test_an_incident_that_begins_and_ends_under_silence_is_never_told():
    world = World(silences=[Silence("*", START + timedelta(minutes=10))])
    world.set(KAFKA)
    world.step(0)
    world.set(KAFKA, Phase.RESOLVED)
    world.step(60)
    world.step(700)
    assert world.told == []


def test_later_consequences_are_told_together_and_not_one_by_one():
    world = World()
    world.set(KAFKA)
    world.step(0)
    world.set(BREAKER)
    world.step(20)
    world.set(OUTBOX)
    world.step(40)
    world.step(299)
    assert world.kinds == [("firing", KAFKA)]
    world.step(300)
    world.step(301)
    assert world.kinds == [("firing", KAFKA), ("update", KAFKA)]


@pytest.mark.parametrize("consequence", ["monitoring_gap:kafka", "regression:response_ms{kafka}"])
def test_what_follows_from_a_cause_as_a_matter_of_course_is_no_news(consequence):
    world = World()
    world.set(KAFKA)
    world.step(0)
    world.set(consequence, status=Status.WARN)
    for second in (20, 300, 3600):
        world.step(second)
    assert world.incidents[1].members == (1, 2)
    assert world.kinds == [("firing", KAFKA)]


def test_nothing_changes_while_nothing_happens():
    incident = Incident(KAFKA, START, Status.CRIT, (1,), told=Status.CRIT, told_members=(1,), id=1)
    incident = replace(incident, told_root=KAFKA, told_at=START)
    alert = Alert("c", "service_down", "kafka", Phase.FIRING, Status.CRIT, START, START, id=1)
    assert advance([incident], {1: alert}, CAUSES, POLICY, [], START) == []


def test_what_can_never_be_seen_does_not_swallow_a_loss_of_sight():
    world = World()
    world.set("monitoring_gap:database", status=Status.UNKNOWN)
    world.alerts[1] = replace(world.alerts[1], params={"why": "not_visible"})
    world.step(0)
    world.step(40)
    world.alerts[2] = replace(world.alerts[1], params={"why": "limit"}, check="d", id=2)
    world.step(60)
    world.step(100)
    assert [(incident, kind) for _, incident, kind, _ in world.told] == [
        (1, "firing"),
        (2, "firing"),
    ]


def test_an_incident_that_lasts_does_not_grow_with_the_episodes_of_one_alert():
    world = World()
    world.set(KAFKA)
    world.step(0)
    for episode in range(20):
        world.set(OUTBOX)
        world.set(BREAKER)
        world.step(60 * episode + 10)
        world.set(OUTBOX, Phase.RESOLVED)
        world.step(60 * episode + 40)
    [incident] = world.incidents.values()
    assert len(incident.members) == 3


def test_incidents_that_were_told_each_get_their_end_although_one_cause_is_found():
    world = World()
    world.set("breaker_open:a/kafka-publisher")
    world.step(0)
    world.set("breaker_open:b/kafka-publisher")
    for second in (30, 31, 61, 62):
        world.step(second)
    assert [kind for kind, _ in world.kinds] == ["firing", "firing"]
    world.set(KAFKA)
    world.step(70)
    for key in ("breaker_open:a/kafka-publisher", "breaker_open:b/kafka-publisher", KAFKA):
        world.set(key, Phase.RESOLVED)
    world.step(80)
    ends = {incident for _, incident, kind, _ in world.told if kind == "resolved"}
    assert ends == {1, 2}


def test_a_silence_does_not_hide_what_is_worse_than_the_silenced_cause():
    world = World(silences=[Silence("c/service_down:kafka", START + timedelta(hours=9))])
    world.set(KAFKA, status=Status.WARN)
    world.step(0)
    assert world.told == []
    world.set(BREAKER, status=Status.CRIT)
    world.step(60)
    assert world.kinds == [("firing", KAFKA)]


def test_a_silenced_cause_keeps_its_consequences_quiet():
    world = World(silences=[Silence("c/service_down:kafka", START + timedelta(hours=9))])
    world.set(KAFKA)
    world.set(BREAKER)
    world.step(0)
    world.step(600)
    assert world.told == []
