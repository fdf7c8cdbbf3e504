"""Every key with every kind of broken value: refused with the key named, whatever the command."""

import types
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from typer.testing import CliRunner

from monitor.cli.configuration.commands import require_valid
from monitor.cli.main import main
from monitor.config.keys import tables
from monitor.config.models import ConfigError, parse

_UNLIKE_TEXT = ("5", "true", "nan", "[]", "{}", '"a\\u0000b"', '"${NOT_SET}"', '"${file:/no/file}"')
_UNLIKE_NUMBER = ("nan", "inf", "-inf", "-1", "true", '"soon"', '""', "[]", "{}", "1e400")
BROKEN: dict[Any, tuple[str, ...]] = {
    bool: ("7", "nan", '"maybe"', "[]"),
    float: _UNLIKE_NUMBER,
    int: (*_UNLIKE_NUMBER, "1.5", "1" + "0" * 60),
    str: _UNLIKE_TEXT,
    Path: _UNLIKE_TEXT,
    tuple: ("5", '"abc"', "[5]", "[[]]", "[true]", '["\\u0001"]'),
    dict: ("5", '"abc"', "[1]", "{ x = [[]] }"),
    Enum: ("5", '"nonsense"', "[]"),
}
BESIDE = {"receivers.slack": 'channel = "#x"\n'}


def kinds(takes: Any) -> set[Any]:
    """The plain types behind an annotation."""
    origin = get_origin(takes)
    if origin is Annotated:
        return kinds(get_args(takes)[0])
    if origin in (Union, types.UnionType):
        return {kind for part in get_args(takes) for kind in kinds(part)} - {type(None)}
    if origin is Literal or (isinstance(takes, type) and issubclass(takes, Enum)):
        return {Enum}
    return {dict if origin is Mapping or origin is dict else origin or takes}


def cases() -> list[tuple[str, str]]:
    """The whole text of a file with one broken value, and the key that is to be named."""
    made = []
    for table in tables():
        for key in table.keys:
            path = f"{table.path}.{key.name}".lstrip(".")
            (kind,) = kinds(key.takes)
            values = BROKEN[kind]
            made += [(_file(table.path, key.name, value), path) for value in values]
    return made


def _file(table: str, key: str, value: str) -> str:
    head = f"[{table}]\n" if table else ""
    kind = 'kind = "slack"\n' if table == "receivers.slack" and key != "kind" else ""
    kind = 'kind = "console"\n' if table == "receivers.console" and key != "kind" else kind
    beside = BESIDE.get(table, "") if not key.startswith("channel") else ""
    return f"{head}{kind}{beside}{key} = {value}\n"


CASES = cases()


def refusal(text: str) -> str:
    try:
        require_valid(parse(text, {}))
    except ConfigError as error:
        return str(error)
    return ""


def test_each_broken_value_of_each_key_is_refused_with_the_key_named(monkeypatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", "x")
    said = {text: refusal(text) for text, _ in CASES}
    assert [text for text, key in CASES if key not in said[text]] == []
    assert [text for text, _ in CASES if len(said[text].splitlines()) > 10] == []


def test_there_are_enough_keys_for_the_sweep_to_mean_something():
    assert len(CASES) > 2000


COMMANDS = (["config", "check"], ["doctor"], ["check"], ["run"])


def broken_run(command: list[str], text: str, file: Path) -> tuple[int, str]:
    assert refusal(text)  # what is taken would run for ever
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, [*command, "-c", str(file)])
    is_ended = isinstance(result.exception, SystemExit) or result.exception is None
    return (result.exit_code if is_ended else -1), result.output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("text, key", CASES[:: len(CASES) // 12])
def test_no_command_ends_in_a_traceback_over_a_broken_value(
    command, text, key, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "x")
    code, said = broken_run(command, text, tmp_path / "paypulse.toml")
    assert (code, key in said) == (3, True)


def in_turn(step: int) -> list[tuple[str, str]]:
    """A case of each key, the values in turn, so that each kind of them comes to each command."""
    by_key = {key: [c for c in CASES if c[1] == key] for _, key in CASES}
    return [cases[(at + step) % len(cases)] for at, cases in enumerate(by_key.values())]


@pytest.mark.slow
@pytest.mark.parametrize("step", range(len(COMMANDS)), ids=[" ".join(c) for c in COMMANDS])
def test_every_command_refuses_a_broken_value_of_every_key(step, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "x")
    wrong = []
    for text, key in in_turn(step):
        code, said = broken_run(COMMANDS[step], text, tmp_path / "paypulse.toml")
        if code != 3 or key not in said:
            wrong.append((text, code))
    assert wrong == []
