"""Moments as people name them on the command line: a span ago, a day, a day with its time."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_SPAN = re.compile(r"(\d{1,4})([mhd])")


def moment_before(text: str, now: datetime) -> datetime:
    """The moment behind 30m, 2h, 3d, 2026-11-22 or 2026-11-22T09:30, before `now`.

    A day begins at its midnight in the zone of `now`; so is a time without an offset taken.
    ValueError says what is expected.
    """
    span = _SPAN.fullmatch(text.strip())
    if span is not None:
        return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{text!r}: 30m, 2h, 3d, a day such as 2026-11-22 or a time such as"
            " 2026-11-22T09:30 is expected"
        ) from None
    at = at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
    if at > now:
        raise ValueError(f"{text!r}: that is still to come")
    return at
