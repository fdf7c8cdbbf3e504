"""What is wrong around the monitor, put before the whole of it on real services.

A clear error or finding each, nothing lost beside it, and no password anywhere: not in what the
commands print, not in what is stored, not in what is sent.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import books
import pytest
import redis
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from mariadb_books import database
from services import own_set, service, services
from slack_server import problem_of
from sqlalchemy import make_url
from typer.testing import CliRunner

from monitor import app as application
from monitor.cli.demo.life import Kept
from monitor.cli.main import main
from monitor.config.models import load
from monitor.text.messages.render import renderer

SECRET = "hunter2-is-no-password"
STRANGE = "M'\"\\\x1b[31m\n\u202e<script>&1"


@dataclass(frozen=True, slots=True)
class Monitor:
    """A configuration in a folder, and the commands on it."""

    file: Path

    def call(self, *words: str) -> tuple[int, str]:
        """The exit code of a command and all that it says."""
        done = CliRunner().invoke(main, [*words, "-c", str(self.file)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert SECRET not in done.output
        return done.exit_code, done.output

    def check(self, name: str) -> dict[str, Any]:
        """One live look, as JSON."""
        _, said = self.call("check", name, "--json")
        found: dict[str, Any] = json.loads(said)[name]
        return found

    @contextmanager
    def passes(self) -> Iterator[Passes]:
        """Passes that are stored, and messages that are rendered; nothing of the secret in them."""
        kept = Kept()
        clock = Clock()
        app = application.build(load(self.file), senders={"kept": kept}, clock=clock)
        try:
            yield Passes(app, clock, kept)
        finally:
            app.close()
        for left in self.file.parent.glob("paypulse.db*"):
            assert SECRET.encode() not in left.read_bytes()


class Clock:
    """The time, which a test moves on."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True, slots=True)
class Passes:
    """An app whose checks are run by hand."""

    app: Any
    clock: Clock
    kept: Kept

    def run(self, name: str, minutes: float = 1) -> Any:
        """One pass, so many minutes after the last."""
        self.clock.now += timedelta(minutes=minutes)
        planned = self.app.checks[name]
        return self.app.runner.run(planned, self.clock.now, self.clock.now)

    def texts(self) -> list[str]:
        """All messages so far in every form and language; Slack would take each of them."""
        self.clock.now += timedelta(minutes=5)
        self.app.deliver()
        forms = []
        for message in self.kept.messages:
            for language in ("en", "ko"):
                rendered = renderer(language, "Asia/Seoul")
                slack = rendered.slack(message)
                body = {"text": slack.text, "blocks": list(slack.blocks)}
                assert not problem_of(body)
                forms += [rendered.text(message), json.dumps(body, ensure_ascii=False)]
        assert not any(SECRET in form for form in forms)
        return forms


def monitor(folder: Path, urls: Mapping[str, str] | None = None, more: str = "") -> Monitor:
    """A monitor of these shards; what is behind the gateway is out of reach."""
    listed = ", ".join(f"{n} = {json.dumps(url)}" for n, url in (urls or {}).items())
    shards = f'[platform.database]\nvia = "direct"\nurls = {{ {listed} }}\n' if urls else ""
    file = folder / "paypulse.toml"
    file.write_text(
        f'database = "{folder}/paypulse.db"\n'
        '[platform]\nbase_url = "http://127.0.0.1:9"\ntimeout_seconds = 2\n' + shards + more,
        encoding="utf-8",
    )
    return Monitor(file)


def findings(seen: Mapping[str, Any]) -> dict[str, str]:
    return {f"{f['code']}:{f['subject']}": f["status"] for f in seen["findings"]}


def reasons(seen: Mapping[str, Any]) -> dict[str, str]:
    monitoring_gap = (f for f in seen["findings"] if f["code"] == "monitoring_gap")
    return {f["subject"]: f["params"]["reason"] for f in monitoring_gap}


@pytest.fixture(scope="module")
def shards() -> Iterator[list[books.Shard]]:
    one, two, admin1, admin2 = services("shard1", "shard2", "shard1_admin", "shard2_admin")
    with database(admin1, one, "bad") as shard1, database(admin2, two, "bad") as shard2:
        for parity, shard in enumerate((shard1, shard2)):
            rows = books.healthy(40, datetime.now(UTC), timedelta(hours=20), parity)
            shard.fill(rows)
        yield [shard1, shard2]


