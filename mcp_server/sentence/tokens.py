"""A sentence cut into words of the vocabulary, in one pass: each letter is looked at a bounded
number of times, whatever the sentence is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp_server.sentence.words import ENDINGS, MEANINGS, Part, Word

LENGTH_MAX = 500
_QUOTES = str.maketrans("‘’“”«»＂＇、，：；？！～〜–—", '\'\'"""""\',,:;?!~~--')
# Alternatives that begin differently and possessive repeats (++): nothing is ever tried again.
_TOKEN = re.compile(
    r"""(?P<date>\d{4}-\d{1,2}-\d{1,2})(?!\d)T? | (?P<time>\d{1,2}:\d\d(?::\d\d)?)(?![\d:])
    | (?P<number>\.\d++|\d++(?:,\d{3}(?!\d))*+(?:\.\d++)?+) | (?<=\d)(?P<unit>[A-Za-z]++)
    | "(?P<quoted>[^"]++)" | '(?P<single>[^']++)' | (?P<korean>[가-힣]++)
    | (?P<word>[^\W가-힣]++(?:[-.'][^\W가-힣]++)*+) | [<>=]=? | \S""",
    re.VERBOSE,
)
_FORM_MAX = max(map(len, ENDINGS | MEANINGS))
_PHRASE_MAX = 4


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a value: what it is, what goes with that kind, and where it stands."""

    kind: str
    value: Any
    start: int
    end: int


def plain(sentence: str) -> str:
    """The sentence in one form: full-width letters and odd quotes as plain ones."""
    text = unicodedata.normalize("NFKC", sentence).translate(_QUOTES)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def tokens(text: str) -> list[Token]:
    """The words of a plain sentence; those that mean something together are one."""
    words: list[Token] = []
    for match in _TOKEN.finditer(text):
        words += _read(match, words[-1] if words else Token("", None, -1, -1))
    return list(_phrases(text, words))


def _read(match: re.Match[str], before: Token) -> list[Token]:
    kind, start, end = match.lastgroup or "", *match.span()
    is_glued = before.end == start
    match kind:
        case "korean":
            return _korean(match[0], start, is_glued, before.kind == "number")
        case "date" | "time" | "number":
            return [Token(kind, match[kind], start, end)]
        case "quoted" | "single":
            word = MEANINGS.get(match[kind].lower()) if before.kind != "merchant" else None
            word = word or Word("quoted", match[kind])
        case _:
            is_letter = before.kind == "merchant" and len(match[0]) == 1 and match[0].isalpha()
            word = Word("id", match[0]) if is_letter else _foreign(match[0])
    return [Token(word.kind, word.value, start, end)]


def _foreign(text: str) -> Word:
    """A word that is not Korean, or a sign."""
    low = text.lower().removesuffix("'s")
    spoken = low.replace("-", " ").replace("_", " ")
    if known := MEANINGS.get(low) or MEANINGS.get(low.replace("-", "_")) or MEANINGS.get(spoken):
        return known
    if low.endswith("n't") or any(is_status(low, prefix) for prefix in ("non-", "non", "un", "in")):
        return Word("not")
    number = low.removeprefix("shard").lstrip("-_")
    if low.startswith("shard") and number.isdecimal():
        return Word("shard_name", number)
    has_sign = "-" in low or "_" in low
    is_name = has_sign and (low.startswith("merchant") or any(c.isdecimal() for c in low))
    return Word("id" if is_name else "unknown", text)


def is_status(text: str, prefix: str) -> bool:
    """Whether a text is a word about statuses with that prefix."""
    word = MEANINGS.get(text.removeprefix(prefix)) if text.startswith(prefix) else None
    return word is not None and (isinstance(word.value, Part) or word.kind == "no_row")


def _korean(text: str, start: int, is_glued: bool, is_counted: bool) -> list[Token]:
    """A run of Korean letters as its words and endings; what does not come out even is unknown."""
    cuts = _cuts(text, is_glued)
    if cuts[0] == 0:
        negates = text[0] in "미비불" and (rest := _cuts(text[1:], False))[0]
        is_negated = negates and is_status(text[1 : 1 + rest[0]], "")
        return [Token("not" if is_negated else "unknown", text, start, start + len(text))]
    found, at = [], 0
    while at < len(text):
        form = text[at : at + cuts[at]]
        tables = (ENDINGS, MEANINGS) if at or (is_glued and not is_counted) else (MEANINGS, ENDINGS)
        word = tables[0].get(form) or tables[1][form]
        found.append(Token(word.kind, word.value, start + at, start + at + cuts[at]))
        at += cuts[at]
    return found


def _cuts(text: str, is_glued: bool) -> list[int]:
    """At each letter how long the longest word is after which the rest comes out even; 0: none."""
    cuts = [0] * len(text) + [1]
    for at in range(len(text) - 1, -1, -1):
        for size in range(min(_FORM_MAX, len(text) - at), 0, -1):
            form = text[at : at + size]
            begins = form in MEANINGS and (size > 1 or at == 0)
            if cuts[at + size] and (begins or (form in ENDINGS and (at or is_glued))):
                cuts[at] = size
                break
    return cuts


def _phrases(text: str, words: list[Token]) -> Iterator[Token]:
    at = 0
    while at < len(words):
        for size in range(min(_PHRASE_MAX, len(words) - at), 0, -1):
            form = " ".join(text[w.start : w.end] for w in words[at : at + size]).lower()
            word = MEANINGS.get(form) if size > 1 else None
            if word or size == 1:
                last = words[at + size - 1]
                yield Token(word.kind, word.value, words[at].start, last.end) if word else last
                at += size
                break
