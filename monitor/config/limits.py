"""Limits that belong together: a warning comes before what is critical, on whichever scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, get_type_hints

from monitor.config.errors import say
from monitor.config.option_types import FALLING, Percent


def crossed_limits(options: Any) -> list[str]:
    """A line for each pair of limits of which the warning would come after the critical one."""
    return [
        say(f"limit_{side}", warn=warn, crit=crit, at=_at(options, warn), other=_at(options, crit))
        for warn, crit, side in _pairs(type(options), options)
    ]


def _pairs(kind: type, options: Any) -> Iterator[tuple[str, str, str]]:
    hints = get_type_hints(kind, include_extras=True)
    for name in (f.name for f in fields(kind)):
        crit = name.replace("warn_", "crit_")
        if crit == name or crit not in hints:
            continue
        low, high = getattr(options, name), getattr(options, crit)
        if FALLING in getattr(hints[name], "__metadata__", ()):
            if 0 < low < high:  # 0: no such floor
                yield name, crit, "below"
        elif low > high and not (hints[name] == Percent and low == 100):  # 100: no such limit
            yield name, crit, "above"


def _at(options: Any, name: str) -> str:
    return f"{getattr(options, name):g}"
