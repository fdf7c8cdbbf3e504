"""Reading a PG settlement file: whatever it is written in, and whatever is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from checks.settlement_file.amounts import FieldError, money
from checks.settlement_file.layout import Layout
from checks.settlement_file.reader import LINE_MAX, FileRead, read
from checks.sources.facts.psp import BadLine, Kind, Line
from checks.sources.facts.unavailable import Unavailable, Why

HEADER = "transaction_id,payment_id,amount,at,status,kind\n"
GOOD = "STL_1,7,1000,2026-11-26 13:00:00,success,capture\n"
KOREAN = {
    "transaction_id": "거래번호",
    "payment_id": "주문번호",
    "amount": "금액",
    "at": "거래일시",
    "kind": "구분",
}


def read_all(path: Path, layout: Layout | None = None) -> tuple[list[Line], list[BadLine], Any]:
    lines: list[Line] = []
    bad: list[BadLine] = []

    def take(more, worse, read_bytes) -> None:
        lines.extend(more)
        bad.extend(worse)
        assert 0 <= read_bytes <= path.stat().st_size

    return lines, bad, read(path, layout or Layout(), take)


def written(tmp_path: Path, text: str | bytes, encoding: str = "utf-8") -> Path:
    path = tmp_path / "settlement-2026-11-26.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


def test_a_line_is_read_with_its_zone(tmp_path):
    [line], bad, counted = read_all(written(tmp_path, HEADER + GOOD))
    at = datetime(2026, 11, 26, 4, tzinfo=UTC)
    assert line == Line(2, Kind.CAPTURE, "STL_1", 7, 1000.0, at, True)
    assert (bad, counted) == ([], FileRead(1, 0))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", "|", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_separators_and_line_ends(tmp_path, encoding, separator, end):
    rows = [list(KOREAN.values()), ["가맹-1", "12", "1.000.500", "26.11.2026", "취소"]]
    text = end.join(separator.join(row) for row in rows)
    layout = Layout(
        KOREAN, separator=separator, encoding=encoding, at_format="%d.%m.%Y", thousands="."
    )
    [line], bad, _ = read_all(written(tmp_path, text, encoding), layout)
    assert (line.transaction_id, line.payment_id, line.amount_krw) == ("가맹-1", 12, 1_000_500)
    assert (line.kind, line.at.isoformat()) == (Kind.REFUND, "2026-11-26T00:00:00+09:00")
    assert bad == []


def test_a_mark_of_byte_order_is_no_part_of_the_first_column(tmp_path):
    path = written(tmp_path, HEADER + GOOD, "utf-8-sig")
    assert len(read_all(path, Layout(encoding="utf-8"))[0]) == 1


AMOUNTS = {
    "1000": 1000,
    "1,000": 1000,
    " 1,234,567 ": 1_234_567,
    "1000.00": 1000,
    "-1,000": -1000,
    "\N{MINUS SIGN}1,000": -1000,
    "(1,000)": -1000,
    "1,000-": -1000,
    "₩1,000": 1000,
    "1,000원": 1000,
    "KRW 1,000": 1000,
    "0": 0,
}


@pytest.mark.parametrize(("text", "amount"), AMOUNTS.items())
def test_amounts(text, amount):
    assert money(text, ",") == amount


@pytest.mark.parametrize("text", ["", "-", "abc", "1,000 USD", "nan", "inf", "1e99", "--5", "1 2x"])
def test_what_is_no_amount(text):
    with pytest.raises(FieldError) as raised:
        money(text, ",")
    assert raised.value.reason == "no_amount"


BAD = {
    "STL_1,7,abc,2026-11-26,success,capture": ("no_amount", "amount", "abc"),
    "STL_1,7,1000,26/11/2026,success,capture": ("no_time", "at", "26/11/2026"),
    "STL_1,7,1000,0001-01-01,success,capture": ("no_time", "at", "0001-01-01"),
    "STL_1,7,1000,2026-11-26,perhaps,capture": ("unknown_word", "status", "perhaps"),
    "STL_1,7,1000,2026-11-26,success,gift": ("unknown_word", "kind", "gift"),
    "STL_1,seven,1000,2026-11-26,success,capture": ("no_number", "payment_id", "seven"),
    f"STL_1,{10**30},1000,2026-11-26,success,capture": ("no_number", "payment_id", str(10**30)),
    ",,1000,2026-11-26,success,capture": ("no_key", "transaction_id", ""),
    "STL_1,7,1000": ("too_few_fields", "", "STL_1,7,1000"),
    '"STL_1,7,1000,2026-11-26,success,capture': ("quotes", "", None),
    'S"1",7,"10"00,2026-11-26,success,capture': ("quotes", "", None),
    f"{'S' * 201},7,1000,2026-11-26,success,capture": ("too_long", "transaction_id", None),
}


@pytest.mark.parametrize(("text", "expected"), BAD.items(), ids=[b[0] for b in BAD.values()])
def test_a_bad_line_is_named_and_the_others_are_read(tmp_path, text, expected):
    lines, [bad], counted = read_all(written(tmp_path, f"{HEADER}{GOOD}{text}\n\n{GOOD}"))
    assert [line.number for line in lines] == [2, 5]
    assert (bad.number, bad.reason, bad.column) == (3, *expected[:2])
    assert expected[2] in (None, bad.text)
    assert counted == FileRead(2, 1)


def test_bytes_that_are_none_of_the_encoding_spoil_their_line_only(tmp_path):
    text = (HEADER + GOOD).encode() + b"STL_\xff\xfe,7,1000,2026-11-26,success,capture\n"
    lines, bad, _ = read_all(written(tmp_path, text + GOOD.encode()))
    assert [(b.number, b.reason) for b in bad] == [(3, "encoding")]
    assert [line.number for line in lines] == [2, 4]


def test_a_line_without_an_end_is_given_up_and_the_next_is_read(tmp_path):
    text = f"{HEADER}{'x' * (3 * LINE_MAX)}\n{GOOD}"
    lines, bad, _ = read_all(written(tmp_path, text))
    assert [(b.number, b.reason) for b in bad] == [(2, "too_long")]
    assert [line.number for line in lines] == [3]


def test_lines_before_the_header_and_totals_are_left_out_as_configured(tmp_path):
    text = f"Acme PG\n2026-11-26\n{HEADER}{GOOD}합계,,1000,,,\n"
    layout = Layout(skip_first=2, ignore_first_words=("합계",))
    lines, bad, _ = read_all(written(tmp_path, text), layout)
    assert ([line.number for line in lines], bad) == ([4], [])


def test_without_a_kind_column_the_sign_tells(tmp_path):
    columns = {"transaction_id": "id", "amount": "won", "at": "day"}
    text = "id,won,day\nA,1000,2026-11-26\nB,-500,20261126\n"
    lines, _, _ = read_all(written(tmp_path, text), Layout(columns))
    assert [(line.kind, line.amount_krw) for line in lines] == [("capture", 1000), ("refund", 500)]
    assert all(line.is_done and line.payment_id is None for line in lines)


UNAVAILABLE = {
    "a column is missing": (
        "transaction_id,amount,at,status,kind,order\n",
        {},
        ("pg_file_columns", "payment_id", "transaction_id, amount, at, status, kind, order"),
    ),
    "it is empty": ("", {}, ("pg_file_columns", None, "")),
    "another separator": (HEADER.replace(",", ";"), {}, ("pg_file_columns", None, None)),
    "Korean of another encoding": (
        ",".join(KOREAN.values()).encode("cp949"),
        {"columns": KOREAN},
        ("pg_file_encoding", None, None),
    ),
    "not text at all": (bytes(range(256)) * 10, {}, ("pg_file_columns", None, None)),
}


@pytest.mark.parametrize(("text", "options", "expected"), UNAVAILABLE.values(), ids=UNAVAILABLE)
def test_a_file_that_cannot_be_used_says_what_it_has(tmp_path, text, options, expected):
    _, _, unavailable = read_all(written(tmp_path, text), Layout(**options))
    assert isinstance(unavailable, Unavailable)
    reason, missing, columns = expected
    assert (unavailable.why, unavailable.reason) == (Why.GARBLED, reason)
    assert missing in (None, unavailable.params.get("missing"))
    assert columns in (None, unavailable.params.get("columns"))


def test_a_file_that_is_not_there_is_unreadable_without_its_path(tmp_path):
    _, _, unavailable = read_all(tmp_path / "none.csv")
    assert isinstance(unavailable, Unavailable)
    assert (unavailable.why, unavailable.reason) == (Why.REFUSED, "pg_file_unreadable")
    assert unavailable.params == {"file": "none.csv", "error": "No such file or directory"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": {"amount": "a", "at": "b"}}, "no_key_field known=transaction_id, payment_id"),
        ({"columns": {"amount": "a", "transaction_id": "b"}}, "field_missing name=at"),
        ({"columns": {"amout": "a"}}, "no_field given=amout known=transaction_id"),
        ({"separator": ",,"}, "separator"),
        ({"encoding": "utf-9"}, "encoding given=utf-9"),
        ({"encoding": "rot13"}, "encoding given=rot13"),
        ({"zone": "Korea/Seoul"}, "layout_zone given=Korea/Seoul"),
    ],
)
def test_a_layout_that_reads_nothing_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        Layout(**options)


def test_many_lines_come_in_batches(tmp_path):
    text = HEADER + "".join(f"S{n},{n},{n},2026-11-26,success,capture\n" for n in range(12_345))
    lines, bad, counted = read_all(written(tmp_path, text))
    assert (len(lines), bad, counted) == (12_345, [], FileRead(12_345, 0))
    assert lines[-1].number == 12_346
