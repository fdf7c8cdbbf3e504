"""The check of PG settlement files: late ones, breaks that stay, and what it could not look at."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import books
import pg_files
import pytest

from checks import pg_file
from checks.settlement_file.findings import told
from checks.settlement_file.run import Tally
from checks.sources.database.source import Database
from checks.sources.http.client import Wire
from checks.sources.monitoring_api.source import Gateway
from monitor.domain.check import Memory, ProbeContext, Status, Verdict
from monitor.text.catalog import Catalog

DAY = date(2026, 3, 9)
MORNING = datetime(2026, 3, 10, 9, 0, tzinfo=pg_files.SEOUL)  # before the file of DAY is due


@dataclass
class Passes:
    """Passes over a folder of files and two shards, each with the memory of the one before."""

    folder: Path
    shards: list[books.Shard]
    options: dict[str, Any] = field(default_factory=dict)
    memory: Memory = field(default_factory=dict)

    def __call__(self, hours: float) -> Verdict:
        """A pass so many hours after the morning."""
        urls = {f"shard{n}": shard.url for n, shard in enumerate(self.shards, 1)}
        return self.over(SimpleNamespace(database=Database(urls)), hours)

    def over(self, platform: Any, hours: float) -> Verdict:
        """A pass over another platform."""
        options = pg_file.Options(path=f"{self.folder}/pg-{{date}}.csv", **self.options)
        context = ProbeContext(platform, options, self.memory, MORNING + timedelta(hours=hours))
        verdict, memory = pg_file.CHECK.evaluate(pg_file.CHECK.probe(context), context)
        self.memory = json.loads(json.dumps(memory))
        return verdict

    def write(self, lines: list[dict[str, Any]], day: date = DAY) -> Path:
        """The PG's file of a day."""
        return pg_files.write(self.folder / f"pg-{day}.csv", lines, MORNING - timedelta(hours=1))


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> tuple[list[books.Shard], list[books.Rows]]:
    folder = tmp_path_factory.mktemp("pg")
    span, found = timedelta(hours=100), []
    for parity in (0, 1):
        shard = books.shard(folder, f"shard{parity + 1}", payments=0)
        rows = pg_files.distinct(books.healthy(300, books.NOW, span, parity), f"P{parity}-")
        shard.fill(rows)
        found.append((shard, rows))
    return [s for s, _ in found], [r for _, r in found]


@pytest.fixture
def lines(kept) -> list[dict[str, Any]]:
    return pg_files.lines(kept[1], DAY)


@pytest.fixture
def passes(kept, tmp_path) -> Passes:
    return Passes(tmp_path, [books.copied(shard, tmp_path) for shard in kept[0]])


def keys(verdict: Verdict) -> dict[str, str]:
    return {finding.key: finding.status.value for finding in verdict.findings}


def test_a_file_is_late_on_the_day_after_and_badly_late_on_the_next(passes, lines):
    assert keys(passes(0)) == {}
    assert keys(passes(1)) == {"pg_file_absent:2026-03-09": "warn"}
    assert keys(passes(24)) == {"pg_file_absent:2026-03-09": "warn"}
    assert keys(passes(25)) == {
        "pg_file_absent:2026-03-09": "crit",
        "pg_file_absent:2026-03-10": "warn",
    }
    passes.write(lines)
    assert keys(passes(26)) == {"pg_file_absent:2026-03-10": "warn"}


def test_a_file_that_never_comes_is_told_for_a_month(passes):
    assert [bool(passes(1 + 24 * day).findings) for day in range(3)] == [True] * 3
    for day in (20, 30):
        assert keys(passes(1 + 24 * day))["pg_file_absent:2026-03-09"] == "crit"


def test_a_pass_after_a_week_without_passes_looks_at_the_last_days(passes):
    passes(1)
    found = keys(passes(24 * 7 + 1))
    assert sorted(found) == [f"pg_file_absent:2026-03-{d:02}" for d in (9, 14, 15, 16)]


def test_a_file_that_agrees_is_well_and_measured(passes, lines):
    passes.write(lines)
    verdict = passes(1)
    assert verdict.status is Status.OK
    assert {m.series: m.value for m in verdict.metrics} == {
        "pg_file_lines": len(lines),
        "pg_file_bad_lines": 0,
        "pg_file_breaks": 0,
        "pg_file_breaks_krw": 0,
        "pg_file_matched_percent": 100,
    }


def test_a_file_that_is_still_being_written_is_waited_for(passes, lines):
    path = passes.write(lines[:3])
    at = (MORNING + timedelta(hours=1, seconds=-30)).timestamp()
    os.utime(path, (at, at))
    assert keys(passes(1)) == {"pg_file_absent:2026-03-09": "warn"}
    assert keys(passes(1.1)) != {}


