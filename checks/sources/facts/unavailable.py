"""What a source could not see, and why: the other answer to every question.

Every question to a source is answered by a fact or by `Unavailable`; nothing is ever guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias, TypeVar

from monitor.domain.check import Finding, Params, Status


class Why(StrEnum):
    """Why something could not be seen."""

    WAY = "way"  # the way to it failed: our network, the gateway
    REFUSED = "refused"  # the way works, and the part refuses or is reported down
    GARBLED = "garbled"  # an answer came that cannot be believed
    NOT_VISIBLE = "not_visible"  # this source cannot see it, whatever the platform's state
    LIMIT = "limit"  # our own bound was reached: time, size, rows


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Could not look. `reason` is a word of templates/<language>/ (table `reason`).

    `part` is what is unavailable, path-like: gateway, ingest, breakers, kafka, redis, database,
    database/shard2, monitoring, k6. `params` say what was asked, what came and what was
    expected; `expected` is plain text such as "a JSON object with a number `totalLag`".
    """

    part: str
    why: Why
    reason: str
    params: Params = field(default_factory=dict)


T = TypeVar("T")
Fact: TypeAlias = T | Unavailable


def cut(text: str, length: int = 200) -> str:
    """Foreign text on one line, without control characters, shortened to `length`."""
    clean = "".join(c if c.isprintable() else " " for c in text[: 2 * length])
    return clean if len(clean) <= length else clean[: length - 1] + "…"


def monitoring_gap(unavailable: Unavailable, obscures: str = "") -> Finding:
    """The finding "could not look" behind an Unavailable.

    `obscures` names the subjects of the check that are unavailable by it ("": all of them).
    """
    params = {"part": unavailable.part, "why": unavailable.why.value, "reason": unavailable.reason}
    return Finding(
        "monitoring_gap",
        Status.UNKNOWN,
        unavailable.part,
        {**params, **unavailable.params},
        obscures=obscures,
    )


def monitoring_gaps(unavailable: Iterable[tuple[Unavailable, str]]) -> list[Finding]:
    """One finding "could not look" per part; what they hide is joined (different: "", all)."""
    found: dict[str, Finding] = {}
    for one, obscures in unavailable:
        before = found.get(one.part)
        same = before is None or before.obscures == obscures
        found[one.part] = monitoring_gap(one, obscures if same else "")
    return list(found.values())
