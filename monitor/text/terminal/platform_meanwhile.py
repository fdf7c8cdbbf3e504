"""What the platform did during a load test, and what to look at now."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.domain.load_test.advice import Advice, Meanwhile
from monitor.text.catalog import Words
from monitor.text.filters import metric_value
from monitor.text.load_test_values import advice_text
from monitor.text.symbols import ARROW
from monitor.text.terminal.columns import columns, wrapped


def platform_lines(found: Sequence[Meanwhile], words: Words) -> list[str]:
    """Each series with its worst value during the run and its usual one before."""
    if not found:
        return []
    heads = [words.say(f"loadtest.{key}") for key in ("column_before", "column_worst")]
    rows = [["", *heads]]
    for each in found:
        before = metric_value(each.before, each.unit, words.language)
        worst = metric_value(each.worst, each.unit, words.language)
        rows.append([f"  {words.series(each.series)}", before, worst])
    return ["", words.say("loadtest.platform_title"), *columns(rows, "lrr")]


def advice_lines(found: Sequence[Advice], words: Words) -> list[str]:
    """What to look at after a run."""
    if not found:
        return []
    lines = ["", words.say("loadtest.advice_title")]
    for advice in found:
        lines += wrapped(f"{ARROW} {advice_text(advice, words)}", indent="  ")
    return lines
