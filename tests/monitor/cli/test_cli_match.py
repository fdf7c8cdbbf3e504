"""`paypulse match` on a stand-in's life: what its PG paid against what its shards have."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from demo.api.server import serve
from demo.stand_in import StandIn
from monitor.cli.main import main
from monitor.config.models import ConfigError, parse
from monitor.config.plan import plan

DAY = "2026-11-25"
START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A folder with two and a half lived days, a configuration, and the PG's files of two days."""
    folder = tmp_path_factory.mktemp("match")
    standin = StandIn(
        folder / "platform", 3, start=START, payments_per_minute=0.5, pg_failure_percent=5
    )
    standin.advance(START + timedelta(days=2.5))
    server = serve(standin)
    (folder / "url").write_text(server.url, encoding="utf-8")
    urls = [f'{n} = "sqlite:///{folder}/platform/{n}.db"' for n in ("shard1", "shard2")]
    (folder / "paypulse.toml").write_text(
        f'database = "{folder}/paypulse.db"\n[platform.database]\nvia = "direct"\n'
        f"urls = {{ {', '.join(urls)} }}\n"
        f'[checks.pg_file]\npath = "{folder}/settlement-{{date}}.csv"\n'
    )
    for name, more in {"settlement": (), "spoilt": ("--spoilt",)}.items():
        out = folder / f"{name}-{DAY}.csv"
        call("demo", "pg-file", "--folder", folder, "--date", DAY, "--out", out, *more)
    server.stop()
    standin.close()
    return folder


