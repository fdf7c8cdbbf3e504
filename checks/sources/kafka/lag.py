"""How far groups are behind, in partitions without a commit as well."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from checks.sources.facts.agreement import believed
from checks.sources.facts.platform import GroupLag, PartitionLag
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from checks.sources.kafka.wire import Place, Talk


def behind(
    talk: Talk, group_ids: Sequence[str], places: Sequence[Place]
) -> Mapping[str, Fact[GroupLag]]:
    """The lag of each group over the partitions of the topics that it reads.

    What a group reads is what it has committed and what its members are assigned; where it has
    committed nothing yet, all that is retained waits for it.
    """
    members = talk.members()
    assigned = {group_id: _assigned(members.get(group_id, ())) for group_id in group_ids}
    commits = talk.committed_by(group_ids, places)
    reads = {g: {topic for topic, _ in (*commits[g], *assigned[g])} for g in group_ids}
    wanted = [place for place in places if any(place[0] in topics for topics in reads.values())]
    ends, lows = talk.ends(wanted), talk.lows(wanted)
    return {
        g: _lag(g, commits[g], [place for place in wanted if place[0] in reads[g]], ends, lows)
        for g in group_ids
    }


def _lag(
    group_id: str,
    commits: Mapping[Place, int],
    places: Sequence[Place],
    ends: Mapping[Place, int],
    lows: Mapping[Place, int],
) -> Fact[GroupLag]:
    if not places:
        return _without_offsets(group_id)
    rows = (_partition(place, commits.get(place), ends[place], lows[place]) for place in places)
    return believed(GroupLag(group_id, tuple(rows)), f"kafka/{cut(group_id)}", "kafka")


def _partition(place: Place, commit: int | None, end: int, low: int) -> PartitionLag:
    """A commit below what is retained counts from there: what has gone will never be read."""
    at = low if commit is None else commit
    lag = max(0, end - max(at, low))
    return PartitionLag(*place, at, end, lag, has_commit=commit is not None)


def _without_offsets(group_id: str) -> Unavailable:
    name = cut(group_id)
    params = {"path": "kafka", "got": "", "expected": f"committed offsets of {name}"}
    return Unavailable(f"kafka/{name}", Why.NOT_VISIBLE, "group_without_offsets", params)


def _assigned(members: Iterable[Any]) -> list[Place]:
    return [place for member in members for place in assignment(member.assignment)]


def assignment(data: bytes | None) -> Iterable[Place]:
    """The partitions in a member's assignment; nothing if it is not the consumers' own format."""
    try:
        return list(_parsed(data or b""))
    except (struct.error, UnicodeDecodeError):
        return []


def _parsed(data: bytes) -> Iterable[Place]:
    """version int16, topics int32 x (name int16-string, partitions int32 x int32)."""
    (topics,), at = struct.unpack_from(">i", data, 2), 6
    for _ in range(topics):
        (length,) = struct.unpack_from(">h", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        at += 2 + length
        (count,) = struct.unpack_from(">i", data, at)
        numbers = struct.unpack_from(f">{max(0, count)}i", data, at + 4)
        at += 4 + 4 * len(numbers)
        yield from ((name, number) for number in numbers)