def test_a_double_refund_and_a_missing_line_are_told_with_their_money(passes, lines):
    refund = next(line for line in lines if line["kind"] == "refund")
    gone = lines.pop(len(lines) // 2)
    passes.write([*lines, {**refund, "transaction_id": "R-again"}])
    found = {f.key: f for f in passes(1).findings}
    assert {key: f.status.value for key, f in found.items()} == {
        "pg_break:2026-03-09/duplicate": "crit",
        "pg_break:2026-03-09/missing_in_file": "warn",
    }
    double = found["pg_break:2026-03-09/duplicate"]
    assert (double.params["amount_krw"], double.params["refunds"]) == (refund["amount"], 1)
    assert double.evidence[0]["line"] == len(lines) + 2
    missing = found["pg_break:2026-03-09/missing_in_file"]
    assert missing.evidence[0]["transaction_id"] == gone["transaction_id"]


def test_a_break_stays_told_until_the_file_or_the_books_are_right_again(passes, lines):
    path = passes.write([*lines, {**lines[0], "transaction_id": "X", "payment_id": 777_777}])
    told_as = {"pg_break:2026-03-09/missing_in_db": "crit"}
    assert keys(passes(1)) == told_as
    assert keys(passes(2)) == told_as
    path.unlink()  # archived by somebody
    assert keys(passes(3)) == told_as
    assert keys(passes(24 * 10)).items() >= told_as.items()
    passes.write(lines)
    assert "pg_break:2026-03-09/missing_in_db" not in keys(passes(24 * 10 + 1))


def test_rows_that_were_put_right_are_seen_at_the_next_match(passes, lines):
    passes.shards[0].run("UPDATE settlement_request SET request_amount = request_amount + 7")
    passes.write(lines)
    assert keys(passes(1)) == {"pg_break:2026-03-09/amount": "crit"}
    passes.shards[0].run("UPDATE settlement_request SET request_amount = request_amount - 7")
    assert keys(passes(2)) == {"pg_break:2026-03-09/amount": "crit"}
    assert "pg_break:2026-03-09/amount" not in keys(passes(26))


def test_an_accepted_transaction_is_told_no_more(passes, lines):
    passes.write([*lines, {**lines[0], "transaction_id": "X", "payment_id": 777_777}])
    assert len(passes(1).findings) == 1
    passes.options["accepted"] = ("X",)
    assert keys(passes(2)) == {}


def test_the_files_around_are_looked_into(passes, kept, lines):
    """What the PG books on the next day is neither missing on the one nor too much on the other."""
    late = lines.pop(next(n for n, ln in enumerate(lines) if ln["at"] > "2026-03-09 12"))
    passes.write(lines)
    assert keys(passes(1)) == {"pg_break:2026-03-09/missing_in_file": "warn"}
    next_day = pg_files.lines(kept[1], DAY + timedelta(days=1))
    passes.write([{**late, "at": "2026-03-10 00:30:00"}, *next_day], DAY + timedelta(days=1))
    assert keys(passes(24)) == {}


def test_bad_lines_are_told_and_not_lost(passes, lines):
    middle = len(lines) // 2
    lines[middle]["amount"] = "a lot"
    passes.write(lines)
    found = {f.key: f for f in passes(1).findings}
    bad = found["pg_lines_bad:2026-03-09"]
    assert (bad.params["count"], bad.params["line"], bad.params["text"]) == (1, middle + 2, "a lot")
    assert found.keys() == {"pg_lines_bad:2026-03-09", "pg_break:2026-03-09/missing_in_file"}


UNAVAILABLE = {
    "a column is missing": (lambda ls: [{"amount": 1}], "pg_file_columns"),
    "no line can be read": (lambda ls: [{**ln, "at": "9.3.26"} for ln in ls], "pg_file_lines"),
    "lines of years": (lambda ls: [{**ls[0], "at": "2020-03-09"}, *ls], "pg_file_days"),
}


@pytest.mark.parametrize(("spoil", "reason"), UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_a_file_that_cannot_be_used_is_unknown(passes, lines, spoil, reason):
    path = passes.write(spoil(lines))
    if reason == "pg_file_columns":
        path.write_text("order,won\n1,2\n")
        at = MORNING.timestamp() - 3600
        os.utime(path, (at, at))
    [monitoring_gap] = passes(1).findings
    assert (monitoring_gap.status, monitoring_gap.params["reason"]) == (Status.UNKNOWN, reason)
    assert (monitoring_gap.subject, monitoring_gap.obscures) == ("pg_file/2026-03-09", "2026-03-09")


def test_a_folder_that_is_not_there_is_unknown_and_not_late(passes):
    passes.folder = passes.folder / "unmounted"
    [monitoring_gap] = passes(1).findings
    assert (monitoring_gap.subject, monitoring_gap.params["reason"]) == (
        "pg_file/folder",
        "pg_file_unreadable",
    )


def test_the_first_pass_matches_older_files_that_are_there_and_misses_none(passes, kept):
    before = DAY - timedelta(days=1)
    refund = next(ln for ln in pg_files.lines(kept[1], before) if ln["kind"] == "refund")
    lines = [*pg_files.lines(kept[1], before), {**refund, "transaction_id": "R-again"}]
    passes.write(lines, before)
    assert keys(passes(0)) == {"pg_break:2026-03-08/duplicate": "crit"}
    assert keys(passes(1)).keys() == {
        "pg_break:2026-03-08/duplicate",
        "pg_file_absent:2026-03-09",
    }


def test_two_files_of_one_day_are_unknown(passes, lines):
    passes.write(lines)
    passes.write(lines, DAY).rename(passes.folder / "pg-2026-03-09.csv.1")
    passes.write(lines)
    options = {"path": f"{passes.folder}/pg-{{date}}*"}
    context = ProbeContext(None, pg_file.Options(**options), {}, MORNING + timedelta(hours=1))
    verdict, _ = pg_file.CHECK.evaluate(pg_file.CHECK.probe(context), context)
    assert [f.params["reason"] for f in verdict.findings] == ["pg_file_several"]


def test_a_shard_that_is_down_is_unknown_and_looked_at_again(passes, lines):
    passes.write(lines)
    aside = passes.shards[1].file.rename(passes.folder / "aside")
    assert keys(passes(1)) == {"monitoring_gap:database/shard2": "unknown"}
    aside.rename(passes.shards[1].file)
    assert keys(passes(1.2)) == {}


def test_through_the_gateway_nothing_is_seen(passes, lines):
    passes.write(lines)
    platform = SimpleNamespace(database=Gateway(Wire("http://127.0.0.1:9")))
    [monitoring_gap] = passes.over(platform, 1).findings
    assert monitoring_gap.params["reason"] == "gateway_shows_no_requests"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": "/data/pg.csv"}, "date_in_path"),
        ({"due": "ten"}, "time_due given=ten"),
        ({"critical": ("doubled",)}, "unknown_outcome given=doubled known=duplicate"),
        ({"columns": {"amout": "x"}}, "no_field given=amout"),
    ],
)
def test_options_that_can_mean_nothing_are_refused(options, said):
    with pytest.raises(ValueError, match=said):
        pg_file.Options(**options)


