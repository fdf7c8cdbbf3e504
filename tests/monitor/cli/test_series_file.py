"""A metric's history from a file: whatever wrote it, and whatever is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from monitor.cli.detection.series import file as series_file
from monitor.cli.detection.series.file import Asked, ReadSeries, SeriesFileError, read_series

FIRST = datetime(2026, 11, 2, 9, tzinfo=UTC)


def read(folder: Path, text: str | bytes, **asked: str) -> ReadSeries:
    path = folder / "series.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_series(path, Asked(**asked))


def values(found: ReadSeries) -> list[float]:
    [series] = found.series
    return [point.value for point in series.points]


@pytest.mark.parametrize(
    "text",
    [
        "when,what\n2026-11-02 09:00:00,1\n2026-11-02 10:00:00,2\n",
        "2026-11-02T09:00:00Z,1\n2026-11-02T10:00:00Z,2\n",
        "TimeStamp,Value,Label\r\n2026-11-02 09:00:00,1,0\r\n2026-11-02 10:00:00,2,1\r\n",
        '"TimeStamp","Value"\n"2026-11-02T09:00:00Z","1"\n"2026-11-02T10:00:00Z","2"\n',
        "t;v\n2026-11-02T18:00:00+09:00;1,0\n2026-11-02T19:00:00+09:00;2,0\n",
        "t\tv\n2026-11-02 09:00\t1\n2026-11-02 10:00\t2\n",
        "1793610000,1\n1793613600,2\n",
        "ms,v\n1793610000000,1\n1793613600000,2\n",
        "1.7936100e9,1\n1793613600.0,2\n",
        "02.11.2026 09:00;1\n02.11.2026 10:00;2\n",
        "11/13/2026 09:00 AM,x\n11/02/2026 09:00 AM,1\n11/02/2026 10:00 AM,2\n",
        "2026/11/02 09:00:00,1\n2026/11/02 10:00:00,2\n",
        "02/Nov/2026:09:00:00 +0000,1\n02/Nov/2026:10:00:00 +0000,2\n",
        "2026-11-02 09:00:00 UTC,1\n2026-11-02 10:00:00 UTC,2\n",
        b"\xef\xbb\xbftime,value\n2026-11-02 09:00:00,1\n2026-11-02 10:00:00,2\n",
        "t,v\n2026-11-02 09:00:00,1\n2026-11-02 10:00:00,2\n".encode("utf-16"),
        "# made by hand\n\ntime, value\n2026-11-02 09:00:00, 1\n\n2026-11-02 10:00:00, 2",
        "2026-11-02 10:00:00,2\n2026-11-02 09:00:00,1\n",
    ],
    ids=str,
)
def test_many_ways_of_writing_the_same_two_points(tmp_path, text):
    found = read(tmp_path, text)
    assert values(found) == [1.0, 2.0]
    assert [point.at for point in found.series[0].points] == [FIRST, FIRST + timedelta(hours=1)]
    assert len(found.bad) == str(text).count(",x")


def test_a_time_keeps_its_text_and_its_zone(tmp_path):
    found = read(tmp_path, "t,v\n2026-11-02T18:00:00+09:00,1\n")
    assert found.series[0].points[0].text == "2026-11-02T18:00:00+09:00"
    assert found.series[0].points[0].at.utcoffset() == timezone(timedelta(hours=9)).utcoffset(None)


@pytest.mark.parametrize("blank", ["", "NaN", "null", "N/A", "  "])
def test_a_blank_value_is_a_gap(tmp_path, blank):
    found = read(tmp_path, f"2026-11-02 09:00,1\n2026-11-02 10:00,{blank}\n2026-11-02 11:00,3\n")
    assert (values(found), found.series[0].gaps, found.bad) == ([1.0, 3.0], 1, [])


def test_of_equal_times_the_last_counts(tmp_path):
    rows = "2026-11-02T09:00:00Z,1\n2026-11-02T10:00:00Z,2\n2026-11-02T18:00:00+09:00,7\n"
    assert values(read(tmp_path, rows)) == [7.0, 2.0]


def test_bad_rows_are_named_and_left_out(tmp_path):
    text = "t,v\n2026-11-02 09:00,1\nyesterday,2\n2026-11-02 10:00,many\n2026-11-02 11:00\n"
    found = read(tmp_path, f"{text}2026-11-02 12:00,inf\n2026-11-02 13:00,5\n")
    assert values(found) == [1.0, 5.0]
    named = [(row.line, row.why) for row in found.bad]
    assert named == [(3, "time"), (4, "value"), (5, "columns"), (6, "value")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("time,value\n", "empty"),
        ("time\n2026-11-02 09:00\n2026-11-02 10:00\n", "one_column"),
        ("a,b\nc,d\n", "no_points"),
        ('{"metrics": 1, "x": 2}', "empty"),
        ("t,v\n2026-11-02," + "9" * 200_000, "broken"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_file_without_a_series_says_what_is_wrong(tmp_path, text, code):
    with pytest.raises(SeriesFileError) as raised:
        read(tmp_path, text)
    assert raised.value.code == code


def test_no_file_and_a_folder_are_no_series(tmp_path):
    for path, code in ((tmp_path / "none.csv", "missing"), (tmp_path, "unreadable")):
        with pytest.raises(SeriesFileError) as raised:
            read_series(path)
        assert raised.value.code == code


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(series_file, "BYTES_MAX", 10)
    with pytest.raises(SeriesFileError) as raised:
        read(tmp_path, "2026-11-02 09:00,1\n")
    assert raised.value.code == "too_large"


def test_too_many_points_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(series_file, "POINTS_MAX", 1)
    with pytest.raises(SeriesFileError) as raised:
        read(tmp_path, "2026-11-02 09:00,1\n2026-11-02 10:00,1\n")
    assert raised.value.code == "too_many"
