"""A run of k6 on its way: what is wanted, what was found for it, how it is ended, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run against what. `seconds` and `rate` 0: as the scenario itself says.

    `scenario` is a name of ours or the path of a k6 script; `variables` are further entries
    of the script's __ENV. `limit_seconds` bounds the whole run. `is_production` is told by the
    configuration, or by the target's own name.
    """

    scenario: str
    target: str
    targets_allowed: tuple[str, ...]
    seconds: int = 0
    rate: int = 0
    limit_seconds: float = 900.0
    k6_binary: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    is_production: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan that can be carried out: the script and the k6 were found, the target is allowed.

    `scenario` is what the run is called, `target` what may be stored and read of it;
    `is_production`: real money is at the target; `variables` are the script's __ENV.
    """

    plan: Plan
    script: Path
    binary: Path
    scenario: str
    target: str
    is_production: bool
    variables: Mapping[str, str]


@dataclass(slots=True)
class Control:
    """How a run that goes on is asked to end, and where k6 tells how far it is."""

    address: str = ""
    stopped: str = ""

    def stop(self, why: str) -> None:
        """End the run soon; the first reason counts."""
        self.stopped = self.stopped or why


@dataclass(frozen=True, slots=True)
class Ended:
    """How k6 ended. `thrown`: iterations that raised; `stopped`: why we ended it ourselves."""

    exit_code: int
    stopped: str
    took_seconds: float
    summary: bytes
    log: str
    thrown: int
