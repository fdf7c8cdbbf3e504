"""The check `reconciliation`: what it tells, remembers and never passes over."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import books
import pytest
from books_looks import ENTRIES
from pydantic import TypeAdapter

from checks.books.streams import TOPICS
from checks.reconciliation import CHECK, Facts, Options, selected
from checks.sources.database.source import Database
from checks.sources.facts.books import Books, Break, Reach
from checks.sources.facts.platform import DeadLetter, TopicEnds
from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.kafka.dead_letter import dead_letter
from monitor.domain.books.discrepancies import OpenBreak, OpenBreaks, ageing
from monitor.domain.check import ProbeContext, Status, Verdict
from monitor.text.catalog import Catalog

IDS = tuple(e.id for e in selected((), Options().ignore) if e.build)
NIGHT = books.NOW.replace(hour=18)  # when everything is swept


def breaks_of(verdict: Verdict) -> tuple[OpenBreak, ...]:
    (record,) = verdict.records
    assert isinstance(record, OpenBreaks)
    return record.breaks


class Passes:
    """Passes of the check over real shards, its memory carried from one to the next as JSON."""

    def __init__(self, shards, kafka=None, **options):
        database = Database({name: shard.url for name, shard in shards.items()})
        self.platform = SimpleNamespace(database=database, kafka=kafka)
        if "only" not in options:  # what waits at books.NOW waits too long a few minutes later
            options = {"ignore": (*Options().ignore, "P2", "P3"), **options}
        self.options = Options(**options)
        self.memory: dict = {}
        self.facts = Facts(())

    def __call__(self, now=books.NOW):
        context = ProbeContext(self.platform, self.options, self.memory, now)
        self.facts = CHECK.probe(context)
        verdict, memory = CHECK.evaluate(self.facts, context)
        self.memory = json.loads(json.dumps(memory))
        return verdict

    @property
    def swept(self) -> list[str]:
        """The shards that the last pass swept a step of."""
        return [shard for shard, _ in self.facts.swept]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Gives the files of healthy shards, to be copied for each test."""
    folder = tmp_path_factory.mktemp("template")
    return {name: books.shard(folder, name) for name in ("shard1", "shard2")}


@pytest.fixture
def shards(template, tmp_path: Path) -> dict[str, books.Shard]:
    return {name: books.copied(shard, tmp_path) for name, shard in template.items()}


def after(**span) -> object:
    return books.NOW + timedelta(**span)


def statuses(verdict) -> dict[str, Status]:
    return {f.key: f.status for f in verdict.findings}


def evaluate(*facts, memory=None, swept=(), now=books.NOW, **options):
    context = ProbeContext(None, Options(**options), memory or {}, now)
    return CHECK.evaluate(Facts(facts, tuple(swept)), context)


def found(*breaks: Break, **kw) -> Books:
    return Books("shard1", **{"examined": IDS, "breaks": breaks, **_LOOK, **kw})


EVERYTHING = {"payment": (0, 10**9), "event": (0, 10**9), "settlement": (0, 10**9)}
_LOOK = {"payments_seen": 9, "low": 0, "reach": Reach(EVERYTHING, frozenset({"control total"}))}


def broken(invariant: str, payment: int, difference: int = 0) -> Break:
    amounts = {"expected_krw": 100, "actual_krw": 100 + difference}
    return Break(invariant, "shard1", f"payment {payment}", payment, amounts)


def test_healthy_books_are_ok_and_measured(shards):
    verdict = Passes(shards)()
    assert (verdict.status, verdict.findings, breaks_of(verdict)) == (Status.OK, (), ())
    assert {(m.series, m.value) for m in verdict.metrics} == {
        (f"{name}{{{shard}}}", 0)
        for name in ("breaks", "open_breaks_krw", "old_breaks", "control_drift_krw")
        for shard in shards
    }


