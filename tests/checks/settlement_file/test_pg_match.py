"""Matching a PG file with our rows: what belongs together, and what each case comes to."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from checks.settlement_file.match import Rules, unless_accepted
from checks.settlement_file.run import Tally, run
from checks.settlement_file.staging import GROUP_MAX, Staging
from checks.sources.facts.psp import Kind, Line, Record
from monitor.domain.books.settlement_match import Outcome

DAY = date(2026, 11, 26)
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
KINDS = {"c": Kind.CAPTURE, "r": Kind.REFUND}


def line(number=1, txn="A", payment=1, amount=1000, hours=0.0, kind="c", **more) -> Line:
    at = NOON + timedelta(hours=hours)
    return Line(number, KINDS[kind], txn, payment, amount, at, **more)


def row(key=1, txn="A", payment=1, amount=1000, hours=0.0, kind="c", status="SUCCESS", **more):
    at = NOON + timedelta(hours=hours)
    shard = more.pop("shard", "shard1")
    return Record(shard, key, KINDS[kind], txn, payment, amount, at, status, **more)


def matched(lines, records, **rules) -> list[tuple[str, str, int | None, int | None]]:
    """Every outcome: its name, why, the line's number and the row's id; in their order."""
    found = []
    with closing(Staging()) as staging:
        staging.add_lines(lines)
        staging.add_records(records)
        wanted = Rules(DAY, DAY, **rules)
        run(staging, wanted, found.append, lambda done: None)
    return sorted(
        (m.outcome.value, m.why, m.line.number if m.line else 0, m.record.id if m.record else 0)
        for m in found
    )


CASES = {
    "the same": ([line()], [row()], [("matched", "", 1, 1)]),
    "a line that we do not have": ([line()], [], [("missing_in_db", "", 1, 0)]),
    "a row that the PG does not have": ([], [row()], [("missing_in_file", "", 0, 1)]),
    "another amount": ([line(amount=999)], [row()], [("amount", "gross", 1, 1)]),
    "another outcome there": ([line(is_done=False)], [row()], [("status", "", 1, 1)]),
    "another outcome here": (
        [line()],
        [row(txn="", status="FAILED")],
        [("status", "", 1, 1)],
    ),
    "neither moved money": (
        [line(is_done=False, txn="")],
        [row(txn="", status="FAILED")],
        [("unmoved", "", 1, 1)],
    ),
    "a try that only the PG knows": ([line(is_done=False)], [], [("unmoved", "", 1, 0)]),
    "a try that only we know": ([], [row(status="FAILED")], []),
    "a day apart is within the window": ([line(hours=24)], [row()], [("matched", "", 1, 1)]),
    "two days apart is not": ([line(hours=48)], [row()], [("timing", "", 1, 1)]),
    "the same line twice": (
        [line(1), line(2)],
        [row()],
        [("duplicate", "same_id", 2, 1), ("matched", "", 1, 1)],
    ),
    "the same line twice, and we know neither": (
        [line(1), line(2)],
        [],
        [("missing_in_db", "", 1, 0), ("missing_in_db", "", 2, 0)],
    ),
    "the same id twice on no named payment": (
        [line(1, payment=None), line(2, payment=None)],
        [row()],
        [("duplicate", "same_id", 2, 1), ("matched", "", 1, 1)],
    ),
    "a double refund": (
        [line(1, "A", kind="r"), line(2, "B", kind="r")],
        [row(kind="r")],
        [("duplicate", "same_payment", 2, 1), ("matched", "", 1, 1)],
    ),
    "a double refund of another payment's number": (
        [line(1, "A", kind="r"), line(2, "B", payment=2, kind="r")],
        [row(kind="r")],
        [("matched", "", 1, 1), ("missing_in_db", "", 2, 0)],
    ),
    "a double refund whose first line was in another file": (
        [line(1, "B", kind="r")],
        [row(kind="r", hours=-24)],
        [("duplicate", "same_payment", 1, 1)],
    ),
    "a capture is no refund": (
        [line(1, kind="r")],
        [row(kind="c")],
        [("missing_in_db", "", 1, 0), ("missing_in_file", "", 0, 1)],
    ),
    "two rows of ours with one id, by payment": (
        [line(1, payment=1), line(2, payment=2, amount=5)],
        [row(1, payment=2, amount=5), row(2, payment=1)],
        [("matched", "", 1, 2), ("matched", "", 2, 1)],
    ),
    "two rows of ours with one id, by amount": (
        [line(1, payment=None, amount=5)],
        [row(1), row(2, payment=2, amount=5)],
        [("matched", "", 1, 2), ("missing_in_file", "", 0, 1)],
    ),
    "one id on different payments is a coincidence": (
        [line(payment=9)],
        [row(payment=1)],
        [("missing_in_db", "", 1, 0), ("missing_in_file", "", 0, 1)],
    ),
    "one id on different merchants is a coincidence": (
        [line(merchant_id="M-1")],
        [row(merchant_id="M-2")],
        [("missing_in_db", "", 1, 0), ("missing_in_file", "", 0, 1)],
    ),
    "a file without ids": (
        [line(1, ""), line(2, "", payment=2)],
        [row(1, "X"), row(2, "Y", payment=2)],
        [("matched", "", 1, 1), ("matched", "", 2, 2)],
    ),
    "a file without ids, more than a day apart": (
        [line(1, "", hours=48)],
        [row(1, "X")],
        [("missing_in_db", "", 1, 0), ("missing_in_file", "", 0, 1)],
    ),
    "a file without ids, another amount": (
        [line(1, "", amount=5)],
        [row(1, "X")],
        [("missing_in_db", "", 1, 0), ("missing_in_file", "", 0, 1)],
    ),
    "a file without ids, paid twice": (
        [line(1, ""), line(2, "", hours=1)],
        [row(1, "X")],
        [("duplicate", "same_payment", 2, 1), ("matched", "", 1, 1)],
    ),
    "a file without ids, a number that both shards have": (
        [line(1, ""), line(2, "", hours=1)],
        [row(1, "X", hours=1, shard="shard2"), row(2, "Y")],
        [("matched", "", 1, 2), ("matched", "", 2, 1)],
    ),
    "a file without ids, told apart by merchant": (
        [line(1, "", merchant_id="M-2")],
        [row(1, "X", merchant_id="M-1"), row(2, "Y", merchant_id="M-2", shard="shard2")],
        [("matched", "", 1, 2), ("missing_in_file", "", 0, 1)],
    ),
    "two ids that differ are two transactions": (
        [line(1, "B")],
        [row(1, "A")],
        [("missing_in_db", "", 1, 0), ("missing_in_file", "", 0, 1)],
    ),
    "a failed try first, then the money": (
        [line(1, "", is_done=False), line(2, "", hours=2)],
        [row(1, "X", hours=0.1)],
        [("matched", "", 2, 1), ("unmoved", "", 1, 0)],
    ),
    "our row of another day is not this file's": ([], [row(hours=24)], []),
}


@pytest.mark.parametrize(("lines", "records", "expected"), CASES.values(), ids=CASES)
def test_both_sides_come_to(lines, records, expected):
    assert matched(lines, records) == expected


def test_amounts_agree_within_the_tolerance():
    sides = [line(amount=1005)], [row(amount=1000)]
    assert matched(*sides, tolerance_krw=5) == [("matched", "", 1, 1)]
    assert matched(*sides, tolerance_krw=4) == [("amount", "gross", 1, 1)]


@pytest.mark.parametrize(
    ("fee", "tolerance", "outcome"),
    [
        (25, 0, "matched"),
        (30, 5, "matched"),
        (30, 4, "amount"),
        (-25, 0, "matched"),
        (0, 0, "amount"),
    ],
)
def test_a_fee_has_a_tolerance_of_its_own(fee, tolerance, outcome):
    rules = {"fee_percent": 2.5, "fee_tolerance_krw": tolerance}
    [(found, *_)] = matched([line(fee_krw=fee)], [row()], **rules)
    assert found == outcome


def test_fees_are_judged_only_where_a_rate_is_agreed():
    assert matched([line(fee_krw=999)], [row()])[0][0] == "matched"


def test_a_row_in_the_file_of_another_day_is_found_there_and_its_lines_are_not_judged():
    lines = [line(1, file=1), line(2, "Z", 9, file=1), line(3, "Y", 8, file=-1, kind="r")]
    assert matched(lines, [row()]) == [("elsewhere", "found", 1, 1)]


def test_a_double_refund_on_the_next_day_is_told_with_that_days_file():
    lines = [line(1, "A", kind="r", file=-1), line(2, "B", kind="r")]
    rows = [row(kind="r", hours=-24)]
    assert matched(lines, rows) == [("duplicate", "same_payment", 2, 1)]


@pytest.mark.parametrize(
    ("hours", "files", "outcome"),
    [
        (11.5, {}, "elsewhere"),
        (11.5, {"has_after": True}, "missing_in_file"),
        (-11.5, {}, "elsewhere"),
        (-11.5, {"has_before": True}, "missing_in_file"),
        (-11.5, {"has_after": True}, "elsewhere"),
        (10, {}, "missing_in_file"),
    ],
)
def test_a_row_near_midnight_may_be_in_the_file_that_was_not_read(hours, files, outcome):
    [(found, why, _, _)] = matched([], [row(hours=hours)], **files)
    assert found == outcome
    assert why == ("awaited" if outcome == "elsewhere" else "")


def test_days_are_those_of_the_files_zone():
    seoul = {"zone": ZoneInfo("Asia/Seoul"), "has_before": True, "has_after": True}
    assert matched([], [row(hours=-11)], **seoul)[0][0] == "missing_in_file"
    assert matched([], [row(hours=4)], **seoul) == []


def test_without_every_shard_a_line_is_not_called_missing():
    assert matched([line()], [], is_partial=True) == [("unjudged", "", 1, 0)]
    assert matched([], [row()], is_partial=True)[0][0] == "missing_in_file"


def test_without_every_shard_a_second_line_of_a_payments_number_is_not_called_a_duplicate():
    lines = [line(1, "A", kind="r"), line(2, "B", kind="r")]
    found = matched(lines, [row(kind="r")], is_partial=True)
    assert found == [("matched", "", 1, 1), ("unjudged", "", 2, 0)]


def test_an_id_on_thousands_of_lines_tells_nothing_apart_and_loses_nothing():
    many = [line(n, "0", payment=n) for n in range(1, GROUP_MAX + 500)]
    found = matched(many, [row(1, "0", payment=7)])
    assert len(found) == len(many)
    assert [each for each in found if each[0] != "missing_in_db"] == [("matched", "", 7, 1)]


def test_what_somebody_has_cleared_up_is_accepted():
    tally = Tally()
    with closing(Staging()) as staging:
        staging.add_lines([line(1, "A"), line(2, "B", 2)])
        accepted = frozenset({"A"})
        run(
            staging,
            Rules(DAY, DAY),
            lambda match: tally.add(unless_accepted(match, accepted)),
            lambda done: None,
        )
    assert tally.counts == {"accepted": 1, "missing_in_db": 1}
    assert tally.amounts_krw[Outcome.MISSING_IN_DB] == 1000


def test_every_line_and_row_comes_to_something_once():
    """A thousand lines and rows in disorder: nothing is lost, nothing is counted twice."""
    lines = [line(n, f"T{n % 700}", payment=n % 500, amount=n % 3 + 1) for n in range(1000)]
    rows = [row(n, f"T{n % 600}", payment=n % 400, amount=n % 2 + 1) for n in range(1000)]
    found = matched(lines, rows)
    told = [number for _, _, number, _ in found if number]
    assert sorted(told) == list(range(1, 1000))
    ours = [key for outcome, _, _, key in found if key and outcome != "duplicate"]
    assert sorted(ours) == list(range(1, 1000))
