"""Foreign text, made hostile: nothing crashes on it, and nothing takes more than linear time.

Run it as `python benchmarks/fuzz.py [--inputs 1000000] [--seed 1] [--only sentence]`. It ends with
1 and names each input that raised what its parser does not declare, or that took too long.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from fuzz_parsers import PARSERS, Parser

TEXT_MAX = 4000
SLOW_SECONDS = 0.02  # from here on, twice the text must not take three times as long
SECONDS_MAX = 1.0
GROWTH_MAX = 3.0
_HOSTILE = (
    *("\0", "\n", "\r\n", "\ufeff", "\u202e", "\ud800", "\U0010ffff", "İ", "٣", "½", "①", "＝"),
    *("[", "]", "{", "}", "(", ")", '"', "'", "\\", ",", ":", ";", "|", "\t", "=", "-", "+", "."),
    *("null", "true", "NaN", "Infinity", "-1", "0", "1e309", "1e-400", "99999999999999999999"),
    *("9" * 400, "9999-12-31T23:59:59Z", "0001-01-01", "24:00", "오후 12시", "5천만", "지난", "%s"),
    *("{{7*7}}", "${HOME}", "=cmd|' /C calc'!A0", "\x1b[2J", "' OR 1=1 --", "../../etc/passwd"),
)
_VALUE = re.compile(r'[-\d.]{1,40}|"[^"]{0,80}"|null|true|false')
_VALUES = (
    *("null", "true", "[]", "{}", '""', "0", "-1", "1e309", "9" * 400, "1.5", "[[]]", '{"a": []}'),
    *('"9999-12-31T23:59:59Z"', '"0001-01-01T00:00:00+14:00"', "-9e99", "NaN", '"\\ud800"', "1e15"),
)
_NESTING = ("[", '{"a":', "(", '"[', "{", "[{")


@dataclass(frozen=True, slots=True)
class Fault:
    """An input that a parser did not take well."""

    parser: str
    text: str
    why: str


def inputs(parser: Parser, chance: random.Random) -> Iterator[str]:
    """Texts without end: the seeds, cut, doubled, crossed, pumped and nested."""
    while True:
        text = chance.choice(parser.seeds)
        for _ in range(chance.choice((0, 1, 1, 2, 3, 6))):
            text = _changed(text, parser, chance)[:TEXT_MAX]
        yield text


def _changed(text: str, parser: Parser, chance: random.Random) -> str:
    start, end = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
    piece = text[start:end]
    match chance.randrange(10):
        case 0:
            return text[:start] + text[end:]
        case 1:
            return text[:end] + piece + text[end:]
        case 2:
            return text[:start] + chance.choice(_HOSTILE) + text[start:]
        case 3:
            return text[:start] + chance.choice(_HOSTILE) + text[end:]
        case 4:
            return text[:start] + chance.choice(parser.seeds) + text[end:]
        case 8 | 9:  # a value of its own, in the place of another
            places = [*_VALUE.finditer(text)]
            if places:
                start, end = chance.choice(places).span()
            return text[:start] + chance.choice(_VALUES) + text[end:]
        case 5:  # pumped
            few = piece[:12] or chance.choice(_HOSTILE)
            return text[:start] + few * chance.choice((3, 30, 300)) + text[start:]
        case 6:  # nested
            return chance.choice(_NESTING) * chance.choice((3, 50, 1500)) + text
        case _:
            letters = [chr(chance.choice((chance.randrange(128), chance.randrange(0x2FFF))))]
            return text[:start] + "".join(letters) + text[start + 1 :]


def fault_of(name: str, parser: Parser, text: str) -> Fault | None:
    """What is wrong with how a parser takes a text, if anything is."""
    try:
        took = _seconds(parser, text)
        if took < SLOW_SECONDS:
            return None
        took = min(took, _seconds(parser, text))  # something else may have got in the way
        twice = _seconds(parser, 2 * text) if took >= SLOW_SECONDS else 0.0
    except Exception:
        return Fault(name, text, traceback.format_exc(limit=-3))
    if took > SECONDS_MAX or twice > GROWTH_MAX * took:
        return Fault(name, text, f"{took:.3f} s, and twice the text {twice:.3f} s")
    return None


def _seconds(parser: Parser, text: str) -> float:
    """Of this thread's own time."""
    start = time.thread_time()
    with suppress(*parser.errors):
        parser.run(text)
    return time.thread_time() - start


def fuzz(count: int, seed: int, only: str = "") -> Iterator[Fault]:
    """Hold so many inputs against the parsers, by the share of each."""
    parsers = {name: p for name, p in PARSERS.items() if only in ("", name)}
    shares = sum(parser.share for parser in parsers.values())
    for name, parser in parsers.items():
        made = inputs(parser, random.Random(f"{seed}:{name}"))
        for _ in range(round(count * parser.share / shares)):
            fault = fault_of(name, parser, next(made))
            if fault is not None:
                yield fault


def main() -> int:
    """Fuzz, and print what was found."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    asked.add_argument("--inputs", type=int, default=1_000_000)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--only", default="", choices=("", *PARSERS))
    given = asked.parse_args()
    start, found = time.monotonic(), Counter[str]()
    for fault in fuzz(given.inputs, given.seed, given.only):
        found[fault.parser] += 1
        if found[fault.parser] <= 3:
            print(f"{fault.parser}: {fault.text[:200]!r}\n{fault.why}\n")
    seconds = time.monotonic() - start
    print(f"{given.inputs:,} inputs, {seconds:.0f} s, {sum(found.values())} faults {dict(found)}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
