"""Moments as people name them on the command line: a span ago, a day, a day with its time."""

from __future__ import annotations

from datetime import datetime

from monitor.domain.interval import LENGTHS, length_of

_YEAR_MIN = 1970


def moment_before(text: str, now: datetime) -> datetime:
    """The moment behind 30m, 2h, 3d, 2026-11-22 or 2026-11-22T09:30, before `now`.

    A day begins at its midnight in the zone of `now`; so is a time without an offset taken.
    ValueError says what is expected.
    """
    length = length_of(text)
    if length is not None:
        return now - length
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{text!r}: {LENGTHS}, a day such as 2026-11-22 or a time such as"
            " 2026-11-22T09:30 is expected"
        ) from None
    if at.year < _YEAR_MIN:
        raise ValueError(f"{text!r}: there is nothing from before {_YEAR_MIN}")
    at = at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
    if at > now:
        raise ValueError(f"{text!r}: that is still to come")
    return at
