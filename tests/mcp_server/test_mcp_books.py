"""The tools about entries, statistics, the outbox and idempotency keys, over real shards."""

from __future__ import annotations

import json
from datetime import timedelta

import books
import pytest
from asked_case import app_over, two_shards, urls
from mcp_case import answer, found, refused
from simulated import START
from store_case import record
from test_mcp_history import incident
from test_mcp_payments import HOSTILE, through_gateway, without_data

from demo.stand_in import StandIn
from monitor.domain.books.discrepancies import OpenBreak
from monitor.domain.check import Metric
from monitor.store.discrepancies import save_breaks


@pytest.fixture
def shards(tmp_path):
    return two_shards(tmp_path, 40)


@pytest.fixture
def app(tmp_path, shards):
    return app_over(tmp_path, urls(shards))


# --- query_ledgers ------------------------------------------------------------------------------


def test_a_merchants_refunds_are_summed_over_its_entries(app, shards):
    plain = answer(app, "query_ledgers", query_type="by_merchant", merchant_id="MERCHANT-6")
    refunds = plain["evidence"]["totals"]["refunds"]
    query = (
        "SELECT coalesce(sum(l.amount), 0) FROM ledger_entry l JOIN payment p USING (payment_id)"
        " WHERE p.merchant_id = 'MERCHANT-6' AND l.debit_account = 'cash'"
    )
    assert refunds["amount_krw"] == shards["shard1"].ask(query) > 0
    assert f"refunds ₩{refunds['amount_krw']:,}" in plain["summary"]


def test_entries_of_a_payment_carry_their_shard_and_two_payments_of_one_id_are_told_apart(app):
    plain = answer(app, "query_ledgers", payment_id=3)
    assert sorted({row[0] for row in plain["evidence"]["data_rows"]}) == ["shard1", "shard2"]
    assert set(plain["evidence"]["shards"]) == {"shard1", "shard2"}
    assert "different payments with one id (shard1, shard2)" in plain["summary"]
    one = answer(app, "query_ledgers", payment_id=3, shard="shard2")
    assert "different" not in one["summary"] and one["verdict"] == "ok"


def test_a_payment_that_is_booked_twice_is_critical(app, shards):
    shards["shard1"].copy("ledger_entry", "payment_id = 4")
    plain = answer(app, "query_ledgers", payment_id=4, shard="shard1")
    assert plain["verdict"] == "crit" and "Booked twice on shard1" in plain["summary"]


def test_entries_between_other_accounts_are_critical(app, shards):
    shards["shard1"].run("UPDATE ledger_entry SET debit_account = 'mystery' WHERE entry_id = 1")
    plain = answer(app, "query_ledgers", query_type="totals")
    assert plain["verdict"] == "crit" and "must not exist" in plain["summary"]
    assert plain["evidence"]["data_rows"] == []


def test_pages_of_entries_are_all_entries_once(app, shards):
    seen, cursor = [], None
    while True:
        plain = answer(app, "query_ledgers", limit=30, cursor=cursor)
        seen += [(row[0], row[1]) for row in plain["evidence"]["data_rows"]]
        if (cursor := plain.get("cursor")) is None:
            break
    count = sum(shard.ask("SELECT count(*) FROM ledger_entry") for shard in shards.values())
    assert len(seen) == len(set(seen)) == count


def test_entries_keep_to_their_time(app):
    day = answer(app, "query_ledgers", query_type="totals", start="2026-03-10T00:00")
    whole = answer(app, "query_ledgers", query_type="totals")
    few, all_of_them = (x["evidence"]["totals"]["captures"]["entries"] for x in (day, whole))
    assert 0 < few < all_of_them


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"query_type": "by_payment"}, "needs payment_id"),
        ({"query_type": "by_merchant"}, "needs merchant_id"),
        ({"query_type": "recent", "payment_id": 3}, "use by_payment"),
        ({"query_type": "by_status"}, "'by_payment'"),
        ({"shard": "shard3"}, "known are shard1, shard2"),
    ],
)
def test_a_question_about_entries_that_cannot_be_meant_is_refused(app, arguments, words):
    assert words in refused(app, "query_ledgers", **arguments)


# --- payment_statistics -------------------------------------------------------------------------


def test_statistics_are_those_of_both_shards_since_the_zones_midnight(app, shards):
    plain = answer(app, "payment_statistics")
    midnight = "2026-03-09 15:00"  # 00:00 in Seoul
    until = f" AND requested_at < '{books.text(books.NOW)}'"
    counts = [
        s.ask(f"SELECT count(*) FROM payment WHERE requested_at >= '{midnight}'{until}")
        for s in shards.values()
    ]
    evidence = plain["evidence"]
    assert evidence["start"] == "2026-03-09T15:00:00Z"
    assert evidence["payments"] == sum(counts)
    assert [row["payments"] for row in evidence["shards"]] == counts
    assert sum(count for _, count, _ in evidence["data_by_status"]) == sum(counts)


