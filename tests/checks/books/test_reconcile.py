"""Reconciliation by hand: windows of any width, all rows, every break, and what was not seen."""

from __future__ import annotations

import csv
import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import books
import pytest
from reconciled import FULL, LATER, OPTIONS, SINCE, found, looked
from typer.testing import CliRunner

from checks.reconciliation import Options
from checks.sources.database.source import Database
from checks.sources.facts.unavailable import Unavailable, Why
from monitor.cli.books.csv_file import CsvError, inert, write
from monitor.cli.books.time_input import moment_before
from monitor.cli.main import main
from monitor.domain.check import Status
from monitor.store.database import open_store
from monitor.store.discrepancies import open_breaks

NOW = books.NOW


@pytest.fixture(scope="module")
def healthy(tmp_path_factory) -> list[books.Shard]:
    folder = tmp_path_factory.mktemp("books")
    return [books.shard(folder), books.shard(folder, "shard2")]


@pytest.fixture
def pair(healthy, tmp_path: Path) -> list[books.Shard]:
    return [books.copied(shard, tmp_path) for shard in healthy]


OLD, YOUNG = 5, 198  # of 200 payments over 40 hours


def test_healthy_books_hold_in_a_window(pair):
    result = looked(pair, **SINCE)
    assert (result.breaks, result.unavailable, result.status) == ((), (), Status.OK)
    assert set(result.full_only) == {"L12", "D1"}


def test_a_window_finds_what_is_in_it_and_all_rows_find_the_rest(pair):
    pair[0].run(f"UPDATE payment SET currency = 'USD' WHERE payment_id IN ({OLD}, {YOUNG})")
    assert found(looked(pair, **SINCE)) == {("shard1", "P5", YOUNG)}
    both = {("shard1", "P5", OLD), ("shard1", "P5", YOUNG)}
    assert found(looked(pair, **FULL)) == both
    assert found(looked(pair, since=NOW - timedelta(hours=41))) == both


def test_an_old_payment_that_something_happened_to_since_is_in_the_window(pair):
    at = books.text(NOW - timedelta(minutes=20))
    pair[0].copy("ledger_entry", f"payment_id = {OLD}", occurred_at=f"'{at}'")
    assert ("shard1", "L3", OLD) in found(looked(pair, **SINCE))


def test_a_known_break_keeps_its_age_and_a_new_one_has_none(pair):
    pair[0].run(f"UPDATE payment SET currency = 'USD' WHERE payment_id IN ({OLD}, {YOUNG})")
    before = NOW - timedelta(days=2)
    row = [OLD, before.isoformat(), NOW.isoformat(), 0]
    memory = {"shards": {"shard1": {"breaks": {"P5": {f"payment {OLD}": row}}}}}
    result = looked(pair, memory=memory, **FULL)
    ages = {f.one.payment_id: (f.is_new, f.one.first_seen_at) for f in result.breaks}
    assert ages == {OLD: (False, before), YOUNG: (True, LATER)}


def test_a_known_break_that_is_gone_is_not_listed(pair):
    row = [OLD, NOW.isoformat(), NOW.isoformat(), 0]
    memory = {"shards": {"shard1": {"breaks": {"P5": {f"payment {OLD}": row}}}}}
    assert looked(pair, memory=memory, **FULL).breaks == ()


def test_all_breaks_are_listed_however_many_a_check_remembers(pair):
    pair[0].run("UPDATE payment SET currency = 'USD'")
    few = Options(ignore=OPTIONS.ignore, breaks_max=20, known_max=10)
    result = looked(pair, options=few, **FULL)
    assert len(result.breaks) == 200
    assert result.truncated == frozenset()


def test_one_shard_alone_is_looked_at_and_what_is_together_is_told(pair):
    for shard in pair:
        shard.run(f"UPDATE payment SET currency = 'USD' WHERE payment_id = {YOUNG}")
    result = looked(pair, shard="shard2", **SINCE)
    assert found(result) == {("shard2", "P5", YOUNG)}
    assert [context.shard for context in result.looks] == ["shard2"]
    assert {"S1", "S3", "L13"} <= set(result.together_only)


def test_a_shard_that_is_down_is_unknown_and_the_other_is_told(pair):
    pair[1].file.unlink()
    pair[0].run(f"UPDATE payment SET currency = 'USD' WHERE payment_id = {YOUNG}")
    result = looked(pair, **FULL)
    assert found(result) == {("shard1", "P5", YOUNG)}
    assert "database/shard2" in {finding.subject for finding in result.unavailable}


@pytest.mark.parametrize("asked", [SINCE, FULL], ids=["since", "full"])
def test_what_is_down_alone_is_unknown_and_never_ok(pair, asked):
    pair[1].file.unlink()
    result = looked(pair, shard="shard2", **asked)
    assert (result.status, result.breaks) == (Status.UNKNOWN, ())


