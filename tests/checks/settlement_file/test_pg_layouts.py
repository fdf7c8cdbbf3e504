"""Books exported in any layout match fully, or stop with one finding whose settings mend it."""

from __future__ import annotations

import gzip
import random
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from checks.settlement_file.layout import Layout
from checks.settlement_file.probe import Matched, Request, Terms, match_file
from checks.sources.facts.psp import Kind, Record
from checks.sources.facts.unavailable import Unavailable
from monitor.domain.books.settlement_match import BREAKS

DAY = date(2026, 11, 26)
SEOUL = ZoneInfo("Asia/Seoul")
STEPS_MAX = 8


class Books:
    """The shards' rows, as the database hands them over."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records

    def pg_records(self, start: Any, end: Any, take: Callable[..., None], shards: Any) -> Any:
        found = [each for each in self.records if start <= each.at < end]
        take(found)
        return {"shard1": len(found)}


def books(chance: random.Random) -> list[Record]:
    """A day of captures and refunds, none of them near midnight."""
    found = []
    for number in range(40):
        kind = Kind.REFUND if number % 5 == 4 else Kind.CAPTURE
        at = datetime(2026, 11, 26, 1, 30, tzinfo=SEOUL) + timedelta(minutes=31 * number)
        mark = "RFD" if kind is Kind.REFUND else "STL"
        key = f"{mark}_{chance.randrange(16**8):08X}"
        amount = float(100 * chance.randrange(12, 4000))
        found.append(Record("shard1", number, kind, key, 50 + number, amount, at, "SUCCESS"))
    return found


AMOUNTS: Mapping[str, Callable[[int], str]] = {
    "plain": str,
    "thousands": lambda n: f"{n:,}",
    "decimals": lambda n: f"{n:,}.00",
    "won": lambda n: f"₩{n:,}",
    "decimal comma": lambda n: f"{n},00",
    "points and comma": lambda n: f"{n:,}".replace(",", ".") + ",00",
    "points": lambda n: f"{n:,}".replace(",", "."),
    "minor units": lambda n: f"{n}00",
}
TIMES: Mapping[str, Callable[[datetime], str]] = {
    "iso": lambda at: f"{at:%Y-%m-%d %H:%M:%S}",
    "zone": lambda at: at.isoformat(),
    "slashes": lambda at: f"{at:%Y/%m/%d %H:%M}",
    "compact": lambda at: f"{at:%Y%m%d%H%M%S}",
    "korean": lambda at: f"{at:%Y. %m. %d.} {'오전' if at.hour < 12 else '오후'} {at:%I:%M:%S}",
    "dmy": lambda at: f"{at:%d/%m/%Y %H:%M:%S}",
    "mdy": lambda at: f"{at:%m/%d/%Y %I:%M %p}",
    "epoch_ms": lambda at: str(int(at.timestamp() * 1000)),
    "serial": lambda at: str(
        (at.replace(tzinfo=None) - datetime.fromisoformat("1899-12-30")) / timedelta(days=1)
    ),
}
IDS: Mapping[str, Callable[[str], str]] = {
    "plain": str,
    "formula": lambda key: f'="{key}"',
    "apostrophe": lambda key: f"'{key}",
    "prefix": lambda key: f"PG.{key}",
    "suffix": lambda key: f"{key}-01",
    "lower": str.lower,
}
SIGNS = ("unsigned", "refunds minus", "reversed", "no kind", "debit and credit")
WORDS = {
    "usual": ("capture", "refund"),
    "korean": ("승인", "취소"),
    "other": ("Settled", "Refunded"),
}
HEADERS: Mapping[str, Mapping[str, str]] = {
    "usual": {},
    "english": {"transaction_id": "Txn_ID", "payment_id": "Order ID", "amount": "Gross Amount",
                "at": "Date", "kind": "Transaction Type", "debit": "Debit", "credit": "Credit"},
    "korean": {"transaction_id": "거래번호", "payment_id": "주문번호", "amount": "거래금액",
               "at": "거래일시", "kind": "거래구분", "debit": "출금", "credit": "입금"},
}  # fmt: skip
TAILS = ("none", "total", "summary below an empty row", "end mark", "header again")


@dataclass(frozen=True)
class Way:
    """One way to write a file."""

    separator: str
    amounts: str
    times: str
    ids: str
    signs: str
    words: str
    header: str
    encoding: str
    tail: str
    packed: bool


CHOICES: Mapping[str, Sequence[Any]] = {
    "separator": (",", ";", "\t", "|"),
    "amounts": tuple(AMOUNTS),
    "times": tuple(TIMES),
    "ids": tuple(IDS),
    "signs": SIGNS,
    "words": tuple(WORDS),
    "header": tuple(HEADERS),
    "encoding": ("utf-8", "utf-8-sig", "cp949", "utf-16"),
    "tail": TAILS,
    "packed": (False, True),
}
PLAIN = {key: choices[0] for key, choices in CHOICES.items()}


def ways(count: int) -> Iterator[Way]:
    """Each value alone, and many mixtures of all."""
    for key, choices in CHOICES.items():
        yield from (Way(**{**PLAIN, key: value}) for value in choices)
    chance = random.Random(11)
    for _ in range(count):
        way = Way(**{key: chance.choice(choices) for key, choices in CHOICES.items()})
        if not ("₩" in AMOUNTS[way.amounts](1) and way.encoding == "cp949"):
            yield way


def cells(record: Record, way: Way) -> dict[str, str]:
    """A line of the file, by field."""
    is_refund = record.kind is Kind.REFUND
    text = AMOUNTS[way.amounts](int(record.amount_krw))
    is_minus = {"unsigned": False, "reversed": not is_refund}.get(way.signs, is_refund)
    found = {
        "transaction_id": IDS[way.ids](record.transaction_id),
        "payment_id": str(record.payment_id),
        "amount": f"-{text}" if is_minus else text,
        "at": TIMES[way.times](record.at),
        "kind": WORDS[way.words][is_refund],
    }
    if way.signs == "no kind":
        del found["kind"]
    if way.signs == "debit and credit":
        del found["amount"]
        found |= {"debit": text if is_refund else "", "credit": "" if is_refund else text}
    return found


def quoted(text: str, separator: str) -> str:
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if separator in text or '"' in text else text


def write(path: Path, listed: Sequence[dict[str, str]], way: Way) -> Path:
    names = HEADERS[way.header]
    header = [names.get(key, key) for key in listed[0]]
    rows = [header, *(list(line.values()) for line in listed)]
    empty = [""] * (len(header) - 2)
    rows += {
        "total": [["합계", "12,345", *empty]],
        "summary below an empty row": [["", "", *empty], ["Total"], ["Count", "40", *empty]],
        "header again": [header],
    }.get(way.tail, [])
    text = "".join(
        way.separator.join(quoted(cell, way.separator) for cell in row) + "\r\n" for row in rows
    )
    content = (text + ("\x1a" if way.tail == "end mark" else "")).encode(way.encoding)
    path.write_bytes(gzip.compress(content) if way.packed else content)
    return path


def named_settings(found: Unavailable) -> dict[str, Any]:
    """The settings that a finding names, as they stand in the configuration."""
    return tomllib.loads(str(found.params.get("settings", "")).replace("; ", "\n"))


def merged(settings: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    columns = {**settings.get("columns", {}), **more.get("columns", {})}
    return {**settings, **more, **({"columns": columns} if columns else {})}


def matched(path: Path, records: Sequence[Record], settings: dict[str, Any]) -> Any:
    usual = Layout()
    columns = {"columns": usual.columns | {"status": ""}}
    layout = Layout(**{**columns, **settings})
    return match_file(Request(path, layout, Terms(), DAY), Books(records))


def settled(path: Path, records: Sequence[Record], start: dict[str, Any]) -> dict[str, Any]:
    """The settings to which following each finding leads."""
    settings = start
    for _ in range(STEPS_MAX):
        found = matched(path, records, settings)
        if isinstance(found, Matched):
            return settings
        assert named_settings(found), (found, settings)
        settings = merged(settings, named_settings(found))
    raise AssertionError(f"no end of settings: {settings}")


def started(way: Way) -> dict[str, Any]:
    """A file without a kind column cannot be told from one that lacks it: that is configured."""
    if way.signs != "no kind":
        return {}
    names = HEADERS[way.header]
    fields = ("transaction_id", "payment_id", "amount", "at")
    return {"columns": {key: names.get(key, key) for key in fields}}


@pytest.mark.parametrize(
    "way", list(ways(120)), ids=lambda way: "/".join(map(str, vars(way).values()))
)
def test_an_export_in_any_layout_matches_or_names_the_settings_it_needs(tmp_path, way):
    chance = random.Random(repr(way))
    records = books(chance)
    listed = [cells(record, way) for record in records]
    path = write(tmp_path / "pg.csv", listed, way)
    settings = settled(path, records, started(way))
    tally = matched(path, records, settings).tally
    assert tally.counts == {"matched": len(records)}, settings
    assert tally.bad_lines == 0
    for name, alter in ALTERED.items():
        altered = [dict(line) for line in listed]
        alter(altered, chance.randrange(len(listed)), way)
        found = matched(write(path, altered, way), records, settings)
        assert is_found(found), (name, settings)


def is_found(found: Any) -> bool:
    if isinstance(found, Unavailable):
        return False  # one line among many is told for itself
    return found.tally.bad_lines > 0 or any(found.tally.counts.get(each) for each in BREAKS)


def money_key(line: dict[str, str]) -> str:
    return next(key for key in ("amount", "debit", "credit") if line.get(key))


def other_amount(lines: list[dict[str, str]], n: int, way: Way) -> None:
    lines[n][money_key(lines[n])] = AMOUNTS[way.amounts](7_654_321)


def other_sign(lines: list[dict[str, str]], n: int, way: Way) -> None:
    line = lines[n]
    if "debit" in line:
        line["debit"], line["credit"] = line["credit"], line["debit"]
    else:
        text = line["amount"]
        line["amount"] = text[1:] if text.startswith("-") else f"-{text}"


def other_id(lines: list[dict[str, str]], n: int, way: Way) -> None:
    lines[n]["transaction_id"] = IDS[way.ids]("STL_NOBODYS")


def other_day(lines: list[dict[str, str]], n: int, way: Way) -> None:
    lines[n]["at"] = TIMES[way.times](datetime(2026, 11, 23, 3, tzinfo=UTC).astimezone(SEOUL))


def left_out(lines: list[dict[str, str]], n: int, way: Way) -> None:
    del lines[n]


def twice(lines: list[dict[str, str]], n: int, way: Way) -> None:
    lines.append(dict(lines[n]))


def no_time(lines: list[dict[str, str]], n: int, way: Way) -> None:
    lines[n]["at"] = "yesterday"


ALTERED: Mapping[str, Callable[[list[dict[str, str]], int, Way], None]] = {
    each.__name__: each
    for each in (other_amount, other_sign, other_id, other_day, left_out, twice, no_time)
}