def test_statistics_stand_beside_the_same_hours_a_week_before(tmp_path):
    folder = tmp_path / "long"
    folder.mkdir()
    made = {n: books.shard(folder, n, 400, span=timedelta(days=20)) for n in ("shard1", "shard2")}
    plain = answer(app_over(folder, urls(made)), "payment_statistics", time_range="last_24h")
    assert plain["evidence"]["week_before"]["payments"] in (38, 40, 42)
    assert "a week before" in plain["summary"]


def test_a_shard_that_is_down_leaves_the_others_figures(tmp_path, shards):
    broken = urls(shards) | {"shard1": f"sqlite:///{tmp_path}/gone.db"}
    plain = answer(app_over(tmp_path, broken), "payment_statistics", time_range="all")
    assert plain["verdict"] == "unknown" and plain["evidence"]["payments"] == 40
    assert "Without database/shard1" in plain["summary"]
    assert {"shard": "shard1", "verdict": "unknown"} in plain["evidence"]["shards"]


# --- outbox_replay_plan -------------------------------------------------------------------------


def waits(shard, event_type: str, payment_id: int, retries: int = 0, status: str = "") -> int:
    """Make an event of a payment wait; its id."""
    where = f"event_type = '{event_type}' AND aggregate_id = {payment_id}"
    if not shard.ask(f"SELECT count(*) FROM outbox_event WHERE {where}"):
        shard.copy("outbox_event", f"aggregate_id = {payment_id}", event_type=f"'{event_type}'")
    shard.run(
        f"UPDATE outbox_event SET published = 0, published_at = NULL, retry_count = {retries}"
        f" WHERE {where}"
    )
    if status:
        shard.run(f"UPDATE payment SET status = '{status}' WHERE payment_id = {payment_id}")
    return shard.ask(f"SELECT event_id FROM outbox_event WHERE {where}")


CAPTURE, CAPTURED, REFUND = (
    "PAYMENT_CAPTURE_REQUESTED",
    "PAYMENT_CAPTURED",
    "PAYMENT_REFUND_REQUESTED",
)
PLANS = {  # event, payment of shard1 (even), retries, its status -> why, effect, verdict, words
    "used up and needed": (CAPTURE, 4, 5, "CAPTURE_REQUESTED", "exhausted", "needed", "crit"),
    "of the other parity": (CAPTURE, 5, 0, "CAPTURE_REQUESTED", "unreachable", "needed", "crit"),
    "retries left": (CAPTURE, 4, 2, "CAPTURE_REQUESTED", "waiting", "needed", "warn"),
    "out of date": (CAPTURE, 4, 5, "CAPTURED", "exhausted", "done", "ok"),
    "captured and booked": (CAPTURED, 4, 1, "CAPTURED", "waiting", "twice", "crit"),
    "refunded already": (REFUND, 6, 5, "REFUNDED", "exhausted", "twice", "warn"),
    "refund to come": (REFUND, 6, 5, "REFUND_REQUESTED", "exhausted", "needed", "crit"),
    "nobody reads it": ("PAYMENT_AUTHORIZED", 4, 5, "CAPTURED", "exhausted", "unread", "ok"),
    "a type of its own": (HOSTILE[:30], 4, 5, "CAPTURED", "exhausted", "unknown", "warn"),
}


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("case", PLANS.values(), ids=PLANS)
def test_a_waiting_event_is_told_by_why_it_waits_and_what_publishing_it_would_do(
    tmp_path, shards, case, language
):
    event_type, payment_id, retries, status, why, effect, verdict = case
    event_id = waits(shards["shard1"], event_type, payment_id, retries, status)
    plain = answer(app_over(tmp_path, urls(shards), language), "outbox_replay_plan")
    one, two = plain["evidence"]["shards"]
    ((found_why, _, found_effect, count, *_),) = one["data_groups"]
    assert (found_why, found_effect, count, plain["verdict"]) == (why, effect, 1, verdict)
    assert two["waiting"] == 0 and two["steps"] == []
    (step,) = one["steps"]
    if effect == "needed" and why == "exhausted":
        assert f"event_id IN ({event_id})" in step and "retry_count = 0" in step
        assert "retry_count >= 5" in step
    if effect == "twice" and why == "waiting":
        assert "SET published = 1, published_at = UTC_TIMESTAMP(3)" in step
    if effect in ("needed", "twice") and why == "unreachable":
        assert "UPDATE" not in step
    assert len(plain["evidence"]["never"]) == 4


def test_nothing_that_waits_is_ok(app):
    plain = answer(app, "outbox_replay_plan")
    assert plain["verdict"] == "ok" and "Nothing waits" in plain["summary"]


