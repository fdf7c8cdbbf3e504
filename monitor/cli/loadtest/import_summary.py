"""What became of imported files, in words and as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from monitor.text.catalog import Words
from monitor.text.filters import clean
from monitor.text.load_test_values import amount

if TYPE_CHECKING:
    from monitor.domain.load_test.files import Imported


def import_lines(outcome: Imported, words: Words) -> list[str]:
    """What became of a file."""
    file = clean(str(outcome.path))
    if outcome.error is not None:
        text = words.say(f"load_file.{outcome.error.code}", detail=clean(outcome.error.detail))
        return [words.say("loadtest.refused", file=file, line=outcome.error.line, text=text)]
    run = outcome.run
    if run is None:
        return [words.say("loadtest.duplicate", file=file, number=outcome.duplicate_of)]
    p95 = run.figures.get("p95_ms")
    told = {
        "number": run.id,
        "file": clean(outcome.path.name),
        "scenario": clean(run.scenario),
        "at": run.started_at,
        "state": words.say(f"loadtest.state.{run.state}"),
        "p95": "" if p95 is None else amount(p95, "ms", words),
    }
    why = [words.doubt(doubt.code, doubt.params) for doubt in run.doubts]
    said = [words.say("loadtest.imported_doubt", text=text) for text in why]
    return [words.say("loadtest.imported", **told), *(f"   {text}" for text in said)]


def import_total(outcomes: Sequence[Imported], words: Words) -> list[str]:
    """How many files became what, and what would help."""
    refused = [outcome.error for outcome in outcomes if outcome.error is not None]
    counts = {
        "imported": sum(outcome.run is not None for outcome in outcomes),
        "duplicates": sum(outcome.duplicate_of is not None for outcome in outcomes),
        "refused": len(refused),
    }
    lines = [words.say("loadtest.imported_all", **counts)]
    if any(error.code == "undated" for error in refused):
        lines.append(words.say("loadtest.undated_hint"))
    return lines


def import_json(outcome: Imported, words: Words) -> dict[str, Any]:
    """What became of a file, as plain data."""
    found: dict[str, Any] = {"file": str(outcome.path), "id": None, "duplicate_of": None}
    if outcome.error is not None:
        error = outcome.error
        text = words.say(f"load_file.{error.code}", detail=clean(error.detail))
        return found | {"error": {"code": error.code, "line": error.line, "text": text}}
    if outcome.run is None:
        return found | {"duplicate_of": outcome.duplicate_of}
    run = outcome.run
    why = [{"code": d.code, "text": words.doubt(d.code, d.params)} for d in run.doubts]
    return found | {
        "id": run.id,
        "scenario": run.scenario,
        "started_at": run.started_at.isoformat(),
        "state": run.state,
        "reasons": why,
    }
