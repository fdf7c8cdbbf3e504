"""Something that is said by a code and its figures, and put into words when it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.domain.check import Params


@dataclass(frozen=True, slots=True)
class Statement:
    """A word of templates (which table, its user knows) with its parameters."""

    code: str
    params: Params = field(default_factory=dict)
