"""Under `language = "ko"` all that the commands print is Korean, and under "en" nothing is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from monitor.cli.language.spoken import language_of
from monitor.cli.language.usage import usage_sentence
from monitor.cli.main import main
from monitor.config.language import speak
from monitor.config.models import ConfigError, load, parse
from monitor.config.plan import plan
from monitor.config.receivers import receivers
from monitor.text.sentences import load_file

# Names: of commands, options, keys, files, variables, formats, products; and what the system says.
NAMES = re.compile(
    r"`[^`]*`|'[^']*'|\"[^\"]*\"|--?[a-z][\w-]*|\S*[./:_={}\[\]<>]\S*|\b[A-Z][A-Z_0-9-]+\b"
    r"|No such file or directory"
    r"|\b(?:paypulse|Slack|Kafka|Redis|Claude|Code|Ctrl-C|Prometheus|Python|Linux|Authorize)\b"
)
ENGLISH = re.compile(r"[A-Za-z][a-z]+(?: [a-z]+){2,}|\b(?:the|is|are|of|and|with|not)\b")
HANGUL = re.compile(r"[가-힣]")


def english_in(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.startswith("@@")]
    return [line for line in lines if ENGLISH.search(NAMES.sub("·", line))]


def paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, each in getattr(command, "commands", {}).items():
        yield from paths(each, (*path, name))


HELPS = [*paths(get_command(main))]
PRINT_ALL = """
import sys
from typer.testing import CliRunner
from monitor.cli.main import main
for words in sys.stdin.read().splitlines():
    done = CliRunner().invoke(main, words.split())
    print(f"@@ {words}\\n{done.output}")
"""


def printed(language: str, commands: list[str], folder: Path) -> str:
    """What the commands print in a process of their own: the library's frame is read once."""
    env = {**os.environ, "PAYPULSE_LANGUAGE": language, "COLUMNS": "160", "NO_COLOR": "1"}
    command = [sys.executable, "-c", PRINT_ALL]
    given = "\n".join(commands)
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=True, env=env, cwd=folder
    )
    return done.stdout


def all_helps() -> list[str]:
    return [" ".join([*path, "--help"]) for path in HELPS]


def test_every_help_is_korean_where_korean_is_spoken(tmp_path: Path) -> None:
    shown = printed("ko", all_helps(), tmp_path)
    assert english_in(shown) == []
    assert all(HANGUL.search(page) for page in shown.split("@@ ")[1:])


def test_no_help_is_korean_where_english_is_spoken(tmp_path: Path) -> None:
    assert not HANGUL.search(printed("en", all_helps(), tmp_path))


def test_every_command_and_every_option_has_a_help() -> None:
    texts = load_file("en", "help")
    commands = get_command(main)
    missing = [key for key in wanted(commands) if not any(name in texts for name in key)]
    assert missing == []


def test_no_help_is_left_over_from_an_option_that_is_gone() -> None:
    used = {name for key in wanted(get_command(main)) for name in key} | {"help.common.help"}
    kept = {key for key in load_file("en", "help") if key.startswith("help.")}
    assert kept - used == set()


def wanted(command: Any, key: str = "help") -> Iterator[tuple[str, ...]]:
    """The keys of which each must be there, with what stands in for it."""
    yield (f"{key}.text",)
    for parameter in command.params:
        name = max(parameter.opts, key=len).lstrip("-")
        yield (f"{key}.{name}", f"help.common.{name}")
    for name, each in getattr(command, "commands", {}).items():
        yield from wanted(each, f"{key}.{name}")


