"""Words of status put together: "failed refunds", "환불 실패", "failed or refunded"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mcp_server.sentence.words import STATUSES, Meaning, Part

_SPOKEN = {
    ("capture", ""): ("CAPTURED",),
    ("capture", "done"): ("CAPTURED",),
    ("capture", "failed"): ("CAPTURE_FAILED",),
    ("capture", "waiting"): ("CAPTURE_REQUESTED",),
    ("capture", "requested"): ("CAPTURE_REQUESTED",),
    ("refund", ""): ("REFUNDED",),
    ("refund", "done"): ("REFUNDED",),
    ("refund", "failed"): ("REFUND_FAILED",),
    ("refund", "waiting"): ("REFUND_REQUESTED",),
    ("refund", "requested"): ("REFUND_REQUESTED",),
    ("", "done"): ("CAPTURED",),
    ("", "failed"): ("CAPTURE_FAILED", "REFUND_FAILED"),
    ("", "waiting"): ("CAPTURE_REQUESTED", "REFUND_REQUESTED"),
}
_CONNECTORS = ("or", "and", "comma")


@dataclass(frozen=True, slots=True)
class Member:
    """A word that is about statuses, or connects some, with its meaning."""

    word: str
    meaning: Meaning


@dataclass(frozen=True, slots=True)
class _Group:
    """Words of status between two connectors, as one status or as a family."""

    statuses: tuple[str, ...]
    is_bare: bool  # a noun alone, to which an outcome said elsewhere might belong
    is_joined: bool  # a thing with its outcome
    is_outcome: bool = False  # an outcome alone


class _AmbiguousError(Exception):
    """These words can be put together in more than one way, or in none."""


def statuses_of(members: Sequence[Member]) -> tuple[tuple[str, ...], tuple[str, str] | None]:
    """The statuses that are named, in their order; or a problem and the words that it is about."""
    words = " ".join(dict.fromkeys(m.word for m in members if m.meaning.kind != "taken"))
    if _is_or_elsewhere(members):
        return (), ("or_elsewhere", words)
    try:
        groups = [_group(parts) for parts in _split(members) if parts]
    except _AmbiguousError:
        return (), ("ambiguous_status", words)
    if any(g.is_bare for g in groups) and any(g.is_joined for g in groups):
        return (), ("ambiguous_status", words)  # failed captures and refunds: failed refunds?
    has_or = any(m.meaning.kind == "or" for m in members)
    if not has_or and any(g.is_bare for g in groups) and any(g.is_outcome for g in groups):
        return (), ("ambiguous_status", words)  # "refund, failed" is no "refund or failed"
    named = {status for group in groups for status in group.statuses}
    return tuple(status for status in STATUSES if status in named), None


def _is_or_elsewhere(members: Sequence[Member]) -> bool:
    """Whether an "or" stands anywhere but between two statuses."""
    for at, member in enumerate(members):
        if member.meaning.kind == "or":
            sides = (_neighbour(members[:at][::-1]), _neighbour(members[at + 1 :]))
            if not all(side in ("status", "exact") for side in sides):
                return True
    return False


def _neighbour(members: Sequence[Member]) -> str:
    others = (m.meaning.kind for m in members if m.meaning.kind not in ("and", "comma"))
    return next(others, "")


def _split(members: Iterable[Member]) -> list[list[Meaning]]:
    groups: list[list[Meaning]] = [[]]
    for member in members:
        if member.meaning.kind in _CONNECTORS:
            groups.append([])
        elif member.meaning.kind in ("status", "exact"):
            groups[-1].append(member.meaning)
    return groups


def _group(parts: Sequence[Meaning]) -> _Group:
    exact = {part.text for part in parts if part.kind == "exact"}
    if exact:
        if len({(p.kind, p.text, p.part) for p in parts}) > 1:
            raise _AmbiguousError
        return _Group(tuple(exact), is_bare=False, is_joined=False)
    spoken = list(dict.fromkeys(part.part for part in parts))
    things = {p.thing for p in spoken if p.thing}
    outcomes = {p.outcome for p in spoken if p.outcome}
    if "waiting" in outcomes and "requested" in outcomes:
        outcomes.discard("requested")
    if len(things) > 1 or len(outcomes) > 1:
        raise _AmbiguousError
    thing, outcome = next(iter(things), ""), next(iter(outcomes), "")
    if (thing, outcome) not in _SPOKEN:
        raise _AmbiguousError
    return _Group(_SPOKEN[thing, outcome], _is_bare(spoken), len(spoken) > 1, not things)


def _is_bare(spoken: Sequence[Part]) -> bool:
    return len(spoken) == 1 and spoken[0].is_bare
