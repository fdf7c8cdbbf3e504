"""Words of status put together: "failed refunds", "환불 실패", "failed or refunded"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcp_server.sentence.words import STATUSES, Part

_SPOKEN = {
    ("capture", ""): ("CAPTURED",),
    ("capture", "done"): ("CAPTURED",),
    ("capture", "failed"): ("CAPTURE_FAILED",),
    ("capture", "waiting"): ("CAPTURE_REQUESTED",),
    ("capture", "requested"): ("CAPTURE_REQUESTED",),
    ("capture", "open"): ("CAPTURE_REQUESTED", "CAPTURE_FAILED"),
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
    """A word that is about statuses (a half, or an exact one), or that connects some."""

    kind: str  # or, and, comma, status, exact; taken: anything else that is understood
    word: str
    value: Part | str = ""


class _AmbiguousError(Exception):
    """These words can be put together in more than one way, or in none."""


def statuses_of(members: Sequence[Member]) -> tuple[tuple[str, ...], tuple[str, str] | None]:
    """The statuses that are named, in their order; or a problem and the words that it is about."""
    words = " ".join(dict.fromkeys(m.word for m in members if m.kind != "taken"))
    if _is_or_elsewhere(members):
        return (), ("or_elsewhere", words)
    groups = [group for group in _split(members) if group]
    try:
        named = {status for group in groups for status in _statuses(group)}
    except _AmbiguousError:
        return (), ("ambiguous_status", words)
    if _is_ambiguous(groups, has_or=any(m.kind == "or" for m in members)):
        return (), ("ambiguous_status", words)
    return tuple(status for status in STATUSES if status in named), None


def _is_or_elsewhere(members: Sequence[Member]) -> bool:
    """Whether an "or" stands anywhere but between two statuses."""
    kinds = ["taken", *(m.kind for m in members if m.kind not in ("and", "comma")), "taken"]
    sides = [kinds[at + step] for at, k in enumerate(kinds) if k == "or" for step in (-1, 1)]
    return not set(sides) <= {"status", "exact"}


def _split(members: Sequence[Member]) -> list[list[Part | str]]:
    """The words of status between two connectors."""
    groups: list[list[Part | str]] = [[]]
    for member in members:
        if member.kind in _CONNECTORS:
            groups.append([])
        elif member.kind in ("status", "exact") and member.value not in groups[-1]:
            groups[-1].append(member.value)
    return groups


def _statuses(group: Sequence[Part | str]) -> tuple[str, ...]:
    """One status, or a family of them."""
    parts = [part for part in group if isinstance(part, Part)]
    exact = [part for part in group if isinstance(part, str)]
    things = {part.thing for part in parts if part.thing}
    outcomes = {part.outcome for part in parts if part.outcome}
    if "waiting" in outcomes:
        outcomes.discard("requested")
    if len(exact) + bool(parts) > 1 or len(things) > 1 or len(outcomes) > 1:
        raise _AmbiguousError
    spoken = ("".join(things), "".join(outcomes))
    if parts and spoken not in _SPOKEN:
        raise _AmbiguousError
    return _SPOKEN[spoken] if parts else tuple(exact)


def _is_ambiguous(groups: Sequence[Sequence[Part | str]], has_or: bool) -> bool:
    """Whether an outcome might belong to a noun of another group as well, or a denial to both."""
    parts = [[p for p in group if isinstance(p, Part)] for group in groups]
    has_bare = any(len(group) == 1 and not group[0].outcome for group in parts)
    has_joined = any(len(group) > 1 for group in parts)  # failed captures and refunds
    has_outcome = any(group and not any(p.thing for p in group) for group in parts)
    is_denied = any(p.outcome == "open" for group in parts for p in group)
    needs_or = (has_bare and has_outcome) or (is_denied and len(groups) > 1)  # refund, failed
    return (has_bare and has_joined) or (needs_or and not has_or)
