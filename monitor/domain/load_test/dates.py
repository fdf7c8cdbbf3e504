"""When a result was made and what it is a run of, as far as the name of its file tells."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

_DATE = re.compile(
    r"(?<!\d)(?P<year>20\d\d)[-_.]?(?P<month>\d\d)[-_.]?(?P<day>\d\d)"
    r"(?:[T_ -]{1,2}(?P<hour>\d\d)[-:_.h]?(?P<minute>\d\d)(?:[-:_.m]?(?P<second>\d\d))?"
    r"(?:[.,]\d+)?(?P<zone>Z|[+-]\d\d:?\d\d)?)?(?!\d)",
    re.IGNORECASE,
)
_EPOCH = re.compile(r"(?<!\d)(?P<number>1\d{9}|1\d{12})(?!\d)")
_ENDS = ("gz", "json", "jsonl", "ndjson", "csv", "txt")
_COUNTER = re.compile(r"(?<![-_. #])[-_. #]++(?:run|r|no)?+[-_. ]*+\d++$", re.IGNORECASE)


def date_in(name: str, zone: tzinfo) -> datetime | None:
    """The time in a file's name, in `zone` where it tells none; None if there is none.

    `full-flow-2026-11-22T04-00-05.json`, `k6_20261122_0400.csv`, `1795379621.json`; a date
    alone is its midnight.
    """
    for match in _DATE.finditer(name):
        at = _time(match, zone)
        if at is not None:
            return at
    found = _EPOCH.search(name)
    if found is None:
        return None
    number = int(found["number"])
    return datetime.fromtimestamp(number / 1000 if number > 10**12 else number, UTC)


def scenario_in(name: str) -> str:
    """What a file is a run of: its name without its ending, its date and its number."""
    stem = _EPOCH.sub("", _DATE.sub("", _without_ends(name)))
    bare = _COUNTER.sub("", stem.strip("-_. "))
    return (bare or stem).strip("-_. ")[:60] or "imported"


def _without_ends(name: str) -> str:
    stem, dot, end = name.rpartition(".")
    while dot and end.lower() in _ENDS:
        name = stem
        stem, dot, end = name.rpartition(".")
    return name


def _time(match: re.Match[str], zone: tzinfo) -> datetime | None:
    parts = [int(match[key] or 0) for key in ("year", "month", "day", "hour", "minute", "second")]
    try:
        at = datetime(*parts, tzinfo=zone)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    told = (match["zone"] or "").upper()
    if told == "Z":
        at = at.replace(tzinfo=UTC)
    elif told:
        at = datetime.fromisoformat(f"{at.replace(tzinfo=None).isoformat()}{told}")
    return at.astimezone(UTC)
