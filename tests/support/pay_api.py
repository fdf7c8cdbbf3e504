"""A tiny payment API on loopback for k6, and the processes below one."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GET = "http.get(__ENV.BASE_URL);"


@dataclass
class Api:
    """A payment API that answers as told and remembers what it was asked."""

    url: str = ""
    answer: Callable[[str], tuple[int, dict[str, object]]] = lambda path: (200, {"paymentId": 7})
    bodies: list[tuple[str, dict[str, object]]] = field(default_factory=list)


@contextmanager
def pay_api() -> Iterator[Api]:
    """One that listens on loopback, for as long as the block lasts."""
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            api.bodies.append((self.path, json.loads(body or b"{}")))
            status, answer = api.answer(self.path)
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            if status == 302:
                self.send_header("Location", str(answer["to"]))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()


def descendants(pid: int) -> list[int]:
    """The processes below one, parents first (Linux)."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        children += map(int, task.read_text().split())
    return [found for child in children for found in (child, *descendants(child))]


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(holds: Callable[[], object], complaint: str, seconds: float = 8) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, complaint
        time.sleep(0.02)
