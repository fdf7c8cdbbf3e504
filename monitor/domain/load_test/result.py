"""What a k6 run measured, the same whichever of k6's many shapes it was written in.

Times are in ms and shares 0 to 1, as k6 has them. Two things are unlike k6: a threshold says
`kept` (in --summary-export `true` means crossed), and a rate counts `matches` of `total` (k6's
`passes` of http_req_failed are the requests that failed).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitor.domain.load_test.rules import always_holds

TREND, RATE, COUNTER, GAUGE, UNTOLD = "trend", "rate", "counter", "gauge", "unknown"
_SELECTOR = re.compile(r"(?P<base>[^{]+)(?:\{(?P<tags>.*)\})?", re.DOTALL)
_OWN_FIGURES = (
    *("iterations", "iteration_duration", "dropped_iterations", "data_sent", "data_received"),
    *("vus", "vus_max", "checks", "group_duration"),
)
# Metrics of gRPC, WebSocket, the browser module and the Kafka extension begin so.
PROTOCOLS = ("grpc_", "ws_", "browser_", "kafka_")
# May be zero in every sample: no connection is made anew, nothing is encrypted.
UNKNOWN_RULE = "?"
_WITHOUT_LIMITS = ("csv", "machine_summary")
_OFTEN_ZERO = ("blocked", "connecting", "tls_handshaking", "sending", "receiving")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit such as `p(95)<500`. `value`: what it was held against, None where not told.

    `kept` None: not judged. `rule` UNKNOWN_RULE: the file tells that there is one, but not which.
    """

    rule: str
    kept: bool | None
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric of k6, or a part of one: `http_req_duration{name:authorize}`.

    `values` by k6's names: avg, min, med, max, p(95), ... of a trend (ms where it is a time);
    rate, matches, total; count, rate; value, min, max. `samples` None: not told. `buckets`:
    the histogram (domain.baseline) where single samples were told; `sketched` says that the
    quantiles are read from it, and so within 1 %.
    """

    name: str
    kind: str
    values: Mapping[str, float]
    contains: str = ""
    thresholds: tuple[Threshold, ...] = ()
    samples: int | None = None
    buckets: Mapping[int, int] = field(default_factory=dict)
    sketched: bool = False

    @property
    def base(self) -> str:
        """The metric's name without its selector."""
        match = _SELECTOR.fullmatch(self.name)
        return match["base"] if match else self.name

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a metric: `http_req_duration{status:500}`."""
        return self.base != self.name

    @property
    def is_protocol_time(self) -> bool:
        """Whether it holds times of another protocol than HTTP."""
        is_trend = self.kind in (TREND, UNTOLD) and self.base.startswith(PROTOCOLS)
        return is_trend and self.contains in ("time", "") and self.has_data

    @property
    def tags(self) -> Mapping[str, str]:
        """What the selector asks for: {"name": "authorize"}."""
        match = _SELECTOR.fullmatch(self.name)
        pairs = (match["tags"] or "").split(",") if match else []
        split = (pair.partition(":") for pair in pairs if ":" in pair)
        return {key.strip(): value.strip(" \"'") for key, _, value in split}

    @property
    def has_data(self) -> bool:
        """Whether anything was measured: k6 writes zeros where nothing was."""
        if self.samples is not None:
            return self.samples > 0
        if self.kind == COUNTER:
            return self.values.get("count", 0) > 0
        if self.kind == TREND and not self.base.endswith(_OFTEN_ZERO):
            return any(self.values.values())
        return True


@dataclass(frozen=True, slots=True)
class CheckTally:
    """A check of the script and how often it held. `path`: groups and name, `::` between."""

    path: str
    passes: int
    fails: int


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Everything that a result of k6 tells; what it does not tell is empty or None.

    `shape`: summary_export, handle_summary, machine_summary, json_lines or csv. `torn`: the
    file ends in the middle of a line, so that k6 was cut off. `left_out`: how many endpoints
    were too many to be kept apart.
    """

    shape: str
    measures: Mapping[str, Measure]
    checks: tuple[CheckTally, ...] = ()
    groups: tuple[str, ...] = ()
    seconds: float | None = None
    k6_version: str = ""
    script: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    torn: bool = False
    left_out: int = 0

    def value(self, metric: str, statistic: str) -> float | None:
        """One number, None where it is not told."""
        measure = self.measures.get(metric)
        return measure.values.get(statistic) if measure else None

    @property
    def thresholds(self) -> Iterator[tuple[Measure, Threshold]]:
        """Every threshold with the metric that it is set on."""
        for name in sorted(self.measures):
            yield from ((self.measures[name], each) for each in self.measures[name].thresholds)

    @property
    def crossed(self) -> tuple[str, ...]:
        """The thresholds that were crossed: `http_req_duration p(95)<500`."""
        return tuple(f"{m.name} {t.rule}" for m, t in self.thresholds if t.kept is False)

    def open_limits(self, exit_code: int | None) -> tuple[str, ...]:
        """The thresholds of which nobody knows whether they held.

        k6's own 0 says that those which were measured did. UNKNOWN_RULE: the file has no room for
        limits, and the script may have set some.
        """
        if exit_code == 0:
            return tuple(self._unmeasured())
        is_silent = self.shape in _WITHOUT_LIMITS and not any(self.thresholds)
        unread = (f"{m.name} {t.rule}" for m, t in self.thresholds if t.kept is None and m.has_data)
        return (*unread, *self._unmeasured(), *([UNKNOWN_RULE] if is_silent else ()))

    def _unmeasured(self) -> Iterator[str]:
        """Those on parts of a metric that stayed empty; k6 calls them kept.

        One that nothing can cross is there to show the part, and a count of nothing is a count.
        """
        for m, t in self.thresholds:
            if m.is_part and not m.has_data and m.kind != COUNTER and not always_holds(t.rule):
                yield f"{m.name} {t.rule}"

    @property
    def endpoints(self) -> dict[str, Measure]:
        """The times of each endpoint that was told apart, by its name.

        Of other protocols than HTTP each trend is one, and so is each name within it.
        """
        found = {}
        for m in self.measures.values():
            named = m.tags.get("name") if len(m.tags) == 1 else None
            if m.base == "http_req_duration" and named is not None:
                found[named] = m
            elif m.is_protocol_time and (named is not None or not m.is_part):
                found[" ".join(filter(None, (m.base, named)))] = m
        return found

    @property
    def has_samples(self) -> bool:
        """Whether the script itself measured anything, beside what k6 always counts."""
        return any(m.has_data for m in self.measures.values() if m.base not in _OWN_FIGURES)


