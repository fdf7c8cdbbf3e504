"""The SDK's clients, which would follow a redirect to any host and show it the token."""

from __future__ import annotations

from typing import Any
from urllib.request import HTTPRedirectHandler, Request

from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient, WebhookResponse


class StayingWebClient(WebClient):
    """Takes a redirect for the failure that it is."""

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        return super()._perform_urllib_http_request_internal(url, _staying(req))


class StayingWebhookClient(WebhookClient):
    """Takes a redirect for the failure that it is."""

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        response: WebhookResponse = super()._perform_http_request_internal(url, _staying(req))
        return response


def _staying(request: Request) -> Request:
    """The request, as if it had been redirected as often as urllib allows: the SDK takes no opener
    of ours, and with a proxy it makes one of its own.
    """
    followed = {f"{number}": 1 for number in range(HTTPRedirectHandler.max_redirections)}
    request.redirect_dict = followed  # type: ignore[attr-defined]  # where urllib counts
    return request