def findings() -> list[Any]:
    """One finding of each kind of break, and of lines that cannot be read for each reason."""
    tally: dict[str, Any] = {**Tally().remembered(), "file": "pg.csv", "lines": 9}
    outcomes = ("duplicate", "amount", "missing_in_db", "status", "missing_in_file", "timing")
    for n, outcome in enumerate(outcomes, 1):
        tally["counts"][outcome] = tally["refunds"][outcome] = n
        tally["amounts_krw"][outcome] = 1000 * n
        tally["rows"][outcome] = [{"payment_id": n if n > 1 else None, "outcome": outcome}]
    found = list(told("2026-03-09", tally, pg_file.Options()))
    reasons = ("too_few_fields", "quotes", "too_long", "encoding", "no_key", "no_amount")
    for reason in (*reasons, "no_number", "no_time", "unknown_word"):
        bad = {"line": 3, "reason": reason, "column": "won", "text": "a [lot]\n"}
        late = {**Tally().remembered(), "file": "pg.csv", "bad_lines": 1, "bad": [bad]}
        found += told("2026-03-09", late, pg_file.Options())
    return found


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    "finding", findings(), ids=lambda f: f"{f.key} {f.params.get('line_reason')}"
)
def test_every_break_and_bad_line_is_said_in_full(language, finding):
    said = Catalog(language, pg_files.SEOUL, strict=True).finding(finding)
    assert 0 < len(said.title) <= 100
    assert said.text.endswith(".")
    assert "None" not in said.title + said.text + said.action


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_the_passes_come_to_is_said_in_full(language, passes, lines):
    words = Catalog(language, pg_files.SEOUL, strict=True)
    seen = [passes(25), passes(26)]
    for spoil, reason in UNAVAILABLE.values():
        path = passes.write(spoil(lines))
        if reason == "pg_file_columns":
            path.write_text("order,won\n1,2\n")
        seen.append(passes(27))
    platform = SimpleNamespace(database=Gateway(Wire("http://127.0.0.1:9")))
    passes.write(lines)
    seen.append(passes.over(platform, 28))
    for finding in (f for verdict in seen for f in verdict.findings):
        said = words.finding(finding)
        assert said.text.endswith(".")
        assert "None" not in said.title + said.text + said.action
