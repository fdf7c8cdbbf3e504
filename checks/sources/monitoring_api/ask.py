"""Asking the monitoring-service: what each kind of answer says about which part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from checks.sources.facts.agreement import believed
from checks.sources.facts.look import shared
from checks.sources.facts.unavailable import Fact, Unavailable, Why, cut
from checks.sources.http.client import Answer, Wire
from checks.sources.http.patient import PatientWire
from checks.sources.monitoring_api.agreement import hold_together
from checks.sources.monitoring_api.fields import Fields, MisfitError

T = TypeVar("T")

_NOTHING: Mapping[str, Any] = {}
_GATEWAY_TIMEOUT = 504
_WAY_STATUSES = frozenset({502, 503, 504})
_GATEWAY_STATUSES = frozenset({404, 407})


# What may take a minute when Kafka, Redis or a shard is gone; all else is answered at once.
_SLOW = ("/monitoring/kafka/", "/monitoring/redis/", "/monitoring/database/statistics")


class Ask:
    """Asks by path, below /api or not (found out once), and reads only what fits.

    `slow`: who asks what may take a minute; without it, `wire` does. `late_seconds`: by part, how
    long the last answer took that came late.
    """

    def __init__(self, wire: Wire, slow: PatientWire | None = None) -> None:
        self._wire = wire
        self._slow = slow or wire
        self._prefix = ""
        self.late_seconds: dict[str, float] = {}

    def __call__(
        self,
        part: str,
        path: str,
        read: Callable[[Fields], T],
        query: Mapping[str, Any] = _NOTHING,
        *,
        bytes_max: int | None = None,
        method: str = "GET",
    ) -> Fact[T]:
        """The fact that `read` makes of the answer, or why `part` could not be seen."""
        answer = self._get(path, bytes_max, query, method)
        if isinstance(answer, Unavailable):
            hangs = self._slow is not self._wire and path.startswith(_SLOW)
            return _at(answer, part, hangs=hangs)
        self.late_seconds[part] = answer.seconds
        if answer.status != 200 or answer.data.get("error"):
            return _refusal(answer, part, is_slow=path.startswith(_SLOW))
        fields = Fields(answer.data)
        try:
            found = read(fields)
            hold_together(path, fields)
        except MisfitError as misfit:
            said = (misfit.got, misfit.expected)
            return _unavailable(part, Why.GARBLED, misfit.reason, answer, *said)
        return believed(found, part, answer.path)

    def _get(
        self, path: str, bytes_max: int | None, query: Mapping[str, Any], method: str
    ) -> Fact[Answer]:
        if method != "GET":
            return self._ask(path, bytes_max, query, method)
        key = (id(self), path, bytes_max, tuple(sorted(query.items())))
        return shared(key, lambda: self._ask(path, bytes_max, query, method))

    def _ask(
        self, path: str, bytes_max: int | None, query: Mapping[str, Any], method: str
    ) -> Fact[Answer]:
        wire = self._slow if path.startswith(_SLOW) else self._wire
        answer = wire.get(self._prefix + path, bytes_max=bytes_max, method=method, **query)
        if isinstance(answer, Unavailable) or answer.status != 404:
            return answer
        other = "" if self._prefix else "/api"
        second = wire.get(other + path, bytes_max=bytes_max, method=method, **query)
        if isinstance(second, Unavailable) or second.status == 404:
            return answer
        self._prefix = other
        return second


def _at(unavailable: Unavailable, part: str, *, hangs: bool) -> Unavailable:
    """No answer in time, over a connection that stood: that is about the part, not the way.

    `hangs`: it was given all the time that its longest answer takes.
    """
    if unavailable.why is not Why.LIMIT:
        return unavailable
    reason = "part_hangs" if hangs and unavailable.reason == "timeout" else unavailable.reason
    return Unavailable(part, unavailable.why, reason, unavailable.params)


def _refusal(answer: Answer, part: str, *, is_slow: bool) -> Unavailable:
    """Tells a part's own complaint from a gateway that reaches nobody and from a wrong question.

    A gateway gives up on an answer that needs the part, and reaches the rest all the same.
    """
    got = f"{answer.status} {_message(answer)}".strip()
    expected = "status 200 without an error"
    if is_slow and answer.status == _GATEWAY_TIMEOUT:
        return _unavailable(part, Why.LIMIT, "gateway_gave_up", answer, got, expected)
    if answer.status in _WAY_STATUSES and _is_gateways_own(answer):
        return _unavailable("monitoring", Why.WAY, "monitoring_unreachable", answer, got, expected)
    if answer.status in (200, 500, 503):
        return _unavailable(part, Why.REFUSED, "part_reports_error", answer, got, expected)
    place = "gateway" if answer.status in _GATEWAY_STATUSES else part
    return _unavailable(place, Why.GARBLED, "unexpected_status", answer, got, expected)


def _is_gateways_own(answer: Answer) -> bool:
    """A gateway's error page has its time and path; a part's own has `error` and `message`."""
    return "timestamp" in answer.data and "path" in answer.data


def _message(answer: Answer) -> str:
    text = answer.data.get("message") or answer.data.get("error") or ""
    return text if isinstance(text, str) else ""


def _unavailable(
    part: str, why: Why, reason: str, answer: Answer, got: str, expected: str
) -> Unavailable:
    params = {"path": answer.path, "got": cut(got), "expected": expected}
    return Unavailable(part, why, reason, params)


def unavailable_part(
    part: str, reason: str, expected: str, got: str, why: Why = Why.NOT_VISIBLE
) -> Unavailable:
    """An Unavailable that no single answer shows."""
    return Unavailable(part, why, reason, {"path": "", "got": cut(got), "expected": expected})
