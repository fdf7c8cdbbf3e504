"""Runs of load tests as plain data: for --json, for export."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from monitor.domain.detection.rule import Ruling
from monitor.domain.load_test import plain as load_plain
from monitor.domain.load_test.advice import Meanwhile
from monitor.domain.load_test.history import Judged, values_of
from monitor.domain.load_test.run import Doubt, LoadTestRun
from monitor.domain.load_test.validity import differences
from monitor.store.load_tests import load_test, load_tests, raw_file
from monitor.text.catalog import Words
from monitor.text.terminal.load_test_diff import diff_values

if TYPE_CHECKING:
    from monitor.store.database import Connection

_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_RUNS_MAX = 100_000


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
        "origin": run.origin,
        "file": run.file,
        "k6_version": run.k6_version,
        "script_hash": run.script_hash,
        "options": dict(run.options),
        "host": dict(run.host),
    }


def doubt_json(doubt: Doubt) -> dict[str, Any]:
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


def exported(
    tx: Connection, numbers: Sequence[int], form: str, until: datetime, words: Words
) -> tuple[bytes, int]:
    """Runs as the content of a file, and how many; ValueError says what is wrong."""
    if form == "raw":
        return _raw(tx, numbers, words), 1
    if numbers:
        known = [load_test(tx, number) for number in numbers]
        missing = [n for n, run in zip(numbers, known, strict=True) if run is None]
        if missing:
            raise ValueError(words.say("loadtest.not_there", number=missing[0]))
        runs = [run for run in known if run is not None]
    else:
        runs = load_tests(tx, _FIRST, until, limit=_RUNS_MAX)[::-1]
    content = _csv(runs) if form == "csv" else _json(runs)
    return content.encode(), len(runs)


def _raw(tx: Connection, numbers: Sequence[int], words: Words) -> bytes:
    if len(numbers) != 1:
        raise ValueError(words.say("loadtest.one_raw"))
    if load_test(tx, numbers[0]) is None:
        raise ValueError(words.say("loadtest.not_there", number=numbers[0]))
    content = raw_file(tx, numbers[0])
    if content is None:
        raise ValueError(words.say("loadtest.no_raw", number=numbers[0]))
    return content


def _json(runs: Sequence[LoadTestRun]) -> str:
    rows = [
        run_json(run) | {"result": load_plain.to_plain(run.result) if run.result else None}
        for run in runs
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"


def _csv(runs: Sequence[LoadTestRun]) -> str:
    """One line for each value: long, so that any spreadsheet can turn it as it likes."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["id", "started_at", "scenario", "target", "state", "reason", "metric",
                    "statistic", "value"])  # fmt: skip
    for run in runs:
        head = [run.id, run.started_at.isoformat(), *map(_plain_cell, (run.scenario, run.target))]
        head += [run.state, run.reason]
        values = values_of(run.result) if run.is_valid else {}
        if not values:
            table.writerow([*head, "", "", ""])
        for metric, statistics in sorted(values.items()):
            for statistic, value in statistics.items():
                table.writerow([*head, _plain_cell(metric), statistic, value])
    return out.getvalue()


def _plain_cell(text: str) -> str:
    """No spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
