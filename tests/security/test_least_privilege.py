"""The rights that docs/least-privilege.md names are enough, and no more, on a real Redis."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from services import service

from checks.sources.facts.unavailable import Unavailable
from checks.sources.redis.rate_limit_reset import RedisReset
from checks.sources.redis.source import Redis

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "least-privilege.md").read_text("utf-8")
READING, WRITING = re.findall(r"^ACL SETUSER \S+ on \S+ (.*)$", TEXT, re.MULTILINE)


@pytest.fixture
def admin() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(service("redis")) as client:
        yield client


@pytest.fixture
def url_with(admin) -> Iterator:
    """The address of a new user with such rights only."""
    made = []

    def make(rights: str) -> str:
        name, word = f"pp{secrets.token_hex(4)}", secrets.token_hex(8)
        admin.execute_command("ACL", "SETUSER", name, "on", f">{word}", *rights.split())
        made.append(name)
        return f"redis://{name}:{word}@{urlsplit(service('redis')).netloc.rpartition('@')[2]}/0"

    yield make
    for name in made:
        admin.execute_command("ACL", "DELUSER", name)


def test_everything_is_read_with_the_rights_that_are_named(admin, url_with):
    admin.set("rate:authorize:least", 3, ex=60)
    source = Redis(url_with(READING))
    asked = [source.stats(), source.memory(), source.key_lives(), source.rate_uses()]
    asked += [source.rate_use("least"), source.cached_key("rate:authorize:least")]
    asked += [source.idempotent("least", "none"), source.healths()["redis"]]
    assert [one for one in asked if isinstance(one, Unavailable)] == []
    assert not isinstance(source.rate_use("least"), Unavailable)


def test_with_the_rights_to_read_nothing_can_be_changed(admin, url_with):
    admin.set("rate:authorize:least", 3, ex=60)
    with redis.Redis.from_url(url_with(READING)) as client:
        for command in (["DEL", "rate:authorize:least"], ["FLUSHALL"], ["CONFIG", "GET", "*"]):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)


def test_counters_and_nothing_else_are_cleared_with_the_rights_that_are_named(admin, url_with):
    admin.set("rate:authorize:least", 3, ex=60)
    admin.set("other:least", 1, ex=60)
    url = url_with(WRITING)
    assert not isinstance(RedisReset(url).clear("least", ["authorize"]), Unavailable)
    assert admin.get("rate:authorize:least") is None
    with redis.Redis.from_url(url) as client, pytest.raises(redis.exceptions.NoPermissionError):
        client.delete("other:least")
