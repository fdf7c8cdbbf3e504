"""What happened, one merchant, one payment, the last report: over a lived life with its faults."""

from __future__ import annotations

import json
from datetime import timedelta

import books
import pytest
from asked_case import SEOUL, app_over, two_shards, urls
from mcp_case import NOW, answer, app_with, found, refused
from simulated import START, world
from store_case import record
from test_mcp_history import incident
from test_mcp_payments import HOSTILE, without_data

from checks.sources.facts.platform import RateUse
from checks.sources.facts.unavailable import Unavailable, Why
from mcp_server.tools.merchants.judgement import Volume, conclusion, limits, periods
from monitor.domain.check import Metric, Status
from monitor.domain.load_test.run import LoadTestRun
from monitor.reports.job import enqueue_report
from monitor.store.load_tests import save_run
from monitor.store.notes import Note, add_note
from monitor.text.catalog import Catalog

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A life with a deployment, an outage of the broker, and a merchant that asks too often."""
    made = world(tmp_path_factory.mktemp("lived"), payments_per_minute=10)
    made.live(6)
    add_note(made.app.store, Note(made.life.clock(), "deployment", "ingest 1.4.2", "kim"))
    made.switch(["broker_down"], True)
    made.live(5)
    made.switch(["broker_down"], False)
    made.live(9)
    made.switch(["merchant_over_limit"], True)
    made.live(3)
    yield made
    made.close()


@pytest.fixture(params=["en", "ko"])
def app(lived, request):
    kept = lived.app.catalog
    lived.app.catalog = Catalog(request.param, SEOUL, strict=True)
    yield lived.app
    lived.app.catalog = kept


def events(plain) -> list[list]:
    return plain["evidence"]["data_rows"]


# --- what_happened ------------------------------------------------------------------------------


@pytest.mark.parametrize("around", ["12:10", "오후 12시 10분", "2026-11-02T12:10", "today 12:10"])
def test_an_outage_is_told_in_order_with_the_deployment_before_it(app, around):
    plain = answer(app, "what_happened", around=around, minutes=10, limit=100)
    rows = events(plain)
    kinds = [kind for _, kind, _, _ in rows]
    assert [at for at, *_ in rows] == sorted(at for at, *_ in rows)
    assert kinds[0] == "note_deployment" and "ingest 1.4.2 (kim)" in rows[0][3]
    assert kinds.index("incident_began") < kinds.index("consequence_began")
    assert {"incident_ended", "check_changed", "consequence_ended"} <= set(kinds)
    assert plain["verdict"] == "crit" and plain["origin"] == "stored"
    assert "Kafka" in plain["summary"] and "ingest 1.4.2" in plain["summary"]


def test_pages_of_what_happened_are_all_of_it_once(app):
    whole = events(answer(app, "what_happened", limit=200))
    seen, cursor = [], None
    while True:
        plain = answer(app, "what_happened", limit=7, cursor=cursor)
        seen += events(plain)
        if (cursor := plain.get("cursor")) is None:
            break
    assert seen == whole and len(whole) > 20


def test_a_time_in_which_nobody_looked_is_unknown(tmp_path):
    app = app_with(tmp_path, {"services": found()})
    plain = answer(app, "what_happened", around="2026-11-20T10:00")
    assert plain["verdict"] == "unknown" and "nobody looked" in plain["summary"]


def test_looks_of_the_same_hour_are_no_looks_of_the_stretch(tmp_path):
    app = app_with(tmp_path, {"services": found()})
    for minute in range(10):
        record(app.store, NOW - HOUR + minute * MINUTE, check="services")
    start, end = (f"{NOW - HOUR + minutes * MINUTE:%Y-%m-%dT%H:%MZ}" for minutes in (10, 29))
    plain = answer(app, "what_happened", start=start, end=end)
    assert plain["verdict"] == "unknown" and plain["evidence"]["passes"]["ran"] == 0
    start = f"{NOW - HOUR + 7 * MINUTE:%Y-%m-%dT%H:%MZ}"
    plain = answer(app, "what_happened", start=start, end=end)
    assert plain["verdict"] == "ok" and plain["evidence"]["passes"]["ran"] == 3


def test_pages_of_the_last_hour_are_all_of_it_once_although_time_goes_on(tmp_path, monkeypatch):
    app = app_with(tmp_path, {"services": found()})
    for n in range(50):
        add_note(app.store, Note(NOW - (50 - n) * MINUTE, "other", f"n{n}"))
    seen, cursor = [], None
    for page in range(3):
        monkeypatch.setattr(app, "clock", lambda page=page: NOW + 3 * page * MINUTE)
        plain = answer(app, "what_happened", limit=20, cursor=cursor)
        seen += [row[3] for row in events(plain)]
        cursor = plain.get("cursor")
    assert seen == [f"n{n}" for n in range(50)] and cursor is None


def test_a_quiet_time_that_was_looked_at_is_ok(tmp_path):
    app = app_with(tmp_path, {"services": found()})
    for minutes in range(60):
        record(app.store, NOW - minutes * MINUTE, check="services")
    plain = answer(app, "what_happened")
    assert plain["verdict"] == "ok" and "no incident" in plain["summary"]
    assert events(plain) == []


def test_load_tests_and_notes_stand_in_the_list(tmp_path):
    app = app_with(tmp_path, {"services": found()})
    record(app.store, NOW - MINUTE, check="services")
    with app.store.write() as tx:
        at = NOW - 30 * MINUTE
        save_run(tx, LoadTestRun("full-flow", "http://x", at, at + 6 * MINUTE, "passed", 0))
    add_note(app.store, Note(NOW - 10 * MINUTE, "operation", "failover drill"))
    kinds = [kind for _, kind, _, _ in events(answer(app, "what_happened"))]
    assert kinds == ["load_test_began", "load_test_ended", "note_operation"]


def test_a_check_that_was_wrong_before_and_stays_so_did_not_change(tmp_path):
    app = app_with(tmp_path, {"services": found()})
    for minutes, status in ((90, Status.WARN), (30, Status.WARN), (20, Status.OK)):
        record(app.store, NOW - minutes * MINUTE, check="services", status=status)
    (row,) = events(answer(app, "what_happened"))
    assert row[1:3] == ["check_changed", "ok"] and "warn to ok" in row[3]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"around": "14:00", "start": "2026-11-20"}, "not both"),
        ({"around": "somewhen"}, "around is no time"),
        ({"around": "2027-01-01T10:00"}, "ahead of now"),
        ({"start": "2026-11-22", "end": "2026-11-01"}, "before end"),
        ({"start": "2020-01-01"}, "at most 31 days"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused(tmp_path, arguments, words):
    app = app_with(tmp_path, {"services": found()})
    assert words in refused(app, "what_happened", **arguments)


@pytest.mark.parametrize(("limit", "tokens"), [(20, 2_000), (200, 8_000)])
def test_a_flood_of_hostile_events_stays_within_the_budget_and_under_data(tmp_path, limit, tokens):
    app = app_with(tmp_path, {"services": found()})
    record(app.store, NOW - MINUTE, Metric("response_ms", 1.0), check="services")
    for minutes in range(1, 50):
        add_note(app.store, Note(NOW - minutes * MINUTE, "operation", f"{HOSTILE}{'x' * 400}"))
    for minutes in range(1, 30):
        incident(app, NOW - minutes * MINUTE, subject=f"{minutes}{HOSTILE}")
    plain = answer(app, "what_happened", limit=limit)
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    assert len(text) / 4 < tokens
    assert "IGNORE" not in json.dumps(without_data(plain["evidence"]))
    assert "\u202e" not in text


# --- investigate_merchant -----------------------------------------------------------------------


def test_a_merchant_that_asks_too_often_is_told_why_it_gets_429(app):
    plain = answer(app, "investigate_merchant", merchant_id="MERCHANT-8")
    (limit,) = plain["evidence"]["limits"]
    assert plain["verdict"] == "crit" and plain["evidence"]["why"] == "surge"
    assert limit["verdict"] == "blocked" and limit["refused_in_this_window"] > 0
    assert plain["evidence"]["blocked_before"][0]["code"] == "merchant_blocked"
    assert "429" in plain["summary"] and "MERCHANT-8" in plain["summary"]
    homes = {row["shard"]: row["is_its_home"] for row in plain["evidence"]["shards"]}
    assert homes == {"shard1": True, "shard2": False}


def test_a_merchant_that_is_not_refused_is_ok_with_its_volumes(app):
    plain = answer(app, "investigate_merchant", merchant_id="MERCHANT-1")
    assert (plain["verdict"], plain["evidence"]["why"]) == ("ok", "not_now")
    today = plain["evidence"]["volume"]["data_days"]
    assert sum(count for _, _, count, _ in today) == plain["evidence"]["volume"]["last_hour"] > 0


def test_a_merchant_that_nobody_knows_is_said_to_be_unknown(app):
    plain = answer(app, "investigate_merchant", merchant_id="MERCHANT-999")
    assert plain["evidence"]["why"] == "nothing" and plain["evidence"]["limits"] == []


def use(count: int, ttl: int | None = 30, action: str | None = "authorize") -> RateUse:
    return RateUse("M-1", action, count, ttl)


NO_REDIS = Unavailable("redis", Why.WAY, "connection_refused", {"path": "redis"})
WHY = {
    "over at its usual rate": ([use(120)], 7200, "over", "blocked"),
    "over, far above its usual rate": ([use(120)], 60, "surge", "blocked"),
    "over, without any past": ([use(120)], None, "over_unknown", "blocked"),
    "over for good": ([use(120, None)], 60, "stuck", "stuck"),
    "at its limit, not above": ([use(100)], 60, "near", "near"),
    "below, and never reset": ([use(5, None)], 60, "near", "stuck_soon"),
    "below": ([use(5)], 60, "not_now", "fine"),
    "of an unknown action": ([use(80, 30, None)], 60, "unclear", "unclear"),
    "no counter": ([], 60, "not_now", None),
    "redis away": (NO_REDIS, 60, "unavailable", None),
}


@pytest.mark.parametrize(("uses", "usual", "code", "verdict"), WHY.values(), ids=WHY)
def test_why_a_merchant_gets_429(uses, usual, code, verdict):
    capacities = {"authorize": 100, "capture": 100, "refund": 50}
    judged = [] if isinstance(uses, Unavailable) else limits(uses, capacities, 80)
    volumes = Volume(0 if usual is None else usual, usual, ())
    assert conclusion(judged, uses, volumes, True) == code
    assert [limit.verdict for limit in judged] == ([verdict] if verdict else [])


def test_the_hours_compared_are_the_same_on_the_clock_over_a_change_of_time():
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    berlin = ZoneInfo("Europe/Berlin")
    now = NOW.replace(month=10, day=28, hour=11, minute=0)
    hours = periods(now, berlin)[:8]
    assert {end.astimezone(berlin).hour for _, end in hours} == {12}


class Counters:
    """A Redis that only knows counters."""

    def __init__(self, uses):
        self.uses = uses

    def rate_use(self, merchant_id):
        return self.uses


def test_a_merchant_on_a_foreign_shard_is_critical(tmp_path):
    shards = two_shards(tmp_path, 40)
    shards["shard2"].run("UPDATE payment SET merchant_id = 'MERCHANT-6' WHERE payment_id = 9")
    app = app_over(tmp_path, urls(shards), redis=Counters(()))
    plain = answer(app, "investigate_merchant", merchant_id="MERCHANT-6")
    assert plain["verdict"] == "crit" and "payments on shard2" in plain["summary"]


def test_the_usual_hour_is_the_median_of_the_same_hour_of_the_days_before(tmp_path):
    folder = tmp_path / "days"
    folder.mkdir()
    shards = {"shard1": books.shard(folder, "shard1", 240 * 12, span=10 * DAY)}
    app = app_over(folder, urls(shards), redis=Counters((use(1),)))
    merchant = "MERCHANT-4"
    volume = answer(app, "investigate_merchant", merchant_id=merchant)["evidence"]["volume"]
    counts = []
    for days in range(1, 8):
        end = books.NOW - days * DAY
        query = (
            f"SELECT count(*) FROM payment WHERE merchant_id = '{merchant}' AND requested_at >="
            f" '{books.text(end - HOUR)}' AND requested_at < '{books.text(end)}'"
        )
        counts.append(shards["shard1"].ask(query))
    assert volume["usual_hour"] == sorted(counts)[3] > 0


@pytest.mark.parametrize("missing", ["redis", "shard2"])
def test_what_could_not_be_seen_of_a_merchant_is_unknown_beside_the_rest(tmp_path, missing):
    shards = two_shards(tmp_path, 40)
    addresses = urls(shards)
    redis = Counters((use(5),))
    if missing == "redis":
        redis = Counters(NO_REDIS)
    else:
        addresses["shard2"] = f"sqlite:///{tmp_path}/gone.db"
    app = app_over(tmp_path, addresses, redis=redis)
    plain = answer(app, "investigate_merchant", merchant_id="MERCHANT-6")
    assert plain["verdict"] == "unknown" and missing in plain["summary"]
    assert plain["evidence"]["volume"]["data_days"]


# --- investigate_payment ------------------------------------------------------------------------


def test_the_story_of_a_payment_is_told_per_shard(app):
    plain = answer(app, "investigate_payment", payment_id=5)
    assert [row["shard"] for row in plain["evidence"]["shards"]] == ["shard1", "shard2"]
    assert all(row["data_payment"] for row in plain["evidence"]["shards"])
    assert "shard1, shard2" in plain["summary"] and plain["verdict"] == "ok"
    one = answer(app, "investigate_payment", payment_id=5, shard="shard1")
    (chapter,) = one["evidence"]["shards"]
    assert chapter["data_course"] and one["evidence"]["conclusion"]["code"] == "capture_done"


def test_a_payment_that_does_not_exist_is_a_warning_and_a_shard_an_error(app):
    assert answer(app, "investigate_payment", payment_id=10**9)["verdict"] == "warn"
    assert "shard1, shard2" in refused(app, "investigate_payment", payment_id=5, shard="shard7")


# --- last_report --------------------------------------------------------------------------------


def test_the_report_that_was_sent_is_told_with_its_delivery(app, lived):
    assert answer(app, "last_report")["evidence"]["was_sent"] is False
    now = lived.life.clock()
    enqueue_report(app.store, app.config, "weekly", now, now, ["kept"])
    plain = answer(app, "last_report", kind="weekly")
    assert plain["evidence"]["was_sent"] and plain["origin"] == "stored"
    assert plain["evidence"]["deliveries"][0]["state"] == "waiting"
    lines = [line for part in plain["evidence"]["parts"] for line in part["lines_text"]]
    assert any("Kafka" in line for line in lines)


def test_the_overview_tells_todays_payments_and_amount(app, lived):
    plain = answer(app, "get_system_overview")
    today = plain["evidence"]["today"]
    count = sum(
        shard.rows("SELECT count(*) AS n FROM payment")[0]["n"]
        for shard in lived.standin.parts.shards.all()
    )
    assert today["payments"] == count
    assert f"{count:,}" in plain["summary"] and f"{today['amount_krw']:,}" in plain["summary"]


def test_the_overview_of_a_platform_without_a_shard_says_what_the_sum_lacks(tmp_path):
    shards = two_shards(tmp_path, 40)
    broken = urls(shards) | {"shard2": f"sqlite:///{tmp_path}/gone.db"}
    plain = answer(app_over(tmp_path, broken), "get_system_overview")
    assert plain["evidence"]["today"]["verdict"] == "unknown"
    assert plain["evidence"]["today"]["payments"] > 0
    assert "without database/shard2" in plain["summary"]


def test_the_life_is_the_one_that_is_told(lived):
    assert lived.life.clock() == START + 23 * MINUTE
