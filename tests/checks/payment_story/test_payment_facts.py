"""What is read of one payment: by index or within bounds, from dead letters, from the store."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import books
import httpx
import pytest
from store_case import fresh_store, record
from typer.testing import CliRunner

from checks.payment_story import probe as probing
from checks.payment_story.probe import probe
from checks.sources.database.questions import story_rows as bounds
from checks.sources.database.source import Database
from checks.sources.facts.platform import Cluster, DeadLetter, GroupLag, Platform
from checks.sources.facts.story import PaymentRecords
from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.http.client import Wire
from checks.sources.monitoring_api.source import Gateway
from monitor.cli.main import main
from monitor.domain.alert import Alert, Phase
from monitor.domain.books.discrepancies import OpenBreak
from monitor.domain.check import Finding, Status
from monitor.reports.payment_history import history_of
from monitor.store.alerting.alerts import save_alerts
from monitor.store.database import open_store
from monitor.store.discrepancies import save_breaks

NOW = books.NOW
CAPTURED, REFUNDED = books.CAPTURED, books.REFUNDED


@pytest.fixture
def shard(tmp_path: Path) -> books.Shard:
    return books.shard(tmp_path)


def read(shard: books.Shard, payment: int) -> PaymentRecords:
    records = Database({"shard1": shard.url}).payment(payment)["shard1"]
    assert isinstance(records, PaymentRecords), records
    return records


def kinds(records: PaymentRecords) -> list[str]:
    assert not isinstance(records.events, Unavailable)
    return [event.kind.removeprefix("PAYMENT_") for event in records.events]


ALL = ["AUTHORIZED", "CAPTURE_REQUESTED", "REFUND_REQUESTED"]


def narrow(monkeypatch: pytest.MonkeyPatch, ahead: int, around: int) -> None:
    monkeypatch.setattr(bounds, "KEYS_AHEAD", ahead)
    monkeypatch.setattr(bounds, "KEYS_AROUND", around)


def late_refund(shard: books.Shard) -> int:
    """An old payment whose refund is asked for much later than it was captured."""
    payment, at = 3, books.text(NOW - timedelta(hours=2))
    shard.run(
        f"DELETE FROM outbox_event WHERE aggregate_id = {payment} AND event_type LIKE '%REFUND%'"
    )
    shard.copy(
        "outbox_event",
        f"aggregate_id = {payment}",
        event_type="'PAYMENT_REFUND_REQUESTED'",
        created_at=f"'{at}'",
    )
    return payment


def test_every_row_of_a_payment_is_read_and_none_of_another(shard):
    records = read(shard, REFUNDED)
    assert kinds(records) == ALL
    assert [entry.debit_account for entry in records.entries] == ["merchant_receivable", "cash"]
    assert [one.payment_id for one in records.entries] == [REFUNDED] * 2
    assert (len(records.settlements), len(records.refunds)) == (1, 1)
    assert records.answer.payment_id == REFUNDED
    assert records.read_until == {}


def test_an_index_of_the_shards_own_is_used(shard, monkeypatch):
    narrow(monkeypatch, 1, 0)
    assert kinds(read(shard, late_refund(shard))) != ALL
    shard.index("outbox_event", "aggregate_id")
    records = read(shard, 3)
    assert kinds(records) == ALL
    assert "outbox_event" not in records.read_until


def test_without_an_index_what_is_beyond_the_bounds_is_said_to_be_unread(shard, monkeypatch):
    payment = late_refund(shard)
    narrow(monkeypatch, 20, 0)
    records = read(shard, payment)
    assert kinds(records) == ALL[:2]
    until = records.read_until["outbox_event"]
    assert NOW - timedelta(hours=40) < until < NOW - timedelta(hours=2)


def test_rows_around_a_later_moment_of_the_payment_are_read(shard, monkeypatch):
    payment = late_refund(shard)
    at = books.text(NOW - timedelta(seconds=1))
    shard.run(f"UPDATE payment SET updated_at = '{at}' WHERE payment_id = {payment}")
    narrow(monkeypatch, 20, 30)
    assert kinds(read(shard, payment)) == ALL


def test_a_waiting_event_is_found_wherever_it_is(shard, monkeypatch):
    payment = late_refund(shard)
    shard.run(
        f"UPDATE outbox_event SET published = 0 WHERE aggregate_id = {payment}"
        " AND event_type = 'PAYMENT_REFUND_REQUESTED'"
    )
    narrow(monkeypatch, 20, 0)
    assert kinds(read(shard, payment)) == ALL


def test_later_events_that_went_out_are_counted_by_half(shard):
    shard.run(
        "UPDATE outbox_event SET published = 0 WHERE aggregate_id = 100"
        " AND event_type = 'PAYMENT_AUTHORIZED'"
    )
    [event] = [e for e in read(shard, 100).events if not e.published]
    assert event.passed == 200  # no more are counted
    assert 90 <= event.passed_alike <= 110


@pytest.mark.parametrize("column", ["published_at", "retry_count", "last_retry_at"])
def test_a_schema_without_a_late_column_tells_the_rest(shard, column):
    with shard.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE outbox_event DROP COLUMN {column}")
    assert kinds(read(shard, REFUNDED)) == ALL


def test_a_table_that_is_not_there_hides_itself_alone(shard):
    with shard.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE refund_request")
    records = read(shard, REFUNDED)
    assert isinstance(records.refunds, Unavailable)
    assert kinds(records) == ALL


def test_text_of_the_platform_is_cut_and_on_one_line(shard):
    text = "'no\nfunds ' || hex(zeroblob(300))"
    shard.run(f"UPDATE settlement_request SET pg_response_message = {text} WHERE payment_id = 160")
    [request] = read(shard, CAPTURED).settlements
    assert request.message.startswith("no funds 00")
    assert len(request.message) == 200


# --- beside the shards --------------------------------------------------------------------------


class Kafka:
    """A broker with these topics and letters."""

    def __init__(self, dead_letters: dict[str, Any], cluster: Any = None) -> None:
        self._dead_letters = dead_letters
        self._cluster = cluster or Cluster(1, "a", tuple(dead_letters), ())
        self.asked: list[str] = []

    def cluster(self) -> Any:
        return self._cluster

    def dead_letters(self, topic: str, limit: int) -> Any:
        self.asked.append(topic)
        return self._dead_letters[topic]

    def group_lag(self, group: str) -> GroupLag:
        return GroupLag(group, ())


class Breakers:
    def breakers(self) -> dict[str, Any]:
        return {}


class Shards:
    def written(self) -> dict[str, Any]:
        return {}

    def payment(self, payment_id: int, shard: str) -> dict[str, Any]:
        return {}


def dead_letter(payment: int, offset: int = 0) -> DeadLetter:
    return DeadLetter("payment.dlq", 0, offset, NOW, "", "{}", payment_id=payment)


def probed(kafka: Kafka) -> Any:
    return probe(Platform(None, Breakers(), kafka, None, Shards()), 7)  # type: ignore[arg-type]


def test_only_topics_that_exist_are_asked_and_only_letters_of_the_payment_kept():
    kafka = Kafka({"payment.dlq": (dead_letter(7), dead_letter(8))})
    facts = probed(kafka)
    assert kafka.asked == ["payment.dlq"]
    assert [one.payment_id for one in facts.dead_letters["payment.dlq"]] == [7]
    assert facts.dead_letters["refund.dlq"] == ()


def test_a_broker_that_is_down_leaves_the_letters_unavailable():
    down = Unavailable("kafka", Why.REFUSED, "part_reports_error")
    assert [*probed(Kafka({}, down)).dead_letters.values()] == [down] * 3


def test_a_topic_of_which_only_the_newest_were_read_is_named(monkeypatch):
    monkeypatch.setattr(probing, "DEAD_LETTERS_MAX", 2)
    dead_letters = (dead_letter(1), dead_letter(2, 1))
    assert probed(Kafka({"payment.dlq": dead_letters})).cut_off == {"payment.dlq"}
    assert probed(Kafka({"payment.dlq": dead_letters[:1]})).cut_off == frozenset()


def gateway(answers: dict[str, Any]) -> Gateway:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.partition("/monitoring/")[2]
        body = answers.get(path)
        return httpx.Response(200 if body else 500, json=body or {"error": "x", "message": "no"})

    return Gateway(Wire("http://g", transport=httpx.MockTransport(answer)))


ENTRY = {
    "entry_id": 5,
    "payment_id": 7,
    "debit_account": "cash",
    "credit_account": "merchant_receivable",
    "amount": 100,
    "occurred_at": "2026-03-10T00:00:00.000+00:00",
}
EVENT = {
    "event_id": 9,
    "aggregate_id": 7,
    "event_type": "PAYMENT_CAPTURE_REQUESTED",
    "created_at": "2026-03-10T00:00:00.000+00:00",
}


def stats(total: int) -> dict[str, Any]:
    """Row counts of two shards with 5 payments each, of which `total` are counted."""
    return {
        "paymentsByStatus": [{"status": "CAPTURED", "count": total}],
        "totalPayments": total,
        "ledgerEntryCount": 5,
        "outboxEvents": {"total": 10, "published": 9, "unpublished": 1},
        "settlementsByStatus": [],
        "refundsByStatus": [],
        "databaseSharding": {
            "shard1Total": 5,
            "shard1Status": "UP",
            "shard2Total": 5,
            "shard2Status": "UP",
        },
        "message": "",
    }


ANSWERS = {
    "database/ledger": {"entries": [ENTRY]},
    "database/outbox": {
        "healthy": False,
        "count": 2,
        "events": [EVENT, {**EVENT, "aggregate_id": 8}],
    },
}


@pytest.mark.parametrize(
    ("counted", "shards"), [(10, [""]), (5, ["shard1", "shard2"])], ids=["all", "first"]
)
def test_the_gateway_tells_entries_and_waiting_events_and_not_the_payment(counted, shards):
    found = gateway({**ANSWERS, "database/stats": stats(counted)}).payment(7)
    assert list(found) == shards
    records = found[shards[0]]
    assert isinstance(records, PaymentRecords)
    assert [entry.entry_id for entry in records.entries] == [5]
    assert [(e.event_id, e.published) for e in records.events] == [(9, False)]
    assert isinstance(records.payment, Unavailable)
    assert records.payment.reason == "gateway_no_payment"


def test_nothing_in_a_list_of_all_shards_is_known_to_be_of_one():
    [records] = gateway({**ANSWERS, "database/stats": stats(10)}).payment(7, "shard2").values()
    assert (records.entries.reason, records.events.reason) == ("gateway_no_shard",) * 2


def test_a_gateway_that_does_not_answer_is_unavailable():
    assert all(isinstance(records, Unavailable) for records in gateway({}).payment(7).values())


# --- what was stored ----------------------------------------------------------------------------


def test_the_history_is_that_of_the_payments_time(tmp_path):
    store = fresh_store(tmp_path)
    hour = timedelta(hours=1)
    alerts = [
        Alert(
            *("services", "service_down", "kafka", Phase.RESOLVED, Status.CRIT, at, at),
            fired_at=at,
            ended_at=at + hour,
        )
        for at in (NOW, NOW + 9 * hour)
    ]
    one = OpenBreak("shard1", "L1", "payment 7", 7, 5, NOW, NOW)
    other = OpenBreak("shard1", "L1", "payment 8", 8, 5, NOW, NOW)
    with store.write() as tx:
        save_alerts(tx, alerts)
        save_breaks(tx, "reconciliation", [one, other], NOW)
    with store.read() as tx:
        history = history_of(tx, 7, ["shard1"], [NOW], [(NOW, NOW + hour)])
    store.close()
    assert [alert.since for alert in history.alerts] == [NOW]
    assert [found.payment_id for found, _ in history.breaks] == [7]


@pytest.mark.parametrize(("minutes", "glances"), [(1, 1), (19, 1), (21, 0), (-1, 0)])
def test_only_a_pass_shortly_before_a_moment_says_how_it_was(tmp_path, minutes, glances):
    store = fresh_store(tmp_path)
    open_ = Finding("breaker_open", Status.CRIT, "i/kafka-publisher", {"state": "OPEN"})
    record(store, NOW - timedelta(minutes=minutes), check="breakers", findings=(open_,))
    with store.read() as tx:
        history = history_of(tx, 7, [], [NOW], [])
    store.close()
    assert [g.findings[0].subject for g in history.glances] == ["i/kafka-publisher"] * glances


# --- the command --------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Gives a configuration over two shards, and a platform that is not there."""
    (tmp_path / "shards").mkdir()
    shards = [books.shard(tmp_path / "shards", f"shard{n}") for n in (1, 2)]
    urls = "\n".join(f'urls.shard{n} = "{shard.url}"' for n, shard in enumerate(shards, 1))
    file = tmp_path / "paypulse.toml"
    file.write_text(
        f'database = "{tmp_path}/paypulse.db"\nlanguage = "en"\n'
        '[platform]\nbase_url = "http://127.0.0.1:9"\ntimeout_seconds = 0.2\n'
        f'[platform.database]\nvia = "direct"\n{urls}\n'
    )
    return file


