"""What this process itself lacks is never the platform's outage."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from checks.sources.database.servers.shard import Shard
from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.http.client import Wire
from checks.sources.kafka.wire import _no_way
from checks.sources.redis.wire import RedisWire
from monitor.domain.shortage import own_shortage


@contextmanager
def no_descriptors() -> Iterator[None]:
    """No file can be opened any more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    yield
    for descriptor in held:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def assert_ours(found) -> None:
    assert isinstance(found, Unavailable)
    assert (found.why, found.reason) == (Why.LIMIT, "own_shortage"), found
    assert found.params["got"] == "file descriptors"


def asked(question: Callable[[], Any]) -> Any:
    """The answer once nothing can be opened; asked before, so that all it needs is imported."""
    question()
    with no_descriptors():
        return question()


def test_over_http():
    wire = Wire("http://127.0.0.1:9")
    assert_ours(asked(lambda: wire.text("/health")))


def test_of_redis():
    wire = RedisWire("redis://127.0.0.1:9")
    assert_ours(asked(lambda: wire.ask(lambda client: client.ping())))


def test_of_kafka():
    assert_ours(_no_way(OSError(24, os.strerror(24)), "kafka:9092"))


def test_of_a_shard():
    shard = Shard("shard1", "mysql+pymysql://user:secret@127.0.0.1:9/pay")
    assert_ours(asked(lambda: shard.ask(lambda snapshot: None)))


def test_a_database_file_that_cannot_be_opened_for_lack_of_descriptors(tmp_path):
    def opened() -> str:
        try:
            sqlite3.connect(tmp_path / "p.db").close()
        except sqlite3.OperationalError as error:
            return own_shortage(error)
        return ""

    assert asked(opened) == "file descriptors"
