"""Whether an app may post: what Slack tells of its token, its scopes and its channel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from slack_sdk import WebClient

from monitor.domain.check import Finding, Params, Status
from monitor.notifiers.slack_api.errors import Refused, translated

_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{8,}")
_MAY_SEE_CHANNELS = frozenset({"channels:read", "groups:read", "im:read", "mpim:read"})


def examine(client: WebClient, channel: str, secret: str) -> Sequence[Finding]:
    """Whether Slack knows the token, its scopes serve, and the channel is open to the app."""
    with translated(secret):
        answer = client.auth_test()
    user = str(answer.get("user", ""))
    headers = {name.lower(): value for name, value in answer.headers.items()}
    granted = headers.get("x-oauth-scopes")
    scopes = None if granted is None else {s.strip() for s in str(granted).split(",")}
    known = Finding(
        "slack_token", Status.OK, params={"user": user, "team": str(answer.get("team", ""))}
    )
    return [
        known,
        *_scope_findings(scopes),
        _channel_finding(client, channel, secret, scopes or set(), user),
    ]


def _channel_finding(
    client: WebClient, channel: str, secret: str, scopes: set[str], user: str
) -> Finding:
    """What Slack tells of the channel; it is asked only by its id, and with the right scope."""
    params: Params = {"channel": channel, "user": user}
    if not _CHANNEL_ID.fullmatch(channel) or not scopes & _MAY_SEE_CHANNELS:
        return Finding("slack_channel_unproven", Status.OK, params=params)
    try:
        with translated(secret):
            found = client.conversations_info(channel=channel).get("channel") or {}
    except Refused as error:
        if error.code == "missing_scope":
            return Finding("slack_channel_unproven", Status.OK, params=params)
        return Finding("slack_channel_unknown", Status.CRIT, params=params)
    if found.get("is_archived"):
        return Finding("slack_archived", Status.CRIT, params=params)
    if not found.get("is_member") and "chat:write.public" not in scopes:
        return Finding("slack_not_in_channel", Status.CRIT, params=params)
    return Finding("slack_channel", Status.OK, params=params)


def _scope_findings(scopes: set[str] | None) -> Iterator[Finding]:
    """What the app may not do; a token that does not say what it may is taken at its word."""
    if scopes is None:
        return
    if "chat:write" not in scopes:
        yield Finding("slack_scope_missing", Status.CRIT, params={"scope": "chat:write"})
    if "files:write" not in scopes:
        yield Finding("slack_no_upload", Status.WARN)
