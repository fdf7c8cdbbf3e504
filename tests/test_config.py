"""The configuration: validated whole, with words that say what would be right."""

import pytest

from monitor.app import platform_of
from monitor.config import ConfigError, parse
from monitor.config_example import example_text
from monitor.plan import plan


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("langage = 'ko'", "langage: no such key; did you mean 'language'?"),
        ("language = 'de'", "language: input should be 'en' or 'ko'"),
        ("timezone = 'Asia/Soul'", "did you mean 'Asia/Seoul'?"),
        ("[platform]\nbase_ulr = 'x'", "platform.base_ulr: no such key; did you mean 'base_url'?"),
        ("[platform.database]\nvia = 'direct'", "needs urls"),
        ("[platform.redis]\nvia = 'direct'", "needs url"),
        ("[platform.redis]\nvia = 'direct'\nurl = 'redis://:a/b@h:6379'", "percent-encoded"),
        ("[platform.redis]\nurl = 'redis://h'", 'url is used only with via = "direct"'),
        ("[platform.kafka]\nvia = 'direct'", "needs bootstrap"),
        ("[platform.kafka]\nvia = 'direct'\nbootstrap = 'kafka'", "bootstrap is host:port"),
        ("[platform.prometheus]\nurl = 'h:9090'", "begins with http"),
        ("[platform.breakers]\nvia = 'prometheus'", "needs prometheus.url"),
        ("[report]\ndaily = '25:00'", "'25:00' is no time of day, such as '08:30'"),
        ("[alerts]\nfire = 0", "alerts.fire: input should be greater than or equal to 1"),
        ("a = [", "is not TOML"),
        ("[platform]\ntoken = '${NOT_SET}'", "NOT_SET: it is not set"),
    ],
)
def test_a_wrong_file_is_refused_with_the_key_named(text, said):
    with pytest.raises(ConfigError) as error:
        parse(text, {}, "paypulse.toml")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[checks.outbox]", "checks.outbox: no such check; known are"),
        ("[checks.outbox_age]\nwarn_second = 5", "checks.outbox_age.warn_second: no such key"),
        ("[checks.outbox_age]\nwarn_seconds = 'soon'", "checks.outbox_age.warn_seconds"),
        ("[checks.outbox_age]\ncron = 'daily'", "checks.outbox_age.cron"),
    ],
)
def test_a_wrong_check_section_is_refused_with_the_key_named(text, said):
    with pytest.raises(ConfigError) as error:
        plan(parse(text, {}))
    assert said in str(error.value)


def test_an_error_never_repeats_a_value_that_could_be_a_secret():
    with pytest.raises(ConfigError) as error:
        parse("[platform]\ntimeout_seconds = 'hunter2'", {})
    assert "hunter2" not in str(error.value)


def test_the_example_is_valid_and_says_what_holds_anyway():
    assert parse(example_text(), {}) == parse(example_text().replace("# ", "#"), {})
    assert set(plan(parse(example_text(), {}))) == set(plan(parse("", {})))


def test_the_example_shows_true_defaults():
    shown = []
    for line in example_text().splitlines():
        key = line.removeprefix("# ")
        is_default = " = " in line and line.startswith("# ")
        made_up = ("token", "actuators", "url", "kind", "channel", "cron", "bootstrap", "options")
        is_made_up = key.startswith(made_up)
        if line.startswith("[") or (is_default and not is_made_up):
            shown.append(key)
    given, default = parse("\n".join(shown), {}), parse("", {})
    assert (given.alerts, given.platform) == (default.alerts, default.platform)
    assert (given.baseline, given.report) == (default.baseline, default.report)
    planned, plain = plan(given), plan(default)
    assert {n: p.options for n, p in planned.items()} == {n: p.options for n, p in plain.items()}


def test_the_address_of_the_platform_comes_from_the_environment_if_it_is_there():
    config = parse("[platform]\nbase_url = 'http://a'", {"API_BASE_URL": "http://b"})
    assert config.platform.base_url == "http://b"


DIRECT = """
[platform]
prometheus = { url = "http://127.0.0.1:1" }
breakers = { via = "prometheus" }
[platform.redis]
via = "direct"
url = "redis://:${PW}@127.0.0.1:1/0"
[platform.kafka]
via = "direct"
bootstrap = "127.0.0.1:1"
options = { "sasl.password" = "${PW}" }
"""


def test_each_part_is_seen_through_the_source_that_is_configured():
    config = parse(DIRECT, {"PW": "hush-hush"})
    platform = platform_of(config)
    names = [type(part).__name__ for part in (platform.redis, platform.kafka, platform.breakers)]
    assert names == ["Redis", "Kafka", "PrometheusBreakers"]
    assert "hush" not in repr(config) + repr(platform)
    platform.kafka.close()


def test_an_option_that_kafkas_client_does_not_know_stops_the_start():
    text = DIRECT.replace('"sasl.password"', '"sasl.pasword"')
    with pytest.raises(ConfigError) as error:
        platform_of(parse(text, {"PW": "hush-hush"}))
    assert "platform.kafka.options: No such configuration property" in str(error.value)
    assert "hush" not in str(error.value)