def spoilt(shards: list[books.Shard], **changes: str) -> dict[str, str]:
    first = make_url(shards[0].url).set(**changes).render_as_string(hide_password=False)
    return {"shard1": first, "shard2": shards[1].url}


ADDRESSES = {
    "a wrong password": ({"password": SECRET}, "database_denied", "not let in"),
    "an unknown account": (
        {"username": "nobody", "password": SECRET},
        "database_denied",
        "check its name, password and rights",
    ),
    "a schema without the tables": ({"database": "information_schema"}, "column_missing", "lacks"),
    "a schema that is not there": (
        {"database": "paydb_none"},
        "database_unknown",
        "no database of the configured name",
    ),
}


@pytest.mark.parametrize(("changes", "reason", "said"), ADDRESSES.values(), ids=ADDRESSES)
def test_a_shard_that_is_wrongly_addressed_says_why_and_leaves_the_other_seen(
    shards, tmp_path, changes, reason, said
):
    mine = monitor(tmp_path, spoilt(shards, **changes))
    seen = mine.check("outbox_age")
    assert seen["status"] == "unknown"
    assert reasons(seen)["database/shard1"] == reason
    assert "outbox_waiting_messages{shard2}" in seen["metrics"]
    assert said in " ".join(mine.call("check", "outbox_age")[1].split())
    code, told = mine.call("doctor")
    if reason != "column_missing":  # the server itself is well, and answers
        assert (code, said in " ".join(told.split())) == (2, True)
    with mine.passes() as passes:
        passes.run("outbox_age")


def test_a_view_in_place_of_a_table_is_a_finding_and_the_other_tables_are_read(shards, tmp_path):
    with shards[0].engine.begin() as connection:
        connection.exec_driver_sql("RENAME TABLE outbox_event TO real_outbox")
        connection.exec_driver_sql("CREATE VIEW outbox_event AS SELECT * FROM real_outbox")
    try:
        mine = monitor(tmp_path, spoilt(shards))
        seen, work = mine.check("outbox_age"), mine.check("settlements")
    finally:
        with shards[0].engine.begin() as connection:
            connection.exec_driver_sql("DROP VIEW outbox_event")
            connection.exec_driver_sql("RENAME TABLE real_outbox TO outbox_event")
    assert reasons(seen)["database/shard1"] == "table_is_view"
    [finding] = [f for f in seen["findings"] if f["subject"] == "database/shard1"]
    assert finding["params"]["views"] == "outbox_event"
    assert work["status"] == "ok"


def test_a_group_that_does_not_exist_is_a_finding_that_names_it(tmp_path):
    kafka = f'[platform.kafka]\nvia = "direct"\nbootstrap = "{service("kafka")}"\n'
    groups = '[checks.consumer_lag]\ngroups = ["payment-consumer-grupo"]\n'
    mine = monitor(tmp_path, more=kafka + groups)
    before = AdminClient({"bootstrap.servers": service("kafka")}).list_consumer_groups()
    seen = mine.check("consumer_lag")
    assert findings(seen) == {"group_absent:payment-consumer-grupo": "crit"}
    assert "payment-consumer-grupo" in seen["findings"][0]["title"]
    after = AdminClient({"bootstrap.servers": service("kafka")}).list_consumer_groups()
    assert {g.group_id for g in before.result().valid} >= {
        g.group_id for g in after.result().valid if "paypulse" in g.group_id
    }


def test_a_dead_letter_too_large_to_be_fetched_is_counted_and_told(tmp_path):
    bootstrap = service("kafka")
    topic = f"bad-{uuid.uuid4().hex[:8]}.dlq"
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    large = {"max.message.bytes": "20000000"}
    admin.create_topics([NewTopic(topic, 2, 1, config=large)])[topic].result(10)
    kafka = f'[platform.kafka]\nvia = "direct"\nbootstrap = "{bootstrap}"\n'
    options = f'[checks.dead_letters]\ntopics = ["{topic}"]\ncritical = ["{topic}"]\n'
    mine = monitor(tmp_path, more=kafka + options)
    try:
        with mine.passes() as passes:
            assert passes.run("dead_letters").verdict.status == "ok"
            sending = {"bootstrap.servers": bootstrap, "message.max.bytes": 20_000_000}
            producer = Producer({**sending, "log_level": 0})
            producer.produce(topic, "x" * 12_000_000, partition=0)
            producer.produce(topic, '{"originalTopic":"t","paymentId":5}', partition=1)
            assert producer.flush(20) == 0
            [told] = passes.run("dead_letters").verdict.findings
            assert (told.code, told.status, told.params["count"]) == (
                "dead_letters_arrived",
                "crit",
                2,
            )
            assert [row["payment_id"] for row in told.evidence] == [5]
            passes.run("dead_letters")
            assert any(topic in text for text in passes.texts())
    finally:
        admin.delete_topics([topic])[topic].result(10)


