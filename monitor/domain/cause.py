"""Causes: which trouble follows from which, declared as data and followed up to the root."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Cause:
    """A declared consequence: an alert like `effect` follows from an alert like `cause`.

    Both are patterns over `code:subject`; `*` matches anything, and `{x}` the same text in both.
    """

    effect: str
    cause: str


def explains(causes: Sequence[Cause], cause_key: str, effect_key: str) -> bool:
    """Whether an alert `cause_key` is a declared cause of an alert `effect_key`."""
    if cause_key == effect_key:
        return False
    return any(_matches(rule, cause_key, effect_key) for rule in causes)


def _matches(rule: Cause, cause_key: str, effect_key: str) -> bool:
    effect = _pattern(rule.effect).fullmatch(effect_key)
    cause = _pattern(rule.cause).fullmatch(cause_key)
    if effect is None or cause is None:
        return False
    shared = effect.groupdict().keys() & cause.groupdict().keys()
    return all(effect[name] == cause[name] for name in shared)


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str]:
    escaped = re.escape(text).replace(r"\*", ".*")
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+)", escaped))


def root_of(key: str, active: Iterable[str], causes: Sequence[Cause]) -> str:
    """The first cause of `key` among the active keys: follow the causes up to where they end."""
    known = sorted(set(active))
    seen = {key}
    while True:
        above = [k for k in known if k not in seen and explains(causes, k, key)]
        if not above:
            return key
        key = above[0]
        seen.add(key)


def is_caused(key: str, causes: Sequence[Cause]) -> bool:
    """Whether anything at all is declared that `key` could follow from."""
    return any(_pattern(rule.effect).fullmatch(key) for rule in causes)