def test_changed_entries_are_unknown_without_earlier_sums_and_found_with_them(pair):
    result = looked(pair, **FULL)
    assert [f.subject for f in result.unavailable] == ["database/shard1/L12", "database/shard2/L12"]
    contents = [[9, 9, 9, 9, 9, 9]] * 2
    sums = {"blocks": {"0": [[100, 100], *contents, 0, None]}, "block_payments": 50_000}
    result = looked(pair, memory={"shards": {"shard1": sums, "shard2": {}}}, **FULL)
    assert [f.subject for f in result.unavailable] == ["database/shard2/L12"]
    assert {f.one.invariant for f in result.breaks} == {"L12", "P6"}


def test_progress_is_in_rows_and_ends_at_their_number(pair):
    told: list[tuple[int, int]] = []
    few = Options(ignore=OPTIONS.ignore, sweep_rows=100)
    result = looked(pair, options=few, progress=lambda *rows: told.append(rows), **FULL)
    rows = sum(pair[0].ask(f"SELECT count(*) FROM {t}") for t in books.TABLES if "idem" not in t)
    assert told[0] == (0, 2 * rows)
    assert told[-1] == (2 * rows, 2 * rows)
    assert len(told) > 6
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert [context.rows for context in result.looks] == [rows, rows]


def test_rows_that_were_not_gone_through_are_not_counted_as_looked_at(pair, monkeypatch):
    few = Options(ignore=OPTIONS.ignore, sweep_rows=100)
    real = Database.sweep

    def slow(self: Database, now: datetime, window: Any, steps: Any) -> Any:
        if steps == {"shard1": 1}:
            return (Unavailable("database/shard1", Why.LIMIT, "database_time_limit", LIMIT),)
        return real(self, now, window, steps)

    monkeypatch.setattr(Database, "sweep", slow)
    one, two = looked(pair, options=few, **FULL).looks
    assert one.rows_total == two.rows_total == two.rows
    assert 0 < (one.rows or 0) < (one.rows_total or 0)


LIMIT = {"shard": "shard1", "error": "x", "seconds_max": 60.0}


# --- moments ------------------------------------------------------------------------------------

SEOUL = ZoneInfo("Asia/Seoul")
HERE = datetime(2026, 3, 10, 12, 0, tzinfo=SEOUL)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("30m", datetime(2026, 3, 10, 11, 30, tzinfo=SEOUL)),
        ("3d", datetime(2026, 3, 7, 12, 0, tzinfo=SEOUL)),
        ("2026-03-09", datetime(2026, 3, 8, 15, 0, tzinfo=UTC)),
        ("2026-03-09T09:30", datetime(2026, 3, 9, 0, 30, tzinfo=UTC)),
        ("2026-03-09 09:30", datetime(2026, 3, 9, 0, 30, tzinfo=UTC)),
        ("2026-03-09T09:30Z", datetime(2026, 3, 9, 9, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_in_the_zone_of_now(text, at):
    assert moment_before(text, HERE) == at


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "5x", "2026-03-11", "-2h"])
def test_no_moment_is_refused_with_what_is_expected(text):
    with pytest.raises(ValueError, match=r"since|since_to_come"):
        moment_before(text, HERE)


# --- the file -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@x", "\t=1", "  =1", "|x", "%0"])
def test_no_text_in_a_file_can_be_a_formula(value):
    assert inert(value) == f"'{value}"


@pytest.mark.parametrize("value", ["payment 7", "", "a=b", -5, None])
def test_other_values_stay_as_they_are(value):
    assert inert(value) == value


def test_a_file_of_ours_is_written_over_and_nobody_elses(tmp_path):
    ours, other = tmp_path / "ours.csv", tmp_path / "other.csv"
    assert write(ours, ("a", "b"), [{"a": 1, "b": "가맹점"}]) == 1
    assert write(ours, ("a", "b"), [{"a": 2, "b": "x"}, {"a": 3, "b": "y"}]) == 2
    assert ours.read_text("utf-8-sig").splitlines() == ["a,b", "2,x", "3,y"]
    other.write_text("my notes\n")
    with pytest.raises(CsvError, match="csv_of_others"):
        write(other, ("a", "b"), [])
    assert other.read_text() == "my notes\n"
    with pytest.raises(CsvError, match="csv_no_folder"):
        write(tmp_path / "none" / "x.csv", ("a",), [])


