"""The k6 summaries that the monitoring-service keeps; its labels are taken as labels only."""

from __future__ import annotations

from checks.sources.facts.unavailable import Fact, cut
from checks.sources.monitoring_api.ask import Ask
from checks.sources.monitoring_api.facts import LoadTestAnalysis, PlatformLoadTest, Scenario
from checks.sources.monitoring_api.fields import Fields


class LoadTestReads:
    """The paths under /monitoring/loadtest."""

    _ask: Ask

    def latest_load_test(self) -> Fact[PlatformLoadTest | None]:
        """The last k6 summary; None: the platform has none."""
        return self._ask("load_test", "/monitoring/loadtest/latest-result", _latest)

    def load_test_analysis(self) -> Fact[LoadTestAnalysis | None]:
        """The platform's reading of its last summary; None: it has none."""
        return self._ask("load_test", "/monitoring/loadtest/analyze", _analysis)

    def load_test_history(self, limit: int = 5) -> Fact[tuple[PlatformLoadTest, ...]]:
        """The summaries that the platform keeps."""
        path = "/monitoring/loadtest/history"
        return self._ask("load_test", path, _history, {"limit": limit})

    def load_test_scenarios(self) -> Fact[tuple[Scenario, ...]]:
        """The scenarios that the platform describes; answered from the service's own memory."""
        return self._ask("monitoring", "/monitoring/loadtest/scenarios", _scenarios)


def _latest(fields: Fields) -> PlatformLoadTest | None:
    if not fields.flag("found"):
        return None
    return PlatformLoadTest(cut(fields.text("filePath")), None, fields.object("summary").data)


def _analysis(fields: Fields) -> LoadTestAnalysis | None:
    if not fields.flag("found"):
        return None
    analysis = fields.object("analysis")
    times = analysis.object("responseTime")
    return LoadTestAnalysis(
        cut(analysis.text("performanceGrade")),
        {cut(name, 40): cut(times.text(name), 40) for name in times.data},
        analysis.percent("successRate"),
        analysis.percent("failureRate"),
        cut(analysis.text("throughput"), 40),
        tuple(cut(text) for text in analysis.texts("recommendations")),
    )


def _history(fields: Fields) -> tuple[PlatformLoadTest, ...]:
    return tuple(
        PlatformLoadTest(
            cut(row.text("file")), row.milliseconds("timestamp"), row.object("summary").data
        )
        for row in fields.rows("history")
    )


def _scenarios(fields: Fields) -> tuple[Scenario, ...]:
    return tuple(
        Scenario(cut(row.text("name")), cut(row.text("description")))
        for row in fields.rows("scenarios")
    )
