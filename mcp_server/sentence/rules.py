"""What words and values say together: one line a rule, tried from the top at each word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mcp_server.sentence.tokens import Token

_SHORT = {
    "POINT": "day|clock|point",
    "LENGTH": "length|span",
    "AMOUNT": "int|amount|scaled|won",
    "COUNT": "int|quantity",
    "RANGE": "and|to|dash|until",
}
# A kind a word, `|` between those of which one must stand there, `?` behind what may be missing;
# then what it is: of a time, of an amount, or what the values are.
RULES = {
    "settled not": "open",
    "not settled": "open",
    "between|from POINT RANGE POINT": "range",
    "POINT onward|origin|dash|to POINT upto|during?": "range",
    "since|from POINT": "since",
    "POINT onward": "since",
    "until|up_to POINT": "until",
    "POINT upto": "until",
    "before POINT": "before",
    "POINT prior": "before",
    "day part": "part",
    "day": "day",
    "period during?": "period",
    "within|over|since|during? last|recent LENGTH|unit during|within?": "past",
    "LENGTH during|within": "past",
    "within LENGTH|unit": "past",
    "older LENGTH ago?": "older",
    "LENGTH beyond|or_more": "older",
    "LENGTH prior prior": "older",
    "since LENGTH ago": "ago",
    "LENGTH prior onward": "ago",
    "span": "past",
    "just": "just",
    "between|from AMOUNT RANGE AMOUNT": "between",
    "AMOUNT onward|origin|dash|to|and AMOUNT during|upto": "between",
    "AMOUNT dash|to won": "between",
    "over AMOUNT": "over",
    "AMOUNT beyond": "over",
    "AMOUNT than big": "over",
    "at_least AMOUNT": "from",
    "AMOUNT or_more": "from",
    "under AMOUNT": "under",
    "AMOUNT fewer": "under",
    "AMOUNT than small": "under",
    "at_most|up_to AMOUNT": "to",
    "AMOUNT or_less|upto": "to",
    "exactly AMOUNT": "exactly",
    "AMOUNT priced": "exactly",
    "by? merchant? id": "merchants",
    "shard hash? COUNT|nth": "shards",
    "nth shard": "shards",
    "shard_name": "shards",
    "payment? hash COUNT": "payments",
    "payment COUNT|nth": "payments",
    "nth payment?": "payments",
    "order COUNT|count": "orders limits",
    "COUNT order": "limits orders",
    "top|last|recent COUNT|count": "limits",
    "count": "limits",
    "order": "orders",
}
TIME_RULES = {
    *("range", "since", "until", "before", "part", "day", "period", "past", "older", "ago", "just")
}
_VALUES = {
    *("day", "clock", "point", "period", "part", "length", "span", "unit"),
    *("int", "amount", "scaled", "won", "quantity", "count", "nth"),
    *("id", "shard_name", "order"),
}


def _compiled(pattern: str) -> tuple[tuple[frozenset[str], bool], ...]:
    for short, kinds in _SHORT.items():
        pattern = pattern.replace(short, kinds)
    parts = pattern.split()
    return tuple((frozenset(p.removesuffix("?").split("|")), p.endswith("?")) for p in parts)


_COMPILED = tuple((_compiled(pattern), name) for pattern, name in RULES.items())
_WORDS_MAX = max(len(parts) for parts, _ in _COMPILED)


def facts(words: Sequence[Token]) -> Iterator[tuple[str, Sequence[Any], Sequence[Token]]]:
    """Each rule that fits with its values and its words; "": a word that no rule takes."""
    at = 0
    while at < len(words):
        name, size = _first(words[at : at + _WORDS_MAX])
        taken = words[at : at + size]
        yield name, [word.value for word in taken if word.kind in _VALUES], taken
        at += size


def _first(words: Sequence[Token]) -> tuple[str, int]:
    fits = ((name, _fit(parts, words)) for parts, name in _COMPILED)
    return next(((name, size) for name, size in fits if size), ("", 1))


def _fit(parts: Sequence[tuple[frozenset[str], bool]], words: Sequence[Token]) -> int:
    """How many words a pattern takes; 0: it does not fit."""
    at = 0
    for kinds, may_lack in parts:
        if at < len(words) and words[at].kind in kinds:
            at += 1
        elif not may_lack:
            return 0
    return at
