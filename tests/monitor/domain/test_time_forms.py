"""monitor/domain/books/time_forms: one form for a whole column of times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.domain.books.time_forms import FORMS, choose_form, form_named

START = datetime.fromisoformat("2026-11-25 21:05:09")
EPOCH = datetime.fromisoformat("1970-01-01")
SERIAL_ZERO = datetime.fromisoformat("1899-12-30")


def seconds(at: datetime) -> int:
    return int((at - EPOCH).total_seconds())


def korean(at: datetime) -> str:
    half = "오전" if at.hour < 12 else "오후"
    return f"{at:%Y}년 {at.month}월 {at.day}일 {half} {at.hour % 12 or 12}:{at:%M:%S}"


WRITTEN = {
    "ymd": [
        lambda at: at.isoformat(),
        lambda at: f"{at:%Y-%m-%d %H:%M:%S}",
        lambda at: f"{at:%Y/%m/%d %H:%M:%S}",
        lambda at: f"{at.year}. {at.month}. {at.day}. {at:%H:%M:%S}",
        lambda at: f"{at:%Y.%m.%d}(월) {at:%H:%M:%S}",
        korean,
        lambda at: f"{at.year}년 {at.month}월 {at.day}일 {at.hour}시 {at.minute}분 {at.second}초",
    ],
    "compact": [lambda at: f"{at:%Y%m%d%H%M%S}", lambda at: f"{at:%Y%m%dT%H%M%S}",
                lambda at: f"{at:%Y%m%d %H:%M:%S}"],
    "epoch_s": [lambda at: str(seconds(at)), lambda at: f"{seconds(at)}.000"],
    "epoch_ms": [lambda at: str(1000 * seconds(at))],
    "epoch_us": [lambda at: str(10**6 * seconds(at))],
    "epoch_ns": [lambda at: str(10**9 * seconds(at))],
    "serial": [lambda at: f"{(at - SERIAL_ZERO) / timedelta(days=1):.6f}"],
    "dmy": [lambda at: f"{at:%d/%m/%Y %H:%M:%S}", lambda at: f"{at:%d.%m.%Y %I:%M:%S %p}",
            lambda at: f"{at:%d-%m-%Y, %H:%M:%S}"],
    "mdy": [lambda at: f"{at:%m/%d/%Y %H:%M:%S}", lambda at: f"{at:%m/%d/%Y %I:%M:%S %p}"],
    "d_mon_y": [lambda at: f"{at:%d/%b/%Y:%H:%M:%S}", lambda at: f"{at:%a, %d %b %Y %H:%M:%S} GMT"],
    "mon_d_y": [lambda at: f"{at:%b %d, %Y %H:%M:%S}"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "write"), [(name, write) for name, ways in WRITTEN.items() for write in ways]
)
def test_a_column_is_read_in_the_form_that_it_is_written_in(name, write):
    moments = [START + timedelta(hours=n) for n in range(400)]
    column = [write(at) for at in moments]
    chosen = choose_form(column).form
    assert chosen is not None
    assert chosen.name == name
    read = [chosen.read(text) for text in column]
    assert [at and at.replace(tzinfo=None) for at in read] == moments


def test_every_form_is_tested_here_but_those_of_two_digits():
    assert {form.name for form in FORMS} - set(WRITTEN) == {"ymd2", "dmy2", "mdy2"}


def names(column: list[str]) -> tuple[str, tuple[str, ...]]:
    chosen = choose_form(column)
    return chosen.form.name if chosen.form else "", tuple(form.name for form in chosen.rivals)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (["01/02/2026", "03/02/2026"], ("", ("dmy", "mdy"))),
        (["03/02/2026", "01/02/2026"], ("", ("dmy", "mdy"))),
        (["01/02/2026", "31/01/2026"], ("dmy", ())),
        (["01/02/2026", "01/31/2026"], ("mdy", ())),
        (["11/01/2026", "12/01/2026", "01/02/2026"], ("dmy", ())),
        (["01/11/2026", "01/12/2026", "02/01/2026"], ("mdy", ())),
        (["01/01/2026", "02/02/2026"], ("dmy", ())),
        (["31/01/2026", "01/31/2026", "01/02/2026"], ("", ("dmy", "mdy"))),
        (["26.11.29", "26.11.30", "26.12.01"], ("ymd2", ())),
        (["31/01/2026"] + ["01/02/2026", "x"] * 40, ("dmy", ())),
        (["x", "", "-"], ("", ())),
        ([], ("", ())),
        (["2024010100", "2024010101"], ("compact", ())),
        (["202401010000", "202401010100"], ("compact", ())),
        (["1795379621", "1795379622"], ("epoch_s", ())),
        (["0", "60", "120"], ("", ())),
    ],
)
def test_what_two_forms_read_equally_well_is_told_apart_by_order_or_refused(column, expected):
    assert names(column) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-29T15:01:40+09:00", "2026-11-29T06:01:40+00:00"),
        ("2026/11/29 15:01:40 +0900", "2026-11-29T06:01:40+00:00"),
        ("2026-11-29 15:01:40 KST", "2026-11-29T06:01:40+00:00"),
        ("2026-11-29 오전 12:10", "2026-11-29T00:10:00"),
        ("2026-11-29 오후 12:10", "2026-11-29T12:10:00"),
        ("2026년 11월 3일 오후 3시", "2026-11-03T15:00:00"),
        ("2026-11-29 12:10 a.m.", "2026-11-29T00:10:00"),
        ("2026-11-29 오전 13:10", None),
        ("2026-11-31", None),
        ("2026-11-29 24:01", None),
        ("2611-01-01", None),
        ("2026-11-29 banana", None),
    ],
)
def test_the_clock_of_a_time(text, expected):
    form = form_named("ymd")
    assert form is not None
    at = form.read(text)
    shown = at and (at.astimezone(UTC) if at.tzinfo else at).isoformat()
    assert shown == expected