def test_a_plan_of_a_shard_that_is_down_is_unknown_for_it_alone(tmp_path, shards):
    broken = urls(shards) | {"shard2": f"sqlite:///{tmp_path}/gone.db"}
    app = app_over(tmp_path, broken)
    assert answer(app, "outbox_replay_plan")["verdict"] == "unknown"
    assert answer(app, "outbox_replay_plan", shard="shard1")["verdict"] == "ok"
    assert "known are" in refused(app, "outbox_replay_plan", shard="shard9")


def test_a_plan_of_a_great_outage_stays_within_the_budget(tmp_path):
    folder = tmp_path / "outage"
    folder.mkdir()
    made = two_shards(folder, 3000)
    for shard in made.values():
        shard.run("UPDATE outbox_event SET published = 0, published_at = NULL")
        shard.run("UPDATE outbox_event SET event_type = ? || (event_id % 40)", HOSTILE[:28])
        shard.run("UPDATE outbox_event SET retry_count = event_id % 7")
    app = app_over(folder, urls(made))
    for arguments, tokens in (({}, 2_000), ({"shard": "shard1"}, 8_000)):
        plain = answer(app, "outbox_replay_plan", **arguments)
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
        assert len(text) / 4 < tokens and plain["truncated"]
        assert "IGNORE" not in json.dumps(without_data(plain))


# --- find_duplicate_idempotency -----------------------------------------------------------------


def test_one_merchants_key_on_both_shards_is_a_payment_made_twice(app, shards):
    for shard in shards.values():
        shard.copy("payment", "payment_id = 3", merchant_id="'MERCHANT-6'", idempotency_key="'zz'")
    plain = answer(app, "find_duplicate_idempotency", hours=100)
    first = plain["evidence"]["data_keys"][0]
    assert (plain["verdict"], first["kind"], first["key"]) == ("crit", "both_shards", "zz")
    assert {use[0] for use in first["uses"]} == {"shard1", "shard2"}
    assert "1 key with a payment on both shards" in plain["summary"]


def test_the_older_payment_is_found_beyond_the_hours_that_are_looked_at(app, shards):
    old = {"merchant_id": "'MERCHANT-6'", "idempotency_key": "'zz'"}
    shards["shard2"].copy("payment", "payment_id = 1", **old)
    shards["shard2"].run(
        "UPDATE payment SET requested_at = '2026-01-01 00:00:00' WHERE idempotency_key = 'zz'"
    )
    shards["shard1"].copy("payment", "payment_id = 40", **old)
    plain = answer(app, "find_duplicate_idempotency", hours=1)
    assert plain["verdict"] == "crit"
    assert plain["evidence"]["data_keys"][0]["payments"] == 2


def test_an_answer_that_names_another_payment_is_a_warning(app, shards):
    shards["shard1"].run(
        "UPDATE idem_response_cache SET response_body = '{\"paymentId\": 999}'"
        " WHERE idempotency_key = 'k12'"
    )
    plain = answer(app, "find_duplicate_idempotency", hours=100)
    wrong = [row for row in plain["evidence"]["data_keys"] if row["kind"] == "wrong_answer"]
    assert plain["verdict"] == "warn" and wrong[0]["answered_payment_id"] == 999
    assert "1 stored answer names another payment" in plain["summary"]


def test_keys_that_merchants_share_are_told_and_are_no_fault(app):
    plain = answer(app, "find_duplicate_idempotency", hours=100, limit=3)
    assert plain["verdict"] == "ok" and "shared by several merchants" in plain["summary"]
    assert len(plain["evidence"]["data_keys"]) == 3 and plain["cursor"]


def test_more_payments_than_are_looked_at_are_not_claimed(app, monkeypatch):
    monkeypatch.setattr("checks.sources.database.books.keys.PAYMENTS_MAX", 10)
    plain = answer(app, "find_duplicate_idempotency", hours=100)
    assert plain["verdict"] == "unknown" and plain["truncated"]
    assert set(plain["evidence"]["not_looked_at_before"]) == {"shard1", "shard2"}


def test_across_a_shard_that_is_down_nothing_is_claimed(tmp_path, shards):
    broken = urls(shards) | {"shard2": f"sqlite:///{tmp_path}/gone.db"}
    plain = answer(app_over(tmp_path, broken), "find_duplicate_idempotency", hours=100)
    assert plain["verdict"] == "unknown" and "Not seen: database/shard2" in plain["summary"]


# --- check_outbox_status and reconciliation_check -------------------------------------------------