def test_a_file_that_fails_half_way_leaves_the_old_one(tmp_path):
    def rows():
        yield {"a": 9}
        raise KeyboardInterrupt

    file = tmp_path / "x.csv"
    write(file, ("a",), [{"a": 1}])
    with pytest.raises(KeyboardInterrupt):
        write(file, ("a",), rows())
    assert file.read_text("utf-8-sig").splitlines() == ["a", "1"]
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Gives a configuration over two shards whose last payment is half an hour old."""
    (tmp_path / "shards").mkdir()
    now = datetime.now(UTC) - timedelta(minutes=30)
    shards = [books.shard(tmp_path / "shards", f"shard{n}", end=now) for n in (1, 2)]
    file = tmp_path / "paypulse.toml"
    urls = "\n".join(f'urls.shard{n} = "{shard.url}"' for n, shard in enumerate(shards, 1))
    file.write_text(
        f'database = "{tmp_path}/paypulse.db"\nlanguage = "en"\ntimezone = "Asia/Seoul"\n'
        '[platform]\nbase_url = "http://127.0.0.1:9"\ntimeout_seconds = 0.2\n'
        f'[platform.database]\nvia = "direct"\n{urls}\n'
        f"[checks.reconciliation]\nignore = {[*OPTIONS.ignore, 'L12']}\n"
    )
    return file


def spoil(config: Path, change: str) -> None:
    with sqlite3.connect(config.parent / "shards" / "shard1.db") as raw:
        raw.execute(change)


def call(*words: object, code: int) -> str:
    done = CliRunner().invoke(main, ["reconcile", *map(str, words)])
    assert done.exit_code == code, done.output
    return done.stdout if code in (0, 2) else done.output


SPOILT = f"UPDATE payment SET merchant_id = '=cmd|x!7', currency = 'USD' WHERE payment_id = {YOUNG}"


def test_books_that_hold_end_with_0_in_every_mode(config):
    for words in ((), ("--full",), ("--since", "2d"), ("--shard", "shard2")):
        assert "The books hold." in call(*words, "-c", config, code=0)


def test_breaks_are_listed_with_their_sentence_and_end_with_2(config):
    spoil(config, SPOILT)
    told = call("--since", "3h", "-c", config, code=2)
    assert "shard1, P5: 1 break" in told
    assert "KRW" in told
    assert f"payment {YOUNG}" in told
    assert "under 1 h" in told
    assert "SELECT" not in told


def test_korean_is_spoken(config):
    spoil(config, SPOILT)
    config.write_text(config.read_text().replace('"en"', '"ko"'))
    told = call("--full", "-c", config, code=2)
    assert "shard1 P5 불일치 1건" in told
    assert "장부 불일치" in told


def test_json_is_all_of_standard_output(config):
    spoil(config, SPOILT)
    told = json.loads(call("--full", "--json", "-c", config, code=2))
    assert {row["invariant"] for row in told["breaks"]} >= {"P5"}
    assert sum(bucket["count"] for bucket in told["ageing"]) == len(told["breaks"])
    assert told["not_examined"] == []


def test_the_file_has_every_break_and_no_formula(config, tmp_path):
    spoil(config, SPOILT)
    file = tmp_path / "breaks.csv"
    call("--full", "--csv", file, "-c", config, code=2)
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    [broken] = [row for row in rows if row["invariant"] == "P5"]
    assert (broken["shard"], broken["payment_id"], broken["age_seconds"]) == (
        *("shard1", str(YOUNG)),
        "",
    )
    assert not any(cell[:1] in "=+-@" for row in rows for cell in row.values() if cell)


def test_nothing_is_recorded(config):
    spoil(config, SPOILT)
    call("--full", "-c", config, code=2)
    store = open_store(config.with_name("paypulse.db"))
    with store.read() as tx:
        assert open_breaks(tx) == []
        memories = tx.exec_driver_sql("SELECT count(*) FROM check_memory").scalar_one()
    store.close()
    assert memories == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--full", "--since", "2h"), "leave out --since"),
        (("--since", "soon"), "2026-11-22"),
        (("--shard", "shard9"), "there are shard1, shard2"),
        (("--csv", "/nowhere/x.csv"), "no folder"),
    ],
)
def test_a_wrong_wish_is_refused_before_anything_is_looked_at(config, words, said):
    assert said in call(*words, "-c", config, code=3)


def test_somebody_elses_file_is_not_touched(config, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert "another name" in call("--csv", tmp_path / "notes.txt", "-c", config, code=3)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_without_shards_it_says_what_to_configure(tmp_path):
    file = tmp_path / "paypulse.toml"
    file.write_text(f'database = "{tmp_path}/paypulse.db"\n')
    told = call("-c", file, code=3)
    assert "[platform.database]" in told
    assert "urls.shard1" in told


def test_the_breaks_of_some_invariants_alone_are_listed(pair):
    pair[0].disorder("L5", payment=9)
    pair[1].disorder("L1", payment=10)
    pair[1].disorder("L3", payment=16)
    result = looked(pair, only=("L1", "L5"), **FULL)
    assert found(result) == {("shard1", "L5", 9), ("shard2", "L1", 10)}
    assert looked(pair, only=("L4",), **FULL).breaks == ()


def test_an_invariant_that_there_is_not_is_refused(pair):
    with pytest.raises(ValueError, match="L99"):
        looked(pair, only=("L99",))


def test_a_look_says_how_far_the_rows_were_totalled_and_what_is_open(pair):
    pair[0].run("UPDATE ledger_entry SET amount = amount + 7 WHERE payment_id IN (4, 7, 11)")
    one, other = (look.extent for look in looked(pair, **FULL).looks)
    assert (one.whole_at, one.drift_krw, one.unexplained_krw) == (LATER, 21, 0)
    assert (other.whole_at, other.drift_krw) == (LATER, 0)
    few = Options(ignore=OPTIONS.ignore, block_payments=10, payments_per_hour=120)
    assert not looked(pair, options=few, **SINCE).is_whole


def test_a_sweep_that_takes_too_long_ends_and_says_so(pair):
    result = looked(pair, seconds_max=-1.0, **FULL)
    assert result.status is Status.UNKNOWN
