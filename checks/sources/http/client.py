"""One bounded way to ask over HTTP: a deadline, a size, no redirects, and no exceptions.

Whatever goes wrong on the way becomes an `Unavailable`; what it means for a part of the platform is
decided by those who know the path (gateway_ask.py, actuator.py).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlencode

import httpx

from checks.sources.facts.unavailable import (
    Fact,
    Unavailable,
    Why,
    cut,
)
from checks.sources.http.deadline import DeadlineTransport, deadline, joined
from monitor.domain.shortage import OWN_SHORTAGE, own_shortage

JSON_OBJECT = "a JSON object"
_DENIED = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that could be read: `data` of a JSON object, else `text`."""

    path: str
    status: int
    data: Mapping[str, Any]
    text: str = ""
    seconds: float = 0.0  # how long it took, where nobody waited for it


class Wire:
    """One HTTP client for one base URL; thread-safe, reused for every call."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_seconds: float = 5.0,
        transport: httpx.BaseTransport | None = None,
        body_bytes_max: int = 2_000_000,
        token: str = "",
        part: str = "gateway",
        keys: str = "platform.token, platform.base_url",
    ) -> None:
        """`keys`: where the configuration says who asks, for one who is denied."""
        url = httpx.URL(base_url)
        self._base = str(url.copy_with(username=None, password=None, query=None)).rstrip("/")
        self._headers = _headers(url, token)
        self._timeout_seconds = timeout_seconds
        self._timeouts = httpx.Timeout(timeout_seconds).as_dict()
        self._bytes_max = body_bytes_max
        self._part = part
        self._keys = keys
        self._client = httpx.Client(
            transport=transport or DeadlineTransport(https=url.scheme == "https"),
            trust_env=False,
            follow_redirects=False,
        )
        self._client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._url = lru_cache(maxsize=256)(self._parsed)

    def __repr__(self) -> str:
        return f"Wire({self._base!r})"

    @property
    def timeout_seconds(self) -> float:
        """How long an answer may take."""
        return self._timeout_seconds

    def get(
        self, path: str, *, bytes_max: int | None = None, method: str = "GET", **query: Any
    ) -> Fact[Answer]:
        """Ask for a JSON object; an answer of any status comes back if it is one."""
        answer = self.text(path, bytes_max=bytes_max, method=method, **query)
        return answer if isinstance(answer, Unavailable) else self._as_object(answer)

    def text(
        self, path: str, *, bytes_max: int | None = None, method: str = "GET", **query: Any
    ) -> Fact[Answer]:
        """Ask for text; an answer comes back as it is, but for a redirect and a denial."""
        request = httpx.Request(
            method,
            self._url(path, urlencode(query)),
            headers=self._headers,
            extensions={"timeout": self._timeouts},
        )
        try:
            with deadline(self._timeout_seconds):
                return self._exchange(request, path, bytes_max or self._bytes_max)
        except httpx.HTTPError as error:
            if lack := own_shortage(error):
                return self._unavailable(Why.LIMIT, OWN_SHORTAGE, path, lack)
            return self._trouble(error, path)
        except (httpx.InvalidURL, httpx.StreamError, OSError) as error:
            return self._unavailable(Why.WAY, "connection_lost", path, type(error).__name__)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _parsed(self, path: str, query: str) -> httpx.URL:
        return httpx.URL(f"{self._base}{path}?{query}" if query else f"{self._base}{path}")

    def _exchange(self, request: httpx.Request, path: str, bytes_max: int) -> Fact[Answer]:
        response = self._client.send(request, stream=True)
        try:
            if response.is_redirect:
                return self._unavailable(Why.GARBLED, "redirect", path, _redirect(response))
            # A transport may hand over a response that is read already.
            is_read = response.is_stream_consumed
            chunks = [response.content] if is_read else response.iter_raw()
            body = joined(chunks, bytes_max)
        finally:
            response.close()
        if body is None:
            return self._unavailable(Why.LIMIT, "too_large", path, f"more than {bytes_max} bytes")
        if response.status_code in _DENIED:
            return self._denied(response, path)
        return Answer(path, response.status_code, {}, body.decode("utf-8", "replace"))

    def _denied(self, response: httpx.Response, path: str) -> Unavailable:
        """Whatever its body says: we are not let in, and nothing was seen."""
        said = cut(f"{response.status_code} {response.reason_phrase}", 60)
        params = {"path": path, "got": said, "expected": self._keys}
        return Unavailable(self._part, Why.NOT_VISIBLE, "denied", params)

    def _as_object(self, answer: Answer) -> Fact[Answer]:
        try:
            data = json.loads(answer.text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            reason = "html" if _is_html(answer.text) else "not_json"
            return self._unavailable(Why.GARBLED, reason, answer.path, _got(answer))
        if not isinstance(data, dict):
            return self._unavailable(Why.GARBLED, "not_json", answer.path, _got(answer))
        return Answer(answer.path, answer.status, data)

    def _trouble(self, error: httpx.HTTPError, path: str) -> Unavailable:
        if isinstance(error, (httpx.ReadTimeout, httpx.WriteTimeout)):
            return self._unavailable(Why.LIMIT, "timeout", path, f"{self._timeout_seconds:g} s")
        if isinstance(error, httpx.TimeoutException):
            return self._unavailable(
                Why.WAY, "connect_timeout", path, f"{self._timeout_seconds:g} s"
            )
        if isinstance(error, httpx.ConnectError):
            said = cut(re.sub(r"^\[Errno -?\d+\] ", "", str(error))) or type(error).__name__
            return self._unavailable(Why.WAY, _connect_reason(error), path, said)
        if isinstance(error, httpx.RemoteProtocolError):
            return self._unavailable(Why.GARBLED, "not_http", path, cut(str(error)))
        return self._unavailable(Why.WAY, "connection_lost", path, type(error).__name__)

    def _unavailable(self, why: Why, reason: str, path: str, got: str) -> Unavailable:
        params = {"path": path, "got": got, "expected": JSON_OBJECT}
        return Unavailable(self._part, why, reason, params)


def _headers(url: httpx.URL, token: str) -> dict[str, str]:
    headers = {"Accept": "application/json, text/plain;q=0.5", "Accept-Encoding": "identity"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    elif url.userinfo:
        pair = f"{url.username}:{url.password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    return headers


def _redirect(response: httpx.Response) -> str:
    target = re.sub(r"//[^/@]*@", "//", response.headers.get("location", ""))
    return cut(f"{response.status_code} to {target.partition('?')[0]}")


def _no_constant(word: str) -> float:
    raise ValueError(word)


def _is_html(text: str) -> bool:
    return text.lstrip("\ufeff \r\n\t")[:1] == "<"


def _got(answer: Answer) -> str:
    return cut(f"{answer.status} {' '.join(answer.text[:400].split())}")


def _connect_reason(error: httpx.ConnectError) -> str:
    text = str(error).lower()
    if "refused" in text:
        return "connection_refused"
    if any(w in text for w in ("name or service", "getaddrinfo", "nodename", "name resolution")):
        return "dns"
    if "ssl" in text or "certificate" in text or "tls" in text:
        return "tls"
    return "unreachable"
