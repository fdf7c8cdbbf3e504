"""Incidents: causes, waiting, telling, silence and the end. Whole courses: tests/scenarios."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain.alert import Alert, Phase
from monitor.domain.cause import Cause, Causes, root_of
from monitor.domain.check import Status
from monitor.domain.incident.advance import advance
from monitor.domain.incident.model import Acceptance, Policy, Rules, Silence

START = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
CAUSES = (
    Cause("breaker_open:*", "service_down:kafka"),
    Cause("outbox_old:*", "breaker_open:*"),
    Cause("monitoring_gap:{part}", "service_down:{part}"),
    Cause("regression:response_ms{{part}}", "service_down:{part}"),
)
POLICY = Policy(
    wait=timedelta(seconds=20), wait_max=timedelta(seconds=90), update_every=timedelta(minutes=5)
)
KAFKA, BREAKER, OUTBOX = "service_down:kafka", "breaker_open:a/kafka-publisher", "outbox_old:s1"


class World:
    """Alerts and incidents that live on: sets a moment, advances, keeps what came of it."""

    def __init__(self, policy=POLICY, silences=(), accepted=()):
        self.alerts, self.incidents, self.told = {}, {}, []
        self.policy, self.silences, self.accepted = policy, silences, accepted
        self.now = START

    def set(self, key, phase=Phase.FIRING, status=Status.CRIT, check="c"):
        code, _, subject = key.partition(":")
        ids = [i for i, a in self.alerts.items() if a.key == key and a.phase is not Phase.RESOLVED]
        alert_id = ids[0] if ids else len(self.alerts) + 1
        since = self.alerts[alert_id].since if ids else self.now
        self.alerts[alert_id] = Alert(
            check,
            code,
            subject,
            phase,
            status,
            since,
            self.now,
            fired_at=since,
            ended_at=self.now if phase is Phase.RESOLVED else None,
            worst=status,
            id=alert_id,
        )

    def at(self, seconds):
        self.now = START + timedelta(seconds=seconds)

    def step(self, seconds):
        self.at(seconds)
        changes = advance(
            [i for i in self.incidents.values() if not i.closed],
            self.alerts,
            Rules(Causes(CAUSES), self.policy),
            self.now,
            silences=self.silences,
            accepted=self.accepted,
            recent=[i for i in self.incidents.values() if i.closed and i.announced],
        )
        for change in changes:
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
    assert world.step(0) == world.step(19) == []
    assert world.step(20) == [(20, 1, "firing", OUTBOX)]


def test_a_warning_waits_longer_for_a_pending_cause():
    world = World()
    world.set(OUTBOX, status=Status.WARN)
    world.set(BREAKER, Phase.PENDING)
    world.step(0)
    world.step(60)
    assert world.step(89) == []
    assert world.step(90) == [(90, 1, "firing", OUTBOX)]


def test_what_is_critical_does_not_wait_for_a_pending_cause():
    world = World()
    world.set(OUTBOX)
    world.set(BREAKER, Phase.PENDING)
    world.step(0)
    assert world.step(20) == [(20, 1, "firing", OUTBOX)]


def test_a_cause_found_after_speaking_is_an_incident_of_its_own():
    world = World()
    world.set(OUTBOX)
    world.step(0)
    world.step(30)
    world.set(KAFKA)
    world.set(BREAKER)
    world.step(40)
    world.step(400)
    assert world.told == [(30, 1, "firing", OUTBOX), (40, 2, "firing", KAFKA)]


def test_an_incident_is_over_with_its_cause_and_what_it_left_is_one_of_its_own():
    world = World()
    world.set(KAFKA)
    world.set(BREAKER)
    world.step(0)
    world.at(60)
    world.set(KAFKA, Phase.RESOLVED)
    world.step(60)
    assert world.kinds == [("firing", KAFKA), ("resolved", KAFKA)]
    world.step(359)
    assert world.told[2:] == []
    world.step(360)
    assert world.told[2:] == [(360, 2, "firing", BREAKER)]
    assert world.incidents[2].left_by == KAFKA


def test_what_drains_in_its_time_is_never_told():
    world = World()
    world.set(KAFKA)
    world.set(BREAKER)
    world.step(0)
    world.set(KAFKA, Phase.RESOLVED)
    world.step(60)
    world.set(BREAKER, Phase.RESOLVED)
    world.step(120)
    world.step(400)
    assert world.kinds == [("firing", KAFKA), ("resolved", KAFKA)]


def test_two_causes_are_two_incidents():
    world = World()
    world.set(KAFKA)
    world.set("service_down:redis")
    world.set("monitoring_gap:redis", status=Status.UNKNOWN)
    world.step(0)
    assert sorted(world.kinds) == [("firing", KAFKA), ("firing", "service_down:redis")]
    root = root_of("monitoring_gap:redis", [KAFKA, "service_down:redis"], CAUSES)
    assert root == "service_down:redis"


def test_several_checks_that_cannot_see_one_part_are_one_incident():
    world = World()
    world.set("monitoring_gap:gateway", status=Status.UNKNOWN, check="a")
    world.alerts[2] = replace(world.alerts[1], check="b", id=2)
    world.step(0)
    world.step(30)
    assert len([i for i in world.incidents.values() if not i.closed]) == 1
    assert len(world.told) == 1


def test_a_warning_that_never_spoke_ends_without_a_word():
    world = World()
    world.set(OUTBOX, status=Status.WARN)
    world.step(0)
    world.set(OUTBOX, Phase.RESOLVED, Status.WARN)
    assert world.step(10) == []
    assert all(i.closed for i in world.incidents.values())


def test_what_was_critical_and_never_spoke_is_told_in_one_message():
    world = World()
    world.set(OUTBOX)
    world.step(0)
    world.set(OUTBOX, Phase.RESOLVED)
    assert world.step(10) == world.step(60) == [(10, 1, "brief", OUTBOX)]


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


def test_the_end_of_what_was_told_is_told_under_silence_too():
    world = World()
    world.set(KAFKA)
    world.step(0)
    world.silences = [Silence("*", START + timedelta(minutes=10))]
    world.set(KAFKA, Phase.RESOLVED)
    world.step(60)
    world.step(600)
    assert world.told == [(0, 1, "firing", KAFKA), (60, 1, "resolved", KAFKA)]


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
    world.set(BREAKER, status=Status.WARN)
    world.step(20)
    world.set(OUTBOX, status=Status.WARN)
    world.step(40)
    world.step(299)
    assert world.kinds == [("firing", KAFKA)]
    world.step(300)
    world.step(301)
    assert world.kinds == [("firing", KAFKA), ("update", KAFKA)]


def test_a_critical_consequence_is_told_after_a_short_wait_with_what_comes_beside_it():
    world = World()
    world.set(KAFKA)
    world.step(0)
    world.at(10)
    world.set(BREAKER)
    world.step(10)
    world.at(20)
    world.set(OUTBOX)
    world.step(29)
    assert world.kinds == [("firing", KAFKA)]
    for second in (30, 40, 60, 299):
        world.step(second)
    assert world.told == [(0, 1, "firing", KAFKA), (30, 1, "update", KAFKA)]


def test_a_consequence_that_was_told_as_a_warning_is_told_again_when_it_becomes_critical():
    world = World()
    world.set(KAFKA)
    world.set(BREAKER, status=Status.WARN)
    world.step(0)
    world.at(100)
    world.set(BREAKER)
    world.alerts[2] = replace(world.alerts[2], rose_at=world.now)
    for second in (100, 119, 120, 299):
        world.step(second)
    assert world.told == [(0, 1, "firing", KAFKA), (120, 1, "update", KAFKA)]
    world.set(BREAKER, status=Status.WARN)
    world.step(310)
    world.set(BREAKER)
    world.step(400)
    assert len(world.told) == 2


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
    world = World()
    world.set(KAFKA)
    world.step(0)
    before = dict(world.incidents)
    world.step(5)
    assert world.incidents == before
    assert advance([before[1]], world.alerts, Rules(Causes(CAUSES), POLICY), world.now) == []


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


def test_incidents_that_were_told_each_get_their_end_although_their_cause_is_found():
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
    assert ends == {1, 2, 3}


def test_a_silence_does_not_hide_what_is_critical_and_not_silenced():
    world = World(silences=[Silence("c/service_down:kafka", START + timedelta(hours=9))])
    world.set(KAFKA)
    world.step(0)
    world.set(BREAKER)
    world.step(60)
    world.step(80)
    assert world.kinds == [("firing", BREAKER)]


def test_a_silenced_cause_keeps_its_warnings_quiet():
    world = World(silences=[Silence("c/service_down:kafka", START + timedelta(hours=9))])
    world.set(KAFKA)
    world.set(BREAKER, status=Status.WARN)
    world.step(0)
    world.step(600)
    assert world.told == []


def test_what_is_accepted_is_no_incident_until_somebody_ends_it():
    world = World(accepted=[Acceptance("c/service_down:kafka", "kim", "known", START)])
    world.set(KAFKA)
    world.step(0)
    assert world.incidents == {}
    world.accepted = ()
    world.step(60)
    assert world.kinds == [("firing", KAFKA)]


def test_a_consequence_that_was_over_when_it_was_told_is_told_again_when_it_is_critical():
    world = World()
    world.set(KAFKA)
    world.step(0)
    world.set(BREAKER, status=Status.WARN)
    world.step(10)
    world.set(BREAKER, phase=Phase.RESOLVED, status=Status.WARN)
    world.set("breaker_open:b/kafka-publisher", status=Status.WARN)
    world.step(400)
    assert world.told[-1] == (400, 1, "update", KAFKA)
    world.at(410)
    world.set(BREAKER)
    world.step(410)
    world.step(430)
    assert world.told[-1] == (430, 1, "update", KAFKA)


def test_what_another_incident_tells_of_makes_the_end_of_a_warning_no_worse():
    world = World()
    world.set(KAFKA, status=Status.WARN)
    world.set(BREAKER, status=Status.WARN)
    world.step(0)
    world.at(15)
    seen_so_too = replace(world.alerts[2], id=3, check="d", since=world.now, fired_at=world.now)
    world.alerts[3] = replace(seen_so_too, status=Status.CRIT, worst=Status.CRIT)
    world.step(15)
    world.at(20)
    world.set(KAFKA, Phase.RESOLVED, Status.WARN)
    world.alerts[2] = replace(world.alerts[2], status=Status.CRIT, rose_at=world.now)
    world.step(20)
    assert world.incidents[1].worst is Status.WARN
    assert {2, 3} <= {*world.incidents[2].members}


def test_an_acknowledgement_keeps_quiet_about_warnings_but_not_about_a_new_critical():
    world = World()
    world.set(KAFKA)
    world.step(0)
    world.incidents[1] = replace(world.incidents[1], acked_by="kim", acked_members=(1,))
    world.set("monitoring_gap:kafka", status=Status.UNKNOWN)
    world.set("breaker_open:b/kafka-publisher", status=Status.WARN)
    world.step(600)
    world.set(BREAKER)
    world.step(660)
    assert world.told == [(0, 1, "firing", KAFKA), (660, 1, "update", KAFKA)]
