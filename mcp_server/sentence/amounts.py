"""Amounts and their bounds: "over 50k", "between 10000 and 20000", "5만원 이상"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from mcp_server.sentence.rest import Rest, compiled

AMOUNT_MAX = 10**15
_KOREAN_UNITS = {
    "억": 10**8,
    "천만": 10**7,
    "백만": 10**6,
    "십만": 10**5,
    "만": 10**4,
    "천": 10**3,
    "백": 10**2,
}
_ENGLISH_UNITS = {"k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6}
# What makes a number something else than an amount: a clock, a date, a time, a count of rows.
_OTHERWISE = r"""(?! [\d.,]* \d | \s* (?: : | - \d | 시 | 분 | 초 | 일 | 월 | 년 | 주 | 개 | 건 | 번
    | % | [ap]m\b | h\b | h(?:ou)?rs?\b | min | sec | s\b | d\b | days?\b | weeks?\b | months?\b
    | rows?\b | payments?\b))"""
_DIGITS = r"(?: \d{1,3} (?:,\d{3})+ | \d+ ) (?:\.\d+)?"
_KOREAN = r"(?: (?:DIGITS)? \s* (?:천만|백만|십만|억|만|천|백) \s* )+ (?:\d+)?".replace(
    "DIGITS", _DIGITS
)
_MONEY = rf"""(?<![\w.\-]) (?:₩|\\|krw\s)? \s*
    (?: (?=\d) {_KOREAN} | {_DIGITS} \s* (?:k|m|thousand|million)\b | {_DIGITS}
      | (?:천만|백만|십만|억|만|천)(?=\s*원) )
    {_OTHERWISE} (?: \s* (?:원|krw\b|won\b) )?"""
_PARTICLE = r"(?:이|을|를|은|는|의|에서|부터|대)?"

_BETWEEN = compiled(
    rf"""\b(?:between|from|range) \s+ (?P<low>{_MONEY}) \s* (?:and|to|-|~) \s* (?P<high>{_MONEY})
    | (?P<low2>{_MONEY}) {_PARTICLE} \s* (?:에서|부터|~|-|와|과|to) \s* (?P<high2>{_MONEY})
      {_PARTICLE} \s* (?:사이|까지|범위)(?:의|인)?
    | (?P<low3>{_MONEY}) \s* (?:~|-|to) \s* (?P<high3>{_MONEY}) (?<=원|w|n)""".replace(
        "(?<=원|w|n)", r"(?:(?<=원)|(?<=krw)|(?<=won))"
    )
)
_WORDS = {
    "over": r"over|above|(?:more|greater|larger|bigger) \s than|exceeding|exceeds?|>",
    "from": r"at \s least|minimum|not \s less \s than|no \s less \s than|>=|≥",
    "under": r"under|below|less \s than|smaller \s than|lower \s than|<",
    "to": r"at \s most|maximum|up \s to|not \s more \s than|no \s more \s than|<=|≤",
    "exactly": r"exactly|equal \s to|equals|==|=|amount \s of|정확히",
}
_BEHIND = {
    "over": r"초과|넘는|넘은|넘게|보다 \s* (?:큰|많은|높은)",
    "from": r"이상|or \s more\b|and \s (?:up|more)\b|\+",
    "under": r"미만|보다 \s* (?:작은|적은|낮은)",
    "to": r"이하|or \s less\b|까지",
    "exactly": r"짜리",
}
_KINDS = ("from", "to", "over", "under", "exactly")  # the longer signs (>=) before the shorter
_SINGLE = {
    kind: compiled(
        rf"""(?: (?:(?<=\s)|^|(?<=\W)) (?:{_WORDS[kind]}) \s*
          (?:the \s|an \s)? (?:amount \s)? (?:of \s)? (?P<ahead>{_MONEY}))
        | (?P<behind>{_MONEY}) {_PARTICLE} \s* (?:{_BEHIND[kind]})(?:인|의|으로|한)?"""
    )
    for kind in _KINDS
}


@dataclass(frozen=True, slots=True)
class Bound:
    """Amounts from `low` to `high`, both included; None: open."""

    low: int | None = None
    high: int | None = None


def bounds(rest: Rest) -> Iterator[Bound]:
    """Every bound of amounts in the sentence; ValueError for one that no amount can be."""
    for match in rest.take(_BETWEEN):
        low, high = (next(g for n, g in _named(match) if n.startswith(k)) for k in ("low", "high"))
        yield Bound(_up(money(low)), _down(money(high)))
    for kind in _KINDS:
        for match in rest.take(_SINGLE[kind]):
            yield _bound(kind, money(match["ahead"] or match["behind"]))


def _named(match: re.Match[str]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in match.groupdict().items() if text]


def _bound(kind: str, amount: Decimal) -> Bound:
    match kind:
        case "over":
            return Bound(low=_down(amount) + 1)
        case "from":
            return Bound(low=_up(amount))
        case "under":
            return Bound(high=_up(amount) - 1)
        case "to":
            return Bound(high=_down(amount))
    return Bound(_up(amount), _down(amount))


def _up(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_CEILING))


def _down(amount: Decimal) -> int:
    return int(amount.to_integral_value(ROUND_FLOOR))


def money(text: str) -> Decimal:
    """The amount that is written; ValueError: larger than any payment."""
    plain = re.sub(r"[,\s₩\\]|krw|won|원", "", text.lower())
    english = re.fullmatch(r"([\d.]+)(k|m|thousand|million)?", plain)
    if english:
        amount = Decimal(english[1]) * _ENGLISH_UNITS.get(english[2] or "", 1)
    else:
        amount = _korean(plain)
    if amount > AMOUNT_MAX:
        raise ValueError(text.strip())
    return amount


def _korean(text: str) -> Decimal:
    total = Decimal()
    for digits, unit in re.findall(r"([\d.]*)(천만|백만|십만|억|만|천|백|$)", text):
        if unit:
            total += Decimal(digits or 1) * _KOREAN_UNITS[unit]
        elif digits:
            total += Decimal(digits)
    return total
