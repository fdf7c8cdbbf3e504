"""Reading the fields of a JSON object that nobody vouches for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from checks.sources.facts.unavailable import cut

_INTEGER_MAX = 2**63 - 1


class MisfitError(Exception):
    """A field is missing or of another type; never leaves the sources."""

    reason = "ill_typed"

    def __init__(self, expected: str, got: object) -> None:
        super().__init__(expected)
        self.expected = expected
        self.got = cut("nothing" if got is None else f"{type(got).__name__} {got!r}")


class ContradictionError(MisfitError):
    """Two fields of one answer cannot both be true; never leaves the sources."""

    reason = "contradiction"

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(cut(expected, 100), None)
        self.got = cut(got, 100)


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object whose fields are read by type; `where` is its place in the answer."""

    data: Mapping[str, Any]
    where: str = ""

    def number(self, name: str) -> float:
        """A finite number."""
        value = self.data.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.misfit("a number", name)
        if math.isnan(value) or abs(value) > _INTEGER_MAX:
            raise self.misfit("a number of a sensible size", name)
        return float(value)

    def integer(self, name: str) -> int:
        """A whole number (1.0 is one)."""
        value = self.data.get(name)
        if type(value) is int and -_INTEGER_MAX <= value <= _INTEGER_MAX:
            return value
        if isinstance(value, float) and value.is_integer() and abs(value) <= _INTEGER_MAX:
            return int(value)
        raise self.misfit("a whole number", name)

    def count(self, name: str) -> int:
        """A whole number that is not negative."""
        value = self.integer(name)
        if value < 0:
            raise self.misfit("a number that is not negative", name)
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self.data.get(name)
        if not isinstance(value, bool):
            raise self.misfit("true or false", name)
        return value

    def text(self, name: str) -> str:
        """A string."""
        value = self.data.get(name)
        if not isinstance(value, str):
            raise self.misfit("a text", name)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self.data.get(name)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.misfit("a list of texts", name)
        return tuple(value)

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers."""
        value = self.data.get(name)
        if not isinstance(value, list) or not all(type(v) is int for v in value):
            raise self.misfit("a list of whole numbers", name)
        return tuple(value)

    def object(self, name: str) -> Fields:
        """A JSON object."""
        value = self.data.get(name)
        if not isinstance(value, dict):
            raise self.misfit("a JSON object", name)
        return Fields(value, self._path(name))

    def rows(self, name: str) -> tuple[Fields, ...]:
        """A list of JSON objects."""
        value = self.data.get(name)
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise self.misfit("a list of JSON objects", name)
        place = self._path(name)
        return tuple(Fields(row, f"{place}[{i}]") for i, row in enumerate(value))

    def time(self, name: str) -> datetime:
        """An ISO time with its offset, as UTC; one without an offset cannot be placed."""
        value = self.data.get(name)
        try:
            at = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise self.misfit("an ISO time with an offset", name)
        return at.astimezone(UTC)

    def milliseconds(self, name: str) -> datetime:
        """A time as milliseconds since 1970."""
        value = self.count(name)
        if value > 4_102_444_800_000:  # the year 2100
            raise self.misfit("milliseconds since 1970", name)
        return datetime.fromtimestamp(value / 1000, UTC)

    def percent(self, name: str) -> float | None:
        """A text such as "12.34%"; a negative one means that there is no data yet."""
        match = re.fullmatch(r"(-?\d{1,9}(?:\.\d{1,9})?)\s*%", self.text(name))
        if match is None:
            raise self.misfit('a text such as "12.34%"', name)
        value = float(match[1])
        return None if value < 0 else value

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.data.get(name) is not None

    def got(self, name: str) -> str:
        """What a field holds, as text."""
        return cut(str(self.data.get(name)), 100)

    def misfit(self, kind: str, name: str) -> MisfitError:
        """The complaint that this field is not what it has to be."""
        return MisfitError(f"{kind} `{self._path(name)}`", self.data.get(name))

    def _path(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name
