"""The smallest timeline that still breaks a rule, and how a failure is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from timeline import Count, Timeline, Violation
from timeline_made import made
from timeline_oracle import judge
from timeline_run import run


def broken_by(timeline: Timeline) -> list[Violation]:
    """The rules that a timeline breaks."""
    return judge(timeline, run(timeline))[0]


def counted(first: int, timelines: int, shown: int = 3) -> Count:
    """Live through the timelines of these seeds; stops after `shown` that break a rule."""
    count = Count()
    for seed in range(first, first + timelines):
        timeline = made(seed)
        violations, steps, messages = judge(timeline, run(timeline))
        count.timelines += 1
        count.steps += steps
        count.messages += messages
        if violations:
            count.violations.append((timeline, violations))
            if len(count.violations) >= shown:
                break
    return count


def shrunk(timeline: Timeline, rule: str) -> Timeline:
    """Without each fault, spell and act that the violation of this rule does not need."""
    smaller = next((t for t in _smaller(timeline) if _breaks(t, rule)), None)
    return timeline if smaller is None else shrunk(smaller, rule)


def _breaks(timeline: Timeline, rule: str) -> bool:
    return any(violation.rule == rule for violation in broken_by(timeline))


def _smaller(timeline: Timeline) -> Iterator[Timeline]:
    for n in range(len(timeline.acts)):
        yield replace(timeline, acts=timeline.acts[:n] + timeline.acts[n + 1 :])
    for n, fault in enumerate(timeline.faults):
        rest = timeline.faults[:n], timeline.faults[n + 1 :]
        if len(timeline.faults) > 1:
            yield replace(timeline, faults=(*rest[0], *rest[1]))
        for m in range(len(fault.spells) if len(fault.spells) > 1 else 0):
            spells = fault.spells[:m] + fault.spells[m + 1 :]
            yield replace(timeline, faults=(*rest[0], replace(fault, spells=spells), *rest[1]))


def shown(timeline: Timeline, violations: list[Violation]) -> str:
    """A timeline that breaks a rule, as small as it gets, with the rules that it breaks."""
    small = shrunk(timeline, violations[0].rule)
    lines = [f"  {violation}" for violation in broken_by(small)]
    return "\n".join([small.as_table(), "breaks", *lines])