def test_a_break_is_told_with_its_shard_its_money_and_its_oldest_payments(shards):
    for payment in (163, 160, 161):
        shards["shard2"].disorder("L4", payment=payment)
    verdict = Passes(shards, evidence_max=2)()
    told = {f.subject: f for f in verdict.findings}
    wrong = told["shard2/L4"]
    assert set(told) == {"shard2/L4"}
    assert (wrong.code, wrong.status, wrong.passes_required) == ("books_broken", Status.CRIT, 1)
    assert (wrong.params["count"], wrong.params["amount_krw"]) == (3, 21)
    assert [row["payment_id"] for row in wrong.evidence] == [160, 161]
    assert wrong.evidence[0]["first_seen_at"] == books.NOW.isoformat()


def test_the_control_total_warns_when_seen_once_and_is_critical_when_seen_again(shards):
    shards["shard1"].disorder("L10")
    passes = Passes(shards, overlap_minutes=1440, only=("L11",))
    first = passes()
    assert statuses(first)["books_broken:shard1/L11"] is Status.WARN
    verdict = passes(after(minutes=5))
    assert statuses(verdict)["books_broken:shard1/L11"] is Status.CRIT
    told = {f.subject: f for f in verdict.findings}["shard1/L11"]
    assert told.params["drift_krw"] == 3
    assert ("control_drift_krw{shard1}", 3) in {(m.series, m.value) for m in verdict.metrics}


def test_an_old_break_stays_open_between_sweeps_until_it_is_put_right(shards):
    shards["shard1"].disorder("L4", payment=8)
    passes = Passes(shards)
    passes()
    assert passes.swept == ["shard1", "shard2"]
    assert "books_broken:shard1/L4" in statuses(passes(after(minutes=5)))
    assert passes.swept == []
    shards["shard1"].run("UPDATE ledger_entry SET amount = 10008 WHERE payment_id = 8")
    assert statuses(passes(after(minutes=10))) == {}
    assert passes.memory["shards"]["shard1"]["breaks"] == {}


def test_a_break_that_no_index_leads_to_is_carried_until_a_sweep_finds_it_gone(shards):
    shards["shard1"].disorder("O10", payment=9)
    passes = Passes(shards)
    passes()
    shards["shard1"].copy(
        "outbox_event",
        "aggregate_id = 159",
        aggregate_id="9",
        event_type="'PAYMENT_REFUND_REQUESTED'",
        payload='\'{"paymentId": 9, "amount": 10009}\'',
    )
    assert statuses(passes(after(minutes=5))) == {"books_broken:shard1/O10": Status.WARN}
    assert statuses(passes(NIGHT)) == {}


def test_a_break_keeps_the_time_of_its_first_sighting(shards):
    shards["shard1"].disorder("L3")
    passes = Passes(shards)
    passes()
    verdict = passes(after(minutes=5))
    assert verdict.findings[0].params["first_seen_at"] == books.NOW.isoformat()
    (one,) = [b for b in breaks_of(verdict) if b.invariant == "L3"]
    assert (one.first_seen_at, one.last_seen_at) == (books.NOW, after(minutes=5))
    assert (one.payment_id, one.amount_krw) == (160, 10_160)


# --- sweeps ------------------------------------------------------------------------------------


def test_everything_is_swept_at_first_and_then_once_a_night(shards):
    passes = Passes(shards)
    swept = []
    for hours in (0, 1, 14, 15, 16, 38, 39, 100, 101):
        passes(after(hours=hours))
        swept.append(len(passes.swept))
    assert swept == [2, 0, 0, 2, 0, 0, 2, 2, 0]


def test_a_sweep_goes_on_step_by_step_in_the_passes_after(shards):
    shards["shard1"].disorder("T6", payment=130)
    passes = Passes(shards, sweep_rows=100)
    seen = [("books_broken:shard1/T6" in statuses(passes(after(minutes=5 * n)))) for n in range(3)]
    assert seen == [False, True, True]
    assert passes.memory["shards"]["shard1"]["step"] == 3
    for n in range(3, 6):
        passes(after(minutes=5 * n))
    known = passes.memory["shards"]["shard1"]
    assert (known["step"], known["swept_at"]) == (0, books.NOW.isoformat())
    assert passes.swept == []