def plain(text: str) -> bool:
    """Nothing that steers a terminal, turns the direction of a line or hides in it."""
    return not any(c in text for c in ("\x1b", "\u202e", "\x00", "\\u001b", "\\u202e"))


def test_a_strange_merchant_is_told_by_redis_as_it_is_called_but_harmless(tmp_path):
    url = service("redis")
    client, key = redis.Redis.from_url(url), f"rate:authorize:{STRANGE}"
    client.set(key, 999_999, ex=120)
    options = "[checks.rate_limits]\nauthorize_max = 100000\n"
    parts = f'[platform.redis]\nvia = "direct"\nurl = "{url}"\n'
    mine = monitor(tmp_path, more=parts + options)
    try:
        seen = mine.check("rate_limits")
        [finding] = [f for f in seen["findings"] if "<script>" in f["subject"]]
        assert (finding["code"], finding["status"]) == ("merchant_blocked", "crit")
        said = mine.call("check", "rate_limits")[1]
        assert "<script>&1" in said
        assert plain(said)
        with mine.passes() as passes:
            for _ in range(3):
                passes.run("rate_limits")
            texts = passes.texts()
        mine_told = [text for text in texts if "script" in text]
        assert mine_told
        assert all(plain(text) for text in texts)
        slack = [text for text in mine_told if text.startswith("{")]
        assert all("<script>" not in json.dumps(json.loads(text)["text"]) for text in slack)
    finally:
        client.delete(key)
        client.close()


def test_a_strange_merchant_is_told_by_the_books_as_it_is_called_but_harmless(shards, tmp_path):
    shards[0].run("UPDATE payment SET merchant_id = ? WHERE payment_id = 7", STRANGE)
    try:
        mine = monitor(tmp_path, spoilt(shards))
        seen = mine.check("reconciliation")
        assert findings(seen)["books_broken:shard1/S2"] == "crit"
        [broken] = [f for f in seen["findings"] if f["subject"] == "shard1/S2"]
        assert broken["evidence"][0]["payment_id"] == 7
        with mine.passes() as passes:
            for _ in range(3):
                passes.run("reconciliation", 5)
            texts = passes.texts()
        assert any("S2" in text for text in texts)
        assert all(plain(text) for text in [*texts, mine.call("check", "reconciliation")[1]])
    finally:
        shards[0].run("UPDATE payment SET merchant_id = 'MERCHANT-0' WHERE payment_id = 7")


@pytest.fixture
def fast_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Gives a shard on a server of its own, whose time is ten minutes ahead for every session."""
    service("shard1")
    real, wrapper = shutil.which("mariadbd"), tmp_path / "bin" / "mariadbd"
    wrapper.parent.mkdir()
    ahead = "--init-connect='SET timestamp = UNIX_TIMESTAMP() + 600'"
    wrapper.write_text(f'#!/bin/sh\nexec {real} "$@" {ahead}\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    with own_set("shard1") as own:
        yield own.env["PAYPULSE_SHARD1_URL"]


def test_a_database_whose_clock_is_ten_minutes_ahead_is_a_finding(fast_server, tmp_path):
    mine = monitor(tmp_path, {"shard1": fast_server})
    seen = mine.check("services")
    assert findings(seen)["clock_off:database/shard1"] == "crit"
    [off] = [f for f in seen["findings"] if f["code"] == "clock_off"]
    assert off["params"]["ahead"] is True
    assert off["params"]["skew_seconds"] == pytest.approx(600, abs=30)
    assert "The clock of database/shard1 is" in mine.call("check", "services")[1]
