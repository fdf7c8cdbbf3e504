"""Causes: which trouble follows from which, declared as data and followed up to the root."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

DRAIN_DEFAULT = timedelta(minutes=5)
_KNOWN_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Cause:
    """A declared consequence: an alert like `effect` follows from an alert like `cause`.

    Both are patterns over `code:subject`; `*` matches anything, and `{x}` the same text in both.
    `drain` is the time that the effect takes to go away once the cause is over, and `begins_within`
    the time after that end in which it may still begin because of it (None: as long as it drains).
    """

    effect: str
    cause: str
    drain: timedelta = DRAIN_DEFAULT
    begins_within: timedelta | None = None

    def explains_after(self, ended_at: datetime, began_at: datetime) -> bool:
        """Whether a cause that ended then may have left behind what began at this time."""
        within = self.drain if self.begins_within is None else self.begins_within
        return began_at <= ended_at + within


@dataclass(slots=True)
class Causes:
    """The declared causes, indexed by code and remembered by pair: asked of at every pass."""

    rules: Sequence[Cause]
    _by_effect: dict[str, list[Cause]] = field(default_factory=dict)
    _known: dict[tuple[str, str], Cause | None] = field(default_factory=dict)
    _of: dict[str, tuple[Cause, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for rule in self.rules:
            self._by_effect.setdefault(_code(rule.effect), []).append(rule)

    def rule(self, cause_key: str, effect_key: str) -> Cause | None:
        """The rule by which an alert `cause_key` is a declared cause of `effect_key`."""
        pair = cause_key, effect_key
        if pair not in self._known:
            if len(self._known) > _KNOWN_MAX:
                self._known.clear()
            self._known[pair] = self._rule(cause_key, effect_key)
        return self._known[pair]

    def of(self, effect_key: str) -> tuple[Cause, ...]:
        """The rules whose effect is like this alert."""
        if effect_key not in self._of:
            if len(self._of) > _KNOWN_MAX:
                self._of.clear()
            near = (*self._by_effect.get(_code(effect_key), ()), *self._by_effect.get("", ()))
            self._of[effect_key] = tuple(
                r for r in near if _pattern(r.effect).fullmatch(effect_key)
            )
        return self._of[effect_key]

    def codes_above(self, effect_key: str) -> set[str]:
        """The codes that a cause of this alert may have ("" stands for any)."""
        return {_code(rule.cause) for rule in self.of(effect_key)}

    def _rule(self, cause_key: str, effect_key: str) -> Cause | None:
        if cause_key == effect_key:
            return None
        found = [r for r in self.of(effect_key) if _matches(r, cause_key, effect_key)]
        return max(found, key=lambda rule: rule.drain, default=None)


def _code(pattern: str) -> str:
    """The code that a key or pattern begins with; "" where the pattern leaves it open."""
    code = pattern.partition(":")[0]
    return "" if "*" in code or "{" in code else code


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