def test_a_step_that_was_stopped_is_unknown_and_is_done_again_an_hour_later(shards):
    passes = Passes(shards)
    whole = passes.platform.database
    late = Unavailable("database/shard1", Why.LIMIT, "database_time_limit", {"seconds_max": 10})
    passes.platform.database = SimpleNamespace(
        books=whole.books,
        sweep=lambda now, window, steps: (late,) * len(steps),
        rotate=lambda now, rotations: {},
    )
    verdict = passes()
    assert statuses(verdict)["monitoring_gap:database/shard1/sweep"] is Status.UNKNOWN
    assert {f.obscures for f in verdict.findings} == {"shard1/sweep", "shard2/sweep"}
    passes.platform.database = whole
    swept = []
    for minutes in (5, 59, 60, 65):
        passes(after(minutes=minutes))
        swept.append(len(passes.swept))
    assert swept == [0, 0, 2, 0]


def test_more_touched_payments_than_can_be_named_ask_for_a_sweep():
    _, memory = evaluate(found(overflow=True), memory={"shards": {"shard1": {"swept_at": "x"}}})
    assert memory["shards"]["shard1"]["swept_at"] is None


# --- what was not seen -------------------------------------------------------------------------


def test_a_shard_that_is_down_is_unknown_and_keeps_its_open_breaks(shards):
    for shard in shards.values():
        shard.disorder("L3", payment=8)
    passes = Passes(shards)
    passes()
    file, away = shards["shard2"].file, shards["shard2"].file.with_suffix(".away")
    file.rename(away)
    verdict = passes(after(minutes=5))
    assert {key for key in statuses(verdict) if "shard2" in key} == {
        "monitoring_gap:database/shard2"
    }
    assert statuses(verdict)["books_broken:shard1/L3"] is Status.CRIT
    assert [f.obscures for f in verdict.findings if f.code == "monitoring_gap"] == ["shard2"]
    assert {m.subject for m in verdict.metrics} == {"shard1"}
    assert {b.shard for b in breaks_of(verdict)} == {"shard1", "shard2"}
    away.rename(file)
    assert statuses(passes(after(minutes=10)))["books_broken:shard2/L3"] is Status.CRIT


def test_a_merchant_on_two_shards_stays_told_while_one_shard_is_down(shards):
    for shard in shards.values():
        shard.run("UPDATE payment SET merchant_id = 'M-98' WHERE payment_id = 200")
    passes = Passes(shards)
    assert statuses(passes())["books_broken:shards/S3"] is Status.CRIT
    shards["shard2"].file.rename(shards["shard2"].file.with_suffix(".away"))
    assert statuses(passes(after(minutes=5)))["books_broken:shards/S3"] is Status.CRIT


def test_two_names_of_one_database_break_s1(shards):
    verdict = Passes({"shard1": shards["shard1"], "shard2": shards["shard1"]})()
    assert statuses(verdict)["books_broken:shards/S1"] is Status.CRIT
    assert statuses(verdict)["monitoring_gap:database/shard2"] is Status.UNKNOWN


def test_a_missing_column_hides_its_invariants_and_no_other(shards):
    with shards["shard1"].engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE outbox_event DROP COLUMN published_at")
    verdict = Passes(shards)()
    (told,) = verdict.findings
    assert (told.key, told.obscures) == ("monitoring_gap:database/shard1/O7", "shard1/O7")
    assert told.params["columns"] == "outbox_event.published_at"
    assert told.status is Status.UNKNOWN
    assert "breaks{shard1}" not in {m.series for m in verdict.metrics}


