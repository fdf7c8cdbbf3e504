"""The kinds of numbers that are configured, each with its limits: neither endless nor a truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from monitor.domain.statement import InvalidError

SECONDS_MAX = 366 * 24 * 3600.0
COUNT_MAX = 1_000_000_000
WON_MAX = 10**15


def _number(value: Any) -> Any:
    """`true` is 1 to Python, and nobody's number of seconds."""
    if isinstance(value, bool):
        raise InvalidError("no_number")
    return value


def _switch(value: Any) -> Any:
    if not isinstance(value, bool):
        raise InvalidError("no_switch")
    return value


def _home(text: str) -> str:
    try:
        return str(Path(text).expanduser()) if text.startswith("~") else text
    except RuntimeError:
        raise InvalidError("no_home") from None


NUMBER = BeforeValidator(_number)
PathText = Annotated[str, AfterValidator(_home)]
Switch = Annotated[bool, BeforeValidator(_switch)]

Seconds = Annotated[float, Field(gt=0, le=SECONDS_MAX), NUMBER]
SecondsOrZero = Annotated[float, Field(ge=0, le=SECONDS_MAX), NUMBER]
Minutes = Annotated[float, Field(gt=0, le=SECONDS_MAX / 60), NUMBER]
MinutesOrZero = Annotated[float, Field(ge=0, le=SECONDS_MAX / 60), NUMBER]
Hours = Annotated[float, Field(gt=0, le=SECONDS_MAX / 3600), NUMBER]
Milliseconds = Annotated[float, Field(gt=0, le=SECONDS_MAX * 1000), NUMBER]
Percent = Annotated[float, Field(ge=0, le=100), NUMBER]
FALLING = "falling"  # of a limit that is crossed downwards: the warning is the greater one
FloorPercent = Annotated[float, Field(ge=0, le=100), NUMBER, FALLING]
Count = Annotated[int, Field(ge=1, le=COUNT_MAX), NUMBER]
CountOrZero = Annotated[int, Field(ge=0, le=COUNT_MAX), NUMBER]
Text = Annotated[str, Field(min_length=1)]
Amount = Annotated[float, Field(ge=0, le=WON_MAX), NUMBER]
HourOfDay = Annotated[int, Field(ge=0, le=23), NUMBER]
Days = Annotated[int, Field(ge=1, le=366), NUMBER]
DaysOrZero = Annotated[int, Field(ge=0, le=366), NUMBER]
