"""The commented configuration, in both languages."""

from __future__ import annotations

import re
import tomllib

import pytest

from monitor.config.errors import comment
from monitor.config.example import comment_key, example_text
from monitor.config.keys import tables
from monitor.config.language import speak
from monitor.config.models import parse
from monitor.config.plan import plan
from monitor.text.sentences import load_file


@pytest.fixture(params=["en", "ko"])
def language(request) -> str:
    speak(request.param)
    yield request.param
    speak("en")


def set_keys(text: str) -> str:
    """The example with every setting set; what has no default stays away."""
    lines = [line for line in text.splitlines() if not line.startswith("## ")]
    unset = ("access_log", "certfile", "keyfile")
    shown = [line.removeprefix("# ") for line in lines]
    return "\n".join(line for line in shown if not line.startswith(unset))


def explained(path: str) -> dict[str, str]:
    """Of a table of the example: the comment above each key."""
    lines = example_text().splitlines()
    heads = [i for i, line in enumerate(lines) if line.endswith(f"[{path}]")] if path else [-1]
    found, said = {}, list[str]()
    for line in lines[heads[0] + 1 :]:
        if re.match(r"#?\[", line):
            return found
        if line.startswith("## "):
            said.append(line[3:])
        elif line:
            found[line.lstrip("# ").partition(" = ")[0]] = " ".join(said)
            said = []
        else:
            said = []
    return found


def test_every_key_stands_in_the_example_below_its_own_comment(language):
    for table in tables():
        found = explained(table.path)
        for key in table.keys:
            is_left_out = table.path == "checks.load_test" and key.name == "every_seconds"
            told = comment(comment_key(table.path, key.name))
            assert is_left_out or found[key.name].startswith(told), (table.path, key.name)


def test_no_comment_is_left_over_and_each_is_a_line_of_its_own(language):
    known = {comment_key(table.path, key.name) for table in tables() for key in table.keys}
    known |= {"head", "receiver", "unset"}
    there = {key.removeprefix("config_keys.") for key in load_file(language, "config_keys")}
    assert there - known == set()
    assert known - there == set()


def test_the_example_parses_as_it_stands_and_means_the_defaults(language):
    text = example_text()
    speak("en")
    assert parse(text, {}) == parse("[checks]", {}).model_copy(
        update={"checks": parse(text, {}).checks}
    )
    plans = plan(parse(text, {})), plan(parse("", {}))
    assert plans[0] == plans[1]


def test_the_example_with_every_key_set_means_the_defaults(language):
    text = set_keys(example_text())
    speak("en")
    tomllib.loads(text)
    given, default = parse(text, {}), parse("", {})
    for section in (
        "platform",
        "alerts",
        "baseline",
        "report",
        "delivery",
        "heartbeat",
        "retention",
        "mcp",
        "privacy",
    ):
        assert getattr(given, section) == getattr(default, section)
    planned, plain = plan(given), plan(default)
    for name, one in plain.items():
        assert planned[name].options == one.options
        assert (planned[name].every, planned[name].cron) == (one.every, one.cron)
        assert (planned[name].timeout, planned[name].rule) == (one.timeout, one.rule)
    assert planned.keys() == plain.keys()


def test_the_comments_are_those_of_the_language(language):
    is_korean = bool(re.search("[가-힣]{3}", re.sub(r"(?m)^# .*$", "", example_text())))
    assert is_korean == (language == "ko")
