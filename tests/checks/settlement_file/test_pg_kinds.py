"""What else a PG settlement file may be or hold: told for what it is, never taken for another."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from test_pg_layouts import DAY, SEOUL, Books

from checks.settlement_file.amounts import FieldError, money
from checks.settlement_file.explain import explain
from checks.settlement_file.layout import Layout
from checks.settlement_file.probe import Matched, Request, match_file
from checks.settlement_file.profiles import PROFILES
from checks.settlement_file.reader import FileRead, read
from checks.sources.facts.psp import BadLine, Kind, Line, Record
from checks.sources.facts.unavailable import Unavailable

HEADER = "transaction_id,payment_id,amount,at,status,kind"
GOOD = "STL_1,7,1000,2026-11-26 13:00:00,success,capture"


def read_all(path: Path, layout: Layout | None = None) -> tuple[list[Line], list[BadLine], Any]:
    lines: list[Line] = []
    bad: list[BadLine] = []

    def take(more, worse, read_bytes) -> None:
        lines.extend(more)
        bad.extend(worse)

    return lines, bad, read(path, layout or Layout(), take)


def written(folder: Path, *lines: str, end: str = "\n") -> Path:
    path = folder / "settlement.csv"
    path.write_bytes(end.join((*lines, "")).encode())
    return path


def record(kind: Kind, key: str, payment: int, amount: float) -> Record:
    at = datetime(2026, 11, 26, 13, tzinfo=SEOUL)
    return Record("shard1", payment, kind, key, payment, amount, at, "SUCCESS")


def outcomes(path: Path, records: list[Record], layout: Layout | None = None) -> dict[str, int]:
    found = match_file(Request(path, layout or Layout(), day=DAY), Books(records))
    assert isinstance(found, Matched), found
    return found.tally.counts


OURS = [record(Kind.CAPTURE, f"STL_{n}", n, 1000.0 * n) for n in range(1, 6)] + [
    record(Kind.REFUND, f"RFD_{n}", n, 1000.0 * n) for n in range(1, 4)
]


def line(each: Record, sign: int = 1, key: str = "") -> str:
    amount = f"{sign * each.amount_krw:.0f}"
    about = f"{key or each.transaction_id},{each.payment_id},{amount}"
    return f"{about},2026-11-26 13:00:00,success,{each.kind}"


def honest(refund_sign: int) -> list[str]:
    return [line(each, refund_sign if each.kind is Kind.REFUND else 1) for each in OURS]


@pytest.mark.parametrize("refund_sign", [1, -1])
def test_a_capture_with_a_minus_is_money_taken_back_and_matches_no_capture(tmp_path, refund_sign):
    lines = honest(refund_sign)
    lines[0] = line(OURS[0], -1)
    counts = outcomes(written(tmp_path, HEADER, *lines), OURS)
    assert counts == {"matched": 7, "reversed": 1, "missing_in_file": 1}


@pytest.mark.parametrize("refund_sign", [1, -1])
def test_a_reversal_with_an_id_of_its_own_is_no_double_payment(tmp_path, refund_sign):
    lines = [*honest(refund_sign), line(OURS[1], -1, "REV_1"), line(OURS[5], -refund_sign, "REV_2")]
    path = written(tmp_path, HEADER, *lines)
    assert outcomes(path, OURS) == {"matched": 8, "reversed": 2}
    found = match_file(Request(path, Layout(), day=DAY), Books(OURS))
    kinds = [row["kind"] for row in found.tally.rows["reversed"]]
    assert kinds == ["capture", "refund"], "it is told as what was taken back"


def test_a_capture_with_a_minus_that_is_our_refund_matches_it(tmp_path):
    lines = [text.replace("refund", "capture") for text in honest(-1)]
    assert outcomes(written(tmp_path, HEADER, *lines), OURS) == {"matched": 8}


def test_a_refund_that_came_back_is_told_where_debit_and_credit_leave_no_doubt(tmp_path):
    columns = {"transaction_id": "id", "credit": "in", "debit": "out", "at": "at", "kind": "kind"}
    rows = ["STL_1,1000,,2026-11-26,capture", "RFD_1,1000,,2026-11-26,refund"]
    path = written(tmp_path, "id,in,out,at,kind", *rows)
    counts = outcomes(path, [OURS[0], OURS[5]], Layout(columns))
    assert counts == {"matched": 1, "reversed": 1, "missing_in_file": 1}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04\x14\0\6\0", "xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "xls"),
        (b"%PDF-1.7\n", "pdf"),
        (b"\n<html><table>", "html"),
        (b"\xef\xbb\xbf<!DOCTYPE html>", "html"),
        (b"7z\xbc\xaf\x27\x1c", "archive"),
        (gzip.compress(b"PK\x03\x04 zipped again", mtime=0), "xlsx"),
    ],
)
def test_a_file_that_is_no_text_is_named_for_what_it_is(tmp_path, content, kind):
    path = tmp_path / "settlement.csv"
    path.write_bytes(content)
    for found in (read_all(path)[2], explain(path, Layout())):
        assert isinstance(found, Unavailable)
        assert (found.reason, found.params["kind"]) == ("pg_file_kind", kind)


def test_a_compressed_file_is_read_and_a_torn_one_is_not_taken_for_whole(tmp_path):
    path = written(tmp_path, HEADER, *[GOOD] * 500)
    content = gzip.compress(path.read_bytes(), mtime=0)
    path.write_bytes(content)
    assert read_all(path)[2] == FileRead(500, 0)
    path.write_bytes(content[:-20])
    found = read_all(path)[2]
    assert isinstance(found, Unavailable)
    assert found.reason == "pg_file_unreadable"


def test_a_column_that_stands_twice_is_refused_with_its_places(tmp_path):
    found = read_all(written(tmp_path, f"amount,{HEADER}", f"1,{GOOD}"))[2]
    assert isinstance(found, Unavailable)
    assert found.reason == "pg_file_column_twice"
    assert (found.params["column"], found.params["numbers"]) == ("amount", "1, 4")


def test_a_column_that_stands_twice_but_is_not_needed_does_not_matter(tmp_path):
    assert read_all(written(tmp_path, f"memo,memo,{HEADER}", f"a,b,{GOOD}"))[2] == FileRead(1, 0)


def test_only_the_column_of_what_comes_in_is_not_enough(tmp_path):
    columns = {"payment_id": "id", "amount": "Gross Credit (GC)", "at": "at"}
    path = written(tmp_path, "id,at,Gross Debit (GC),Gross Credit (GC)", "7,2026-11-26,,1000")
    found = read_all(path, Layout(columns))[2]
    assert isinstance(found, Unavailable)
    assert found.params["settings"] == 'columns.debit = "Gross Debit (GC)"'
    mended = Layout({**columns, "debit": "Gross Debit (GC)"})
    assert read_all(path, mended)[0][0].amount_krw == 1000


@pytest.mark.parametrize(
    "word", ["fee", "Payout", "dispute", "chargeback", "수수료", "MerchantPayout"]
)
def test_lines_of_other_kinds_are_passed_over_and_counted(tmp_path, word):
    other = GOOD.replace("capture", word).replace(",7,", ",po_7,")
    lines, bad, found = read_all(written(tmp_path, HEADER, GOOD, other, other))
    assert (len(lines), bad, found.passed_over) == (1, [], {word: 2})


def test_words_to_be_passed_over_can_be_configured(tmp_path):
    path = written(tmp_path, HEADER, GOOD, GOOD.replace("capture", "loan"))
    assert read_all(path)[1][0].reason == "unknown_word"
    assert read_all(path, Layout(ignore_words=("loan",)))[2] == FileRead(1, 0, {"loan": 1})


@pytest.mark.parametrize(
    ("tail", "passed_over"),
    [
        (["", "Sum", "1000", "Currency,,,,,", "KRW,,,,,"], {"summary": 4}),
        ([",,,,,", "합계,,1000,,,"], {"합계": 1}),
        (["TOTAL:,,1000,,,"], {"total": 1}),
        ([HEADER], {"header": 1}),
        (["\x1a"], {}),
        (["", "", ""], {}),
    ],
)
def test_what_follows_the_lines_is_no_line(tmp_path, tail, passed_over):
    lines, bad, found = read_all(written(tmp_path, HEADER, GOOD, GOOD, *tail))
    assert (len(lines), bad, found.passed_over) == (2, [], passed_over)


@pytest.mark.parametrize(
    "tail",
    [
        ["", "STL_2,8,1000,2026-11-26,perhaps,capture"],
        ["", "STL_2,8,1000,yesterday,success,capture"],
        ["", "STL_2,8,1000,,success,capture", GOOD],
        ["STL_2,8,1000,,success,capture"],
        [",,1000,,,"],
    ],
)
def test_a_line_that_cannot_be_read_is_not_taken_for_a_summary(tmp_path, tail):
    bad = read_all(written(tmp_path, HEADER, GOOD, *tail))[1]
    assert len(bad) == 1


def test_a_file_without_a_header_is_read_by_the_numbers_of_its_columns(tmp_path):
    path = written(tmp_path, GOOD, GOOD)
    found = read_all(path)[2]
    assert isinstance(found, Unavailable)
    assert found.params["settings"] == "has_header = false"
    numbered = {name: str(n) for n, name in enumerate(HEADER.split(","), 1)}
    lines, bad, _ = read_all(path, Layout(numbered, has_header=False))
    assert ([line.number for line in lines], bad) == ([1, 2], [])
    with pytest.raises(ValueError, match="column_number"):
        Layout(has_header=False)


def test_a_quoted_field_may_hold_line_ends(tmp_path):
    rows = ['STL_1,7,1000,2026-11-26,success,capture,"two\nlines, and\nthree"', f"{GOOD},x"]
    lines, bad, _ = read_all(written(tmp_path, f"{HEADER},memo", *rows))
    assert ([line.number for line in lines], bad) == ([2, 5], [])


def test_an_open_quote_spoils_its_line_and_no_other_even_with_a_second_one_below(tmp_path):
    rows = [f'"{GOOD}', GOOD, GOOD, f'{GOOD}"x', GOOD]
    lines, bad, _ = read_all(written(tmp_path, HEADER, *rows))
    assert [(b.number, b.reason) for b in bad if b.reason == "quotes"] == [(2, "quotes")]
    assert [line.number for line in lines] == [3, 4, 6]


def test_a_line_in_another_currency_is_told(tmp_path):
    path = written(tmp_path, f"{HEADER},cur", f"{GOOD},KRW", f"{GOOD},usd", f"{GOOD},원")
    columns = Layout().columns | {"currency": "cur"}
    lines, [bad], _ = read_all(path, Layout(columns))
    assert (len(lines), bad.reason, bad.text) == (2, "other_currency", "usd")


@pytest.mark.parametrize(
    ("text", "thousands", "decimal", "expected"),
    [
        ("25900,00", ",", ".", "thousands"),
        ("1,0000", ",", ".", "thousands"),
        ("12,34,567", ",", ".", "thousands"),
        ("1.234.567", ",", ".", "thousands"),
        ("1.234,50", ".", ",", 1234.5),
        ("1234,5", ".", ",", 1234.5),
        ("1 234,50", ".", ",", 1234.5),
        ("1'234.50", "'", ".", 1234.5),
        ("+1,234", ",", ".", 1234),
        (".5", ",", ".", 0.5),
        ("2.5900E+04", ",", ".", 25900),
        ("1E+0", ",", ".", 1),
        ("2.59E+04", ",", ".", "exponent"),
        ("2,59E+04", ".", ",", "exponent"),
        ("5 USD", ",", ".", "no_amount"),
        ("1,000,", ",", ".", "thousands"),
        ("0xFF", ",", ".", "no_amount"),
        ("١٢٣", ",", ".", "no_amount"),
    ],
)
def test_an_amount_is_read_with_the_marks_of_its_file_or_refused_with_the_reason(
    text, thousands, decimal, expected
):
    if isinstance(expected, str):
        with pytest.raises(FieldError) as raised:
            money(text, thousands, decimal=decimal)
        assert raised.value.reason == expected
    else:
        assert money(text, thousands, decimal=decimal) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (",", ".")),
        ({"decimal": ","}, (".", ",")),
        ({"thousands": "."}, (".", ",")),
        ({"thousands": "", "decimal": ","}, ("", ",")),
    ],
)
def test_who_names_one_mark_means_both(given, expected):
    assert Layout(**given).marks == expected


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("1.23457E+15,7", "exponent"), ("STL_1,6.8E+01", "exponent"), ("STL_1,68.5", "no_number")],
)
def test_an_id_that_a_spreadsheet_spoilt_is_told(tmp_path, cell, reason):
    [bad] = read_all(written(tmp_path, HEADER, GOOD, GOOD.replace("STL_1,7", cell)))[1]
    assert bad.reason == reason


def test_a_payment_number_that_became_a_decimal_number_is_the_same_number(tmp_path):
    [line] = read_all(written(tmp_path, HEADER, GOOD.replace(",7,", ",7.0,")))[0]
    assert line.payment_id == 7


@pytest.mark.parametrize(
    ("spoil", "settings"),
    [
        (lambda key: key.lstrip("0"), "id_width = 12"),
        (lambda key: f"00{key}", 'id_replace = ["^0+", ""]'),
        (lambda key: f"PG-{key}", 'id_replace = ["^PG\\\\-", ""]'),
    ],
)
def test_ids_that_are_alike_but_for_their_zeros_are_one_finding(tmp_path, spoil, settings):
    ours = [record(Kind.CAPTURE, f"{n * 7919:012}", n, 100.0 * n) for n in range(1, 9)]
    if "0+" in settings:
        ours = [record(Kind.CAPTURE, f"{n * 7919}", n, 100.0 * n) for n in range(1, 9)]
    path = written(tmp_path, HEADER, *(line(r, key=spoil(r.transaction_id)) for r in ours))
    found = match_file(Request(path, Layout(), day=DAY), Books(ours))
    assert isinstance(found, Unavailable)
    assert (found.reason, found.params["difference"]) == ("pg_file_alike", "ids")
    assert found.params["settings"] == settings


@pytest.mark.parametrize(
    ("write", "difference", "settings"),
    [
        (lambda each: f"{each.amount_krw * 0.978:.0f}", "ratio", 'columns.amount = "…"'),
        (lambda each: f"{each.amount_krw * 100:.0f}", "power", "minor_digits = 2"),
        (lambda each: f"{each.amount_krw / 1000:.3f}", "thousandfold", None),
        (lambda each: f"{each.amount_krw / 100:.2f}", "ratio", None),
    ],
)
def test_amounts_that_all_differ_alike_are_one_finding(tmp_path, write, difference, settings):
    ours = [record(Kind.CAPTURE, f"STL_{n}", n, 25_900.0 * n) for n in range(1, 9)]
    rows = (
        f"STL_{r.payment_id},{r.payment_id},{write(r)},2026-11-26,success,capture" for r in ours
    )
    found = match_file(Request(written(tmp_path, HEADER, *rows), Layout(), day=DAY), Books(ours))
    assert isinstance(found, Unavailable)
    assert found.params["difference"] == difference
    assert settings in (None, found.params["settings"])


def test_days_that_all_lie_equally_far_apart_are_one_finding(tmp_path):
    ours = [record(Kind.CAPTURE, f"STL_{n}", n, 100.0 * n) for n in range(1, 9)]
    rows = [line(each).replace("2026-11-26", "2026-11-29") for each in ours]
    found = match_file(Request(written(tmp_path, HEADER, *rows), Layout(), day=DAY), Books(ours))
    assert isinstance(found, Unavailable)
    assert found.params["settings"] == "window_days = 3"


TIMES = '"2026/11/26 13:00:00 +0900","2026/11/26 13:00:00 +0900"'
PROFILED = {
    "adyen": (
        "Company Account,Merchant Account,Psp Reference,Merchant Reference,Creation Date,TimeZone,"
        "Type,Gross Currency,Gross Debit (GC),Gross Credit (GC)",
        ["Co,Shop,STL_1,1,2026-11-26 13:00:00,KST,Settled,KRW,,1000",
         "Co,Shop,RFD_1,1,2026-11-26 13:00:00,KST,Refunded,KRW,1000,",
         "Co,Shop,,,2026-11-26 23:00:00,KST,Fee,KRW,10,",
         "Co,Shop,,,2026-11-26 23:00:00,KST,MerchantPayout,KRW,900,"],
    ),
    "paypal": (
        '"CH","Transaction ID","Invoice ID","PayPal Reference ID","Transaction Event Code",'
        '"Transaction Initiation Date","Transaction Completion Date","Transaction Debit or Credit",'
        '"Gross Transaction Amount","Gross Transaction Currency"',
        [f'"SB","STL_1","1","","T0006",{TIMES},"CR",100000,"KRW"',
         f'"SB","RFD_1","1","","T1107",{TIMES},"DR",100000,"KRW"',
         f'"SB","W1","","","T0400",{TIMES},"DR",5000,"KRW"',
         '"SF","KRW",1,2', '"RC",3', '"FF",9'],
    ),
    "stripe": (
        "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id",
        ["txn_1,2026-11-26 04:00:00,krw,1000.00,22.00,978.00,charge,STL_1",
         "txn_2,2026-11-26 04:00:00,krw,-1000.00,0.00,-1000.00,refund,RFD_1",
         "txn_3,2026-11-26 04:00:00,krw,-900.00,0.00,-900.00,payout,po_1"],
    ),
    "toss": (
        "mId,paymentKey,transactionKey,orderId,currency,method,amount,approvedAt",
        ["shop,p1,STL_1,o1,KRW,카드,1000,2026-11-26T13:00:00+09:00",
         "shop,p1,RFD_1,o1,KRW,카드,-1000,2026-11-26T13:00:00+09:00"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_reads_what_its_pg_documents_and_is_proposed_for_its_header(tmp_path, name):
    """Made by hand after the public documents of each; no file of theirs was at hand."""
    header, rows = PROFILED[name]
    above = ['"RH",2026', '"FH",1', '"SH",2026'] if name == "paypal" else []
    path = written(tmp_path, *above, header, *rows)
    assert outcomes(path, [OURS[0], OURS[5]], Layout(profile=name)) == {"matched": 2}
    found = read_all(path)[2]
    assert isinstance(found, Unavailable)
    assert f'profile = "{name}"' in str(found.params["settings"])


@pytest.mark.parametrize("replace", [("(", ""), ("a", r"\9"), ("a",), ("(a)", r"\2")])
def test_a_replacement_that_cannot_be_made_is_refused_when_it_is_configured(replace):
    for key in ("id_replace", "payment_replace"):
        with pytest.raises(ValueError, match=key):
            Layout(**{key: replace})


def test_what_is_set_beside_a_profile_comes_first():
    layout = Layout(profile="stripe", zone="Asia/Tokyo", columns={"payment_id": "order"})
    assert (layout.zone, layout.columns["payment_id"]) == ("Asia/Tokyo", "order")
    assert layout.columns["amount"] == "gross"
    with pytest.raises(ValueError, match="profile"):
        Layout(profile="nobody")


def test_explain_shows_what_was_made_of_each_line(tmp_path):
    path = written(
        tmp_path, HEADER, GOOD, GOOD.replace("1000", "x"), GOOD.replace("capture", "fee")
    )
    found = explain(path, Layout())
    assert not isinstance(found, Unavailable)
    assert [type(each.outcome).__name__ for each in found] == ["Line", "BadLine", "str"]
    assert found[1].given["amount"] == "x"
