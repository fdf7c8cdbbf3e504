"""What people write into files: marks, line ends, secrets by file, and keys that almost exist."""

import pytest

from monitor.config.models import ConfigError, load, parse
from monitor.config.plan import plan
from monitor.config.receivers import receiver_options


def test_a_byte_order_mark_and_windows_line_ends_are_no_trouble(tmp_path):
    file = tmp_path / "paypulse.toml"
    file.write_bytes('\ufefflanguage = "ko"\r\n[platform]\r\ntoken = "abc"\r\n'.encode())
    config = load(file, {})
    assert (config.language, config.platform.token) == ("ko", "abc")


@pytest.mark.parametrize("left", ["\n", "\r\n", " \n", "\t"])
def test_what_an_editor_leaves_behind_a_secret_is_not_part_of_it(tmp_path, left):
    secret = tmp_path / "token"
    secret.write_bytes(f"\ufeffabc{left}".encode())
    text = f"[platform]\ntoken = '${{T}}'\nprometheus.token = '${{file:{secret}}}'"
    config = parse(text, {"T": f"abc{left}"})
    assert (config.platform.token, config.platform.prometheus.token) == ("abc", "abc")


def test_an_address_from_the_environment_may_end_in_a_line_end():
    assert parse("", {"API_BASE_URL": "http://a:1\n"}).platform.base_url == "http://a:1"


def test_the_home_directory_is_meant_by_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret").write_text("abc")
    text = "database = '~/p.db'\n[platform]\ntoken = '${file:~/secret}'"
    config = parse(f"{text}\n[checks.pg_file]\npath = '~/pg-{{date}}.csv'", {})
    assert (config.database, config.platform.token) == (tmp_path / "p.db", "abc")
    assert plan(config)["pg_file"].options.path == f"{tmp_path}/pg-{{date}}.csv"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[checks.outbox_age]\nevery = 5", "every: no such key; did you mean 'every_seconds'?"),
        ("[checks.outbox_age]\nevry_seconds = 5", "did you mean 'every_seconds'?"),
        ("[checks.outbox_age.alert]\nfires = 5", "did you mean 'fire'?"),
        ("[mcp.http]\nprt = 5", "mcp.http.prt: no such key; did you mean 'port'?"),
        ("[receivers.slack]\nkind = 'slack'\nchanel = 'x'", "did you mean 'channel'?"),
        ("[receivers.slack]\nkind = 'slak'", "receivers.slack.kind: no such receiver"),
        ("[chekcs.traffic]\nenabled = true", "chekcs: no such key; did you mean 'checks'?"),
        (
            "[checks.trafic]\nenabled = true",
            "no such check; did you mean 'traffic'?",
        ),
        ("[platform]\ntoken = 'a b'", "platform.token: a token is letters"),
        ("[platform]\ntoken = '토큰'", "platform.token: a token is letters"),
        ("[platform]\ntoken = '${file:/no/file}'", "platform.token: the file /no/file cannot be"),
        ("[platform.kafka]\noptions = { x = nan }", "platform.kafka.options.x: a text, a number"),
    ],
)
def test_what_almost_is_a_key_or_a_value_is_refused_with_what_was_meant(text, said):
    with pytest.raises(ConfigError) as error:
        config = parse(text, {})
        plan(config)
        receiver_options(config)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("outbox_age", "warn_seconds = 60\ncrit_seconds = 30"),
        ("outbox_age", "lag_crit_seconds = 1"),
        ("services", "skew_warn_seconds = 9"),
        ("redis_health", "memory_warn_percent = 96"),
        ("settlements", "warn_percent = 80\ncrit_percent = 90"),
        ("settlements", "window_minutes = 90"),
        ("consumer_lag", "stuck_looks = 11"),
    ],
)
def test_limits_that_contradict_each_other_are_refused(check, text):
    with pytest.raises(ConfigError, match=rf"checks\.{check}\.\w+ .*must not be"):
        plan(parse(f"[checks.{check}]\n{text}", {}))


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("settlements", "warn_percent = 95\ncrit_percent = 90"),
        ("settlements", "crit_percent = 90"),
        ("traffic", "refused_crit_percent = 50"),
        ("outbox_age", "warn_seconds = 30\ncrit_seconds = 30"),
    ],
)
def test_limits_that_agree_are_taken_on_either_scale(check, text):
    assert plan(parse(f"[checks.{check}]\n{text}", {}))


def test_a_thousand_mistakes_are_told_in_a_few_lines():
    with pytest.raises(ConfigError) as error:
        parse("\n".join(f"wrong_{n} = 1" for n in range(1000)), {})
    lines = str(error.value).splitlines()
    assert (len(lines), lines[-1]) == (10, "  … and 992 more")


def test_every_variable_that_is_missing_is_named_with_its_key():
    text = "[platform]\ntoken = '${A}'\nprometheus = { token = '${B}', url = 'http://a' }"
    with pytest.raises(ConfigError) as error:
        parse(text, {})
    assert "platform.token: the environment variable A is not set" in str(error.value)
    assert "platform.prometheus.token: the environment variable B" in str(error.value)
