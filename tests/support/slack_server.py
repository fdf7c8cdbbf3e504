"""A Slack on loopback: real HTTP, Block Kit's limits, and failures on demand."""

from __future__ import annotations

import json
import random
import re
import threading
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "xoxb-secret-token"
WEBHOOK_PATH = "/services/T0/B0/secret-path"
HANG_SECONDS = 2.0
_KINDS = {
    r"Resolved: ": "resolved",
    r"Was and is over: ": "brief",
    r"Update: |\w+( now|, larger now|, more follows| again): ": "update",
    r"Still so: ": "reminder",
    r"Comes and goes: ": "unsteady",
}
TRICKLE_SECONDS = 0.05
_UNKNOWN_CHANNEL = {"ok": False, "error": "channel_not_found"}


@dataclass(frozen=True)
class Accepted:
    """A message that Slack took, whether or not the sender ever heard so."""

    channel: str
    ts: str
    thread_ts: str | None
    body: dict[str, Any]

    @property
    def marker(self) -> str:
        """The top-level text: what tests tell messages apart by."""
        return str(self.body["text"])

    @property
    def story(self) -> str:
        """Which message it is, however often it was made afresh: `incident:7:resolved`, or its
        text if it is none of an incident.
        """
        words = texts_of(self.body, "plain_text")
        number = next((w.split()[1] for w in words if re.fullmatch(r"Incident \d+", w)), None)
        if number is None:
            return self.marker
        said = self.marker.partition(" ")[2]
        kind = next((kind for begins, kind in _KINDS.items() if re.match(begins, said)), "firing")
        return f"incident:{number}:{kind}"


@dataclass(frozen=True)
class Upload:
    """A file that Slack took into a thread."""

    channel: str
    thread_ts: str
    title: str
    content: bytes


@dataclass
class SlackServer:
    """Failures come first, one per request, from `plan`; then everything is accepted.

    Words of the plan: 429, 500, html, drop, before (hangs without accepting), after (accepts,
    then hangs), trickle (accepts, then answers for ever, a byte at a time), ok, or the code of a
    Slack error such as invalid_auth. Where the plan has no word, the share `fails` of requests
    fails by chance, and `always` is said to the others. `scopes` and `channels` are what the app
    may do, and what Slack knows of its channels.
    """

    plan: deque[str] = field(default_factory=deque)
    retry_after: str = "7"
    always: str = "ok"
    fails: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    scopes: str = "chat:write,files:write,channels:read"
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    accepted: list[Accepted] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    _parts: dict[str, bytes] = field(default_factory=dict)
    requests: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> SlackServer:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                with suppress(OSError):
                    owner._answer(self)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def api_url(self) -> str:
        """The base of its Web API."""
        return f"{self.url}/api/"

    @property
    def webhook_url(self) -> str:
        """Its incoming webhook."""
        return f"{self.url}{WEBHOOK_PATH}"

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        content = request.rfile.read(int(request.headers["Content-Length"] or 0))
        path = urlsplit(request.path).path
        if path in ("/api/auth.test", "/api/conversations.info"):
            asked = dict(parse_qsl(urlsplit(request.path).query) + parse_qsl(content.decode()))
            answer = self._about(request, asked)
            _reply(request, 200, json.dumps(answer), scopes=self.scopes)
            return
        if request.path.startswith("/upload/"):
            self._parts[request.path.rpartition("/")[2]] = content
            _reply(request, 200, "OK")
            return
        if request.path.startswith("/api/files."):
            form = dict(parse_qsl(content.decode())) | dict(parse_qsl(urlsplit(request.path).query))
            step = self.plan.popleft() if self.plan else "ok"
            _reply(request, 200, json.dumps(self._file(request.path, form, step)))
            return
        body = json.loads(content)
        with self._lock:
            self.requests += 1
            step = self.plan.popleft() if self.plan else self._unplanned()
        if step == "429":
            _reply(request, 429, '{"ok":false,"error":"ratelimited"}', self.retry_after)
        elif step in ("500", "html"):
            _reply(request, 500 if step == "500" else 200, "<html>oops</html>")
        elif step == "drop":
            request.connection.close()
        elif step == "before":
            self._closing.wait(HANG_SECONDS)
        elif request.path == WEBHOOK_PATH:
            self._webhook(request, body, step)
        else:
            self._api(request, body, step)

    def _unplanned(self) -> str:
        """What is said to a request that the plan has no word for."""
        if self.chance.random() >= self.fails:
            return self.always
        return self.chance.choice(("429", "500", "html", "drop", "service_unavailable"))

    def _about(self, request: BaseHTTPRequestHandler, query: dict[str, str]) -> dict[str, Any]:
        """What Slack says of a token, or of a channel."""
        if self.always not in ("ok", "429") and not self.always.isdigit():
            return {"ok": False, "error": self.always}
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return {"ok": False, "error": "invalid_auth"}
        if "channel" not in query:
            return {"ok": True, "user": "paypulse", "team": "Payments"}
        known = self.channels.get(query["channel"])
        return {"ok": True, "channel": known} if known else _UNKNOWN_CHANNEL

    def _trickle(self, request: BaseHTTPRequestHandler) -> None:
        """An answer that never ends, and never pauses for long."""
        with suppress(OSError):
            request.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
            while not self._closing.wait(TRICKLE_SECONDS):
                request.wfile.write(b"x")

    def _file(self, path: str, form: dict[str, str], step: str) -> dict[str, Any]:
        if step != "ok":
            self.refused.append(step)
            return {"ok": False, "error": step}
        if "getUploadURLExternal" in path:
            name = f"F{len(self._parts)}"
            return {"ok": True, "file_id": name, "upload_url": f"{self.url}/upload/{name}"}
        [file] = json.loads(form["files"])
        content = self._parts[file["id"]]
        self.uploads.append(Upload(form["channel_id"], form["thread_ts"], file["title"], content))
        return {"ok": True, "files": [{"id": file["id"]}]}

    def _api(self, request: BaseHTTPRequestHandler, body: dict[str, Any], step: str) -> None:
        error = "" if step in ("ok", "after", "trickle") else step
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            error = error or "invalid_auth"
        if request.path != "/api/chat.postMessage":
            error = error or "unknown_method"
        error = error or problem_of(body) or self._thread_problem(body)
        if error:
            self.refused.append(error)
            _reply(request, 200, json.dumps({"ok": False, "error": error}))
            return
        taken = self._accept(body["channel"], body)
        if step == "trickle":
            self._trickle(request)
            return
        if step == "after":
            self._closing.wait(HANG_SECONDS)
        _reply(request, 200, json.dumps({"ok": True, "channel": taken.channel, "ts": taken.ts}))

    def _webhook(self, request: BaseHTTPRequestHandler, body: dict[str, Any], step: str) -> None:
        error = problem_of(body) if step in ("ok", "after", "trickle") else step
        if error:
            self.refused.append(error)
            _reply(request, 404 if error == "no_service" else 400, error)
            return
        self._accept("webhook", body)
        if step == "trickle":
            self._trickle(request)
            return
        if step == "after":
            self._closing.wait(HANG_SECONDS)
        _reply(request, 200, "ok")

    def _thread_problem(self, body: dict[str, Any]) -> str:
        known = {message.ts for message in self.accepted}
        lost = "thread_ts" in body and body["thread_ts"] not in known
        return "thread_not_found" if lost else ""

    def _accept(self, channel: str, body: dict[str, Any]) -> Accepted:
        with self._lock:
            ts = f"1700000000.{len(self.accepted):06d}"
            taken = Accepted(channel, ts, body.get("thread_ts"), body)
            self.accepted.append(taken)
            return taken