def call(*words: object, code: int) -> str:
    done = CliRunner().invoke(main, ["payment", *map(str, words)])
    assert done.exit_code == code, done.output
    return done.output


def test_a_payment_is_told_on_both_shards_in_both_languages(config):
    told = call(REFUNDED, "-c", config, code=0)
    assert told.count("Refunded") >= 2
    assert "In short" in told
    config.write_text(config.read_text().replace('"en"', '"ko"'))
    assert "환불 완료" in call(REFUNDED, "--shard", "shard2", "-c", config, code=0)


def test_a_waiting_capture_is_unknown_where_nothing_else_can_be_seen(config):
    told = json.loads(call(books.CAPTURING, "--json", "-c", config, code=3))
    assert told["conclusion"]["code"] == "worker_unavailable"
    assert told["shards"][0]["unavailable"]
    assert told["shards"][0]["timeline"][0]["then"] == {
        "broker": "unwatched",
        "breaker": "unwatched",
    }


def test_what_is_wrong_right_now_is_known_of_a_payment_of_long_ago(config):
    call(9999, "-c", config, code=1)  # makes the store
    with sqlite3.connect(config.parent / "shards" / "shard1.db") as raw:
        raw.execute("DELETE FROM ledger_entry WHERE payment_id = 160")
    at = datetime.now(UTC) - timedelta(minutes=1)
    stuck = Alert(
        *("consumer_lag", "lag_stuck", "payment-consumer", Phase.FIRING, Status.CRIT, at, at),
        fired_at=at,
    )
    store = open_store(config.with_name("paypulse.db"))
    with store.write() as tx:
        save_alerts(tx, [stuck])
    store.close()
    told = json.loads(call(CAPTURED, "--shard", "shard1", "--json", "-c", config, code=2))
    assert told["conclusion"]["code"] == "worker_stopped"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((9999,), 1, "No payment 9999 on any shard"),
        ((1, "--shard", "shard9"), 3, "there are shard1, shard2"),
        ((0,), 3, "positive whole number"),
        ((2**63,), 3, "positive whole number"),
    ],
)
def test_what_is_no_payment_is_said(config, words, code, said):
    assert said in call(*words, "-c", config, code=code)


def test_no_mark_of_a_terminal_comes_through_from_the_platform(config):
    with sqlite3.connect(config.parent / "shards" / "shard1.db") as raw:
        text = "\x1b]0;owned\x07[bold]x[/bold]"
        raw.execute("UPDATE payment SET merchant_id = ? WHERE payment_id = 160", (text,))
    told = call(CAPTURED, "--shard", "shard1", "-c", config, code=0)
    assert "\x1b" not in told
    assert "[bold]x[/bold]" in told
