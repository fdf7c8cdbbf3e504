"""What the library of the command line says by itself, in the language that is spoken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from monitor.cli.language.spoken import say, spoken_catalog

_FRAME = {
    "ARGUMENTS_PANEL_TITLE": "arguments",
    "OPTIONS_PANEL_TITLE": "options",
    "COMMANDS_PANEL_TITLE": "commands",
    "ERRORS_PANEL_TITLE": "error",
    "ABORTED_TEXT": "aborted",
    "DEFAULT_STRING": "default",
    "REQUIRED_LONG_STRING": "required",
    "RICH_HELP": "try",
}
# The library's own sentences, from which what they are about is read.
_USAGE = (
    (r"No such option: (?P<option>\S+)(?: \(Possible options?: (?P<near>.*)\))?", "no_such_option"),
    (r"No such option: (?P<option>\S+) Did you mean (?P<near>.*)\?", "no_such_option"),
    (r"No such command (?P<command>.*?)\.(?: .*)?", "no_such_command"),
    (r"Missing command\.", "missing_command"),
    (r"Missing (?:argument|option|parameter) (?P<name>.*?)\.(?: .*)?", "missing"),
    (r"Option (?P<option>.*?) requires .*", "needs_value"),
    (r"Option (?P<option>.*?) does not take a value\.", "takes_no_value"),
    (r"Got unexpected extra arguments?(?:\(s\))? \((?P<extra>.*)\)", "too_many"),
)
_INVALID = re.compile(r"Invalid value(?: for (?P<name>.*?))?: (?P<reason>.*)", re.DOTALL)
_VALUE = (
    (r".*valid integer.*", "int_parsing"),
    (r".*valid (?:number|float).*", "float_parsing"),
    (r".*greater than or equal to (?P<ge>\S+)", "greater_than_equal"),
    (r".*less than or equal to (?P<le>\S+)", "less_than_equal"),
    (r".*greater than (?P<gt>\S+)", "greater_than"),
    (r".*less than (?P<lt>\S+)", "less_than"),
    (r"(?:Value error, )?(?P<given>.*) is not one of (?P<expected>.*?)\.?", "not_one_of"),
    (r".*finite number.*", "finite_number"),
)


def usage_sentence(told: str) -> str:
    """A sentence of the library in our words; what it does not know stays as it was told."""
    for pattern, key in _USAGE:
        found = re.fullmatch(pattern, told, re.DOTALL)
        if found:
            return say(f"usage.{key}", **_params(found))
    invalid = _INVALID.fullmatch(told)
    if invalid is None:
        return told
    return say("usage.invalid", name=invalid["name"] or "?", reason=_reason(invalid["reason"]))


def _reason(told: str) -> str:
    for pattern, key in _VALUE:
        found = re.fullmatch(pattern, told, re.DOTALL)
        if found:
            return say(f"invalid_value.{key}", **_params(found))
    return told


def _params(found: re.Match[str]) -> Mapping[str, Any]:
    return {name: text or "" for name, text in found.groupdict().items()}


def frame_in_words() -> None:
    """Let the library frame its help and its errors in the language that is spoken."""
    from typer import rich_utils

    sentences = spoken_catalog().sentences
    for constant, key in _FRAME.items():
        setattr(rich_utils, constant, sentences[f"help_frame.{key}"])


def usage_line(command: Any, context: Any) -> str:
    """The first line of a help or of an error; whoever asks for it frames the rest as well."""
    frame_in_words()
    sentences = spoken_catalog().sentences
    command.get_help_option(context).help = sentences["help.common.help"]
    pieces = " ".join(command.collect_usage_pieces(context))
    return f"{sentences['help_frame.usage']}{context.command_path} {pieces}"