def test_a_look_that_ran_out_of_time_is_unknown_and_moves_no_watermark():
    late = Unavailable("database/shard1", Why.LIMIT, "database_time_limit", {"seconds_max": 10})
    _, memory = evaluate(found())
    unavailable = dict.fromkeys(IDS[3:], late)
    verdict, kept = evaluate(
        found(examined=IDS[:3], unavailable=unavailable, entry_last=9),
        memory=memory,
        now=after(minutes=5),
    )
    assert statuses(verdict) == {"monitoring_gap:database/shard1": Status.UNKNOWN}
    assert verdict.findings[0].obscures == "shard1"
    for name in ("looked_at", "marks"):
        assert kept["shards"]["shard1"][name] == memory["shards"]["shard1"][name]


@pytest.mark.parametrize("missing", IDS)
def test_an_invariant_that_was_not_examined_is_never_ok(missing):
    examined = tuple(i for i in IDS if i != missing)
    verdict, _ = evaluate(found(examined=examined))
    assert verdict.status is Status.UNKNOWN
    assert verdict.findings[0].obscures == f"shard1/{missing}"


@pytest.mark.parametrize(
    ("part", "obscures"), [("database", ""), ("gateway", ""), ("database/shard2", "shard2")]
)
def test_what_stayed_unavailable_is_unknown_and_as_wide_as_the_part(part, obscures):
    row = [3, books.NOW.isoformat(), books.NOW.isoformat(), 0]
    memory = {"shards": {"shard2": {"breaks": {"L4": {"entry 3": row}}}}, "streams": {}}
    verdict, kept = evaluate(Unavailable(part, Why.NOT_VISIBLE, "gateway_tautology"), memory=memory)
    assert (verdict.status, verdict.findings[0].obscures) == (Status.UNKNOWN, obscures)
    assert verdict.metrics == ()
    assert kept == memory
    assert [b.key for b in breaks_of(verdict)] == ["entry 3"]


def test_a_break_of_what_was_not_examined_this_time_is_still_told():
    _, memory = evaluate(found(broken("L4", 7)))
    verdict, memory = evaluate(found(examined=("L1",)), memory=memory)
    assert memory["shards"]["shard1"]["breaks"]["L4"]["payment 7"][0] == 7
    assert "books_broken:shard1/L4" in statuses(verdict)


def test_a_flood_of_breaks_is_remembered_and_told_within_bounds():
    flood = [broken("L4", n, 1) for n in range(1000, 0, -1)]
    verdict, _ = evaluate(found(*flood, truncated=("L4",)))
    (told,) = verdict.findings
    assert (told.params["count"], told.params["at_least"]) == (500, True)
    assert [row["payment_id"] for row in told.evidence] == [1, 2, 3, 4, 5]
    assert len(breaks_of(verdict)) == 500


# --- which, how bad, how old -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("invariant", "status", "passes_required"),
    [
        ("L1", Status.CRIT, 2),
        ("L3", Status.CRIT, 1),
        ("L5", Status.CRIT, 2),
        ("L11", Status.WARN, 2),
        ("O1", Status.WARN, None),
        ("O2", Status.CRIT, 1),
        ("O9", Status.WARN, 1),
        ("T1", Status.CRIT, 1),
        ("R4", Status.CRIT, 1),
        ("P2", Status.WARN, None),
    ],
)
def test_each_invariant_has_its_severity_and_its_passes_required(
    invariant, status, passes_required
):
    verdict, _ = evaluate(found(broken(invariant, 1)))
    (told,) = verdict.findings
    assert (told.status, told.passes_required) == (status, passes_required)


def test_what_the_platform_breaks_by_design_is_ignored_until_it_is_asked_for(shards):
    shards["shard1"].disorder("T9")
    assert statuses(Passes(shards)()) == {}
    asked = statuses(Passes(shards, ignore=())())
    assert {"books_broken:shard1/T9", "books_broken:shards/S4"} <= set(asked)
    assert statuses(Passes(shards, only=("L4",), ignore=())()) == {}


