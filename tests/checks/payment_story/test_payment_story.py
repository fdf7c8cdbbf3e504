"""The story of a payment: for each way a payment can go wrong, the reason that is told."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import books
import pytest

from checks.payment_story.probe import Facts, spans
from checks.payment_story.story import tell
from checks.sources.database.source import Database
from checks.sources.facts.payments import Written
from checks.sources.facts.platform import Breaker, DeadLetter, GroupLag, PartitionLag
from checks.sources.facts.unavailable import Unavailable, Why
from monitor.domain.alert import Alert, Phase
from monitor.domain.books.discrepancies import OpenBreak
from monitor.domain.books.payment_story import Glance, History, Story
from monitor.domain.check import Finding, Status

NOW = books.NOW + timedelta(minutes=10)
CAPTURED, REFUNDED = books.CAPTURED, books.REFUNDED
REFUNDING, CAPTURING = books.REFUNDING, books.CAPTURING
OUTBOX = "UPDATE outbox_event SET"
UNSENT = f"{OUTBOX} published = 0, published_at = NULL WHERE aggregate_id ="
SETTLED, BOOKED = "settlement_request", "ledger_entry"
NOTHING = History()
BROKER_GONE = Unavailable("kafka", Why.REFUSED, "part_reports_error", {"path": "/x", "got": "no"})


@pytest.fixture(scope="module")
def healthy(tmp_path_factory) -> list[books.Shard]:
    folder = tmp_path_factory.mktemp("books")
    return [books.shard(folder), books.shard(folder, "shard2")]


@pytest.fixture
def pair(healthy, tmp_path: Path) -> list[books.Shard]:
    """Gives two healthy shards on which every id stands twice."""
    return [books.copied(shard, tmp_path) for shard in healthy]


def no_lag(group: str, messages: int = 0, topic: str = "") -> GroupLag:
    return GroupLag(group, (PartitionLag(topic, 0, 5, 5 + messages, messages),))


LAGS = {
    group: no_lag(group)
    for group in ("settlement-worker-group", "refund-worker-group", "payment-consumer")
}
DEAD_LETTERS = {"payment.dlq": (), "settlement.dlq": (), "refund.dlq": ()}


def dead_letter(
    topic: str, origin: str = "payment.captured", amount: int | None = None
) -> DeadLetter:
    at = books.NOW - timedelta(minutes=1)
    return DeadLetter(topic, 2, 7, at, "", "{}", origin, "DataIntegrityViolation", 1, amount)


def alert(code: str, subject: str, minutes: float = 60, **params: str) -> Alert:
    since = NOW - timedelta(minutes=minutes)
    return Alert(
        *("x", code, subject, Phase.FIRING, Status.CRIT, since, NOW), params=params, fired_at=since
    )


def told(
    pair: list[books.Shard],
    payment: int,
    history: History = NOTHING,
    now=NOW,
    shard: str = "",
    **facts: object,
) -> Story:
    urls = {f"shard{n}": each.url for n, each in enumerate(pair, 1)}
    records = Database(urls).payment(payment, shard)
    known = {"dead_letters": DEAD_LETTERS, "lags": LAGS} | facts
    return tell(Facts(payment, records, **known), history, now)  # type: ignore[arg-type]


def codes(story: Story, shard: int = 0) -> list[str]:
    return [reason.code for reason in story.chapters[shard].reasons]


@pytest.mark.parametrize(
    ("payment", "reasons"),
    [(CAPTURED, ["capture_done"]), (REFUNDED, ["refund_done", "capture_done"])],
    ids=["captured", "refunded"],
)
def test_a_payment_that_is_well_is_told_so_on_each_shard(pair, payment, reasons):
    story = told(pair, payment)
    assert (codes(story, 0), codes(story, 1), story.status) == (reasons, reasons, Status.OK)


# --- why an event is not published ---------------------------------------------------------------

PUBLISHING = {
    "exhausted": (
        [f"{OUTBOX} published = 0, retry_count = 5 WHERE aggregate_id = {CAPTURING}"],
        {},
        "event_exhausted",
    ),
    "broker_refuses": ([f"{UNSENT} {CAPTURING}"], {"lags": {"g": BROKER_GONE}}, "broker_down"),
    "broker_alert": (
        [f"{UNSENT} {CAPTURING}"],
        {"history": History((alert("service_down", "kafka"),))},
        "broker_down",
    ),
    "breaker_alert": (
        [f"{UNSENT} {CAPTURING}"],
        {"history": History((alert("breaker_open", "i/kafka-publisher", state="OPEN"),))},
        "breaker_open",
    ),
    "breaker_now": (
        [f"{UNSENT} {CAPTURING}"],
        {"breakers": {"i": (Breaker("i", "kafka-publisher", "OPEN", 99.0, None, 5, 5, 0),)}},
        "breaker_open",
    ),
    "relay_stalled": (
        [f"{UNSENT} {CAPTURING}"],
        {"history": History((alert("relay_stalled", ""),))},
        "relay_stalled",
    ),
    "nothing_went_out": ([f"{UNSENT} {CAPTURING}"], {}, "relay_quiet"),
    "another_alert": (
        [f"{UNSENT} {CAPTURING}"],
        {"history": History((alert("breaker_open", "i/pg-auth-api"),))},
        "relay_quiet",
    ),
}


@pytest.mark.parametrize(("changes", "given", "code"), PUBLISHING.values(), ids=PUBLISHING)
def test_an_event_that_waits_is_explained(pair, changes, given, code):
    for change in changes:
        pair[0].run(change)
    story = told(pair, CAPTURING, **given)
    assert (codes(story), story.chapters[0].status) == ([code], Status.CRIT)


def early(pair: list[books.Shard], payment: int, also: str = "1 = 1") -> None:
    """An old payment is requested again, and its event waits while all later ones went out."""
    pair[0].run(
        "UPDATE payment SET status = 'CAPTURE_REQUESTED', updated_at = updated_at"
        f" WHERE payment_id = {payment}"
    )
    pair[0].run(f"DELETE FROM settlement_request WHERE payment_id = {payment}")
    pair[0].run(f"DELETE FROM ledger_entry WHERE payment_id = {payment}")
    pair[0].run(f"{UNSENT} {payment} AND {also}")


def test_an_event_of_the_half_that_no_relay_takes_is_told_as_that(pair):
    early(pair, 61)
    pair[0].run(f"{OUTBOX} published = 0 WHERE aggregate_id % 2 = 1")
    [reason] = told(pair, 61).chapters[0].reasons
    assert (reason.code, reason.params["is_other_half"]) == ("relay_unreached", True)


@pytest.mark.parametrize("payment", [60, 61], ids=["own half", "other half"])
def test_an_event_that_others_of_its_half_overtook_is_passed_over(pair, payment):
    early(pair, payment)
    assert codes(told(pair, payment)) == ["event_passed_over"]


def test_a_fresh_event_is_under_way(pair):
    pair[0].run(f"{UNSENT} {CAPTURING}")
    at = books.NOW - timedelta(seconds=30)
    assert codes(told(pair, CAPTURING, now=at)) == ["event_fresh"]


# --- why a published event had no effect --------------------------------------------------------

WORKER = "settlement-worker-group"
TOPIC = "payment.capture-requested"


def lagging(group: str, topic: str) -> dict[str, GroupLag]:
    return LAGS | {group: no_lag(group, 9, topic)}


WORKING = {
    "skipped": ({}, "worker_skipped", Status.CRIT),
    "behind": ({"lags": lagging(WORKER, TOPIC)}, "worker_behind", Status.WARN),
    "behind elsewhere": ({"lags": lagging(WORKER, "other")}, "worker_skipped", Status.CRIT),
    "stuck": (
        {"history": History((alert("lag_stuck", WORKER),)), "lags": lagging(WORKER, TOPIC)},
        "worker_stopped",
        Status.CRIT,
    ),
    "absent": (
        {"history": History((alert("group_absent", WORKER),))},
        "worker_stopped",
        Status.CRIT,
    ),
    "lag unavailable": ({"lags": {WORKER: BROKER_GONE}}, "worker_unavailable", Status.UNKNOWN),
    "given up": (
        {"dead_letters": DEAD_LETTERS | {"settlement.dlq": (dead_letter("settlement.dlq"),)}},
        "worker_gave_up",
        Status.CRIT,
    ),
    "another's letter": (
        {
            "dead_letters": DEAD_LETTERS
            | {"settlement.dlq": (dead_letter("settlement.dlq", amount=1),)}
        },
        "worker_skipped",
        Status.CRIT,
    ),
}


@pytest.mark.parametrize(("given", "code", "status"), WORKING.values(), ids=WORKING)
def test_a_request_that_the_worker_has_not_answered_is_explained(pair, given, code, status):
    story = told(pair, CAPTURING, **given)
    assert (codes(story), story.chapters[0].status) == ([code], status)


def test_the_refund_is_explained_as_the_capture_is(pair):
    found = told(pair, REFUNDING, lags=lagging("refund-worker-group", "payment.refund-requested"))
    assert codes(found) == ["worker_behind", "capture_done"]
    assert found.chapters[0].reasons[0].stage == "refund"


STATES = {
    "no_event": (
        CAPTURING,
        [f"DELETE FROM outbox_event WHERE aggregate_id = {CAPTURING}"],
        "event_missing",
    ),
    "strange": (
        CAPTURED,
        [f"UPDATE payment SET status = 'READY' WHERE payment_id = {CAPTURED}"],
        "state_strange",
    ),
    "captured_without_reason": (
        CAPTURED,
        [f"DELETE FROM settlement_request WHERE payment_id = {CAPTURED}"],
        "capture_unexplained",
    ),
    "refunded_without_reason": (
        REFUNDED,
        [f"DELETE FROM refund_request WHERE payment_id = {REFUNDED}"],
        "refund_unexplained",
    ),
    "outcome_overwritten": (
        CAPTURED,
        [f"UPDATE payment SET status = 'CAPTURE_REQUESTED' WHERE payment_id = {CAPTURED}"],
        "outcome_contradicts",
    ),
    "failed_without_reason": (
        CAPTURED,
        [f"UPDATE payment SET status = 'CAPTURE_FAILED' WHERE payment_id = {CAPTURED}"],
        "failed_unexplained",
    ),
}


@pytest.mark.parametrize(("payment", "changes", "code"), STATES.values(), ids=STATES)
def test_a_status_that_its_rows_do_not_bear_out_is_critical(pair, payment, changes, code):
    for change in changes:
        pair[0].run(change)
    story = told(pair, payment)
    assert code in codes(story)
    assert story.status is Status.CRIT


def test_two_refunds_of_a_payment_are_told_with_their_sum(pair):
    pair[0].copy("refund_request", f"payment_id = {REFUNDED}")
    reason = told(pair, REFUNDED).chapters[0].reasons[0]
    assert (reason.code, reason.params["paid_krw"]) == ("refund_twice", 2 * (books.MONEY + 159))


def failing(pair: list[books.Shard], change: str) -> Story:
    pair[0].run(
        "UPDATE payment SET status = 'CAPTURE_FAILED', updated_at = updated_at"
        f" WHERE payment_id = {CAPTURED}"
    )
    pair[0].run(
        "UPDATE settlement_request SET status = 'FAILED', completed_at = NULL, pg_response_code ="
        f" '9999', pg_response_message = 'no funds', {change} WHERE payment_id = {CAPTURED}"
    )
    pair[0].run(f"DELETE FROM ledger_entry WHERE payment_id = {CAPTURED}")
    return told(pair, CAPTURED)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("last_retry_at = NULL", "pg_refused_untried"),
        ("retry_count = 3, last_retry_at = requested_at", "pg_refused"),
        ("retry_count = 10, last_retry_at = requested_at", "retries_exhausted"),
    ],
)
def test_a_refusal_is_told_with_what_the_pg_said_and_what_was_tried(pair, change, code):
    story = failing(pair, change)
    assert (codes(story), story.chapters[0].status) == ([code], Status.WARN)
    said = story.chapters[0].reasons[0].params
    assert (said["pg_code"], said["pg_message"]) == ("9999", "no funds")


# --- the ledger ---------------------------------------------------------------------------------

AMOUNT = books.MONEY + CAPTURED
ENTRY = f"WHERE payment_id = {CAPTURED}"
LOST = [f"DELETE FROM ledger_entry {ENTRY}"]
LEDGER = {
    "lost": (LOST, {}, "entry_missing"),
    "dead letter": (
        LOST,
        {
            "dead_letters": DEAD_LETTERS
            | {"payment.dlq": (dead_letter("payment.dlq", amount=AMOUNT),)}
        },
        "entry_dead_lettered",
    ),
    "letter of another topic": (
        LOST,
        {
            "dead_letters": DEAD_LETTERS
            | {"payment.dlq": (dead_letter("payment.dlq", "payment.refunded"),)}
        },
        "entry_missing",
    ),
    "behind": (
        LOST,
        {"lags": lagging("payment-consumer", "payment.captured")},
        "worker_behind",
    ),
    "never booked, behind": (
        LOST,
        {
            "lags": lagging("payment-consumer", "payment.captured"),
            "written": {"shard1": Written(224, 0, 0), "shard2": Written(200, 0, 190)},
        },
        "entry_skipped",
    ),
    "never booked elsewhere": (
        LOST,
        {"written": {"shard1": Written(200, 0, 190), "shard2": Written(224, 0, 0)}},
        "entry_missing",
    ),
    "twice": ([], {}, "entry_twice"),
    "wrong amount": ([f"UPDATE ledger_entry SET amount = 1 {ENTRY}"], {}, "entry_amount"),
    "accounts": ([f"UPDATE ledger_entry SET debit_account = 'x' {ENTRY}"], {}, "entry_accounts"),
    "early": (
        [
            "UPDATE payment SET status = 'CAPTURE_REQUESTED', updated_at = updated_at " + ENTRY,
            f"DELETE FROM settlement_request {ENTRY}",
        ],
        {},
        "entry_early",
    ),
}


@pytest.mark.parametrize(("changes", "given", "code"), LEDGER.values(), ids=LEDGER)
def test_what_is_wrong_with_the_entries_is_told(pair, changes, given, code):
    for change in changes:
        pair[0].run(change)
    if code == "entry_twice":
        pair[0].copy("ledger_entry", f"payment_id = {CAPTURED}")
    assert code in codes(told(pair, CAPTURED, **given))


def test_an_entry_is_lost_only_if_the_dead_letters_and_the_lag_were_seen(pair):
    pair[0].run(LOST[0])
    is_lost = [
        told(pair, CAPTURED, **given).chapters[0].reasons[0].params["is_lost"]
        for given in (
            {},
            {"dead_letters": DEAD_LETTERS | {"payment.dlq": BROKER_GONE}},
            {"lags": {"payment-consumer": BROKER_GONE}},
            {"cut_off": frozenset({"payment.dlq"})},
        )
    ]
    assert is_lost == [True, False, False, False]


def test_an_entry_on_the_other_shards_payment_is_found_from_both_sides(pair):
    pair[0].run(f"UPDATE payment SET amount = 777, updated_at = updated_at {ENTRY}")
    pair[0].run(f"UPDATE ledger_entry SET amount = 777 {ENTRY}")
    pair[0].copy("ledger_entry", f"payment_id = {CAPTURED}", amount=str(AMOUNT))
    pair[1].run(LOST[0])
    story = told(pair, CAPTURED)
    assert (codes(story, 0)[0], codes(story, 1)[0]) == ("entry_foreign", "entry_elsewhere")


def test_a_letter_that_may_be_the_other_shards_is_told_as_shared(pair):
    for shard in pair:
        shard.run(LOST[0])
    dead_letters = DEAD_LETTERS | {"payment.dlq": (dead_letter("payment.dlq", amount=AMOUNT),)}
    [first, second] = told(pair, CAPTURED, dead_letters=dead_letters).chapters
    assert first.reasons[0].params["is_shared"]
    assert second.reasons[0].params["is_shared"]


def test_a_break_that_nothing_else_tells_of_is_told(pair):
    one = OpenBreak("shard1", "O9", f"payment {CAPTURED}", CAPTURED, 0, books.NOW, books.NOW)
    history = History(breaks=((one, None), (dataclasses.replace(one, shard="shard2"), NOW)))
    story = told(pair, CAPTURED, history)
    assert (codes(story, 0)[0], codes(story, 1)[0]) == ("books_broken", "capture_done")
    assert "break_resolved" in [one.code for one in story.chapters[1].happenings]


# --- what is not there, and what is not seen ----------------------------------------------------


def test_a_payment_on_no_shard_is_nowhere(pair):
    story = told(pair, 9999)
    assert (story.conclusion.code, story.status) == ("nowhere", Status.WARN)


def test_a_shard_that_is_down_hides_only_itself(pair):
    pair[1].file.unlink()
    story = told(pair, CAPTURED)
    assert (codes(story, 0), codes(story, 1)) == (["capture_done"], ["shard_unavailable"])
    assert story.status is Status.UNKNOWN
    assert told(pair, 9999).conclusion.code == "perhaps_elsewhere"
    assert told(pair, CAPTURED, shard="shard1").status is Status.OK


def test_dead_letters_that_cannot_be_read_do_not_touch_what_is_well(pair):
    story = told(pair, CAPTURED, dead_letters=dict.fromkeys(DEAD_LETTERS, BROKER_GONE))
    assert (story.status, story.chapters[0].unavailable) == (Status.OK, ())


# --- the course, and the state of broker and breaker in it --------------------------------------


def test_the_course_is_in_its_order_with_the_state_of_then(pair):
    long_ago = dataclasses.replace(
        alert("service_down", "kafka", 60 * 9), ended_at=NOW - timedelta(hours=7)
    )
    quiet = (Glance("services", books.NOW - timedelta(hours=40), Status.OK),)
    [chapter, _] = told(pair, CAPTURED, History((long_ago,), quiet)).chapters
    assert [one.at for one in chapter.happenings] == sorted(one.at for one in chapter.happenings)
    [authorized] = [one for one in chapter.happenings if one.code == "authorized"]
    assert authorized.around == {"broker": "down", "breaker": "unwatched"}
    assert "alert_began" in [one.code for one in chapter.happenings]


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        (None, "closed"),
        (Finding("breaker_open", Status.CRIT, "i/kafka-publisher", {"state": "OPEN"}), "open"),
        (Finding("monitoring_gap", Status.UNKNOWN, "gateway"), "unavailable"),
        (Finding("monitoring_gap", Status.UNKNOWN, "ingest/pg-auth-api"), "closed"),
    ],
)
def test_the_breakers_state_is_that_of_the_last_pass_before(pair, finding, state):
    at = books.NOW - timedelta(hours=8, minutes=1)
    later = Glance("breakers", NOW, Status.OK)
    glance = Glance("breakers", at, Status.OK, (finding,) if finding else ())
    [chapter, _] = told(pair, CAPTURED, History(glances=(glance, later))).chapters
    assert chapter.happenings[0].around["breaker"] == state


def test_a_late_event_is_explained_by_what_held_it_up(pair):
    pair[0].run(
        "UPDATE outbox_event SET published_at = datetime(created_at, '+20 minutes')"
        f" WHERE aggregate_id = {CAPTURED} AND event_type = 'PAYMENT_CAPTURE_REQUESTED'"
    )
    down = dataclasses.replace(
        alert("service_down", "kafka", 8 * 60 + 5), ended_at=NOW - timedelta(hours=8)
    )
    reasons = told(pair, CAPTURED, History((down,))).chapters[0].reasons
    [late] = [reason for reason in reasons if reason.code == "published_late"]
    assert (late.status, late.params["cause"]) == (Status.OK, "service_down")


def test_what_is_finished_needs_no_history_after_it(pair):
    records = Database({"shard1": pair[0].url}).payment(CAPTURED)
    [(start, end)] = spans(Facts(CAPTURED, records), NOW)
    assert end - start < timedelta(hours=1)
    pair[0].run(LOST[0])
    for payment in (CAPTURED, CAPTURING):  # without its entry, it is not finished either
        records = Database({"shard1": pair[0].url}).payment(payment)
        assert spans(Facts(payment, records), NOW)[0][1] == NOW
