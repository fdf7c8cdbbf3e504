"""monitor/domain/load_test/preflight and checks/k6/inspect: may this load begin?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from checks import load_test
from checks.k6 import inspect as k6_inspect
from checks.k6 import runner as k6
from checks.k6.inspect import asked_of, script_hash, seconds_of
from checks.load_test import Options
from monitor.domain.check import Status
from monitor.domain.incident.model import Incident
from monitor.domain.load_test.preflight import (
    Asked,
    hours_of,
    in_trouble,
    outside_hours,
    over_bounds,
    unhealthy,
)
from monitor.text.catalog import Catalog

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
RULES = Options(rate_max=100, vus_max=50, seconds_max=60)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (Asked(60, 95, 100, 50), None),
        (Asked(), None),
        (Asked(rate=101), "load_over_rate"),
        (Asked(vus=51), "load_over_vus"),
        (Asked(seconds=61), "load_over_seconds"),
        (Asked(seconds_max=600), "load_over_seconds"),
        (Asked(seconds=60, seconds_max=600), None),
    ],
)
def test_a_script_may_not_ask_for_more_than_allowed(asked, code):
    refusal = over_bounds(asked, RULES)
    assert (refusal and refusal.code) == code


def test_no_run_begins_that_would_be_cut_off():
    refusal = over_bounds(Asked(seconds=90), Options(seconds_max=600, limit_seconds=60))
    assert refusal is not None
    assert refusal.params == {"asked": 90, "most": 60}


@pytest.mark.parametrize(
    ("hours", "at", "may"),
    [
        ("", "12:00", True),
        ("01:00-06:00", "01:00", True),
        ("01:00-06:00", "06:00", False),
        ("22:00 - 05:00", "23:30", True),
        ("22:00-05:00", "04:59", True),
        ("22:00-05:00", "12:00", False),
    ],
)
def test_load_begins_in_quiet_hours_only(hours, at, may):
    local = datetime.fromisoformat(f"2026-11-22T{at}:00").replace(tzinfo=ZoneInfo("Asia/Seoul"))
    assert (outside_hours(local, replace(RULES, hours=hours)) is None) is may


@pytest.mark.parametrize("text", ["nightly", "1-6", "01:00-25:00", "01:00"])
def test_a_span_that_is_none_is_told_at_start_up(text):
    with pytest.raises(ValueError, match="hours given="):
        hours_of(text)
    with pytest.raises(ValueError, match="hours given="):
        Options(hours=text)


@pytest.mark.parametrize(
    ("seen", "code"),
    [
        ({}, None),
        ({"services": Status.OK, "breakers": Status.WARN}, None),
        ({"services": Status.OK, "breakers": Status.UNKNOWN}, None),
        ({"services": Status.UNKNOWN, "breakers": Status.UNKNOWN}, "load_platform_unseen"),
        ({"services": Status.UNKNOWN, "breakers": Status.CRIT}, "load_platform_critical"),
    ],
)
def test_a_platform_that_is_critical_or_unseen_bears_no_load(seen, code):
    refusal = unhealthy(seen, {"breakers": ["Breaker is open"]})
    assert (refusal and refusal.code) == code
    if code == "load_platform_critical":
        assert refusal.params["what"] == "Breaker is open"


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        ({}, True),
        ({"status": Status.WARN}, False),
        ({"ended_at": NOW}, False),
        ({"root": "load_test_failed:full-flow"}, False),
    ],
)
def test_an_open_critical_incident_makes_load_tests_wait_but_for_their_own(change, waits):
    incident = Incident("service_down:kafka", NOW, Status.CRIT, id=7)
    refusal = in_trouble([replace(incident, **change)])
    assert (refusal is not None) is waits
    if refusal:
        assert refusal.params == {"id": 7, "root": "service_down:kafka"}


def scenario(**options: object) -> dict[str, object]:
    return {"scenarios": {"a": options}, "totalDuration": "40s", "maxVUs": 9}


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        (
            scenario(executor="constant-arrival-rate", rate=30, timeUnit="1s", duration="5s"),
            Asked(5, 40, 30, 9),
        ),
        (
            scenario(executor="constant-arrival-rate", rate=60, timeUnit="1m", duration="1m30s"),
            Asked(90, 40, 1, 9),
        ),
        (
            scenario(
                executor="ramping-arrival-rate",
                startRate=5,
                timeUnit="1s",
                startTime="10s",
                stages=[{"target": 50, "duration": "20s"}, {"target": 0, "duration": "5s"}],
            ),
            Asked(35, 40, 50, 9),
        ),
        (scenario(executor="constant-vus", vus=3, duration="3s"), Asked(3, 40, None, 9)),
        (scenario(executor="shared-iterations", maxDuration="10m"), Asked(None, 40, None, 9)),
        ({"scenarios": None}, Asked()),
    ],
)
def test_what_a_script_asks_for_is_read_from_its_options(options, asked):
    assert asked_of(options) == asked


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1m30s", 90), ("500ms", 0.5), ("2h0m0s", 7200), ("1.5s", 1.5), (None, None), ("", None)],
)
def test_spans_are_written_as_in_go(text, seconds):
    assert seconds_of(text) == seconds


def test_the_fingerprint_changes_with_the_script_and_with_what_it_imports(tmp_path):
    lib = tmp_path / "lib.js"
    script = tmp_path / "a.js"
    script.write_text("import { x } from './lib.js';")
    lib.write_text("export const x = 1;")
    first = script_hash(script)
    (tmp_path / "other.js").write_text("not imported")
    assert script_hash(script) == first
    lib.write_text("export const x = 2;")
    assert script_hash(script) != first


@pytest.mark.skipif(k6.find_binary() is None, reason="no k6")
@pytest.mark.parametrize(
    ("name", "rate", "seconds"),
    [("authorize-short", 30, 5), ("authorize-only", 1050, 360), ("full-flow", 300, 360)],
)
def test_k6_itself_tells_what_our_scenarios_ask_for(name, rate, seconds):
    binary, path = k6.find_binary(), k6.find_script(name)
    assert binary
    assert path
    asked = k6_inspect.inspect(binary, path, {"BASE_URL": "http://x"})
    assert (asked.rate, asked.seconds) == (rate, seconds)
    assert over_bounds(asked, Options()) is None, "what comes with the product may run as it is"
    faster = k6_inspect.inspect(binary, path, {"RATE": "7", "SECONDS": "2", "VUS": "3"})
    assert (faster.rate, faster.seconds, faster.vus) == (7, 2, 3)
    assert k6_inspect.version(binary).count(".") == 2


@pytest.mark.parametrize(
    ("target", "is_so"),
    [
        ("http://pay.prod.example", True),
        ("https://live-api:8443", True),
        ("http://prod1", True),
        ("http://production.pay", True),
        ("http://product-api", False),
        ("http://olive.example", False),
        ("http://127.0.0.1:8080", False),
    ],
)
def test_a_name_may_say_that_it_is_production(target, is_so):
    assert k6.looks_like_production(target) is is_so


def test_a_target_that_the_configuration_calls_production_is():
    options = Options(target="http://pay", targets_production=("http://pay/api",))
    assert load_test.plan_of(options).is_production
    assert not load_test.plan_of(Options(target="http://a", targets_allowed=("http://a",))
                                 ).is_production  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_refusal_has_words(language):
    words = Catalog(language, UTC, strict=True)
    refusals = [
        over_bounds(Asked(rate=101), RULES),
        over_bounds(Asked(vus=51), RULES),
        over_bounds(Asked(seconds=61), RULES),
        outside_hours(NOW, replace(RULES, hours="01:00-02:00")),
        unhealthy({"services": Status.UNKNOWN}, {}),
        unhealthy({"services": Status.CRIT}, {}),
        in_trouble([Incident("a:b", NOW, Status.CRIT, id=7)]),
    ]
    for refusal in refusals:
        assert refusal is not None
        assert words.say(f"reason.{refusal.code}.text", **refusal.params)
    assert words.say("reason.load_production.text", target="http://prod")
    assert words.say("reason.k6_script_broken.text", error="x")
