"""Random timelines: whatever goes wrong and whatever people do, what is told is true.

The rules are those of docs/alerts.md; `benchmarks/alert_rules.py` lives through a million.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from timeline import Timeline
from timeline_made import made
from timeline_oracle import judge
from timeline_run import Step, World, decide, run
from timeline_shrink import counted, shown, shrunk

from monitor.domain.incident.message import IncidentMessage
from monitor.domain.incident.model import Change
from monitor.text.sentences import languages, load

FAST, BATCH, FEW = 250, 1_000, 40


def assert_true(first: int, timelines: int) -> None:
    count = counted(first, timelines)
    assert not count.violations, "\n\n".join(shown(*each) for each in count.violations)
    assert count.messages > timelines


def test_no_rule_is_broken_in_some_hundred_timelines():
    assert_true(0, FAST)


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(10))
def test_no_rule_is_broken_in_ten_thousand_timelines(batch):
    assert_true(BATCH * batch, BATCH)


# What was critical, eased and became critical again beside a cause that is over.
@pytest.mark.parametrize("seed", [5095, 6173, 6211])
def test_what_becomes_critical_again_while_it_drains_speaks(seed):
    assert judge(made(seed), run(made(seed)))[0] == []


# A consequence that was told of as over, or by another thread, or that two checks see.
@pytest.mark.parametrize("seed", [736, 3591, 4505, 8664, 8851])
def test_a_consequence_that_comes_back_is_told_where_it_belongs_and_once(seed):
    assert judge(made(seed), run(made(seed)))[0] == []


@pytest.mark.parametrize("language", languages())
def test_every_reason_to_speak_or_to_be_silent_has_its_words(language):
    reasons = set()
    for seed in range(FEW):
        for change in changes_of(made(seed)):
            reasons |= {change.incident.silent_reason, change.notice and change.notice.reason}
            reasons |= {change.reason}
    reasons -= {"", None}
    assert {"may_drain", "update_waits", "silenced", "drained"} <= reasons
    assert [r for r in reasons if f"why.{r}" not in load(language)] == []


def changes_of(timeline: Timeline) -> list[Change]:
    found: list[Change] = []

    def decided(world: World, now: datetime) -> Sequence[Change]:
        changes = decide(world, now)
        found.extend(changes)
        return changes

    for _ in run(timeline, decided):
        pass
    return found


def test_a_seed_makes_the_same_timeline_again():
    assert made(7) == made(7)
    assert made(7) != made(8)


def dropped(steps: Iterator[Step], is_lost) -> Iterator[Step]:
    """The steps as a receiver sees them that never gets some messages."""
    for step in steps:
        yield replace(step, messages=[m for m in step.messages if not is_lost(m)])


def changed(steps: Iterator[Step], change) -> Iterator[Step]:
    for step in steps:
        yield replace(step, messages=[change(m) for m in step.messages])


def rules_broken(timeline: Timeline, steps: Iterator[Step]) -> set[str]:
    return {violation.rule for violation in judge(timeline, steps)[0]}


@pytest.mark.parametrize(
    ("kind", "rule"),
    [("firing", "R1"), ("resolved", "R4"), ("brief", "R8"), ("resolved", "R5")],
)
def test_a_message_that_never_comes_breaks_a_rule(kind, rule):
    lost = (
        rules_broken(made(seed), dropped(run(made(seed)), lambda m: m.kind == kind))
        for seed in range(FAST)  # a brief message is rare
    )
    assert any(rule in broken for broken in lost)


def earlier(message: IncidentMessage) -> IncidentMessage:
    return replace(message, began_at=message.opened_at.replace(hour=0))


def mild(message: IncidentMessage) -> IncidentMessage:
    if message.kind != "resolved":
        return message
    return replace(message, status=type(message.status)("warn"))


def without_figures(message: IncidentMessage) -> IncidentMessage:
    return replace(message, root=replace(message.root, params={}))


@pytest.mark.parametrize(
    ("change", "rule"), [(earlier, "R2"), (mild, "R9"), (without_figures, "R9")]
)
def test_a_message_that_says_something_else_breaks_a_rule(change, rule):
    found = set()
    for seed in range(FEW):
        timeline = made(seed)
        found |= rules_broken(timeline, changed(run(timeline), change))
    assert rule in found


def test_a_timeline_that_breaks_a_rule_shrinks_to_what_the_rule_needs(monkeypatch):
    monkeypatch.setattr(
        "timeline_shrink.run", lambda t: dropped(run(t), lambda m: m.kind == "firing")
    )
    small = shrunk(made(3), "R1")
    assert len(small.faults) == 1
    assert len(small.faults[0].spells) == 1
