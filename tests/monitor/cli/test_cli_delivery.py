"""What the commands say of receivers and of who was told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from slack_server import TOKEN, SlackServer
from typer.testing import CliRunner

from checks.causes import every_cause
from monitor.app import App
from monitor.cli.main import main
from monitor.domain.alert import Alert, Phase
from monitor.domain.cause import Causes
from monitor.domain.check import Status
from monitor.domain.delivery import Message
from monitor.domain.incident.model import Change, Incident, Notice, Rules
from monitor.recording.announce import Announcer
from monitor.store.alerting.alerts import save_alerts
from monitor.store.alerting.incidents import save_incidents
from monitor.store.database import Store, migrate, open_store
from monitor.store.delivery.notifications import add_notifications

NOW = datetime.now(UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "paypulse.toml"
    path.write_text(
        f'database = "{tmp_path}/paypulse.db"\n'
        '[platform]\nbase_url = "http://127.0.0.1:9"\ntimeout_seconds = 1\n'
    )
    return path


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    path = file.with_name("paypulse.db")
    migrate(path)
    opened = open_store(path)
    yield opened
    opened.close()


def call(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.output


def kafka_down(store: Store) -> Incident:
    """An open incident."""
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


def slack_receivers(file: Path, server: SlackServer, *names: str) -> None:
    sections = (
        f'[receivers.{name}]\nkind = "slack"\nchannel = "C1"\nbase_url = "{server.api_url}"\n'
        for name in names
    )
    file.write_text(file.read_text("utf-8") + "".join(sections), "utf-8")


@pytest.fixture
def server(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    with SlackServer() as running:
        slack_receivers(file, running, "team", "pager")
        yield running


def test_a_test_message_goes_to_one_receiver_or_to_all(file, server):
    assert "pager: the test message has arrived" in call(
        "doctor", "--send-test", "pager", "-c", file
    )
    assert [message.channel for message in server.accepted] == ["C1"]
    assert "A test of paypulse" in server.accepted[0].marker
    server.plan.extend(["ok", "invalid_auth"])
    told = call("doctor", "--send-test", "-c", file, code=2)
    assert "team: the test message has arrived" in told
    assert "pager: the test message did not arrive: Slack answered 200 invalid_auth" in told


def test_a_test_message_needs_a_receiver_that_there_is(file, server):
    assert "there are team, pager" in call("doctor", "--send-test", "mail", "-c", file, code=3)
    assert "--send-test" in call("doctor", "team", "-c", file, code=3)


def test_the_doctor_asks_slack_and_sends_nothing(file, server, monkeypatch):
    assert "team: Slack knows the token: paypulse in Payments" in call("doctor", "-c", file, code=2)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-other")
    told = call("doctor", "-c", file, code=2)
    assert "team: refuses: Slack answered 200 invalid_auth" in told
    assert server.accepted == []


def failing_message(store) -> None:
    message = Message("k", "team", "report", {}, NOW, NOW, error="token_revoked", attempts=5)
    with store.write() as tx:
        add_notifications(tx, [replace(message, first_tried_at=NOW)])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("doctor",), 2, "🔴 team: nothing has arrived since"),
        (("check", "services"), 3, "🔴 ✉ team receives no messages since"),
        (("alerts", "list"), 0, "🔴 ✉ team receives no messages since"),
    ],
)
def test_a_receiver_that_takes_nothing_is_named_wherever_one_looks(
    file, store, server, words, code, said
):
    failing_message(store)
    told = call(*words, "-c", file, code=code)
    assert said in told
    assert "token_revoked" in told


def test_an_incident_is_shown_with_its_reasons_and_with_who_was_told(file, store):
    incident = kafka_down(store)
    notice = Notice("firing", "no_cause_seen", True)
    with store.write() as tx:
        save_incidents(tx, [Change(incident, notice)], NOW)
        thread = f"incident:{incident.id}"
        sent = Message("a", "team", "incident", {"kind": "firing"}, NOW, NOW, thread, "sent")
        waits = replace(sent, receiver="pager", state="waiting", error="HTTP 500", attempts=3)
        add_notifications(tx, [replace(sent, sent_at=NOW), waits])
    told = call("alerts", "show", incident.id, "-c", file)
    assert "Kafka" in told.splitlines()[0]
    assert "first message: none of its known causes was seen" in told
    assert "first message to team: sent" in told
    assert "first message to pager: waits, after 3 attempts: HTTP 500; next try" in told


def lived_through(store: Store, *alerts: Alert) -> None:
    """Each alert as it comes, five seconds apart."""
    announcer = Announcer(store, Rules(Causes(every_cause())), lambda: ["team"])
    for seconds, alert in enumerate(alerts):
        with store.write() as tx:
            save_alerts(tx, [alert])
            announcer.advance(tx, NOW + timedelta(seconds=5 * seconds))


def firing(code: str, subject: str, status: Status, **params: str | float) -> Alert:
    return Alert("services", code, subject, Phase.FIRING, status, NOW, NOW, params, fired_at=NOW)


@pytest.mark.parametrize(
    ("language", "told", "waits", "silent"),
    [
        (
            "en",
            "Kafka is down (an incident of its own): told ",
            "(follows from service_down:kafka): not told: it waits for the next update",
            "silent: it waits for the next update",
        ),
        (
            "ko",
            "Kafka 중단 (별도 장애): ",
            "(원인: service_down:kafka): 알리지 않음: 다음 상황 변경 때 함께 알림",
            "알리지 않음: 다음 상황 변경 때 함께 알림",
        ),
    ],
)
def test_of_each_alert_of_an_incident_it_is_shown_why_it_was_told_or_not(
    file, store, language, told, waits, silent
):
    file.write_text(f'language = "{language}"\n' + file.read_text("utf-8"), "utf-8")
    lived_through(
        store,
        firing("service_down", "kafka", Status.CRIT, part="kafka", detail="refused"),
        firing("outbox_old", "shard1", Status.WARN, waiting=50, oldest_age_seconds=90),
    )
    lines = call("alerts", "show", 1, "-c", file).splitlines()
    assert any(told in line for line in lines)
    assert any(line.endswith(waits) for line in lines)
    assert any(line.endswith(silent) and not line.endswith(waits) for line in lines)


def test_an_incident_that_nobody_was_told_of_says_why(file, store):
    lived_through(store, firing("outbox_old", "shard1", Status.WARN, waiting=50))
    shown = call("alerts", "show", 1, "-c", file)
    assert "Nothing was announced: it waits a moment for a cause to show itself." in shown


def test_an_incident_that_there_is_not_is_said(file, store):
    assert "no incident 99" in call("alerts", "show", 99, "-c", file, code=3)


def test_a_check_as_json_names_the_receiver_that_takes_nothing(file, store, server):
    failing_message(store)
    told = json.loads(call("check", "services", "--json", "-c", file, code=3))
    [finding] = told["receivers"]["findings"]
    assert (finding["subject"], finding["params"]["error"]) == ("team", "token_revoked")


def test_a_receiver_that_takes_nothing_is_a_warning_where_all_else_is_well(
    file, store, server, monkeypatch
):
    monkeypatch.setattr(App, "live", lambda self, names: {})
    call("check", "services", "-c", file, code=0)
    failing_message(store)
    call("check", "services", "-c", file, code=1)
