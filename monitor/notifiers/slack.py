"""Slack: by bot token (threads, one message per channel) or by incoming webhook."""

from __future__ import annotations

import http.client
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.webhook import WebhookClient

from monitor.domain.delivery import (
    Message,
    Notifier,
    Permanent,
    Picture,
    Reference,
    Renderer,
    Sender,
    Temporary,
    Undelivered,
)

# The SDK logs what it sends and where to; a webhook's address is a secret. We report ourselves.
_sdk_log = logging.getLogger("monitor.notifiers.slack.sdk")
_sdk_log.setLevel(logging.CRITICAL + 1)

_BLOCKS_REFUSED = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"}
    | {"invalid_payload", "too_many_attachments"}
)
_THREAD_LOST = frozenset({"thread_not_found", "cannot_reply_to_message", "message_not_found"})
# The bot may post but not upload: the picture's words go out in its place.
_UPLOAD_REFUSED = frozenset(
    {"missing_scope", "not_allowed_token_type", "file_uploads_disabled", "channel_not_found"}
    | {"file_upload_size_restricted", "storage_limit_reached", "invalid_channel"}
)
_PERMANENT = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"}
    | {"no_permission", "missing_scope", "not_allowed_token_type", "ekm_access_denied"}
    | {
        "org_login_required",
        "two_factor_setup_required",
        "access_denied",
        "team_access_not_granted",
    }
    | {"channel_not_found", "not_in_channel", "is_archived", "channel_is_archived"}
    | {"restricted_action", "posting_to_general_channel_denied", "action_prohibited"}
    | {"no_text", "invalid_arguments", "invalid_arg_name", "invalid_array_arg", "invalid_charset"}
    | {"no_service", "no_service_id", "no_team", "team_disabled", "invalid_token", "user_not_found"}
    | _BLOCKS_REFUSED
)
_SLACK_IN_TROUBLE = frozenset(
    {"service_unavailable", "internal_error", "fatal_error", "request_timeout", "team_added_to_org"}
    | {"ratelimited", "rate_limited"}
)
_ANSWER_MAX = 200


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
    timeout_seconds: float = 10.0
    broadcast_resolved: bool = False


def build(options: SlackOptions, renderer: Renderer) -> Sender:
    """A Slack receiver; ValueError names the option or the variable that is missing."""
    if options.webhook_url_env:
        url = _secret(options.webhook_url_env, "webhook_url_env")
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"webhook_url_env: {options.webhook_url_env} holds no http(s) address")
        return SlackWebhook(renderer, _webhook_client(url, options), url)
    if not options.channel:
        raise ValueError("channel: a Slack channel is needed (or webhook_url_env)")
    token = _secret(options.token_env, "token_env")
    return SlackChannel(renderer, options, _web_client(token, options), token)


def _secret(variable: str, option: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ValueError(f"{option}: {_variable(variable)} is not set")
    return value


def _web_client(token: str, options: SlackOptions) -> WebClient:
    return WebClient(
        token=token,
        base_url=options.base_url.rstrip("/") + "/",
        timeout=options.timeout_seconds,  # type: ignore[arg-type]  # any number serves
        retry_handlers=[],  # the outbox retries; the SDK would sleep or post twice
        logger=_sdk_log,
    )


def _webhook_client(url: str, options: SlackOptions) -> WebhookClient:
    return WebhookClient(
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
        except _Refused as error:
            changed = _without(body, error.code)
            if changed is None:
                raise
        return self._post(changed)

    def _place(self, message: Message, thread: Reference | None) -> dict[str, Any]:
        if not thread or not thread.get("ts"):
            return {"channel": self._options.channel}
        place = {"channel": thread.get("channel") or self._options.channel}
        place["thread_ts"] = thread["ts"]
        if self._options.broadcast_resolved and message.payload.get("kind") == "resolved":
            place["reply_broadcast"] = True
        return place

    def _post(self, body: Mapping[str, Any]) -> Reference:
        with self._translated():
            answer = self._client.chat_postMessage(**body)
        return {"channel": answer.get("channel"), "ts": answer.get("ts")}

    def _upload(self, picture: Picture, thread: Reference) -> Reference | None:
        """Put a picture into a thread (scope files:write); None where that is not allowed."""
        try:
            with self._translated():
                self._client.files_upload_v2(
                    channel=str(thread["channel"]),
                    thread_ts=thread.get("ts"),
                    file=picture.content,
                    filename=picture.name,
                    title=picture.title,
                    alt_txt=picture.alt,
                    request_file_info=False,
                )
        except _Refused as error:
            if error.code in _UPLOAD_REFUSED:
                return None
            raise
        return {"channel": thread["channel"]}

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Slack's errors, and those on the way to it, as ours."""
        try:
            yield
        except SlackApiError as error:
            answer = error.response
            code = _code(answer.data)
            raise _error(answer.status_code, code, answer.headers, self._secret) from None
        except (SlackClientError, OSError, http.client.HTTPException, ValueError) as error:
            raise _unreachable(error, self._secret) from None


def _variable(name: str) -> str:
    """A name from the environment; what is none may be the secret itself, and is not repeated."""
    return f"the environment variable {name}" if name.isidentifier() else "no variable's name: it"


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
        except _Refused as error:
            changed = _without(body, error.code)
            if changed is None:
                raise
        return self._post(changed)

    def _post(self, body: dict[str, Any]) -> Reference:
        try:
            answer = self._client.send_dict(body)
        except (SlackClientError, OSError, http.client.HTTPException, ValueError) as error:
            raise _unreachable(error, self._secret) from None
        if answer.status_code == 200 and answer.body.strip() == "ok":
            return {}
        raise _error(answer.status_code, answer.body.strip(), answer.headers, self._secret)


class _Refused(Permanent):
    """Slack took the request and said no, with this code."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.code = code


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
    if code in _BLOCKS_REFUSED and "blocks" in body:
        return {key: value for key, value in body.items() if key != "blocks"}
    if code in _THREAD_LOST and "thread_ts" in body:
        left_out = ("thread_ts", "reply_broadcast")
        return {key: value for key, value in body.items() if key not in left_out}
    return None


def _code(data: Any) -> str:
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except ValueError:
            return str(data).strip()
    return str(data.get("error", "")) if isinstance(data, Mapping) else ""


def _error(status: int, code: str, headers: Mapping[str, Any], secret: str) -> Undelivered:
    """What an answer means: worth another attempt, or not."""
    said = _safe(f"Slack answered {status} {code}".strip(), secret)
    if status == 429 or code in _SLACK_IN_TROUBLE:
        return Temporary(said, _retry_after(headers), whole_receiver=True)
    if code in _PERMANENT | _THREAD_LOST | _UPLOAD_REFUSED:
        return _Refused(said, code)
    return Temporary(said, _retry_after(headers), whole_receiver=status >= 500)


def _retry_after(headers: Mapping[str, Any]) -> float | None:
    found = next((v for k, v in headers.items() if k.lower() == "retry-after"), None)
    value = found[0] if isinstance(found, list) and found else found
    try:
        return float(str(value))
    except ValueError:
        return None


def _unreachable(error: BaseException, secret: str) -> Temporary:
    said = _safe(f"Slack was not reached: {type(error).__name__}: {error}", secret)
    return Temporary(said, whole_receiver=True)


def _safe(text: str, secret: str) -> str:
    shown = text.replace(secret, "***")
    return shown[:_ANSWER_MAX]


NOTIFIER = Notifier("slack", SlackOptions, build)