def dropped_share(result: LoadResult) -> float:
    """How much of the load k6 could not make."""
    dropped = result.value("dropped_iterations", "count") or 0.0
    made = result.value("iterations", "count") or 0.0
    return dropped / (dropped + made) if dropped else 0.0


def checks_failed_share(result: LoadResult) -> float | None:
    """How many of the script's checks did not hold; None without any."""
    kept = result.value("checks", "rate")
    if kept is not None and result.measures["checks"].has_data:
        return 1 - kept
    made = sum(tally.passes + tally.fails for tally in result.checks)
    return sum(tally.fails for tally in result.checks) / made if made else None


def figures(result: LoadResult) -> dict[str, float]:
    """The few numbers that a run is told by; only those that it has."""
    failed = result.value("http_req_failed", "rate")
    checks = checks_failed_share(result)
    wanted = {
        "p95_ms": result.value("http_req_duration", "p(95)"),
        "median_ms": result.value("http_req_duration", "med"),
        "p99_ms": result.value("http_req_duration", "p(99)"),
        "requests_per_second": result.value("http_reqs", "rate"),
        "failed_percent": None if failed is None else 100 * failed,
        "checks_failed_percent": None if checks is None else 100 * checks,
        "dropped_percent": 100 * dropped_share(result),
        "iterations": result.value("iterations", "count") or 0.0,
        "thresholds_crossed": float(len(result.crossed)),
    }
    return {name: value for name, value in wanted.items() if value is not None}
