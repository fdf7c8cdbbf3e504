"""Confirmations of what a tool is about to do: each holds once, for a short time, for one act."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

LIFE_SECONDS = 300
TOKEN_MAX = 200
_OPEN_MAX = 1000
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True)
class Act:
    """What is to be confirmed: a tool with its arguments, asked for by one caller."""

    tool: str
    arguments: Mapping[str, Any]
    caller: str

    @property
    def digest(self) -> bytes:
        """The same for the same act only."""
        plain = [self.tool, self.arguments, self.caller]
        text = json.dumps(plain, sort_keys=True, ensure_ascii=True, default=str)
        return hashlib.sha256(text.encode()).digest()


@dataclass(slots=True)
class Confirmations:
    """Gives out tokens and takes each back once; keeps count of the questions that were asked.

    The key lives as long as the process: a token from before a restart is refused.
    """

    clock: Callable[[], float] = time.monotonic
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _used: dict[bytes, float] = field(default_factory=dict, repr=False)
    _asked: dict[bytes, float] = field(default_factory=dict, repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def token(self, act: Act) -> str:
        """A token with which this act, and no other, can be confirmed once."""
        ends_at = int(self.clock()) + LIFE_SECONDS
        body = secrets.token_bytes(_NONCE_BYTES) + ends_at.to_bytes(8, "big")
        return base64.urlsafe_b64encode(body + self._seal(body, act)).decode()

    def redeem(self, token: str, act: Act) -> bool:
        """Whether a token is ours, meant for this act, still holds, and was not used before."""
        try:
            raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        except ValueError:
            return False
        body, seal = raw[: _NONCE_BYTES + 8], raw[_NONCE_BYTES + 8 :]
        if not hmac.compare_digest(seal, self._seal(body, act)):
            return False
        ends_at = int.from_bytes(body[_NONCE_BYTES:], "big")
        with self._turn:
            self._forget()
            if ends_at <= self.clock() or body in self._used:
                return False
            self._used[body] = ends_at
            return True

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

    def _seal(self, body: bytes, act: Act) -> bytes:
        return hmac.digest(self._key, body + act.digest, "sha256")

    def _forget(self) -> None:
        now = self.clock()
        for held in (self._used, self._asked):
            for key in [key for key, ends_at in held.items() if ends_at <= now]:
                del held[key]