def _reply(
    request: BaseHTTPRequestHandler,
    status: int,
    body: str,
    retry_after: str | None = None,
    scopes: str = "",
) -> None:
    request.send_response(status)
    if scopes:
        request.send_header("X-OAuth-Scopes", scopes)
    if retry_after is not None:
        request.send_header("Retry-After", retry_after)
    data = body.encode()
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)


# --- Block Kit ---------------------------------------------------------------------------------


def problem_of(body: dict[str, Any]) -> str:
    """The error that Slack answers to this body; empty if it takes it."""
    if not body.get("text"):
        return "no_text"
    blocks = body.get("blocks", [])
    if len(blocks) > 50 or not all(_is_valid(block) for block in blocks):
        return "invalid_blocks"
    total = sum(_units(text["text"]) for block in blocks for text in _texts(block))
    return "msg_blocks_too_long" if total > 10_000 else ""


def _is_valid(block: dict[str, Any]) -> bool:
    kind = block.get("type")
    if kind == "divider":
        return set(block) == {"type"}
    if kind == "header":
        text = block.get("text", {})
        return text.get("type") == "plain_text" and _fits(text, 150)
    if kind == "section":
        fields = block.get("fields", [])
        return _fits(block.get("text"), 3000) and len(fields) <= 10
    if kind == "context":
        elements = block.get("elements", [])
        return 1 <= len(elements) <= 10 and all(_fits(item, 2000) for item in elements)
    return False


def _fits(text: Any, limit: int) -> bool:
    if not isinstance(text, dict) or text.get("type") not in ("plain_text", "mrkdwn"):
        return False
    known = {"plain_text": {"type", "text", "emoji"}, "mrkdwn": {"type", "text", "verbatim"}}
    return set(text) <= known[text["type"]] and 1 <= _units(text["text"]) <= limit


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _texts(block: dict[str, Any]) -> Iterable[dict[str, Any]]:
    if "text" in block:
        yield block["text"]
    yield from block.get("fields", [])
    yield from block.get("elements", [])


def texts_of(body: dict[str, Any], kind: str) -> list[str]:
    """All texts of one kind (plain_text, mrkdwn) in a body's blocks."""
    found = [text for block in body.get("blocks", []) for text in _texts(block)]
    return [text["text"] for text in found if text["type"] == kind]
