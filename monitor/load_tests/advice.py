"""Advice on a stored run, from the run itself and from what the platform did meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.domain.load_test.advice import Advice, Level, advise
from monitor.domain.load_test.history import Judged
from monitor.load_tests.platform import Meanwhile
from monitor.text.catalog import Words


def advice_on(judged: Judged, meanwhile: Sequence[Meanwhile]) -> tuple[Advice, ...]:
    """What to look at after a run."""
    return advise(judged, {each.series: Level(each.before, each.worst) for each in meanwhile})


def advice_text(advice: Advice, words: Words) -> str:
    """A piece of advice as a sentence."""
    return words.say(f"load_advice.{advice.code}", **advice.params)
