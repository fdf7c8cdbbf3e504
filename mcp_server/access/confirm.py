"""What a person confirms: an act with its arguments, asked for by one caller, done once."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

LIFE_SECONDS = 300
_OPEN_MAX = 1000
_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is mistaken for another
_SIGNS_MAX = 8


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be confirmed: a tool with its arguments, asked for by one caller."""

    tool: str
    arguments: Mapping[str, Any]
    caller: str

    @property
    def digest(self) -> str:
        """The same for the same act only."""
        plain = [self.tool, self.arguments, self.caller]
        text = json.dumps(plain, sort_keys=True, ensure_ascii=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def new_code() -> str:
    """A name for an act that waits for a person, short enough to be typed."""
    return "".join(secrets.choice(_SIGNS) for _ in range(_SIGNS_MAX))


@dataclass(slots=True)
class Confirmations:
    """Keeps count of the questions that clients were told to ask: one act may follow from each."""

    clock: Callable[[], float] = time.monotonic
    _asked: dict[str, float] = field(default_factory=dict, repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ask(self, act: Act) -> None:
        """A person is being asked about this act: one act may follow."""
        with self._turn:
            self._forget()
            if len(self._asked) >= _OPEN_MAX:
                self._asked.pop(next(iter(self._asked)))
            self._asked[act.digest] = self.clock() + LIFE_SECONDS

    def take(self, act: Act) -> bool:
        """Whether a question about this act was open; it is not any more."""
        with self._turn:
            self._forget()
            return self._asked.pop(act.digest, None) is not None

    def _forget(self) -> None:
        now = self.clock()
        for key in [key for key, ends_at in self._asked.items() if ends_at <= now]:
            del self._asked[key]
