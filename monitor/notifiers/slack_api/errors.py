"""What Slack's answers, and the silence on the way to it, mean for a message."""

from __future__ import annotations

import http.client
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from slack_sdk.errors import SlackApiError, SlackClientError

from monitor.domain.delivery import Permanent, Temporary, Undelivered

BLOCKS_REFUSED = frozenset(
    {"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long"}
    | {"invalid_payload", "too_many_attachments"}
)
THREAD_LOST = frozenset({"thread_not_found", "cannot_reply_to_message", "message_not_found"})
CHANNEL_LOST = frozenset({"channel_not_found", "not_in_channel", "is_archived"})
# The bot may post but not upload: the picture's words go out in its place.
UPLOAD_REFUSED = frozenset(
    {"missing_scope", "not_allowed_token_type", "file_uploads_disabled", "channel_not_found"}
    | {"file_upload_size_restricted", "storage_limit_reached", "invalid_channel"}
)
# Nothing is taken until somebody mends the settings: the token, its scopes, the channel.
_RECEIVER_REFUSES = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"}
    | {"no_permission", "missing_scope", "not_allowed_token_type", "ekm_access_denied"}
    | {"org_login_required", "two_factor_setup_required", "access_denied"}
    | {"team_access_not_granted", "channel_not_found", "not_in_channel", "is_archived"}
    | {"channel_is_archived", "restricted_action", "posting_to_general_channel_denied"}
    | {"action_prohibited", "no_service", "no_service_id", "no_team", "team_disabled"}
    | {"invalid_token", "user_not_found", "invalid_channel"}
)
_REFUSING_ANSWERS = frozenset({401, 403, 404, 407, 410})
_MESSAGE_REFUSED = BLOCKS_REFUSED | frozenset(
    {"no_text", "invalid_arguments", "invalid_arg_name", "invalid_array_arg", "invalid_charset"}
)
_SLACK_IN_TROUBLE = frozenset(
    {"service_unavailable", "internal_error", "fatal_error", "request_timeout", "team_added_to_org"}
)
_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_PATIENCE_SECONDS = 30.0  # where Slack limits and does not say for how long
_ANSWER_MAX = 200


class Refused(Permanent):
    """Slack took the request and said no, with this code."""

    def __init__(self, reason: str, code: str, *, whole_receiver: bool = False) -> None:
        super().__init__(reason, whole_receiver=whole_receiver)
        self.code = code


@contextmanager
def translated(secret: str) -> Iterator[None]:
    """Slack's errors, and those on the way to it, as ours."""
    try:
        yield
    except SlackApiError as error:
        answer = error.response
        code = _code(answer.data)
        raise error_of(answer.status_code, code, answer.headers, secret) from None
    except (SlackClientError, OSError, http.client.HTTPException, ValueError) as error:
        raise unreachable(error, secret) from None


def _code(data: Any) -> str:
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except ValueError:
            return str(data).strip()
    return str(data.get("error", "")) if isinstance(data, Mapping) else ""


def error_of(status: int, code: str, headers: Mapping[str, Any], secret: str) -> Undelivered:
    """What an answer means: worth another attempt, or not before somebody mends something."""
    said = _safe(f"Slack answered {status} {code}".strip(), secret)
    if status == 429 or code in _LIMITED:
        return Temporary(said, _retry_after(headers) or _PATIENCE_SECONDS)
    if code in _RECEIVER_REFUSES:
        return Refused(said, code, whole_receiver=True)
    if code in _MESSAGE_REFUSED | THREAD_LOST | UPLOAD_REFUSED:
        return Refused(said, code)
    if status in _REFUSING_ANSWERS:
        return Refused(said, code, whole_receiver=True)
    is_whole = status >= 500 or code in _SLACK_IN_TROUBLE or not code.isidentifier()
    return Temporary(said, _retry_after(headers), whole_receiver=is_whole)


def _retry_after(headers: Mapping[str, Any]) -> float | None:
    found = next((v for k, v in headers.items() if k.lower() == "retry-after"), None)
    value = found[0] if isinstance(found, list) and found else found
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def unreachable(error: BaseException, secret: str) -> Temporary:
    """It could not be asked; where the request had gone out, it may have arrived."""
    said = _safe(f"Slack was not reached: {type(error).__name__}: {error}", secret)
    sent = isinstance(error, (TimeoutError, ConnectionResetError, http.client.HTTPException))
    return Temporary(said, whole_receiver=True, may_have_arrived=sent)


def _safe(text: str, secret: str) -> str:
    shown = text.replace(secret, "***")
    return shown[:_ANSWER_MAX]
