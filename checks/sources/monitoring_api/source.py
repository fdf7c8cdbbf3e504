"""The platform as its monitoring-service shows it over HTTP, believed field by field."""

from __future__ import annotations

from collections.abc import Mapping

from checks.sources.facts.instances import Connections
from checks.sources.facts.platform import Breaker
from checks.sources.facts.unavailable import Fact
from checks.sources.http.client import Wire
from checks.sources.http.patient import PatientWire
from checks.sources.monitoring_api.ask import Ask
from checks.sources.monitoring_api.breakers import BreakerReads, breakers_of
from checks.sources.monitoring_api.kafka import KafkaReads
from checks.sources.monitoring_api.load_tests import LoadTestReads
from checks.sources.monitoring_api.questions import QuestionReads
from checks.sources.monitoring_api.redis import RedisReads
from checks.sources.monitoring_api.story import StoryReads


class Gateway(KafkaReads, RedisReads, QuestionReads, StoryReads, BreakerReads, LoadTestReads):
    """Answers as every source of facts.py over one wire (services.py adds the health of each)."""

    def __init__(self, wire: Wire, slow: PatientWire | None = None) -> None:
        """`slow`: who asks what may take a minute to say that a part is gone."""
        self._wire = wire
        self._slow = slow
        self._ask = Ask(wire, slow)
        self._letters = {}

    def __repr__(self) -> str:
        return f"Gateway({self._wire!r})"

    def breakers(self) -> Mapping[str, Fact[tuple[Breaker, ...]]]:
        """The one breaker that the platform shows, as that of the instance "ingest"."""
        return {"ingest": breakers_of(self.breaker())}

    def connections(self) -> Mapping[str, Fact[Connections]]:
        """None: the monitoring-service does not tell."""
        return {}

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()
        if self._slow is not None:
            self._slow.close()

    def late_seconds(self, part: str) -> float:
        """How long the last answer about a part took, if nobody waited for it."""
        return self._ask.late_seconds.get(part, 0.0)