def test_a_name_that_no_invariant_has_is_refused_by_the_configuration():
    with pytest.raises(ValueError, match="L99"):
        TypeAdapter(Options).validate_python({"ignore": ["L99"]})


def test_a_break_that_is_ignored_from_now_on_is_forgotten():
    _, memory = evaluate(found(broken("O9", 7)))
    verdict, memory = evaluate(found(), memory=memory, ignore=(*Options().ignore, "O9"))
    assert (verdict.status, breaks_of(verdict)) == (Status.OK, ())


@pytest.mark.parametrize(
    ("hours", "status"), [(23, None), (25, Status.WARN), (73, Status.CRIT), (200, Status.CRIT)]
)
def test_breaks_that_stay_open_for_days_are_told_by_age(hours, status):
    _, memory = evaluate(found(broken("O9", 7)))
    later = after(hours=hours)
    breaks = (broken("O9", 7), broken("L4", 8, 5))
    verdict, _ = evaluate(found(*breaks), memory=memory, now=later)
    assert statuses(verdict).get("breaks_old:shard1") is status
    if status:
        told = verdict.findings[-1].params
        assert (told["count"], told["under_1h"], told["under_1h_krw"]) == (1, 1, 5)
    assert ageing(breaks_of(verdict), later)[0].count == 1


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("invariant", ENTRIES)
def test_every_break_is_said_in_full(language, invariant):
    zone = UTC if language == "en" else ZoneInfo("Asia/Seoul")
    ids = tuple({*IDS, invariant})
    _, memory = evaluate(found(broken(invariant, 1, 5), examined=ids), ignore=())
    verdict, _ = evaluate(
        found(broken(invariant, 1, 5), examined=ids), memory=memory, now=after(days=4), ignore=()
    )
    assert {f.code for f in verdict.findings if f.status is not Status.UNKNOWN} == {
        "books_broken",
        "breaks_old",
    }
    for finding in verdict.findings:
        said = Catalog(language, zone, strict=True).finding(finding)
        assert said.text.endswith(".")
        assert said.action.endswith(".")
        assert "None" not in said.title + said.text + said.action


def test_a_grace_of_the_configuration_is_kept(shards):
    shards["shard1"].disorder("L1")
    at = books.text(books.NOW - timedelta(seconds=400))
    shards["shard1"].run("UPDATE payment SET updated_at = ? WHERE payment_id = 160", at)
    assert statuses(Passes(shards, grace_seconds=500)()) == {}
    assert "books_broken:shard1/L1" in statuses(Passes(shards)())


def test_an_event_that_waits_has_no_amount_but_its_payment(shards):
    shards["shard1"].disorder("O1")
    (told,) = Passes(shards)().findings
    assert (told.params["amount_krw"], told.params["oldest_payment_id"]) == (0, 160)
    assert told.evidence[0]["event_type"] == "PAYMENT_CAPTURE_REQUESTED"


# --- the streams -------------------------------------------------------------------------------


class Kafka:
    """A cluster whose topics end where they are told to."""

    def __init__(self, *dead_letters: DeadLetter):
        self.ends = dict.fromkeys(TOPICS.values(), 100)
        self._dead_letters = dead_letters
        self.is_down = False

    def topic_ends(self, topic):
        if self.is_down:
            return Unavailable("kafka", Why.REFUSED, "kafka_refused")
        return (TopicEnds(topic, {0: self.ends[topic]}, 0),)

    def dead_letters(self, topic, limit):
        return self._dead_letters


def publish(shard: books.Shard, at) -> None:
    now = f"'{books.text(at)}'"
    row = {"created_at": now, "published_at": now, "event_type": "'PAYMENT_REFUND_REQUESTED'"}
    shard.copy("outbox_event", "aggregate_id = 158", **row)


@pytest.mark.parametrize("arrived", [0, 1, 5])
def test_events_marked_as_published_that_did_not_arrive_are_lost(shards, arrived):
    kafka = Kafka()
    passes = Passes(shards, kafka, only=("X1",))
    assert statuses(passes()) == {}
    publish(shards["shard1"], after(minutes=3))
    kafka.ends["payment.refund-requested"] += arrived
    lost = {} if arrived else {"books_broken:shards/X1": Status.CRIT}
    assert statuses(passes(after(minutes=5))) == lost


