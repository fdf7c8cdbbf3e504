"""The configuration: validated whole, with words that say what would be right."""

import pytest

from monitor.app import platform_of
from monitor.config.example import example_text
from monitor.config.models import ConfigError, parse
from monitor.config.plan import plan
from monitor.domain.alert import Rule
from monitor.domain.detection.past import LiveLimits
from monitor.domain.detection.periods import PeriodLimits
from monitor.domain.incident.model import Policy


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
        ("[platform]\ntoken = '${NOT_SET}'", "platform.token: the environment variable NOT_SET"),
    ],
)
def test_a_wrong_file_is_refused_with_the_key_named(text, said):
    with pytest.raises(ConfigError) as error:
        parse(text, {}, "paypulse.toml")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[checks.outbox]", "checks.outbox: no such check; did you mean"),
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


def test_an_empty_configuration_means_the_defaults_of_the_rules_themselves():
    config = parse("", {})
    assert config.alerts.rule() == Rule()
    assert config.alerts.policy() == Policy()
    assert config.baseline.limits() == PeriodLimits()
    assert config.baseline.live_limits() == LiveLimits()


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


def test_a_checks_own_alert_keys_stand_over_those_of_all():
    text = "[alerts]\nfire = 4\nwithin = 5\nresolve = 6\n[checks.outbox_age.alert]\nresolve = 2\n"
    planned = plan(parse(text, {}))
    rule, other = planned["outbox_age"].rule, planned["services"].rule
    assert (rule.fire, rule.within, rule.resolve) == (4, 5, 2)
    assert (other.fire, other.within, other.resolve) == (4, 5, 6)


@pytest.mark.parametrize(
    "key",
    [f"{name}_seconds" for name in ("wait", "update", "remind_crit", "remind_warn")],
)
def test_the_times_of_incidents_cannot_be_set_for_one_check(key):
    with pytest.raises(ConfigError) as error:
        parse(f"[checks.outbox_age.alert]\n{key} = 60", {})
    assert f"checks.outbox_age.alert: {key} holds for all checks" in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[alerts]\nremind_warn_seconds = 1e9", "alerts.remind_warn_seconds: input should be less"),
        ("[alerts]\nblind_after_seconds = inf", "alerts.blind_after_seconds: input should be"),
        ("[alerts]\nwait_seconds = 1e9", "alerts.wait_seconds: input should be less"),
        ("[alerts]\nwait_seconds = 200", "must not be more than wait_seconds_max"),
        ("[platform]\ntimeout_seconds = 1e9", "platform.timeout_seconds: input should be less"),
        ("[checks.traffic]\nevery_seconds = 1e12", "checks.traffic.every_seconds: input should"),
        ("[checks.traffic]\njitter_seconds = 1e12", "checks.traffic.jitter_seconds: input should"),
        ("[checks.traffic]\ntimeout_seconds = 1e12", "checks.traffic.timeout_seconds: input"),
        ("[retention]\nhistory_years = 101", "retention.history_years: input should be less"),
        ("[retention]\nraw_days = 3651", "retention.raw_days: input should be less"),
    ],
)
def test_a_number_without_bounds_is_refused_before_it_can_overflow(text, said):
    with pytest.raises(ConfigError) as error:
        parse(text, {})
    assert said in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost:8082", "ftp://a:hunter2@b", "http://", "http://u:hunter2@"),
        *("http://h:hunter2", "http://[hunter2", "http://a b"),
    ],
)
@pytest.mark.parametrize("where", ["base_url = '{}'", "actuators = {{ ingest = '{}' }}"])
def test_an_address_must_be_an_http_url_and_is_never_repeated(url, where):
    with pytest.raises(ConfigError, match=r"http\(s\) URL with a host") as error:
        parse(f"[platform]\n{where.format(url)}", {})
    assert "hunter2" not in str(error.value)


def test_an_enabled_load_test_needs_a_target():
    with pytest.raises(ConfigError, match=r"checks\.load_test\.target"):
        plan(parse("[checks.load_test]\nenabled = true", {}))


def test_a_configuration_shows_no_secret_when_it_is_printed():
    text = """
[platform]
base_url = "http://u:hunter2@a"
token = "hunter2"
actuators = { ingest = "http://u:hunter2@a" }
[platform.database]
via = "direct"
urls = { shard1 = "mysql://u:hunter2@a/b" }
[receivers.slack]
kind = "slack"
token = "hunter2"
[checks.load_test]
variables = { TOKEN = "hunter2" }
"""
    config = parse(text, {})
    assert "hunter2" not in f"{config!r} {config} {config.receivers} {config.check('load_test')}"
    assert "kind='slack'" in repr(config)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://a:1/x", "http://a:1/x"),
        ("https://user:p@ss@a/x?token=1#y", "https://a/x"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert parse(f"[platform]\nbase_url = '{url}'", {}).platform.shown_url == shown
