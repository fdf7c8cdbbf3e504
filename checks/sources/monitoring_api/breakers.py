"""The circuit breaker that the monitoring-service shows: kafka-publisher, of one instance."""

from __future__ import annotations

from checks.sources.facts.platform import Breaker
from checks.sources.facts.unavailable import Fact, Unavailable, cut
from checks.sources.monitoring_api.ask import Ask
from checks.sources.monitoring_api.facts import BreakerDiagnosis, BreakerHealth
from checks.sources.monitoring_api.fields import Fields

STATES = frozenset({"CLOSED", "OPEN", "HALF_OPEN", "DISABLED", "FORCED_OPEN", "METRICS_ONLY"})


class BreakerReads:
    """The paths under /monitoring/circuit-breaker."""

    _ask: Ask

    def breaker(self) -> Fact[Breaker]:
        """The kafka-publisher breaker; unavailable when the platform cannot reach ingest."""
        return self._ask("ingest", "/monitoring/circuit-breaker/status", _breaker)

    def breaker_health(self) -> Fact[BreakerHealth]:
        """The breaker in one line, as the platform judges it."""
        return self._ask("ingest", "/monitoring/circuit-breaker/health", _health)

    def breaker_diagnosis(self) -> Fact[BreakerDiagnosis]:
        """What the platform says about its breaker."""
        return self._ask("ingest", "/monitoring/circuit-breaker/diagnose", _diagnosis)


def breakers_of(found: Fact[Breaker]) -> Fact[tuple[Breaker, ...]]:
    """One breaker as the breakers of an instance."""
    return found if isinstance(found, Unavailable) else (found,)


def _breaker(fields: Fields) -> Breaker:
    return Breaker(
        "ingest",
        "kafka-publisher",
        _state(fields),
        fields.percent("failureRate"),
        fields.percent("slowCallRate"),
        fields.count("numberOfFailedCalls"),
        fields.count("numberOfBufferedCalls"),
        fields.count("numberOfNotPermittedCalls"),
    )


def _state(fields: Fields) -> str:
    state = fields.text("state")
    if state not in STATES:
        raise fields.misfit("the state of a breaker as", "state")
    return state


def _health(fields: Fields) -> BreakerHealth:
    healthy = fields.flag("healthy")
    if not fields.has("state"):
        return BreakerHealth(healthy, "", None)
    return BreakerHealth(healthy, _state(fields), fields.percent("failureRate"))


def _diagnosis(fields: Fields) -> BreakerDiagnosis:
    return BreakerDiagnosis(
        _state(fields),
        fields.percent("failureRate"),
        fields.percent("slowCallRate"),
        tuple(cut(text) for text in fields.texts("issues")),
        tuple(cut(text) for text in fields.texts("recommendations")),
    )