def test_an_event_published_about_when_the_count_began_may_have_arrived_before(shards):
    kafka = Kafka()
    passes = Passes(shards, kafka, only=("X1",))
    passes()
    publish(shards["shard1"], after(seconds=50))
    assert statuses(passes(after(minutes=5))) == {}


@pytest.mark.parametrize(("arrived", "is_told"), [(1, False), (101, False), (102, True)])
def test_a_topic_that_grows_by_far_more_than_was_published_is_told(shards, arrived, is_told):
    kafka = Kafka()
    passes = Passes(shards, kafka, only=("X1", "X3"))
    passes()
    publish(shards["shard1"], after(minutes=3))
    kafka.ends["payment.refund-requested"] += arrived
    verdict = passes(after(minutes=5))
    assert statuses(verdict) == ({"books_broken:shards/X3": Status.WARN} if is_told else {})
    if is_told:
        assert verdict.findings[0].evidence[0]["arrived"] == 102
    kafka.is_down = True  # what was found stays so while nobody can look
    unavailable = {"monitoring_gap:kafka": Status.UNKNOWN}
    assert statuses(passes(after(minutes=8))) == {**statuses(verdict), **unavailable}
    kafka.is_down = False
    passes(after(minutes=16))
    assert statuses(passes(after(minutes=27))) == {}


def test_an_event_that_was_marked_late_is_not_held_for_sent_twice(shards):
    kafka = Kafka()
    passes = Passes(shards, kafka, only=("X3",))
    passes()
    for _ in range(150):
        publish(shards["shard1"], after(seconds=20))  # too early to be surely new, but it may be
    kafka.ends["payment.refund-requested"] += 150
    assert statuses(passes(after(minutes=5))) == {}


def test_streams_that_cannot_be_seen_are_unknown_and_keep_what_was_known(shards):
    kafka = Kafka()
    passes = Passes(shards, kafka, only=("X1",))
    passes()
    before = passes.memory["streams"]
    kafka.is_down = True
    verdict = passes(after(minutes=5))
    assert statuses(verdict) == {"monitoring_gap:kafka": Status.UNKNOWN}
    assert verdict.findings[0].obscures == "shards/X1"
    assert passes.memory["streams"] == before


def given_up(payment: object, minutes: float = 30, error: str = "") -> DeadLetter:
    payload = json.dumps({"paymentId": payment})
    body = {"originalTopic": "payment.captured", "errorMessage": error, "payload": payload}
    at = books.NOW - timedelta(minutes=minutes)
    return dead_letter("payment.dlq", 0, 4, at, "null", json.dumps(body))


@pytest.mark.parametrize(
    ("dead_letters", "keys"),
    [
        ((given_up(160),), []),
        ((given_up(160, error="x" * 500),), []),
        ((), ["payment 160 on shard1"]),
        ((given_up(160), given_up(7)), ["letter 0/4"]),
        ((given_up(160), given_up(7, minutes=1)), []),
        ((given_up(160), given_up(7, minutes=2000)), []),
        ((given_up(160), given_up("unreadable")), []),
    ],
    ids=[
        "explained",
        "long",
        "no letter",
        "no missing entry",
        "too young",
        "too old",
        "unreadable",
    ],
)
def test_missing_entries_and_dead_letters_explain_each_other(shards, dead_letters, keys):
    shards["shard1"].disorder("L1")
    passes = Passes(
        shards, Kafka(*dead_letters), only=("L1", "X2"), ignore=(), overlap_minutes=1440
    )
    told = {f.subject: f for f in passes().findings}
    assert (
        [row["row"] for row in told["shards/X2"].evidence] == keys
        if keys
        else "shards/X2" not in told
    )
