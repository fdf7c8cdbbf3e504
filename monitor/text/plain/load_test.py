"""Runs of load tests as plain data: for --json, for export."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from monitor.domain.detection.rule import Ruling, relative
from monitor.domain.load_test import plain as load_plain
from monitor.domain.load_test.advice import Meanwhile
from monitor.domain.load_test.files import Backtested, Imported
from monitor.domain.load_test.history import Judged, unit_of, values_of, word_of, worse_of
from monitor.domain.load_test.result import LoadResult, Measure
from monitor.domain.load_test.run import LoadTestRun
from monitor.domain.load_test.validity import differences
from monitor.domain.metrics import Worse
from monitor.domain.statement import Statement
from monitor.text.catalog import Catalog
from monitor.text.filters import inert
from monitor.text.load_test_values import backtested_reason, file_error_text

DIFFED = ("p(95)", "med", "rate")
_DIFFED_ALL = ("p(95)", "med", "p(99)", "avg", "rate", "count")
_PHASES = (
    *("http_req_blocked", "http_req_connecting", "http_req_tls_handshaking"),
    *("http_req_sending", "http_req_waiting", "http_req_receiving", "group_duration"),
)


def judged_json(each: Judged, whole: bool = False) -> dict[str, Any]:
    """A run and its verdicts; `whole` with every metric that it has."""
    found = run_json(each.run) | {
        "verdict": each.word,
        "compared_runs": len(each.earlier),
        "last_differs": [doubt_json(doubt) for doubt in each.last_differs],
        "verdicts": {
            metric: {statistic: ruling_json(ruling) for statistic, ruling in statistics.items()}
            for metric, statistics in each.rulings.items()
            if whole or metric.partition("{")[0] in ("http_req_duration", "http_req_failed")
        },
    }
    if whole and each.run.result is not None:
        found["result"] = load_plain.to_plain(each.run.result)
        found["against"] = [
            {
                "name": one.name,
                "run": one.run.id if one.run else None,
                "runs": one.runs,
                "values": {m: dict(v) for m, v in one.values.items()},
            }
            for one in each.against
        ]
    return found


def run_json(run: LoadTestRun) -> dict[str, Any]:
    """What a run was and came to."""
    return {
        "id": run.id,
        "scenario": run.scenario,
        "target": run.target,
        "started_at": run.started_at.isoformat(),
        "ended_at": run.ended_at.isoformat() if run.ended_at else None,
        "state": run.state,
        "valid": run.is_valid,
        "reasons": [doubt_json(doubt) for doubt in run.doubts],
        "exit_code": run.exit_code,
        "figures": dict(run.figures),
        "thresholds_crossed": list(run.result.crossed) if run.result else [],
        "thresholds_not_judged": list(run.unjudged),
        "origin": run.origin,
        "file": run.file,
        "k6_version": run.k6_version,
        "script_hash": run.script_hash,
        "options": dict(run.options),
        "host": dict(run.host),
    }


def doubt_json(doubt: Statement) -> dict[str, Any]:
    """A reason."""
    return {"code": doubt.code, **doubt.params}


def ruling_json(ruling: Ruling) -> dict[str, Any]:
    """A verdict on one value."""
    return {
        "word": ruling.word.value,
        "reason": ruling.reason,
        "shape": ruling.shape.value if ruling.shape else None,
        "now": ruling.now,
        "before": ruling.before,
        "change": ruling.change,
        "needs_more": ruling.needs_more,
    }


def platform_json(found: Sequence[Meanwhile]) -> list[dict[str, Any]]:
    """What the platform did during a run."""
    keys = ("check", "series", "unit", "before", "worst", "last", "readings")
    return [{key: getattr(each, key) for key in keys} for each in found]


def diff_json(now: LoadTestRun, before: LoadTestRun, everything: bool = False) -> dict[str, Any]:
    """One run against another; without values where one is invalid."""
    unlike = differences(now, before)
    invalid = [run for run in (before, now) if not run.is_valid]
    values: list[dict[str, Any]] = []
    if not invalid and now.result and before.result:
        values = diff_values(now.result, before.result, everything)
    return {
        "before": before.id,
        "now": now.id,
        "comparable": not invalid and not unlike,
        "invalid": {str(run.id): [doubt_json(d) for d in run.doubts] for run in invalid},
        "differences": [doubt_json(doubt) for doubt in unlike],
        "values": [row | {"worse": row["worse"].value} for row in values],
    }


def trend_json(runs: Sequence[Judged], metric: str, statistic: str) -> list[dict[str, Any]]:
    """A value over the valid runs, oldest first."""
    found = []
    for each in runs:
        value = values_of(each.run.result).get(metric, {}).get(statistic)
        if value is None or not each.run.is_valid:
            continue
        ruling = each.rulings.get(metric, {}).get(statistic)
        found.append(
            {
                "id": each.run.id,
                "started_at": each.run.started_at.isoformat(),
                "scenario": each.run.scenario,
                "value": value,
                "verdict": ruling.word.value if ruling else None,
            }
        )
    return found


def diff_values(
    now: LoadResult, before: LoadResult, everything: bool = False
) -> list[dict[str, Any]]:
    """The values that both results have, the responses' times first.

    Unless `everything` is asked for, without the phases of a request and finer statistics.
    """
    old, new = values_of(before), values_of(now)
    found = [
        _diff_value(now.measures[metric], statistic, new[metric][statistic], old[metric][statistic])
        for metric in sorted(new, key=lambda name: (not name.startswith("http_req_duration"), name))
        if everything or _is_telling(now.measures[metric])
        for statistic in (_DIFFED_ALL if everything else DIFFED)
        if statistic in new[metric] and statistic in old.get(metric, {})
    ]
    return [row for row in found if row["worse"] is not Worse.NEITHER]


def _is_telling(measure: Measure) -> bool:
    return measure.base not in _PHASES and "expected_response" not in measure.tags


def _diff_value(measure: Measure, statistic: str, now: float, before: float) -> dict[str, Any]:
    change = relative(now, before)
    return {
        "metric": measure.name,
        "statistic": statistic,
        "unit": unit_of(measure, statistic),
        "before": before,
        "now": now,
        "change": change,
        "worse": worse_of(measure),
        "word": word_of(now - before, change, worse_of(measure), unit_of(measure, statistic)),
    }


def import_json(outcome: Imported, catalog: Catalog) -> dict[str, Any]:
    """What became of a file."""
    found: dict[str, Any] = {"file": str(outcome.path), "id": None, "duplicate_of": None}
    if outcome.error is not None:
        error = outcome.error
        text = file_error_text(error, catalog)
        return found | {"error": {"code": error.code, "line": error.line, "text": text}}
    if outcome.run is None:
        return found | {"duplicate_of": outcome.duplicate_of}
    run = outcome.run
    why = [{"code": d.code, "text": catalog.doubt(d.code, d.params)} for d in run.doubts]
    return found | {
        "id": run.id,
        "scenario": run.scenario,
        "started_at": run.started_at.isoformat(),
        "state": run.state,
        "reasons": why,
        "not_judged": list(run.unjudged),
    }


def backtest_json(each: Backtested, catalog: Catalog) -> dict[str, Any]:
    """One run: whether it is valid, and the verdict on each statistic of each metric."""
    rulings = each.judged.rulings if each.judged is not None else {}
    return {
        "file": str(each.path),
        "valid": each.is_valid,
        "reason": backtested_reason(each, catalog) or None,
        "verdicts": {
            metric: {statistic: ruling.word.value for statistic, ruling in told.items()}
            for metric, told in rulings.items()
        },
    }


def runs_json(runs: Sequence[LoadTestRun]) -> str:
    """Runs with every value, as a JSON array."""
    rows = [
        run_json(run) | {"result": load_plain.to_plain(run.result) if run.result else None}
        for run in runs
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def runs_csv(runs: Sequence[LoadTestRun]) -> str:
    """One line for each value: long, so that any spreadsheet can turn it as it likes."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["id", "started_at", "scenario", "target", "state", "reason", "metric",
                    "statistic", "value"])  # fmt: skip
    for run in runs:
        head = [run.id, run.started_at.isoformat(), *map(inert, (run.scenario, run.target))]
        head += [run.state, run.reason]
        values = values_of(run.result) if run.is_valid else {}
        if not values:
            table.writerow([*head, "", "", ""])
        for metric, statistics in sorted(values.items()):
            for statistic, value in statistics.items():
                table.writerow([*head, inert(metric), statistic, value])
    return out.getvalue()
