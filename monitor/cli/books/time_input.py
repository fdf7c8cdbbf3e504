"""Moments as people name them on the command line: a span ago, a day, a day with its time."""

from __future__ import annotations

from datetime import date, datetime, timedelta

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
    at = _moment(text)
    if at is None:
        raise InvalidError("since", given=text, lengths=LENGTHS)
    if at.year < _YEAR_MIN:
        raise InvalidError("since_before", given=text, year=_YEAR_MIN)
    at = at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
    if at > now:
        raise InvalidError("since_to_come", given=text)
    return at


def moment_after(text: str, now: datetime) -> datetime:
    """The moment behind 2026-12-24T18:00, or the end of the day 2026-12-24, after `now`.

    The zone is that of `now` where none is named. InvalidError says what is expected.
    """
    at = _moment(text)
    if at is None:
        raise InvalidError("until", given=text)
    at = at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
    if _is_day(text):
        at = (at + timedelta(days=1)).replace(tzinfo=now.tzinfo)  # by the calendar
    if at <= now:
        raise InvalidError("until_past", given=text)
    return at


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        return None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return True
