"""Load tests in words and figures: values with their units, changes, reasons, progress."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from monitor.domain.detection.ddsketch import Comparison
from monitor.domain.detection.rule import Ruling
from monitor.domain.load_test.files import Backtested, NoResultError
from monitor.domain.load_test.progress import Progress
from monitor.domain.statement import Statement
from monitor.text.catalog import Catalog
from monitor.text.filters import clean, number, percent


def amount(value: float | None, unit: str, catalog: Catalog) -> str:
    """A value of k6 with its unit; a dash where there is none."""
    if value is None:
        return "–"
    if unit == "share":
        return percent(100 * value, catalog.language)
    shown = number(value)
    return {"ms": f"{shown} ms", "per_second": f"{shown}/s"}.get(unit, shown)


def changed(change: float | None, catalog: Catalog) -> str:
    """A relative change: `+12.3 %`, `−29 %`."""
    return "–" if change is None else percent(100 * change, catalog.language, signed=True)


def verdict_text(ruling: Ruling | None, catalog: Catalog) -> str:
    """A verdict in a word; one run that stands apart is told, though it decides nothing."""
    if ruling is None:
        return ""
    is_apart = ruling.word is Comparison.SAME and ruling.needs_more
    return catalog.say(f"loadtest.verdict.{'apart' if is_apart else ruling.word}")


def doubt_text(doubts: Iterable[Statement], catalog: Catalog) -> str:
    """Reasons why a run is invalid, in one line."""
    return "; ".join(catalog.doubt(each.code, each.params) for each in doubts)


def difference_text(found: Iterable[Statement], catalog: Catalog) -> str:
    """Why two runs are not alike, in one line."""
    return "; ".join(catalog.say(f"load_difference.{d.code}", **_cleaned(d)) for d in found)


def file_error_text(error: NoResultError, catalog: Catalog) -> str:
    """Why a file holds no result."""
    return catalog.say(f"load_file.{error.code}", detail=clean(error.detail))


def backtested_reason(each: Backtested, catalog: Catalog) -> str:
    """Why a file's run is not valid, or why it is not compared with the run before it."""
    if each.error is not None:
        text = file_error_text(each.error, catalog)
        return f"{text} ({each.error.line})" if each.error.line else text
    if each.judged is None or each.is_valid:
        return difference_text(each.judged.last_differs, catalog) if each.judged else ""
    return doubt_text(each.judged.run.doubts, catalog)


def _cleaned(doubt: Statement) -> dict[str, Any]:
    return {key: clean(value) for key, value in doubt.params.items()}


def progress_line(far: Progress, catalog: Catalog) -> str:
    """How far a run is, in a line: its rate, p95, failures, what was dropped."""
    live = far.live
    failed = live.failed_share if live else None
    return catalog.say(
        "loadtest.run.line",
        seconds=far.seconds,
        planned=far.seconds_planned,
        left=far.seconds_left,
        rate=amount(live.requests_per_second if live else None, "per_second", catalog),
        p95=amount(live.p95_ms if live else None, "ms", catalog),
        failed=amount(failed, "share", catalog),
        dropped=live.dropped if live else 0,
    )


def advice_text(advice: Statement, catalog: Catalog) -> str:
    """A piece of advice as a sentence."""
    return catalog.say(f"load_advice.{advice.code}", **advice.params)
