"""What is left of a sentence while it is read: what is understood is taken out of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

LENGTH_MAX = 300
TAKEN = "\x1f"  # stands where something was taken out, so that its neighbours do not join
_QUOTES = str.maketrans("‘’“”«»＂＇、，：；？！～〜–—", '\'\'"""""\',,:;?!~~--')


class Rest:
    """A sentence that grows shorter. Patterns match without regard to case."""

    def __init__(self, sentence: str) -> None:
        """The sentence in one form: full-width letters and odd quotes as plain ones."""
        plain = unicodedata.normalize("NFKC", sentence[: 4 * LENGTH_MAX]).translate(_QUOTES)
        shown = "".join(c if c.isprintable() else " " for c in plain)
        self.text = " ".join(shown.split())

    def take(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """Each match, taken out of the sentence."""
        found = list(pattern.finditer(self.text))
        self.text = pattern.sub(f" {TAKEN} ", self.text)
        return iter(found)


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as this package writes them: blanks in it are free, letters of either case."""
    return re.compile(pattern, re.IGNORECASE | re.VERBOSE)
