"""The commands as a person gives them."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monitor.cli.common import caller
from monitor.cli.main import main
from monitor.domain.alert import Alert, Phase
from monitor.domain.audit import AuditEntry
from monitor.domain.check import Status
from monitor.domain.delivery import Message
from monitor.domain.incident.model import Change, Incident
from monitor.store.acts.audit import begin_audit
from monitor.store.alerting.acceptances import active_acceptances
from monitor.store.alerting.alerts import save_alerts
from monitor.store.alerting.incidents import open_incidents, save_incidents
from monitor.store.database import migrate, open_store
from monitor.store.delivery.journal import waiting_and_dead
from monitor.store.delivery.notifications import add_notifications, mark_dead

NOW = datetime.now(UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "paypulse.toml"
    path.write_text(
        f'database = "{tmp_path}/paypulse.db"\n'
        '[platform]\nbase_url = "http://127.0.0.1:9"\ntimeout_seconds = 1\n'
    )
    return path


def call(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture
def store(file: Path):
    path = file.with_name("paypulse.db")
    migrate(path)
    opened = open_store(path)
    yield opened
    opened.close()


@pytest.fixture
def incident(store) -> Incident:
    alert = Alert(
        *("services", "service_down", "kafka", Phase.FIRING, Status.CRIT, NOW, NOW),
        params={"part": "kafka", "detail": "refused"},
        fired_at=NOW,
    )
    with store.write() as tx:
        [saved] = save_alerts(tx, [alert])
        made = Incident(alert.key, NOW, Status.CRIT, (saved.id or 0,), announced=Status.CRIT)
        [kept] = save_incidents(tx, [Change(made)], NOW)
    return kept


def test_a_platform_that_cannot_be_reached_is_unknown_and_never_ok(file):
    told = json.loads(call("check", "services", "outbox_age", "--json", "-c", file, code=3))
    assert {each["status"] for each in told.values()} == {"unknown"}
    assert told["services"]["findings"][0]["code"] == "monitoring_gap"


def test_a_check_that_does_not_exist_is_named_with_those_that_do(file):
    assert "outbox_age" in call("check", "outbox", "-c", file, code=3)


def test_the_doctor_says_what_to_do_about_an_unreachable_platform(file):
    told = call("doctor", "-c", file, code=2)
    assert "platform.base_url" in told
    assert "paypulse run" in told


def test_the_doctor_names_the_services_that_nobody_asks(file):
    told = call("doctor", "-c", file, code=2)
    assert "Nobody asks gateway, eureka, consumer, settlement, refund" in told
    text = file.read_text("utf-8")
    asked = dict.fromkeys(("eureka", "consumer-worker", "settlement-1"), "http://127.0.0.1:1")
    lines = "".join(f'{name} = "{url}"\n' for name, url in asked.items())
    file.write_text(f"{text}\n[platform.actuators]\n{lines}", "utf-8")
    assert "Nobody asks gateway, refund whether" in call("doctor", "-c", file, code=2)
    file.write_text(f'{text}\n[platform.prometheus]\nurl = "http://127.0.0.1:1"\n', "utf-8")
    assert "Nobody asks" not in call("doctor", "-c", file, code=2)


def test_the_doctor_speaks_korean(file):
    file.write_text('language = "ko"\n' + file.read_text())
    assert "스케줄러" in call("doctor", "-c", file, code=2)


def test_a_broken_configuration_ends_every_command_with_the_key_named(file):
    file.write_text("langage = 'en'")
    for command in (["check"], ["doctor"], ["alerts", "list"], ["report"], ["run"], ["mcp"]):
        assert "did you mean 'language'" in call(*command, "-c", file, code=3)


def test_a_configuration_that_is_not_there_is_said(tmp_path):
    assert "config example" in call("check", "-c", tmp_path / "none.toml", code=3)


def test_incidents_are_listed_taken_and_silenced(file, store, incident):
    assert "Kafka is down" in call("alerts", "list", "-c", file)
    call("alerts", "ack", incident.id, "--by", "kim", "-c", file)
    with store.read() as tx:
        assert open_incidents(tx)[0].acked_by == "kim"
    assert "until" in call("alerts", "silence", "services/*", "--for", "30m", "-c", file)
    assert "services/*" in call("alerts", "list", "-c", file)
    call("alerts", "unsilence", 1, "-c", file)
    assert "services/*" not in call("alerts", "list", "-c", file)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_is_known_is_accepted_listed_and_ended(file, store, incident, language):
    file.write_text(f'language = "{language}"\n' + file.read_text())
    words = ("services/service_down:kafka", "--reason", "a known one", "--by", "kim")
    said = call("alerts", "accept", *words, "--for", "2d", "-c", file)
    assert "a known one" in said and "kim" in said and "1" in said
    assert "a known one" in call("alerts", "list", "-c", file)
    call("alerts", "unaccept", 1, "-c", file)
    assert "a known one" not in call("alerts", "list", "-c", file)
    call("alerts", "unaccept", 1, "-c", file, code=3)


def test_an_acceptance_keeps_how_large_the_trouble_is(file, store, incident):
    call("alerts", "accept", "services/*", "--reason", "known", "-c", file)
    with store.read() as tx:
        (accepted,) = active_acceptances(tx, datetime.now(UTC))
    assert accepted.sizes == {"service_down:kafka critical": 1.0, "critical": 1.0}


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("until", "ends_at"),
    [
        ("2099-11-22T18:00", datetime(2099, 11, 22, 9, tzinfo=UTC)),
        ("2099-11-22 18:00+00:00", datetime(2099, 11, 22, 18, tzinfo=UTC)),
        ("2099-11-22", datetime(2099, 11, 22, 15, tzinfo=UTC)),
    ],
)
def test_an_acceptance_ends_at_a_time_or_with_a_day_of_the_configured_zone(
    file, store, incident, language, until, ends_at
):
    file.write_text(f'language = "{language}"\ntimezone = "Asia/Seoul"\n' + _no_zone(file))
    call("alerts", "accept", "services/*", "--reason", "known", "--until", until, "-c", file)
    with store.read() as tx:
        (accepted,) = active_acceptances(tx, datetime.now(UTC))
    assert accepted.until == ends_at


def _no_zone(file):
    return "\n".join(x for x in file.read_text().splitlines() if not x.startswith("timezone"))


@pytest.mark.parametrize("verb", [("silence",), ("accept", "--reason", "known")])
@pytest.mark.parametrize(
    ("pattern", "said"), [("redis_health/*", "nothing that fires"), ("*/*", "everything")]
)
def test_what_means_nothing_or_everything_is_asked_about(
    file, store, incident, verb, pattern, said
):
    command = ("alerts", *verb, pattern, "-c", file)
    assert said in call(*command, code=3)
    assert pattern not in call("alerts", "list", "-c", file)
    call(*command, "--yes")
    assert pattern in call("alerts", "list", "-c", file)


def test_the_same_silence_twice_is_one(file, store, incident):
    for length in ("1h", "2h"):
        assert "Silence 1" in call("alerts", "silence", "services/*", "--for", length, "-c", file)
    assert call("alerts", "list", "-c", file).count("services/*") == 1


def test_who_acts_is_the_login_name_and_never_somebody(monkeypatch):
    for name in ("SUDO_USER", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    assert caller() not in ("", "somebody")
    monkeypatch.setattr("getpass.getuser", getpwuid_fails)
    assert caller() == f"uid {os.getuid()}"
    assert caller("kim") == "kim"


def getpwuid_fails() -> str:
    raise KeyError("getpwuid(): uid not found: 4711")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ack", "99"), "no open incident 99"),
        (("accept", "services/*", "--reason", " "), "--reason"),
        *(
            (("accept", "services/*", "--reason", "x", *words), said)
            for words, said in [
                (("--until", "friday"), "2026-11-22T09:30"),
                (("--until", "2020-01-01"), "over already"),
                (("--until", "9999-12-31"), "2026-11-22T09:30"),
                (("--until", "2099-01-01", "--for", "2d"), "give one of them"),
            ]
        ),
        (("unsilence", "99"), "No silence 99"),
        (("retry", "99"), "no undelivered message 99"),
        (("silence", "x/*", "--for", "soon"), "such as 30s, 30m"),
        (("silence", "redis"), "check/code:subject"),
    ],
)
def test_a_wrong_word_gets_a_clear_error(file, store, words, said):
    assert said in call("alerts", *words, "-c", file, code=3)


def test_a_dead_message_is_visible_and_can_be_sent_again(file, store):
    with store.write() as tx:
        add_notifications(tx, [Message("k", "slack", "incident", {}, NOW, NOW)])
    mark_dead(store, 1, "invalid_auth")
    assert "invalid_auth" in call("alerts", "list", "-c", file)
    call("alerts", "retry", 1, "-c", file)
    with store.read() as tx:
        assert [m.state for m in waiting_and_dead(tx)] == ["waiting"]


def test_what_was_done_over_mcp_is_shown_newest_first(file, store):
    assert "Nothing was asked for" in call("mcp", "audit", "-c", file)
    now = datetime.now(UTC)
    entry = AuditEntry(now, "clear_rate_limit", "kim", {"merchant_id": "M-1\x1b[31m"})
    for outcome, by, ended_at in (("refused", "", now), ("started", "token", None)):
        begin_audit(
            store, replace(entry, outcome=outcome, confirmed_by=by, ended_at=ended_at, said="no\n")
        )
    first, second = call("mcp", "audit", "-c", file).splitlines()
    assert 'clear_rate_limit({"merchant_id": "M-1' in first and "\x1b" not in first
    assert "for kim: begun, its end was not recorded, confirmed by token; no" in first
    assert "for kim: refused; no" in second


@pytest.mark.parametrize("form", ["text", "html", "slack"])
def test_a_report_is_printed_in_every_form(file, store, form):
    day = (NOW - timedelta(days=1)).date().isoformat()
    assert call("report", "daily", "--format", form, "--date", day, "-c", file).strip()


def test_a_report_of_no_day_or_form_is_refused_with_what_would_be_right(file, store):
    assert "2026-11-22" in call("report", "daily", "--date", "yesterday", "-c", file, code=3)
    assert "text, html, slack" in call("report", "--format", "pdf", "-c", file, code=3)
    assert "daily, weekly, load-test" in call("report", "hourly", "-c", file, code=3)


def test_the_database_is_counted_copied_and_cleaned(file, store, tmp_path):
    assert "snapshots" in call("db", "stats", "-c", file)
    assert "bytes" in call("db", "backup", tmp_path / "copy.db", "-c", file)
    assert "another name" in call("db", "backup", tmp_path / "copy.db", "-c", file, code=3)
    assert "done" in call("db", "prune", "-c", file)


def test_the_database_commands_speak_korean(file, store, tmp_path):
    file.write_text('language = "ko"\n' + file.read_text())
    assert "행" in call("db", "stats", "-c", file)
    assert "바이트" in call("db", "backup", tmp_path / "copy.db", "-c", file)
    assert "완료" in call("db", "prune", "-c", file)
    assert "스키마" in call("db", "migrate", "-c", file)


def test_the_example_configuration_can_be_used_as_it_is(tmp_path):
    path = tmp_path / "paypulse.toml"
    path.write_text(call("config", "example"))
    assert "14 checks" in call("config", "check", "-c", path)  # load_test is off


def test_a_fault_needs_a_running_demo(tmp_path):
    said = call("demo", "fault", "broker_down", "on", "--folder", tmp_path, code=3)
    assert "paypulse demo" in said


def with_password(file: Path) -> Path:
    text = file.read_text().replace("http://127", "http://watcher:hunter2@127")
    file.write_text(text + "[report]\ndaily = ''\n")
    return file


def test_the_doctor_never_prints_the_password_of_a_url(file):
    told = call("doctor", "-c", with_password(file), code=2)
    assert "http://127.0.0.1:9" in told
    assert "watcher" not in told
    assert "hunter2" not in told


def test_a_run_never_prints_the_password_of_a_url(file, monkeypatch):
    def end_at_once(_scheduler):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("monitor.scheduling.schedule.Scheduler.start", end_at_once)
    told = call("run", "-c", with_password(file))
    assert "on http://127.0.0.1:9" in told
    assert "watcher" not in told
    assert "hunter2" not in told


@pytest.mark.parametrize("words", [["check", "--nope"], ["payment", "abc"], ["nonsense"], []])
def test_a_wrong_command_line_is_unknown_and_no_crit(words):
    call(*words, code=3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "cannot be read"),
        (b'platform = "x"\n', "platform"),
        (
            b'[platform.database]\nvia = "direct"\nurls = { a = "mysql://root:SEKRET@[h/db" }\n',
            "urls.a is no URL",
        ),
    ],
)
def test_a_file_that_is_no_configuration_is_said_so(tmp_path, monkeypatch, content, said):
    monkeypatch.setenv("API_BASE_URL", "http://127.0.0.1:9")
    file = tmp_path / "bad.toml"
    file.write_bytes(content)
    told = call("check", "-c", file, code=3)
    assert said in told and "SEKRET" not in told and "Traceback" not in told
