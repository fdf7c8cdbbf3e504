"""Moments as people name them on the command line: a span ago, a day, a day with its time."""

from __future__ import annotations

from datetime import datetime

from monitor.domain.interval import LENGTHS, length_of
from monitor.domain.statement import InvalidError

_YEAR_MIN = 1970


def moment_before(text: str, now: datetime) -> datetime:
    """The moment behind 30m, 2h, 3d, 2026-11-22 or 2026-11-22T09:30, before `now`.

    A day begins at its midnight in the zone of `now`; so is a time without an offset taken.
    InvalidError says what is expected.
    """
    length = length_of(text)
    if length is not None:
        return now - length
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise InvalidError("since", given=text, lengths=LENGTHS) from None
    if at.year < _YEAR_MIN:
        raise InvalidError("since_before", given=text, year=_YEAR_MIN)
    at = at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
    if at > now:
        raise InvalidError("since_to_come", given=text)
    return at
