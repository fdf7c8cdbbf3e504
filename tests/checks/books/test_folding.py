"""One thing wrong in the books is one line, and what nothing explains stands alone."""

from __future__ import annotations

import pytest

from checks.books.folding import folded, unexplained_krw

AT = "2026-03-10T03:00:00+00:00"


def rows(*found: tuple[str, int | None, int]) -> dict[str, list[object]]:
    return {key: [payment, AT, AT, amount] for key, payment, amount in found}


ONE = {"L10": rows(("payment 7", 7, 5)), "L11": rows(("control total", 7, 5))}


@pytest.mark.parametrize(
    ("cause", "amount", "net"),
    [
        ("L1", -9, -9),
        ("L2", 9, 9),
        ("L3", 9, 9),
        ("L4", 9, 9),
        ("L5", -9, 9),
        ("L6", 9, -9),
        ("L7", 9, -9),
        ("L8", 9, -9),
        ("L9", 9, 9),
    ],
)
def test_a_balance_is_folded_into_the_entry_that_explains_it(cause, amount, net):
    breaks = {
        cause: rows(("entry 3", 7, amount)),
        "L10": rows(("payment 7", 7, net)),
        "L11": rows(("control total", 7, net)),
    }
    assert set(folded(breaks)) == {cause}


@pytest.mark.parametrize(
    "other",
    [rows(("entry 3", 8, 5)), rows(("entry 3", 7, 6)), rows(("entry 3", None, 5))],
    ids=["of another payment", "another amount", "of no payment"],
)
def test_a_balance_that_an_entry_does_not_explain_stands_alone(other):
    assert set(folded({"L4": other, **ONE})) == {"L4", "L10"}


def test_the_control_total_is_told_for_what_no_balance_explains():
    breaks = {**ONE, "L11": rows(("control total", 7, 12))}
    assert (unexplained_krw(breaks), unexplained_krw(ONE), unexplained_krw({})) == (7, 0, 0)
    assert folded(breaks)["L11"]["control total"][3] == 7
    assert "L11" not in folded(ONE)


def test_a_control_total_alone_stands():
    assert set(folded({"L11": ONE["L11"]})) == {"L11"}


def test_several_wrong_entries_of_one_payment_are_told_and_their_balance_is_not():
    strange = rows(("entry 3", 7, 4), ("entry 4", 7, 5))
    breaks = {"L9": strange, "L10": rows(("payment 7", 7, 9))}
    assert folded(breaks) == {"L9": strange}


def test_a_changed_entry_is_told_by_what_is_wrong_with_it_or_else_by_itself():
    changed = {"L12": rows(("block 0", 7, 3))}
    assert set(folded({**changed, "L4": rows(("entry 3", 7, 3))})) == {"L4"}
    assert set(folded({**changed, "L4": rows(("entry 3", 8, 3))})) == {"L12", "L4"}
