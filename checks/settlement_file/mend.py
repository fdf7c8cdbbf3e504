"""Which settings would make a file readable that is not laid out as configured.

Only what the file proves is proposed; nothing is read by it before somebody sets it.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from checks.settlement_file.amounts import FieldError, money
from checks.settlement_file.layout import Layout
from checks.settlement_file.profiles import PROFILES
from checks.sources.facts.psp import BadLine
from monitor.domain.books.time_forms import choose_form

Settings = dict[str, Any]
_HEAD_BYTES = 65_536
_HEAD_LINES = 30
_ENCODINGS = ("utf-8-sig", "utf-16", "cp949")
_SEPARATORS = (",", ";", "\t", "|")
_MARKS = ((",", "."), (".", ","), ("'", "."), ("", ","))
_REFUND_WORD = re.compile(r"refund|cancel|void|취소|환불", re.IGNORECASE)
_ALIASES: Mapping[str, tuple[str, ...]] = {
    "transaction_id": ("transaction_id", "transaction id", "txn_id", "tid", "거래번호", "거래id"),
    "payment_id": ("payment_id", "payment id", "order_id", "order id", "주문번호", "결제번호"),
    "amount": ("amount", "gross", "gross amount", "금액", "거래금액", "결제금액", "승인금액"),
    "at": ("at", "date", "datetime", "created_at", "거래일시", "승인일시", "결제일시", "거래일자"),
    "kind": ("kind", "type", "transaction type", "구분", "거래구분", "거래유형", "거래종류"),
    "status": ("status", "state", "상태", "처리상태", "처리결과"),
    "debit": ("debit", "차변", "출금", "출금액"),
    "credit": ("credit", "대변", "입금", "입금액"),
    "currency": ("currency", "통화"),
}


def settings_text(settings: Settings) -> str:
    """Settings as they stand in the configuration: separator = ";", decimal = ","."""
    return "; ".join(f"{key} = {_toml(value)}" for key, value in settings.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def header_settings(path: Path, layout: Layout) -> Settings:
    """Under which encoding, separator and first line, and with which columns, it has a header."""
    headers = list(_headers(path, layout))
    for settings, row in headers:
        if set(layout.mapped.values()) <= set(row):
            return settings
    for settings, row in headers:
        for name, profile in PROFILES.items():
            if set(profile["columns"].values()) <= set(row):
                return {"profile": name, **settings}
    for settings, row in headers:
        if columns := _by_names(row):
            return {**settings, "columns": columns}
    return _without_header(headers)


def _headers(path: Path, layout: Layout) -> Iterator[tuple[Settings, list[str]]]:
    """Every row that could be the header, with what differs from the layout to read it."""
    head = _head(path)
    for encoding in dict.fromkeys((layout.encoding, *_ENCODINGS)):
        text = _decoded(head, encoding)
        if text is None:
            continue
        changed = {} if encoding == layout.encoding else {"encoding": encoding}
        lines = text.splitlines()[:_HEAD_LINES]
        for separator in dict.fromkeys((layout.separator, *_SEPARATORS)):
            other = {} if separator == layout.separator else {"separator": separator}
            for number, line in enumerate(lines):
                row = _row(line, separator)
                if len(row) > 1:
                    above = number if number > layout.skip_first else 0
                    skip = {"skip_first": above} if above else {}
                    yield {**changed, **other, **skip}, row


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as raw:
            is_packed = raw.peek(2).startswith(b"\x1f\x8b")
            return gzip.GzipFile(fileobj=raw).read(_HEAD_BYTES) if is_packed else raw.read(
                _HEAD_BYTES)  # fmt: skip
    except (OSError, EOFError, zlib.error):
        return b""


def _decoded(head: bytes, encoding: str) -> str | None:
    if encoding == "utf-16" and head[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return None
    whole = head if len(head) < _HEAD_BYTES or encoding == "utf-16" else head[: head.rfind(b"\n")]
    try:
        return whole.decode(encoding)
    except UnicodeError:
        return None


def _row(line: str, separator: str) -> list[str]:
    try:
        row = next(csv.reader((line,), delimiter=separator), [])
    except csv.Error:
        return []
    return [text.strip().removeprefix("\ufeff") for text in row]


def _by_names(row: Sequence[str]) -> dict[str, str]:
    """The columns of a header in other words, if all that is needed is among them."""
    lowered = [text.lower() for text in row]
    found = {}
    for name, words in _ALIASES.items():
        fitting = [row[n] for n, text in enumerate(lowered) if text in words]
        if len(fitting) == 1:
            found[name] = fitting[0]
    has_money = "amount" in found or {"debit", "credit"} <= set(found)
    has_key = "transaction_id" in found or "payment_id" in found
    return found if has_money and has_key and "at" in found else {}


def _without_header(headers: Sequence[tuple[Settings, list[str]]]) -> Settings:
    """A first row with a time in it is no header."""
    for settings, row in headers[:1]:
        if any(choose_form([text]).form for text in row if len(text) >= len("2026.1.1")):
            return {**settings, "has_header": False}
    return {}


def debit_setting(header: Sequence[str], layout: Layout) -> Settings:
    """The column of what goes out, where only the one of what comes in is mapped."""
    mapped = layout.mapped.get("credit") or layout.mapped.get("amount", "")
    for credit, debit in (("credit", "debit"), ("대변", "차변"), ("입금", "출금")):
        twin = next((c for c in header if c.lower() == mapped.lower().replace(credit, debit)), "")
        if twin and twin != mapped and twin not in layout.mapped.values():
            return {"columns.debit": twin}
    return {}


def value_settings(bad: Sequence[BadLine], layout: Layout) -> Settings:
    """What would make lines readable that nearly all fail for the same reason."""
    (reason, column), count = Counter((b.reason, b.column) for b in bad).most_common(1)[0]
    if 2 * count < len(bad):
        return {}
    texts = [b.text for b in bad if (b.reason, b.column) == (reason, column)]
    field = next((name for name, mapped in layout.mapped.items() if mapped == column), column)
    if reason in ("thousands", "no_amount"):
        return _marks(texts)
    if reason == "no_time":
        chosen = choose_form(texts)
        names = [form.name for form in (chosen.rivals or (chosen.form,)) if form]
        return {"at_format": names[0] if len(names) == 1 else names} if names else {}
    if reason == "unknown_word":
        return _words(texts, field)
    if reason == "no_number":
        prefixes = Counter(re.split(r"\d", text, maxsplit=1)[0] for text in texts)
        prefix = prefixes.most_common(1)[0][0] if len(prefixes) == 1 else ""
        return {"payment_replace": [f"^{re.escape(prefix)}", ""]} if prefix else {}
    if reason == "other_currency" and len(set(texts)) == 1:
        return {"currency": texts[0]}
    return {}


def _marks(texts: Sequence[str]) -> Settings:
    for thousands, decimal in _MARKS:
        if all(_reads(text, thousands, decimal) for text in texts):
            return {"thousands": thousands, "decimal": decimal}
    return {}


def _reads(text: str, thousands: str, decimal: str) -> bool:
    try:
        money(text, thousands, decimal=decimal)
    except FieldError:
        return False
    return True


def _words(texts: Sequence[str], field: str) -> Settings:
    """The words of a column, those of refunds told apart; the commonest are captures, or done."""
    words = [word for word, _ in Counter(texts).most_common()]
    if field == "status":
        return {"done_words": words[:1]}
    refunds = [word for word in words if _REFUND_WORD.search(word)]
    captures = [word for word in words if word not in refunds][:1]
    found = {"capture_words": captures, "refund_words": refunds}
    return {key: value for key, value in found.items() if value}
