"""What matching a PG settlement file with our rows comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from monitor.domain.check import Verdict


class Outcome(StrEnum):
    """What became of a line, of a row, or of both together.

    `reversed`: the PG took money back that it had paid, or came by what it had paid out;
    `timing`: the days lie too far apart; `elsewhere`: the line is in the file of the day before or
    after, or may still come there; `unmoved`: the PG names a try without money, and we have none;
    `unjudged`: it may belong to a shard that was not seen; `accepted`: a break that somebody has
    cleared up, as the configuration says.
    """

    MATCHED = "matched"
    MISSING_IN_FILE = "missing_in_file"
    MISSING_IN_DB = "missing_in_db"
    AMOUNT = "amount"
    STATUS = "status"
    DUPLICATE = "duplicate"
    REVERSED = "reversed"
    TIMING = "timing"
    ELSEWHERE = "elsewhere"
    UNMOVED = "unmoved"
    UNJUDGED = "unjudged"
    ACCEPTED = "accepted"


BREAKS = (
    Outcome.DUPLICATE,
    Outcome.REVERSED,
    Outcome.AMOUNT,
    Outcome.MISSING_IN_DB,
    Outcome.STATUS,
    Outcome.MISSING_IN_FILE,
    Outcome.TIMING,
)


@dataclass(frozen=True, slots=True)
class SettlementMatch:
    """A file and what was found in it. `tally` is empty where nothing could be matched.

    `rows_max`: how many rows of each outcome a person is shown.
    """

    file: str
    verdict: Verdict
    zone: str
    shard: str = ""
    days: str = ""
    rows_max: int = 0
    tally: Mapping[str, Any] = field(default_factory=dict)