def call(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.output


def matched(home: Path, name: str, *words: object, code: int = 0) -> dict:
    said = call("match", home / name, "--json", "-c", home / "paypulse.toml", *words, code=code)
    return json.loads(said)


def lines(home: Path, name: str) -> list[dict[str, str]]:
    with (home / name).open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_what_the_pg_of_the_stand_in_paid_is_what_its_shards_have(home):
    said = matched(home, f"settlement-{DAY}.csv")
    written = lines(home, f"settlement-{DAY}.csv")
    assert len(written) > 300
    assert {line["kind"] for line in written} == {"capture", "refund"}
    assert (said["status"], said["counts"]) == ("ok", {"matched": len(written)})
    assert said["amounts_krw"]["matched"] == sum(int(line["amount"]) for line in written)


def test_a_refund_paid_twice_and_a_missing_line_are_all_that_is_found(home):
    said = matched(home, f"spoilt-{DAY}.csv", code=2)
    extra = lines(home, f"spoilt-{DAY}.csv")[-1]
    assert said["status"] == "crit"
    assert {k: n for k, n in said["counts"].items() if k != "matched"} == {
        "duplicate": 1,
        "missing_in_file": 1,
    }
    [double] = said["rows"]["duplicate"]
    assert (double["transaction_id"], double["file_krw"]) == (
        extra["transaction_id"],
        int(extra["amount"]),
    )
    [missing] = said["rows"]["missing_in_file"]
    honest = {line["transaction_id"] for line in lines(home, f"settlement-{DAY}.csv")}
    kept = {line["transaction_id"] for line in lines(home, f"spoilt-{DAY}.csv")}
    assert {missing["transaction_id"]} == honest - kept


@pytest.mark.parametrize(
    ("language", "told"),
    [("en", ("paid more than once", "missing in the file")), ("ko", ("중복 처리", "파일에 없음"))],
)
def test_the_table_names_counts_money_and_what_to_do(home, language, told):
    config = home / f"{language}.toml"
    config.write_text(f'language = "{language}"\n' + (home / "paypulse.toml").read_text())
    said = call("match", home / f"spoilt-{DAY}.csv", "-c", config, code=2)
    extra = lines(home, f"spoilt-{DAY}.csv")[-1]
    for text in (*told, extra["transaction_id"], f"{int(extra['amount']):,}", "→"):
        assert text in said


def test_every_line_and_row_is_written_with_what_became_of_it(home, tmp_path):
    out = tmp_path / "out.csv"
    spoilt = tmp_path / f"x-{DAY}.csv"
    spoilt.write_text(
        (home / f"settlement-{DAY}.csv").read_text() + '=cmd(),1,M,capture,"a, b",,,success\n'
    )
    said = call("match", spoilt, "--csv", out, "-c", home / "paypulse.toml", code=1)
    rows = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    assert {row["outcome"] for row in rows} == {"matched", "bad_line"}
    assert len(rows) == len(lines(home, spoilt)) and f"{len(rows):,} rows" in said
    assert f"line {len(rows) + 1}: “a, b” in amount is no amount" in said
    assert rows[0]["why"].startswith("no_amount")


def test_what_was_written_before_stays_where_nothing_could_be_seen(home, tmp_path):
    out = tmp_path / "out.csv"
    call("match", home / f"settlement-{DAY}.csv", "--csv", out, "-c", home / "paypulse.toml")
    before = out.read_bytes()
    call("match", tmp_path / "none.csv", "--csv", out, "-c", home / "paypulse.toml", code=3)
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_texts_of_the_pg_become_no_formulas(home, tmp_path):
    file, out = tmp_path / f"x-{DAY}.csv", tmp_path / "out.csv"
    head = (home / f"settlement-{DAY}.csv").read_text().splitlines()[0]
    file.write_text(f"{head}\n=HYPERLINK(1),1,M-1,capture,5,,{DAY},success\n")
    call("match", file, "--csv", out, "-c", home / "paypulse.toml", code=2)
    rows = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    [strange] = [row for row in rows if row["line"] == "2"]
    assert strange["transaction_id"] == "'=HYPERLINK(1)"


def test_one_shard_alone_leaves_the_lines_of_the_other_unjudged(home):
    said = matched(home, f"settlement-{DAY}.csv", "--shard", "shard2")
    assert set(said["counts"]) == {"matched", "unjudged"}


WRONG = {
    "no such file": (("none.csv",), "none.csv cannot be read (No such file or directory)"),
    "another layout": (("paypulse.toml",), "lacks amount, at, kind"),
    "no such shard": ((f"settlement-{DAY}.csv", "--shard", "shard9"), "No shard is called shard9"),
    "no day": ((f"settlement-{DAY}.csv", "--date", "x"), "--date 'x': a day such as"),
    "no folder": (
        (f"settlement-{DAY}.csv", "--csv", "/no/where.csv"),
        "--csv /no/where.csv: there is no folder",
    ),
}


@pytest.mark.parametrize(("words", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_done_is_said_and_ends_with_3(home, words, said):
    name, *more = words
    output = call("match", home / name, *more, "-c", home / "paypulse.toml", code=3)
    assert said in " ".join(output.split())


def test_the_file_itself_is_never_written_over(home):
    file = home / f"settlement-{DAY}.csv"
    before = file.read_bytes()
    said = call("match", file, "--csv", file, "-c", home / "paypulse.toml", code=3)
    assert "name another" in said
    assert file.read_bytes() == before


def test_what_may_never_end_is_not_read(home):
    said = call("match", "/dev/zero", "-c", home / "paypulse.toml", code=3)
    assert "zero cannot be read (it is no regular file)" in said


def test_without_the_shards_nothing_is_seen(home, tmp_path):
    config = tmp_path / "gateway.toml"
    config.write_text('[platform]\nbase_url = "http://127.0.0.1:9"\n')
    said = call("match", home / f"settlement-{DAY}.csv", "-c", config, code=3)
    assert "a direct database source" in said


def test_the_check_is_on_once_its_path_is_given(home, tmp_path):
    assert "pg_file" in plan(parse((home / "paypulse.toml").read_text(), {}))
    assert "pg_file" not in plan(parse("", {}))
    path = 'path = "/pg/{date}.csv"\n'
    assert "pg_file" not in plan(parse(f"[checks.pg_file]\nenabled = false\n{path}", {}))
    with pytest.raises(ConfigError, match=r"checks\.pg_file\.path: an enabled pg_file needs"):
        plan(parse("[checks.pg_file]\nenabled = true\n", {}))


def test_a_stand_in_without_refunds_cannot_spoil_a_file(tmp_path):
    standin = StandIn(tmp_path, start=START)
    server = serve(standin)
    try:
        for words, said in (
            (("--spoilt",), "not both a refund and a capture"),
            (("--date", "x"), "'x': a day such as"),
        ):
            assert said in call("demo", "pg-file", "--url", server.url, *words, code=3)
    finally:
        server.stop()
        standin.close()


def test_nobodys_file_is_written_over(home, tmp_path):
    other = tmp_path / "budget.csv"
    other.write_text("mine\n1\n")
    config = home / "paypulse.toml"
    said = call("match", home / f"settlement-{DAY}.csv", "--csv", other, "-c", config, code=3)
    assert "was not written by this command" in said
    assert other.read_text() == "mine\n1\n"
