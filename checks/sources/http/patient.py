"""Slow questions, asked patiently and apart: nobody waits for them longer than for quick ones.

Some answers take a minute ("Kafka is unreachable"). Each such question has a thread and a
connection of its own; who asks waits a few seconds, and what comes later is there for the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from checks.sources.facts.unavailable import Fact, Unavailable, Why
from checks.sources.http.client import Answer, Wire

Key = tuple[str, ...]
_AT_ONCE_MAX = 16


@dataclass(slots=True)
class _Question:
    """One question on its way, and its answer once it is there."""

    started_at: float
    done: threading.Event = field(default_factory=threading.Event)
    answer: Fact[Answer] | None = None
    ended_at: float = 0.0


class PatientWire:
    """Asks as a Wire; waits `wait_seconds`, while the wire itself waits as long as it takes."""

    def __init__(self, wire: Wire, wait_seconds: float, part: str = "gateway") -> None:
        self._wire = wire
        self._wait_seconds = wait_seconds
        self._part = part
        self._lock = threading.Lock()
        self._asked: dict[Key, _Question] = {}
        self._late: dict[Key, _Question] = {}

    def get(
        self, path: str, *, bytes_max: int | None = None, method: str = "GET", **query: Any
    ) -> Fact[Answer]:
        """The answer; one that came too late for the last who asked; or that it is waited for."""
        key = (method, path, *(f"{name}={value}" for name, value in sorted(query.items())))
        question = self._started(
            key, lambda: self._wire.get(path, bytes_max=bytes_max, method=method, **query)
        )
        if question is None:
            return self._waits(path, 0.0)
        if question.done.wait(self._wait_seconds) and question.answer is not None:
            return _timed(question)
        return self._meanwhile(key, path, question)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _started(self, key: Key, ask: Callable[[], Fact[Answer]]) -> _Question | None:
        """The question on its way; None: too many are."""
        with self._lock:
            if key in self._asked:
                return self._asked[key]
            if len(self._asked) >= _AT_ONCE_MAX:
                return None
            question = self._asked[key] = _Question(time.monotonic())
        work = threading.Thread(
            target=self._answer, args=(key, question, ask), name=f"ask {key[1]}", daemon=True
        )
        work.start()
        return question

    def _answer(self, key: Key, question: _Question, ask: Callable[[], Fact[Answer]]) -> None:
        try:
            question.answer = ask()
        finally:
            question.ended_at = time.monotonic()
            with self._lock:
                self._asked.pop(key, None)
                if question.ended_at - question.started_at > self._wait_seconds:
                    self._late[key] = question
                else:
                    self._late.pop(key, None)
            question.done.set()

    def _meanwhile(self, key: Key, path: str, question: _Question) -> Fact[Answer]:
        """What came late last time: a refusal holds until there is a newer answer, others once."""
        with self._lock:
            late = self._late.get(key)
            if late is not None and not _is_refusal(late.answer):
                del self._late[key]
        now = time.monotonic()
        if late is not None and now - late.ended_at <= self._wire.timeout_seconds:
            return _timed(late)
        return self._waits(path, now - question.started_at)

    def _waits(self, path: str, seconds: float) -> Unavailable:
        params = {
            "path": path,
            "got": f"{seconds:.0f} s",
            "expected": f"{self._wire.timeout_seconds:g} s",
        }
        return Unavailable(self._part, Why.LIMIT, "no_answer_yet", params)


def _timed(question: _Question) -> Fact[Answer]:
    """The answer with the time that it took."""
    answer = question.answer
    assert answer is not None  # noqa: S101  (only ended questions come here)
    if isinstance(answer, Unavailable):
        return answer
    return replace(answer, seconds=question.ended_at - question.started_at)


def _is_refusal(answer: Fact[Answer] | None) -> bool:
    if answer is None or isinstance(answer, Unavailable):
        return True
    bad = bool(answer.data.get("error")) or answer.data.get("healthy") is False
    return answer.status != 200 or bad