def test_late_events_are_counted_beside_what_was_wrong_when_they_were_written(tmp_path, shards):
    event_id = waits(shards["shard1"], CAPTURE, 4)
    oldest = timedelta(hours=36)
    app = app_over(tmp_path, urls(shards), checks={"outbox_age": found(metrics=late(oldest))})
    incident(app, books.NOW - oldest - timedelta(minutes=1))
    plain = answer(app, "check_outbox_status", max_age_minutes=5)
    one = plain["evidence"]["shards"][0]
    assert (one["late"], one["data_oldest"][0]["event_id"]) == (1, event_id)
    assert plain["verdict"] == "warn" and "1 event waits longer than 5 min" in plain["summary"]
    (then,) = plain["evidence"]["wrong_when_the_oldest_was_written"]
    assert "kafka" in then["title_text"] and then["state"] == "open"


def late(age: timedelta) -> tuple[Metric, ...]:
    """What the check of the outbox measures."""
    return (
        Metric("outbox_oldest_age_seconds", age.total_seconds(), "shard1"),
        Metric("outbox_waiting_messages", 1, "shard1"),
    )


def test_the_open_breaks_are_told_by_age_with_their_payments(app):
    ages = (timedelta(minutes=5), timedelta(hours=30))
    found = [
        OpenBreak("shard1", "L1", f"payment {n}", n, 1000 * n, books.NOW - age, books.NOW)
        for n, age in enumerate(ages, 1)
    ]
    with app.store.write() as tx:
        save_breaks(tx, "reconciliation", found, books.NOW)
    record(app.store, books.NOW, check="reconciliation")
    plain = answer(app, "reconciliation_check")["evidence"]["open_breaks"]
    assert plain["by_age"][0] == ["under_1h", 1, 1000]
    assert plain["by_age"][2] == ["under_3d", 1, 2000]
    assert plain["data_oldest"][0][:5] == ["shard1", "L1", "payment 2", 2, 2000]


def test_the_payments_of_named_breaks_are_listed_with_how_far_was_looked(app):
    plain = answer(app, "reconciliation_check", full=True, only=["l1", "L5"])
    assert plain["evidence"]["columns"][3] == "payment_id"
    assert {row[1] for row in plain["evidence"]["data_breaks"]} <= {"L1", "L5"}
    assert all(one["all_rows_totalled_since"] for one in plain["evidence"]["looked"])
    assert "L99" in refused(app, "reconciliation_check", only=["L99"])


# --- through the monitoring-service -------------------------------------------------------------


@pytest.fixture(scope="module", params=[False, True], ids=["truthful", "original"])
def standin(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("standin")
    made = StandIn(folder, 3, start=START, payments_per_minute=20, as_original=request.param)
    made.advance(START + timedelta(minutes=8))
    yield made
    made.close()


def test_statistics_through_the_monitoring_service_cover_both_shards(tmp_path, standin):
    plain = answer(through_gateway(tmp_path, standin), "payment_statistics", time_range="last_hour")
    assert plain["evidence"]["payments"] > 0 and plain["verdict"] == "ok"
    longer = answer(
        through_gateway(tmp_path, standin), "payment_statistics", time_range="yesterday"
    )
    assert longer["verdict"] == "unknown" and "could not be seen" in longer["summary"]


def test_entries_through_the_monitoring_service(tmp_path, standin):
    app = through_gateway(tmp_path, standin)
    row = standin.parts.shards.shard1.rows("SELECT payment_id FROM ledger_entry LIMIT 1")[0]
    plain = answer(app, "query_ledgers", payment_id=row["payment_id"])
    assert plain["evidence"]["data_rows"][0][2] == row["payment_id"]
    assert answer(app, "query_ledgers")["verdict"] == "unknown"
    for tool in ("outbox_replay_plan", "find_duplicate_idempotency"):
        assert answer(app, tool)["verdict"] == "unknown"


def test_a_merchant_through_the_monitoring_service(tmp_path, standin, monkeypatch):
    app = through_gateway(tmp_path, standin)
    row = standin.parts.shards.shard1.rows(
        "SELECT merchant_id, count(*) AS n FROM payment GROUP BY 1 ORDER BY 2 DESC LIMIT 1"
    )[0]
    volume = answer(app, "investigate_merchant", merchant_id=row["merchant_id"])["evidence"][
        "volume"
    ]
    assert volume["last_hour"] == row["n"]
    monkeypatch.setattr("checks.sources.monitoring_api.questions.ROWS_MAX", 1)
    cut = answer(app, "investigate_merchant", merchant_id=row["merchant_id"])
    assert cut["verdict"] == "unknown" and cut["evidence"]["volume"] is None


def test_late_events_through_the_monitoring_service_are_counted_by_it(tmp_path, standin):
    for shard in standin.parts.shards.all():
        shard.execute("UPDATE outbox_event SET published = 0 WHERE event_id < 4")
        shard.commit()
    database = through_gateway(tmp_path, standin).runner.platform.database
    waiting, *unavailable = database.outbox_late(standin.now, standin.now - timedelta(minutes=5))
    assert waiting.waiting == (3 if standin.as_original else 6)
    assert bool(unavailable) is standin.as_original