MISTAKES = [
    *("foo", "alerts foo", "alerts list --hurs 3", "alerts list --hours", "alerts list --hours x"),
    *("alerts list --hours -1", "alerts ack", "alerts ack 1 2", "alerts ack x", "check --json=1"),
    *("loadtest list -n 5000", "loadtest list -z", "mcp install --client foo", "alerts accept a/b"),
    *("check nonsense", "check -c none.toml", "doctor slack", "doctor slak --send-test"),
    *("report hourly", "report --date x", "report --format pdf", "report load-test"),
    *("payment -- -1", "payment 1 --shard shard9", "payment x", "reconcile --since x"),
    *("reconcile --since 2999-01-01", "reconcile --full --since 2d", "reconcile"),
    *("backtest none.csv", "backtest none.csv --worse left", "match none.csv"),
    *("match none.csv --date x", "match none.csv --csv none.csv", "match none.csv --csv no/x.csv"),
    *("alerts show 9", "alerts ack 9", "alerts unsilence 9", "alerts unaccept 9", "alerts retry 9"),
    *("alerts silence a", "alerts silence a/b", "alerts silence * --for x", "alerts silence *"),
    *("alerts accept a/b --reason x", "alerts list", "baseline accept a", "baseline list"),
    *("config check", "config check -c none.toml", "db stats", "db migrate", "db prune"),
    *("db backup copy.db", "db backup copy.db", "demo --language fr", "demo fault nope on"),
    *("demo fault list --folder none", "demo pg-file --folder none", "demo --services none"),
    *("loadtest run nope", "loadtest show 9", "loadtest diff 8 9", "loadtest export --format x"),
    *("loadtest import none.json", "loadtest import none.json --at x", "loadtest list"),
    *("loadtest trend x", "loadtest export 9", "mcp --toolset nope", "mcp --connect x"),
    *("mcp --connect http://u:p@h", "mcp --env-file none", "mcp --directory none", "mcp audit"),
    *("mcp install --split --connect x", "mcp install --connect x", "mcp install -c none.toml"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the commands find a configuration whose platform does not answer, and a database."""
    text = '[platform]\nbase_url = "http://127.0.0.1:9"\ntimeout_seconds = 1\n'
    (tmp_path / "paypulse.toml").write_text(text)
    return tmp_path


@pytest.mark.parametrize(("language", "wrong"), [("ko", english_in), ("en", HANGUL.findall)])
def test_every_mistake_is_told_in_the_language_that_is_spoken(
    folder: Path, language: str, wrong: Any
) -> None:
    shown = printed(language, ["db migrate", *MISTAKES], folder)
    assert wrong(shown) == []


CONFIGURATIONS = [
    *("a = [", "colour = 1", "[platform]\ntoken = '${NOT_SET}'", "[platform]\nbase_url = 'x'"),
    *("timezone = 'Asia/Seul'", "timezone = 'x'", "[alerts]\nfire = 0", "[alerts]\nfire = 1.5"),
    *("[alerts]\nfire = 'x'", "[alerts]\nwait_seconds = 'x'", "[alerts]\nwait_seconds = 200"),
    *("[alerts]\nwait_seconds = inf", "[retention]\nraw_days = 9999", "platform = 'x'"),
    *("[report]\ndaily = '25:00'", "[report]\nweekday = 'x'", "[report]\ndaily = 5"),
    *("[checks.outbox]", "[checks.outbox_age]\nwarn = 5", "[checks.outbox_age]\ncron = 'x'"),
    *("[checks.outbox_age]\nwarn_seconds = 'x'", "[checks.outbox_age]\nenabled = 'x'"),
    *("[checks.outbox_age.alert]\nwait_seconds = 60", "[checks.load_test]\nenabled = true"),
    *("[checks.load_test]\ntarget = 'http://a'", "[checks.load_test]\nhours = 'x'"),
    *("[checks.load_test]\nscenario = 'x'", "[checks.load_test]\nseconds = -1"),
    *("[checks.load_test]\nrate_max = 0", "[checks.load_test]\nvariables = { a = 'x' }"),
    *("[checks.pg_file]\npath = 'x'", "[checks.pg_file]\ndue = 'x'", "[checks.pg_file]\ndays = {}"),
    *("[checks.pg_file]\nwindow_days = -1", "[checks.pg_file]\ncritical = ['x']"),
    *("[checks.pg_file]\nseparator = ',,'", "[checks.pg_file]\nencoding = 'x'"),
    *("[checks.pg_file]\nzone = 'x'", "[checks.pg_file]\ncolumns = { x = 'y' }"),
    *("[checks.pg_file]\ncolumns = { amount = 'a' }", "[checks.reconciliation]\nonly = ['X9']"),
    *("[receivers.a]\nkind = 'x'", "[receivers.a]", "[receivers.a]\nkind = 'slack'"),
    *("[receivers.a]\nkind = 'slack'\nchannel = '#a'\ntoken_env = 'NOT_SET'",),
    *("[receivers.a]\nkind = 'slack'\ncolour = 1", "[platform.database]\nvia = 'direct'"),
    *("[platform.database]\nurls = { a = 'sqlite:///x' }", "[platform.redis]\nurl = 'redis://h'"),
    *("[platform.database]\nvia = 'direct'\nurls = { a = 'x' }", "[platform.kafka]\nvia = 'x'"),
    *("[platform.redis]\nvia = 'direct'", "[platform.redis]\nvia = 'direct'\nurl = 'h'"),
    *("[platform.kafka]\nvia = 'direct'", "[platform.kafka]\nvia = 'direct'\nbootstrap = 'x'"),
    *("[platform.prometheus]\nurl = 'x'", "[platform.breakers]\nvia = 'prometheus'"),
    *("[mcp.http]\nread_token_env = 'a-b!'", "[mcp.http]\nport = 'x'", "[mcp]\nwrites = 'x'"),
]


@pytest.mark.parametrize("text", CONFIGURATIONS)
@pytest.mark.parametrize(("language", "wrong"), [("ko", english_in), ("en", HANGUL.findall)])
def test_every_wrong_configuration_is_told_in_its_own_language(
    text: str, language: str, wrong: Any
) -> None:
    with pytest.raises(ConfigError) as error:
        config = parse(f'language = "{language}"\n{text}', {})
        plan(config)
        receivers(config)
    assert wrong(str(error.value)) == [], str(error.value)


def test_the_library_of_the_command_line_says_nothing_that_we_do_not_know() -> None:
    speak("ko")
    told = "Invalid value for '--hours': Input should be greater than or equal to 0"
    assert usage_sentence(told) == "'--hours': 0 이상이어야 합니다"
    speak("en")
    assert usage_sentence(told) == "'--hours': input should be greater than or equal to 0"


@pytest.mark.parametrize(
    ("arguments", "env", "language"),
    [
        ([], {}, "en"),
        ([], {"LANG": "ko_KR.UTF-8"}, "ko"),
        ([], {"LC_ALL": "en_US.UTF-8", "LANG": "ko_KR.UTF-8"}, "en"),
        ([], {"LANG": "fr_FR.UTF-8"}, "en"),
        (["-c", "ko.toml"], {"LANG": "en_US.UTF-8"}, "ko"),
        (["check", "--config=ko.toml"], {}, "ko"),
        (["check", "-cko.toml"], {}, "ko"),
        ([], {"PAYPULSE_CONFIG": "ko.toml"}, "ko"),
        (["-c", "broken.toml"], {}, "ko"),
        (["-c", "plain.toml"], {"LANG": "ko_KR.UTF-8"}, "en"),
        (["-c", "ko.toml"], {"PAYPULSE_LANGUAGE": "en"}, "en"),
        (["demo", "--language", "ko"], {}, "ko"),
        (["demo", "--language"], {}, "en"),
    ],
)
def test_the_language_is_known_before_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], env: Any, language: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ko.toml").write_text('language = "ko"\n')
    Path("broken.toml").write_text('language = "ko"\n[')
    Path("plain.toml").write_text("")
    assert language_of(arguments, env) == language


def test_the_environment_names_the_language_of_messages_as_well(tmp_path: Path) -> None:
    file = tmp_path / "paypulse.toml"
    file.write_text('language = "en"\n')
    assert load(file, {"PAYPULSE_LANGUAGE": "ko"}).language == "ko"
    assert load(file, {"LANG": "ko_KR.UTF-8"}).language == "en"


def test_a_question_is_answered_in_either_language(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(folder)
    env = {"PAYPULSE_LANGUAGE": "ko"}
    CliRunner().invoke(main, ["db", "migrate"], env=env)
    silence = ["alerts", "silence", "services/*"]
    said = CliRunner().invoke(main, silence, input="뭐\n네\n", env=env).output
    assert "y(예) 또는 n(아니요)" in said and "알림 중지 1번" in said
