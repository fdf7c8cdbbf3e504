"""Slack: by bot token (threads, one message per channel) or by incoming webhook."""

from __future__ import annotations

import http.client
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError
from slack_sdk.webhook import WebhookClient

from monitor.config.option_types import Seconds, Switch
from monitor.domain.check import Finding
from monitor.domain.delivery import (
    Message,
    Notifier,
    Picture,
    Reference,
    Renderer,
    Sender,
)
from monitor.domain.statement import InvalidError
from monitor.notifiers.slack_api.clients import StayingWebClient, StayingWebhookClient
from monitor.notifiers.slack_api.errors import (
    BLOCKS_REFUSED,
    CHANNEL_LOST,
    THREAD_LOST,
    UPLOAD_REFUSED,
    Refused,
    error_of,
    translated,
    unreachable,
)
from monitor.notifiers.slack_api.examine import examine

# The SDK logs what it sends and where to; a webhook's address is a secret. We report ourselves.
_sdk_log = logging.getLogger("monitor.notifiers.slack.sdk")
_sdk_log.setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class SlackOptions:
    """A channel by bot token, or an incoming webhook; secrets are named, never written here.

    `token_env` and `webhook_url_env` name environment variables; a named webhook is used
    instead of the token. `broadcast_resolved` shows the end of an incident in the channel too.
    """

    channel: str = ""
    token_env: str = "SLACK_BOT_TOKEN"  # noqa: S105 (a name)
    webhook_url_env: str = ""
    base_url: str = "https://slack.com/api/"
    timeout_seconds: Seconds = 10.0
    broadcast_resolved: Switch = False


def build(options: SlackOptions, renderer: Renderer) -> Sender:
    """A Slack receiver; ValueError names the option or the variable that is missing."""
    if options.webhook_url_env:
        url = _secret(options.webhook_url_env, "webhook_url_env")
        if not url.startswith(("https://", "http://")):
            raise InvalidError("webhook", name=options.webhook_url_env)
        return SlackWebhook(renderer, _webhook_client(url, options), url)
    if not options.channel:
        raise InvalidError("channel")
    token = _secret(options.token_env, "token_env")
    return SlackChannel(renderer, options, _web_client(token, options), token)


def _secret(variable: str, option: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise InvalidError("secret", key=option, name=_variable(variable))
    return value


def _web_client(token: str, options: SlackOptions) -> WebClient:
    return StayingWebClient(
        token=token,
        base_url=options.base_url.rstrip("/") + "/",
        timeout=options.timeout_seconds,  # type: ignore[arg-type]  # any number serves
        retry_handlers=[],  # the outbox retries; the SDK would sleep or post twice
        logger=_sdk_log,
    )


def _webhook_client(url: str, options: SlackOptions) -> WebhookClient:
    return StayingWebhookClient(
        url,
        timeout=options.timeout_seconds,  # type: ignore[arg-type]  # any number serves
        retry_handlers=[],
        logger=_sdk_log,
    )


class SlackChannel:
    """Posts to a channel; what belongs to a thread goes under its first message."""

    def __init__(
        self, renderer: Renderer, options: SlackOptions, client: WebClient, secret: str
    ) -> None:
        self._renderer = renderer
        self._options = options
        self._client = client
        self._secret = secret

    def send(self, message: Message, thread: Reference | None) -> Reference:
        """Post; refused blocks are tried once as text, a lost thread once without it."""
        picture = self._renderer.picture(message)
        if picture is not None and thread and thread.get("channel"):
            uploaded = self._upload(picture, thread)
            if uploaded is not None:
                return uploaded
        body = _body(message, self._renderer) | self._place(message, thread)
        try:
            return self._post(body)
        except Refused as error:
            changed = _without(body, error.code)
            if changed is None:
                raise
        if "thread_ts" not in changed:  # its channel may be lost with it
            changed["channel"] = self._options.channel
        return self._post(changed)

    def _place(self, message: Message, thread: Reference | None) -> dict[str, Any]:
        if not thread or not thread.get("ts"):
            return {"channel": self._options.channel}
        place = {"channel": thread.get("channel") or self._options.channel}
        place["thread_ts"] = thread["ts"]
        is_end = message.payload.get("kind") == "resolved"
        if message.payload.get("in_channel") or (is_end and self._options.broadcast_resolved):
            place["reply_broadcast"] = True
        return place

    def examine(self) -> Sequence[Finding]:
        """Whether Slack knows the token, its scopes serve, and the channel is open to the app."""
        return examine(self._client, self._options.channel, self._secret)

    def _post(self, body: Mapping[str, Any]) -> Reference:
        with translated(self._secret):
            answer = self._client.chat_postMessage(**body)
        return {"channel": answer.get("channel"), "ts": answer.get("ts")}

    def _upload(self, picture: Picture, thread: Reference) -> Reference | None:
        """Put a picture into a thread (scope files:write); None where that is not allowed."""
        try:
            with translated(self._secret):
                self._client.files_upload_v2(
                    channel=str(thread["channel"]),
                    thread_ts=thread.get("ts"),
                    file=picture.content,
                    filename=picture.name,
                    title=picture.title,
                    alt_txt=picture.alt,
                    request_file_info=False,
                )
        except Refused as error:
            if error.code in UPLOAD_REFUSED:
                return None
            raise
        return {"channel": thread["channel"]}


def _variable(name: str) -> str:
    """A name from the environment; what is none may be the secret itself, and is not repeated."""
    return name if name.isidentifier() else ""


class SlackWebhook:
    """Posts through an incoming webhook: no threads, since Slack gives no reference back."""

    def __init__(self, renderer: Renderer, client: WebhookClient, secret: str) -> None:
        self._renderer = renderer
        self._client = client
        self._secret = secret

    def send(self, message: Message, thread: Reference | None) -> Reference:
        """Post; refused blocks are tried once as text."""
        body = _body(message, self._renderer)
        try:
            return self._post(body)
        except Refused as error:
            changed = _without(body, error.code)
            if changed is None:
                raise
        return self._post(changed)

    def _post(self, body: dict[str, Any]) -> Reference:
        try:
            answer = self._client.send_dict(body)
        except (SlackClientError, OSError, http.client.HTTPException, ValueError) as error:
            raise unreachable(error, self._secret) from None
        if answer.status_code == 200 and answer.body.strip() == "ok":
            return {}
        raise error_of(answer.status_code, answer.body.strip(), answer.headers, self._secret)


def _body(message: Message, renderer: Renderer) -> dict[str, Any]:
    content = renderer.slack(message)
    return {
        "text": content.text or message.key,
        "blocks": [dict(block) for block in content.blocks],
        "mrkdwn": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _without(body: Mapping[str, Any], code: str) -> dict[str, Any] | None:
    """The body without what Slack refused; None if nothing can be left out."""
    if code in BLOCKS_REFUSED and "blocks" in body:
        return {key: value for key, value in body.items() if key != "blocks"}
    if code in THREAD_LOST | CHANNEL_LOST and "thread_ts" in body:
        left_out = ("thread_ts", "reply_broadcast")
        return {key: value for key, value in body.items() if key not in left_out}
    return None


NOTIFIER = Notifier("slack", SlackOptions, build)
