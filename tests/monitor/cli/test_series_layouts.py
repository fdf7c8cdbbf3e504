"""Series written in any way are read as they were, or refused with the option that settles it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.detection.series.file import Asked, ReadSeries, SeriesFileError, read_series

START = datetime(2026, 10, 3, 5, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def korean(at: datetime) -> str:
    half = "오전" if at.hour < 12 else "오후"
    return f"{at.year}년 {at.month}월 {at.day}일 {half} {at.hour % 12 or 12}시"


TIMES: Mapping[str, Callable[[datetime], str]] = {
    "iso": lambda at: f"{at:%Y-%m-%d %H:%M:%S}",
    "zone": lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}",
    "dotted": lambda at: f"{at.year}. {at.month}. {at.day}. {at:%H:%M}",
    "korean": korean,
    "dmy": lambda at: f"{at:%d/%m/%Y %H:%M}",
    "dmy dots": lambda at: f"{at:%d.%m.%Y %H:%M}",
    "mdy": lambda at: f"{at:%m/%d/%Y %I:%M %p}",
    "compact10": lambda at: f"{at:%Y%m%d%H}",
    "compact12": lambda at: f"{at:%Y%m%d%H%M}",
    "compact14": lambda at: f"{at:%Y%m%d%H%M%S}",
    "epoch_s": lambda at: str(int(at.timestamp())),
    "epoch_ms": lambda at: str(int(at.timestamp()) * 1000),
    "epoch_us": lambda at: str(int(at.timestamp()) * 10**6),
    "serial": lambda at: f"{(at - EPOCH) / timedelta(days=1) + 25_569:.6f}",
    "named month": lambda at: f"{at:%d %b %Y %H:%M:%S}",
    "date, clock": lambda at: f"{at:%Y-%m-%d}SEP{at:%H:%M}",
}
NUMBERS: Mapping[str, Callable[[float], str]] = {
    "plain": lambda v: f"{v:.2f}",
    "thousands": lambda v: f"{v:,.2f}",
    "decimal comma": lambda v: f"{v:.2f}".replace(".", ","),
    "points and comma": lambda v: f"{v:,.2f}".translate(str.maketrans(",.", ".,")),
    "ms": lambda v: f"{v:.2f} ms",
    "percent": lambda v: f"{v:.2f}%",
    "won": lambda v: f"₩{v:,.2f}",
    "won behind": lambda v: f"{v:,.2f}원",
    "exponent": lambda v: f"{v:.6e}",
}
SHAPES = ("single", "wide", "long", "long by name", "name first")


@dataclass(frozen=True)
class Way:
    times: str
    numbers: str
    shape: str
    separator: str
    encoding: str
    shuffled: bool


CHOICES: Mapping[str, Sequence[Any]] = {
    "times": tuple(TIMES),
    "numbers": tuple(NUMBERS),
    "shape": SHAPES,
    "separator": (",", ";", "\t"),
    "encoding": ("utf-8", "utf-8-sig", "utf-16"),
    "shuffled": (False, True),
}
PLAIN = {key: choices[0] for key, choices in CHOICES.items()}


def ways(count: int) -> Iterator[Way]:
    for key, choices in CHOICES.items():
        yield from (Way(**{**PLAIN, key: value}) for value in choices)
    chance = random.Random(5)
    for _ in range(count):
        yield Way(**{key: chance.choice(choices) for key, choices in CHOICES.items()})


Series = dict[str, dict[datetime, float]]


def made(chance: random.Random, names: Sequence[str], hours: int = 700) -> Series:
    """Values of a month, by name; all with cents that are not zero."""
    return {
        name: {START + timedelta(hours=n): round(chance.uniform(1, 9000), 2) for n in range(hours)}
        for name in names
    }


def write(path: Path, series: Series, way: Way) -> Path:
    at_text, number = TIMES[way.times], NUMBERS[way.numbers]
    names = list(series)
    moments = list(series[names[0]])
    if way.shape in ("single", "wide"):
        header = ["time", *names]
        rows = [[at_text(at), *(number(series[n][at]) for n in names)] for at in moments]
    else:
        header = ["time", "shard", "value"]
        pairs = [(name, at) for at in moments for name in names]
        if way.shape == "long by name":
            pairs = [(name, at) for name in names for at in moments]
        rows = [[at_text(at), name, number(series[name][at])] for name, at in pairs]
    if way.shape == "name first":
        header = ["shard", "time", "value"]
        rows = [[name, at, value] for at, name, value in rows]
    if way.shuffled:
        random.Random(3).shuffle(rows)
    if "SEP" in rows[0][0] or "SEP" in rows[0][1]:
        header[header.index("time") :][:1] = []
        place = header.index("time")
        header[place : place + 1] = ["date", "clock"]
        rows = [[part for cell in row for part in cell.split("SEP")] for row in rows]
    lines = (way.separator.join(quoted(cell, way) for cell in row) for row in [header, *rows])
    path.write_bytes("\n".join((*lines, "")).encode(way.encoding))
    return path


def quoted(cell: str, way: Way) -> str:
    return f'"{cell}"' if way.separator in cell else cell


def told(read: ReadSeries) -> Series:
    return {each.name: {point.at: point.value for point in each.points} for each in read.series}


@pytest.mark.parametrize(
    "way", list(ways(90)), ids=lambda way: "/".join(map(str, vars(way).values()))
)
def test_series_are_read_as_they_were_written(tmp_path, way):
    names = ("p95",) if way.shape == "single" else ("shard1", "shard2", "결제")
    series = made(random.Random(repr(way)), names)
    read = read_series(write(tmp_path / "series.csv", series, way))
    assert read.bad == []
    assert told(read) == series
    assert read.form.name == {"dmy dots": "dmy"}.get(way.times, read.form.name)


def read_text(folder: Path, text: str, **asked: str) -> ReadSeries:
    path = folder / "series.csv"
    path.write_text(text)
    return read_series(path, Asked(**asked))


def refused(folder: Path, text: str, **asked: str) -> SeriesFileError:
    with pytest.raises(SeriesFileError) as raised:
        read_text(folder, text, **asked)
    return raised.value


def test_days_that_may_be_months_are_refused_until_somebody_says_which(tmp_path):
    rows = "".join(f"{n % 12 + 1:02}/{n * 5 % 12 + 1:02}/2026 0{n % 9}:00,{n}\n" for n in range(30))
    error = refused(tmp_path, f"t,v\n{rows}")
    assert error.code == "ambiguous_time"
    assert error.params["forms"] == "dmy (dd/mm/yyyy), mdy (mm/dd/yyyy)"
    for form in ("dmy", "mdy"):
        assert read_text(tmp_path, f"t,v\n{rows}", time_form=form).form.name == form
    assert refused(tmp_path, f"t,v\n{rows}", time_form="banana").code == "no_form"


def test_commas_that_may_be_decimal_marks_are_refused_until_somebody_says_which(tmp_path):
    text = "t;v\n2026-11-02 09:00;1,234\n2026-11-02 10:00;2,345\n"
    assert refused(tmp_path, text).code == "ambiguous_number"
    for decimal, first in ((",", 1.234), (".", 1234.0)):
        assert read_text(tmp_path, text, decimal=decimal).series[0].points[0].value == first


def test_a_line_in_another_form_or_unit_is_left_out_and_says_what_failed(tmp_path):
    rows = "".join(f"{d:02}/11/2026,{d}.5 ms\n" for d in range(1, 29))
    spoilt = "2026-11-29,9 ms\n11/30/2026,9 ms\n30/11/2026,2 s\n29/11/2026,fast\n28/11/2026\n"
    read = read_text(tmp_path, f"t,v\n{rows}{spoilt}")
    named = [(row.line, row.why) for row in read.bad]
    assert named == [(30, "time"), (31, "time"), (32, "unit"), (33, "value"), (34, "columns")]
    assert (len(read.series[0].points), read.series[0].unit) == (28, "ms")


def test_repeated_times_of_one_series_are_counted(tmp_path):
    read = read_text(tmp_path, "t,v\n2026-11-02,1\n2026-11-02,2\n2026-11-03,3\n")
    assert (read.series[0].repeated, len(read.series[0].points)) == (1, 2)


def test_shards_that_are_numbers_are_names_where_times_repeat(tmp_path):
    rows = "".join(f"2026-11-02 {h:02}:00,{s},{h + s / 10}\n" for h in range(20) for s in (1, 2, 3))
    read = read_text(tmp_path, f"time,shard,value\n{rows}")
    assert [(each.name, len(each.points)) for each in read.series] == [
        ("1", 20),
        ("2", 20),
        ("3", 20),
    ]


def test_one_of_several_series_can_be_named_and_marks_are_told(tmp_path):
    rows = "".join(f"2026-11-{d:02},{d},{d * 2},0,ok\n" for d in range(1, 29))
    read = read_text(tmp_path, f"t,a,b,Label,note\n{rows}", series="b")
    assert [(each.name, each.points[1].value) for each in read.series] == [("b", 4.0)]
    assert read.left == ("Label", "note")
    assert refused(tmp_path, f"t,a,b\n{rows}", series="c").params["known"] == "a, b"


@pytest.mark.parametrize("first", ["0", "1", "100", "12345"])
def test_counted_rows_are_no_times(tmp_path, first):
    rows = "".join(f"{int(first) + n},{n}.5\n" for n in range(30))
    assert refused(tmp_path, f"n,v\n{rows}").code == "no_points"
