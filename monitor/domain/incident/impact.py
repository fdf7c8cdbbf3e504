"""What an incident does to payments: how many and how much, as its alerts tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from monitor.domain.alert import Alert
from monitor.domain.check import Params

NOT_COUNTED = "not_counted"
Impact = Mapping[str, Mapping[str, float | None]]  # by kind: its `count`, and `krw` if it is known


@dataclass(frozen=True, slots=True)
class Touch:
    """That an alert like `pattern` (over `code:subject`) touches payments, declared as data.

    `kind` is what becomes of them, `count` and `krw` the parameters that say how many and how
    much; an alert whose kind is NOT_COUNTED touches payments without saying how many.
    """

    pattern: str
    kind: str = NOT_COUNTED
    count: str = ""
    krw: str = ""


def impact(alerts: Iterable[Alert], touches: Sequence[Touch], before: Impact) -> Impact:
    """What is known of the payments so far: of each kind the worst that it was."""
    found: dict[str, dict[str, float | None]] = {}
    for (kind, _), (count, krw) in _by_kind_and_code(alerts, touches).items():
        known = found.setdefault(kind, {"count": 0, "krw": None})
        if count >= (known["count"] or 0):  # two checks that count the same
            found[kind] = {"count": count, "krw": krw or known["krw"]}
    return worse_of(found, before)


def worse_of(one: Impact, other: Impact) -> Impact:
    """Of each kind the worst of two counts."""
    found = {kind: dict(each) for kind, each in one.items()}
    for kind, earlier in other.items():
        found[kind] = _worse(found.get(kind), earlier)
    if len(found) > 1:
        found.pop(NOT_COUNTED, None)
    return found


def _by_kind_and_code(
    alerts: Iterable[Alert], touches: Sequence[Touch]
) -> dict[tuple[str, str], tuple[float, float]]:
    """The sums over all subjects; what several checks see of one counts once."""
    latest = {alert.key: alert for alert in sorted(alerts, key=lambda a: a.last_seen_at)}
    sums: dict[tuple[str, str], tuple[float, float]] = {}
    for alert in latest.values():
        touch = next((t for t in touches if fnmatchcase(alert.key, t.pattern)), None)
        if touch is None:
            continue
        params, about = alert.peak or alert.params, (touch.kind, alert.code)
        count, krw = sums.get(about, (0, 0))
        sums[about] = count + _figure(params, touch.count), krw + _figure(params, touch.krw)
    return sums


def _worse(
    now: Mapping[str, float | None] | None, before: Mapping[str, float | None]
) -> dict[str, float | None]:
    if now is None:
        return dict(before)
    return {name: max(now[name] or 0, before[name] or 0) or None for name in ("count", "krw")}


def _figure(params: Params, name: str) -> float:
    value = params.get(name)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0
