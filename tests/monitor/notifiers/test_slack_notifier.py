"""The Slack notifier against a local Slack: what arrives, where, and what each failure means."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from slack_server import TOKEN, WEBHOOK_PATH, SlackServer

from monitor.domain.alert import Alert, Phase
from monitor.domain.check import Status
from monitor.domain.delivery import (
    Message,
    Permanent,
    SelfExamining,
    Sender,
    SlackContent,
    Temporary,
)
from monitor.domain.incident.message import incident_message
from monitor.domain.incident.model import Incident, Notice
from monitor.notifiers import slack
from monitor.text.messages.render import Catalog, MessageRenderer

AT = datetime(2026, 11, 22, 5, 2, tzinfo=UTC)
RENDERER = MessageRenderer(Catalog("en", ZoneInfo("Asia/Seoul")))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    with SlackServer() as running:
        monkeypatch.setenv("HOOK", running.webhook_url)
        yield running


def channel(server: SlackServer, **options: Any) -> Sender:
    settings = slack.SlackOptions("C1", base_url=server.api_url, timeout_seconds=0.2, **options)
    return slack.NOTIFIER.build(settings, RENDERER)


def webhook(server: SlackServer) -> Sender:
    return slack.NOTIFIER.build(
        slack.SlackOptions(webhook_url_env="HOOK", timeout_seconds=0.2), RENDERER
    )


def message(kind: str = "firing", *, in_channel: bool = False, **params: Any) -> Message:
    alert = Alert("outbox_age", "regression", "s", Phase.FIRING, Status.WARN, AT, AT, params)
    incident = Incident("regression:s", AT, Status.WARN, (1,), id=7, ended_at=AT)
    payload = incident_message(incident, [alert], Notice(kind, "", in_channel), AT)
    return Message(f"incident:7:{kind}:1", "slack", "incident", payload, AT, AT, "incident:7")


def test_a_message_arrives_in_the_channel_with_text_and_blocks(server: SlackServer) -> None:
    reference = channel(server).send(message(), None)
    [taken] = server.accepted
    assert (taken.channel, taken.thread_ts) == ("C1", None)
    assert reference == {"channel": "C1", "ts": taken.ts}
    assert taken.body["blocks"][0]["type"] == "header"
    assert taken.body["mrkdwn"] is False


def test_what_follows_goes_into_the_thread_of_the_first_message(server: SlackServer) -> None:
    sender = channel(server)
    first = sender.send(message(), None)
    sender.send(message("resolved"), first)
    assert server.accepted[1].thread_ts == first["ts"]
    assert "reply_broadcast" not in server.accepted[1].body


def test_the_end_is_shown_in_the_channel_too_where_it_is_asked_for(server: SlackServer) -> None:
    sender = channel(server, broadcast_resolved=True)
    first = sender.send(message(), None)
    sender.send(message("resolved"), first)
    assert server.accepted[1].body["reply_broadcast"] is True


def test_a_lost_thread_is_left_rather_than_the_message(server: SlackServer) -> None:
    channel(server).send(message("resolved"), {"channel": "C1", "ts": "1.0"})
    assert server.refused == ["thread_not_found"]
    assert server.accepted[0].thread_ts is None


def test_a_webhook_takes_messages_and_gives_no_reference(server: SlackServer) -> None:
    assert webhook(server).send(message(), None) == {}
    assert server.accepted[0].channel == "webhook"


@pytest.mark.parametrize("make", [channel, webhook])
def test_too_many_requests_say_when_to_come_again(server: SlackServer, make: Any) -> None:
    server.plan.append("429")
    with pytest.raises(Temporary) as caught:
        make(server).send(message(), None)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("make", [channel, webhook])
@pytest.mark.parametrize("step", ["500", "drop", "before", "after", "service_unavailable"])
def test_trouble_on_the_way_is_temporary(server: SlackServer, make: Any, step: str) -> None:
    server.plan.append(step)
    with pytest.raises(Temporary) as caught:
        make(server).send(message(), None)
    assert caught.value.whole_receiver
    assert server.requests == 1
    assert len(server.accepted) == (step == "after")


@pytest.mark.parametrize("make", [channel, webhook])
def test_a_code_that_nobody_knows_is_the_trouble_of_one_message(
    server: SlackServer, make: Any
) -> None:
    server.plan.append("strange_code")
    with pytest.raises(Temporary) as caught:
        make(server).send(message(), None)
    assert not caught.value.whole_receiver


def test_an_answer_that_is_no_json_is_temporary(server: SlackServer) -> None:
    server.plan.append("html")
    with pytest.raises(Temporary):
        channel(server).send(message(), None)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (channel, "invalid_auth"),
        (channel, "channel_not_found"),
        (channel, "missing_scope"),
        (webhook, "no_service"),
    ],
)
def test_what_somebody_must_mend_is_refused_by_the_whole_receiver(
    server: SlackServer, make: Any, code: str
) -> None:
    server.plan.append(code)
    with pytest.raises(Permanent, match=code) as caught:
        make(server).send(message(), None)
    assert caught.value.whole_receiver


@pytest.mark.parametrize("make", [channel, webhook])
def test_a_message_that_is_wrong_itself_is_refused_alone(server: SlackServer, make: Any) -> None:
    server.plan.append("no_text")
    with pytest.raises(Permanent) as caught:
        make(server).send(message(), None)
    assert not caught.value.whole_receiver


@pytest.mark.parametrize("make", [channel, webhook])
@pytest.mark.parametrize(
    ("step", "may_have_arrived"), [("500", False), ("drop", True), ("after", True)]
)
def test_it_is_known_whether_another_attempt_may_repeat_the_message(
    server: SlackServer, make: Any, step: str, may_have_arrived: bool
) -> None:
    server.plan.append(step)
    with pytest.raises(Temporary) as caught:
        make(server).send(message(), None)
    assert caught.value.may_have_arrived == may_have_arrived


def test_a_refused_connection_cannot_have_taken_the_message(
    server: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings = slack.SlackOptions("C1", base_url=f"http://127.0.0.1:{unused.getsockname()[1]}/")
        with pytest.raises(Temporary) as caught:
            slack.build(settings, RENDERER).send(message(), None)
    assert not caught.value.may_have_arrived


def test_a_limit_without_a_time_is_waited_for_all_the_same(server: SlackServer) -> None:
    server.retry_after = "soon"
    server.plan.append("429")
    with pytest.raises(Temporary) as caught:
        channel(server).send(message(), None)
    assert caught.value.retry_after == 30


def test_what_all_must_see_is_shown_in_the_channel_too(server: SlackServer) -> None:
    sender = channel(server)
    first = sender.send(message(), None)
    sender.send(message("update", in_channel=True), first)
    assert server.accepted[1].body["reply_broadcast"] is True


def test_a_channel_that_is_gone_with_its_thread_gives_way_to_the_configured_one(
    server: SlackServer,
) -> None:
    server.plan.append("is_archived")
    reference = channel(server).send(message("resolved"), {"channel": "C0LD", "ts": "1.0"})
    assert (reference["channel"], server.accepted[0].thread_ts) == ("C1", None)


CHANNEL = "C0123456789"


def examined(server: SlackServer, name: str = CHANNEL) -> list[tuple[str, str]]:
    settings = slack.SlackOptions(name, base_url=server.api_url)
    sender = slack.build(settings, RENDERER)
    assert isinstance(sender, SelfExamining)
    return [(str(finding.status), finding.code) for finding in sender.examine()]


OPEN = {"is_member": True, "is_archived": False}


@pytest.mark.parametrize(
    ("known", "scopes", "found"),
    [
        (OPEN, "chat:write,files:write,channels:read", ("ok", "slack_channel")),
        (OPEN, "chat:write,files:write", ("ok", "slack_channel_unproven")),
        (None, "chat:write,files:write,channels:read", ("crit", "slack_channel_unknown")),
        (
            {"is_member": False},
            "chat:write,files:write,channels:read",
            ("crit", "slack_not_in_channel"),
        ),
        (
            {"is_member": False},
            "chat:write,chat:write.public,files:write,channels:read",
            ("ok", "slack_channel"),
        ),
        (
            {**OPEN, "is_archived": True},
            "chat:write,files:write,channels:read",
            ("crit", "slack_archived"),
        ),
    ],
)
def test_slack_is_asked_whether_the_channel_is_open_to_the_app(
    server: SlackServer, known: Any, scopes: str, found: tuple[str, str]
) -> None:
    server.scopes = scopes
    server.channels = {CHANNEL: known} if known else {}
    assert examined(server) == [("ok", "slack_token"), found]
    assert server.accepted == []


def test_a_channel_by_its_name_cannot_be_asked_for(server: SlackServer) -> None:
    assert examined(server, "#payments")[-1] == ("ok", "slack_channel_unproven")


@pytest.mark.parametrize(
    ("scopes", "found"),
    [
        ("files:write", ("crit", "slack_scope_missing")),
        ("chat:write", ("warn", "slack_no_upload")),
    ],
)
def test_what_the_app_may_not_do_is_said(
    server: SlackServer, scopes: str, found: tuple[str, str]
) -> None:
    server.scopes = scopes
    assert found in examined(server)


def test_a_token_that_slack_does_not_know_is_refused(
    server: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-other")
    with pytest.raises(Permanent, match="invalid_auth"):
        examined(server)


@pytest.mark.parametrize("make", [channel, webhook])
@pytest.mark.parametrize("code", ["invalid_blocks", "msg_blocks_too_long"])
def test_refused_blocks_are_sent_as_text(server: SlackServer, make: Any, code: str) -> None:
    server.plan.append(code)
    make(server).send(message(), None)
    assert "blocks" not in server.accepted[0].body


def test_blocks_are_left_out_only_once(server: SlackServer) -> None:
    server.plan.extend(["invalid_blocks", "invalid_blocks", "ok"])
    with pytest.raises(Permanent):
        channel(server).send(message(), None)
    assert server.requests == 2


def test_secrets_stay_out_of_errors_logs_and_reprs(
    server: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    senders = [channel(server), webhook(server)]
    server.plan.extend(["drop", "drop", "invalid_auth", "no_service"])
    said = []
    for sender in senders * 2:
        with pytest.raises((Temporary, Permanent)) as caught:
            sender.send(message(), None)
        said.append(str(caught.value) + repr(caught.value) + repr(sender))
    everything = " ".join(said) + caplog.text
    assert TOKEN not in everything
    assert WEBHOOK_PATH not in everything


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (slack.SlackOptions(), "channel"),
        (slack.SlackOptions("C1", token_env="NOT_SET"), "NOT_SET"),
        (slack.SlackOptions(webhook_url_env="NOT_SET"), "NOT_SET"),
        (slack.SlackOptions(webhook_url_env="SLACK_BOT_TOKEN"), "webhook name="),
    ],
)
def test_settings_that_cannot_work_are_named_at_start(
    monkeypatch: pytest.MonkeyPatch, options: slack.SlackOptions, named: str
) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    with pytest.raises(ValueError, match=named) as caught:
        slack.build(options, RENDERER)
    assert TOKEN not in str(caught.value)


def test_an_empty_text_is_replaced_by_the_key(server: SlackServer) -> None:
    class Silent:
        def text(self, message: Message) -> str:
            return ""

        def slack(self, message: Message) -> SlackContent:
            return SlackContent("", ())

        def picture(self, message: Message) -> None:
            return None

    settings = slack.SlackOptions("C1", base_url=server.api_url)
    slack.build(settings, Silent()).send(message(), None)
    assert server.accepted[0].marker == "incident:7:firing:1"
