"""Korean words without their endings: stems of the vocabulary, particles and conjugations."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mcp_server.sentence.words import KOREAN_STEMS, MEANINGS

# What may follow a stem, by what it adds to the sentence.
_OR = "했거나|됐거나|되었거나|하거나|되거나|이거나|거나|이나|나"
_AND = "했고|됐고|되었고|하고|되고|이고|이랑|랑|와|과|및"
_NOT = (
    "하지도|되지도|하지는|되지는|하지|되지|시키지|지|안된|안|못한|못|하지않은|되지않은|하지않는"
    "|되지않는|아닌|말고|빼고|제외"
)
_VERB = (
    "했었던|되었던|하였던|이었던|했던|됐던|였던|하던|되던|하는|되는|했는지|됐는지|했음|됐음|했어|됐어"
    "|했나요|됐나요|했나|됐나|했다|됐다|한|된|할|될|함|됨|했|됐|해|돼|하여|되어|시킨|당한|중이던|중인|중|인|난|나는"
)
_REQUEST = "해주세요|해줘요|해줘|해봐|해|줘요|줘|주세요|줄래|봐줘|봐|드려|요|야|니|어|나요|까"
_NOUN = "내역|건수|건들|건|들|것|거|분"
_PARTICLE = (
    "에서의|에서는|에서만|에서|에게|에는|에|으로는|으로|로는|로|이며|이고|이|가|을|를"
    "|은|는|의|도|만|부터|까지"
)
_ENDING = re.compile(
    rf"(?:(?P<or>{_OR})|(?P<and>{_AND})|(?P<not>{_NOT})"
    rf"|(?:{_VERB})?(?:{_NOUN})?(?:{_PARTICLE})?(?:{_REQUEST})?)"
)
_HANGUL = re.compile(r"[가-힣]")


@dataclass(frozen=True, slots=True)
class Stem:
    """A stem of the vocabulary; `adds` is what its ending adds: or, and, not, or nothing."""

    word: str
    adds: str = ""


def is_korean(token: str) -> bool:
    """Whether a token has a Korean letter."""
    return bool(_HANGUL.search(token))


def stems(token: str) -> Sequence[Stem]:
    """The stems that a token is made of, in order; none: it is not understood."""
    for stem in KOREAN_STEMS:
        if not token.startswith(stem):
            continue
        rest = token[len(stem) :]
        if not rest:
            return (Stem(stem),)
        if ending := _ENDING.fullmatch(rest):
            return (Stem(stem, ending.lastgroup or ""),)
        if behind := _compound(rest):
            return (Stem(stem), *behind)
    return ()


def _compound(rest: str) -> Sequence[Stem]:
    """What is written together with the stem before it (환불실패, 실패한결제)."""
    whole = stems(rest)
    if whole:
        return whole
    verb = re.match(rf"(?:{_VERB})", rest)
    return stems(rest[verb.end() :]) if verb and verb.end() < len(rest) else ()


def is_negated(token: str) -> bool:
    """Whether a token denies a word of the vocabulary by its first syllable (미완료, 미환불)."""
    found = stems(token[1:]) if token[:1] in ("미", "비", "불") else ()
    return bool(found) and MEANINGS[found[0].word].kind in ("status", "no_row")


def near(token: str) -> list[str]:
    """The stems that the beginning of a token resembles, letter by letter."""
    found = (
        (difflib.SequenceMatcher(None, _letters(token[: len(stem)]), _letters(stem)).ratio(), stem)
        for stem in KOREAN_STEMS
        if MEANINGS[stem].kind in ("status", "merchant") and len(stem) > 1
    )
    return [stem for ratio, stem in sorted(found, reverse=True)[:2] if ratio > 0.72]


def _letters(text: str) -> str:
    return unicodedata.normalize("NFD", text)
