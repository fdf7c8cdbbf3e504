"""No pattern of the product takes more than linear time, whatever foreign text it is held against.

All patterns are found by themselves: those that modules hold, and those that are written in calls
of `re`. Each is held against text that grows, made of what the pattern itself repeats.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import SimpleNamespace

import pytest

import checks
import demo
import mcp_server
import monitor

ROOMS = (monitor, checks, mcp_server, demo)
ROOT = Path(__file__).resolve().parents[2]
CALLS = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
MADE_IN_A_CALL = (  # what a function makes of a name, a job or a file name; held against here too
    (r'"paymentId"\s*:\s*(\d{1,18})\s*[,}]', 0),
    (r'"errorType"\s*:\s*"([^"]*)"\s*[,}]', 0),
)
ENDS = ("", "\0", "a")
SHORT, LONG = (8, 16, 20, 24, 28), (512, 4096)
SECONDS_MAX = 0.05  # 4,096 steps back at each of 4,096 places take 0.1 s and more


def held_by_modules() -> Iterator[re.Pattern]:
    for room in ROOMS:
        for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if found.name.endswith("__main__"):
                continue
            for value in vars(importlib.import_module(found.name)).values():
                yield from patterns_in(value)


def patterns_in(value) -> Iterator[re.Pattern]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (tuple, list, set, frozenset)):
        for item in value:
            yield from patterns_in(item)
    elif isinstance(value, dict):
        yield from patterns_in([*value.keys(), *value.values()])


def written_in_calls() -> Iterator[re.Pattern]:
    for room in ROOMS:
        for path in Path(room.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if is_call_of_re(node) and isinstance(node.args[0], ast.Constant):
                    yield re.compile(node.args[0].value)


def is_call_of_re(node: ast.AST) -> bool:
    function = getattr(node, "func", None)
    owner = getattr(getattr(function, "value", None), "id", "")
    return isinstance(node, ast.Call) and owner == "re" and function.attr in CALLS


@cache
def every_pattern() -> tuple[re.Pattern, ...]:
    made = [re.compile(text, flags) for text, flags in MADE_IN_A_CALL]
    found = {(p.pattern, p.flags): p for p in (*held_by_modules(), *written_in_calls(), *made)}
    return tuple(found.values())


def pumps_of(pattern: re.Pattern) -> list[str]:
    """Short texts of which a long one is made: what each part of the pattern, repeated, takes."""
    text = pattern.pattern
    tree = parser.parse(text.decode("latin-1") if isinstance(text, bytes) else text, pattern.flags)
    parts = {sample for node in nodes(tree) if (sample := sampled([node]))}
    letters = {letter for part in parts for letter in part}
    return sorted({*parts, *letters, *(2 * part for part in parts)}, key=lambda p: (len(p), p))[:40]


def nodes(tree) -> Iterator:
    for op, given in tree:
        yield (op, given)
        for inner in inners(op, given):
            yield from nodes(inner)


def inners(op, given) -> list:
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        return [given[2]]
    if op is sre.SUBPATTERN:
        return [given[3]]
    if op is sre.BRANCH:
        return list(given[1])
    if op is sre.ATOMIC_GROUP:
        return [given]
    return [given[1]] if op in (sre.ASSERT, sre.ASSERT_NOT) else []


def sampled(tree) -> str:
    """A text that these parts take, each repeat once."""
    return "".join(sample(op, given) for op, given in tree)[:20]


def sample(op, given) -> str:
    if op is sre.LITERAL:
        return chr(given)
    if op is sre.NOT_LITERAL:
        return "b" if given == ord("a") else "a"
    if op is sre.ANY:
        return "a"
    if op is sre.IN:
        return member(given)
    if op is sre.BRANCH:
        return sampled(given[1][0])
    if op in (sre.ASSERT, sre.ASSERT_NOT):
        return ""
    found = inners(op, given)
    return sampled(found[0]) if found else ""


def member(given) -> str:
    """A letter of a class."""
    is_not = given[0][0] is sre.NEGATE
    spelled = "".join(
        chr(v) if op is sre.LITERAL else f"{chr(v[0])}-{chr(v[1])}" if op is sre.RANGE else ""
        for op, v in given
    )
    kinds = {
        sre.CATEGORY_DIGIT: "0",
        sre.CATEGORY_SPACE: " ",
        sre.CATEGORY_WORD: "a",
        sre.CATEGORY_NOT_SPACE: "a",
        sre.CATEGORY_NOT_WORD: " ",
        sre.CATEGORY_NOT_DIGIT: "a",
    }
    known = [kinds[v] for op, v in given if op is sre.CATEGORY]
    if not is_not:
        return known[0] if known else spelled[0]
    return next(c for c in "a0 -_가" if c not in spelled and c not in known)


def seconds(pattern: re.Pattern, text) -> float:
    """Of this thread's own time: the machine may be busy with other things."""
    start = time.thread_time()
    pattern.fullmatch(text)
    for _ in pattern.finditer(text):
        pass
    return time.thread_time() - start


def slowest(pattern: re.Pattern) -> SimpleNamespace:
    """The text that takes longest, found by growing each as long as it is quick."""
    worst = SimpleNamespace(seconds=0.0, pump="", times=0)
    for pump in pumps_of(pattern):
        for end in ENDS:
            for times in (*SHORT, *LONG):
                text = pump * (times // len(pump) or 1) + end
                if isinstance(pattern.pattern, bytes):
                    text = text.encode("latin-1", "replace")
                took = seconds(pattern, text)
                if 0.01 < took < 1:  # something else may have got in the way: again
                    took = min(took, *(seconds(pattern, text) for _ in range(3)))
                if took > worst.seconds:
                    worst = SimpleNamespace(seconds=took, pump=pump, times=times)
                if took > SECONDS_MAX:
                    return worst
    return worst


def test_the_walk_finds_the_patterns():
    assert len(every_pattern()) > 50
    texts = {p.pattern for p in every_pattern()}
    assert any("korean" in str(text) for text in texts)


@pytest.mark.parametrize("pattern", every_pattern(), ids=lambda p: str(p.pattern)[:40])
def test_a_pattern_takes_linear_time_whatever_the_text(pattern):
    worst = slowest(pattern)
    assert worst.seconds < SECONDS_MAX, (pattern.pattern, worst)


@pytest.mark.parametrize(
    "text", [r"(a+)+b", r"(a|a)*b", r"\s*(UTC|GMT)$", r"[-_]+r?[-_]*\d$", r"(.+)x(.+)y"]
)
def test_the_measure_sees_a_pattern_that_tries_again(text):
    assert slowest(re.compile(text)).seconds > SECONDS_MAX
