"""Answers that go on: no row is lost, whatever had to be cut, and a cursor fits one question."""

from __future__ import annotations

import pytest
from mcp.server.mcpserver.exceptions import ToolError
from mcp_case import NOW

from mcp_server.answers.answer import CHARS_MAX, CHARS_USUAL, Answer, compact, result
from mcp_server.answers.paging import (
    CURSOR_MAX,
    Page,
    encode,
    offset,
    offset_page,
    position,
    question_of,
)
from monitor.domain.check import Status

QUESTION = question_of("query_payments", {"filter": "failed", "limit": 50})


def answered(rows, page, chars_max=CHARS_USUAL, **more):
    evidence = {"rows": rows, **more}
    answer = Answer(Status.OK, "so", "live", NOW, evidence, page=page, chars_max=chars_max)
    return result(answer, NOW).structured_content


def numbered(start, count, text=""):
    return [{"id": start + i, "text": text} for i in range(count)]


@pytest.mark.parametrize("text", ["", "x" * 100, "결제" * 200, '"\\' * 200])
@pytest.mark.parametrize("more", [{}, {"other": ["y" * 90] * 200}])
def test_every_row_comes_once_over_all_pages(text, more):
    total, seen, cursor = 137, [], None
    while True:
        start = offset(QUESTION, cursor)
        rows = numbered(start, min(50, total - start), text)
        page = offset_page("rows", QUESTION, start, len(rows), total)
        plain = answered(rows, page, **more)
        assert len(compact(plain)) <= CHARS_USUAL
        seen += [row["id"] for row in plain["evidence"]["rows"]]
        cursor = plain.get("cursor")
        if cursor is None:
            break
        assert plain["truncated"] and plain["rest"] and "rows" not in plain.get("left_out", {})
    assert seen == list(range(total))


def test_positions_of_any_kind_come_back_as_they_were():
    key = ("2026-11-22T05:30:00.123456Z", 42, None, "가맹점-7")
    assert position(QUESTION, encode(QUESTION, key)) == key
    assert position(QUESTION, None) is None


def test_the_last_page_has_no_cursor():
    assert "cursor" not in answered(numbered(0, 3), offset_page("rows", QUESTION, 0, 3, 3))
    more = Page("rows", QUESTION, [(i,) for i in range(3)], more=True)
    assert position(QUESTION, answered(numbered(0, 3), more)["cursor"]) == (2,)


@pytest.mark.parametrize(
    "broken",
    [
        lambda c: c[:-1],
        lambda c: "A" + c[1:],
        lambda c: c + "x",
        lambda c: "",
        lambda c: "….…",
        lambda c: "12",
        lambda c: encode(question_of("query_payments", {"filter": "all"}), (50,)),
        lambda c: encode(question_of("query_ledgers", {"filter": "failed", "limit": 50}), (50,)),
        lambda c: encode(QUESTION, ("fifty",)),
        lambda c: encode(QUESTION, (-1,)),
    ],
    ids=[
        "cut",
        "altered",
        "longer",
        "empty",
        "no ascii",
        "a number",
        "filter",
        "tool",
        "text",
        "-1",
    ],
)
def test_a_cursor_of_something_else_is_refused_with_what_to_do(broken):
    with pytest.raises(ToolError, match="without cursor"):
        offset(QUESTION, broken(encode(QUESTION, (50,))))


def test_a_position_too_long_for_a_cursor_is_a_bug_and_not_a_cut():
    with pytest.raises(ValueError, match="short enough"):
        encode(QUESTION, ("x" * CURSOR_MAX,))


def test_one_huge_row_still_leads_on():
    page = offset_page("rows", QUESTION, 0, 2, 2)
    huge = {f"k{i}": "z" * 300 for i in range(20)}
    plain = answered([huge, huge], page)
    assert len(plain["evidence"]["rows"]) == 1
    assert offset(QUESTION, plain["cursor"]) == 1


@pytest.mark.parametrize("asked", [CHARS_USUAL, CHARS_MAX, 10 * CHARS_MAX])
def test_no_answer_is_larger_than_the_largest(asked):
    rows = numbered(0, 5000, "w" * 300)
    plain = answered(rows, offset_page("rows", QUESTION, 0, 5000, 10**6), asked)
    assert len(compact(plain)) <= min(asked, CHARS_MAX)
