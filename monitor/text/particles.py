"""Korean particles: which form follows a word, by its final sound."""

from __future__ import annotations

import re

_DIGITS = "ㅇㄹ-ㅁ--ㄱㄹㄹ-"  # the final sounds of 영 일 이 삼 사 오 육 칠 팔 구
_LETTERS = {"L": "ㄹ", "M": "ㅁ", "N": "ㄴ", "R": "ㄹ"}  # of the names of the letters
_ENDINGS = (("ng", "ㅇ"), ("n", "ㄴ"), ("m", "ㅁ"), ("l", "ㄹ"))
_STOPPED = re.compile(r"[aeiou](ck|c|k|p|t)$")  # topic 토픽, but ingest 인제스트
_SILENT = "-"


def particle(word: str, forms: str) -> str:
    """The form that follows a word, of two as `이/가`: after a final consonant, and without."""
    closed, opened = forms.split("/")
    sound = _final_sound(word)
    if sound == "ㄹ" and closed == "으로":
        return opened
    return opened if sound == _SILENT else closed


def _final_sound(word: str) -> str:
    """The consonant that a word ends in as it is spoken; a dash where there is none."""
    spoken = re.sub(r"(?<![^0-9A-Za-z가-힣])[^0-9A-Za-z가-힣]++$", "", word)
    last = spoken[-1:]
    if "가" <= last <= "힣":
        final = (ord(last) - ord("가")) % 28
        return {0: _SILENT, 8: "ㄹ"}.get(final, "ㄱ")
    if last.isdigit():
        return _DIGITS[int(last)]
    return _of_latin(re.split(r"[^A-Za-z]", spoken)[-1])


def _of_latin(word: str) -> str:
    if word.isupper():
        return _LETTERS.get(word[-1], _SILENT)
    lower = word.lower()
    if _STOPPED.search(lower):
        return "ㄱ"
    return next((sound for ending, sound in _ENDINGS if lower.endswith(ending)), _SILENT)
