"""Advice on a stored run, from the run itself and from what the platform did meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.domain.load_test.advice import Level, Meanwhile, advise
from monitor.domain.load_test.history import Judged
from monitor.domain.statement import Statement


def advice_on(judged: Judged, meanwhile: Sequence[Meanwhile]) -> tuple[Statement, ...]:
    """What to look at after a run."""
    return advise(judged, {each.series: Level(each.before, each.worst) for each in meanwhile})
