"""How one consumer group stands: its state, its lag, and what the check says of its course."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checks.sources.facts.agreement import GROUP_STATES
from checks.sources.facts.platform import GroupLag
from checks.sources.facts.unavailable import Fact, Unavailable
from mcp_server.answers.unavailable import reason
from mcp_server.context import ToolContext
from monitor.domain.check import Finding, Status

if TYPE_CHECKING:
    from monitor.domain.check_pass import Observed

AT_WORK = "STABLE"
WITHOUT_MEMBERS = ("EMPTY", "DEAD", "ABSENT")


@dataclass(frozen=True, slots=True)
class Standing:
    """A group that was looked at. `why` is a word: ok, absent, few_looks, unwatched, ..."""

    group: str
    state: str
    lag: Fact[GroupLag] | None
    verdict: Status
    why: str
    finding: Finding | None = None

    @property
    def lag_messages(self) -> int | None:
        """The whole lag; None where it was not seen."""
        return self.lag.lag_messages if isinstance(self.lag, GroupLag) else None


def stand(
    group: str, state: str, lag: Fact[GroupLag] | None, options: Any, seen: Observed | None
) -> Standing:
    """Judged by the check's looks where it watches the group; one look alone tells little."""
    watched = group in options.groups
    finding = _finding(seen, group)
    if finding is not None and finding.status is not Status.UNKNOWN:
        return Standing(group, state, lag, finding.status, finding.code, finding)
    if state in WITHOUT_MEMBERS:
        return Standing(group, state, lag, *_idle(lag, watched))
    if isinstance(lag, GroupLag) and any(p.beyond_end_messages for p in lag.partitions):
        return Standing(group, state, lag, Status.CRIT, "beyond_end")
    if lag is None or isinstance(lag, Unavailable) or state not in GROUP_STATES:
        return Standing(group, state, lag, Status.UNKNOWN, "unavailable")
    if lag.lag_messages < options.lag_min:
        return Standing(group, state, lag, Status.OK, "ok")
    if not watched or seen is None:
        return Standing(group, state, lag, Status.UNKNOWN, "unwatched")
    if _looks(seen.memory.get(group)) < options.stuck_looks:
        return Standing(group, state, lag, Status.UNKNOWN, "few_looks")
    return Standing(group, state, lag, Status.OK, "moving")


def _finding(seen: Observed | None, group: str) -> Finding | None:
    found = seen.verdict.findings if seen else ()
    return next((f for f in found if f.subject == group), None)


def _looks(memory: Any) -> int:
    """At how many passes the check has seen the group."""
    return len(memory["looks"]) if isinstance(memory, Mapping) else 0


def _idle(lag: Fact[GroupLag] | None, watched: bool) -> tuple[Status, str]:
    """A group without members: bad if it must work, and if something waits for it."""
    if watched:
        return Status.CRIT, "idle"
    if isinstance(lag, GroupLag):
        return (Status.WARN, "idle") if lag.lag_messages else (Status.OK, "ok")
    return Status.UNKNOWN, "unavailable"


def group_row(context: ToolContext, standing: Standing) -> dict[str, Any]:
    """A group as a row of evidence."""
    lag = standing.lag
    row: dict[str, Any] = {
        "group_text": standing.group,
        "state": standing.state,
        "verdict": standing.verdict.value,
        "why": standing.why,
        "lag_messages": standing.lag_messages,
    }
    if isinstance(lag, Unavailable):
        row["reason_text"] = reason(context, lag)
    if isinstance(lag, GroupLag):
        row["partitions"] = len(lag.partitions)
        row["partitions_behind"] = sum(p.lag_messages > 0 for p in lag.partitions)
    if standing.finding is not None:
        sentence = context.catalog.finding(standing.finding, context.now)
        row |= {"title_text": sentence.title, "action_text": sentence.action}
    return row


def partition_rows(lag: GroupLag) -> list[dict[str, Any]]:
    """The partitions that are behind, the farthest first."""
    behind = sorted((p for p in lag.partitions if p.lag_messages), key=lambda p: -p.lag_messages)
    return [
        {
            "topic_text": p.topic,
            "partition": p.partition,
            "committed_offset": p.committed_offset if p.has_commit else None,
            "end_offset": p.end_offset,
            "lag_messages": p.lag_messages,
        }
        for p in behind
    ]


def states(groups: Mapping[str, str]) -> dict[str, int]:
    """How many groups are in each state."""
    found = list(groups.values())
    return {state: found.count(state) for state in sorted(set(found))}
