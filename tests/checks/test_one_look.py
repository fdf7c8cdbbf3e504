"""One look asks each question once, and nothing is kept after it."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from checks.sources.facts.look import one_look, shared


class Questions:
    def __init__(self):
        self.asked = Counter()
        self.lock = threading.Lock()

    def ask(self, key):
        def answer():
            with self.lock:
                self.asked[key] += 1
                return f"{key}{self.asked[key]}"

        return shared(key, answer)


def test_within_one_look_a_question_is_asked_once_whoever_wants_it():
    questions = Questions()
    with one_look(), ThreadPoolExecutor(8) as pool:
        found = [pool.submit(copy_context().run, questions.ask, "ab"[n % 2]) for n in range(40)]
        said = {each.result() for each in found}
    assert said == {"a1", "b1"} and questions.asked == {"a": 1, "b": 1}


def test_a_look_within_a_look_is_the_same_and_the_next_asks_anew():
    questions = Questions()
    with one_look():
        first = questions.ask("a")
        with one_look():
            assert questions.ask("a") == first
        assert questions.ask("a") == first
    with one_look():
        assert questions.ask("a") == "a2"
    assert [questions.ask("a"), questions.ask("a")] == ["a3", "a4"]


def test_an_error_is_shared_too():
    def fails():
        raise ValueError("no")

    with one_look():
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                shared("a", fails)
