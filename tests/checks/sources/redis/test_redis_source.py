"""Redis itself, read from a real server: bounded, without KEYS, and never written to."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from own_server import Server, free_port, program, running, silent

from checks.sources.facts.platform import CachedKey, KeyLife, RateUse, RedisStats
from checks.sources.facts.unavailable import Unavailable, Why
from checks.sources.redis.source import Redis
from checks.sources.redis.sweep import Bounds

READS = {"scan", "get", "ttl", "dbsize", "info", "ping", "client|setinfo", "client|setname", "auth"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    binary, folder = program("redis-server"), tmp_path_factory.mktemp("redis")

    def command(port: int) -> list[str]:
        plain = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
        return [binary, "--port", str(port), "--dir", str(folder), *plain]

    with running(command, folder) as own:
        yield own


@pytest.fixture
def writer(server: Server) -> Iterator[Any]:
    client = redis.Redis(port=server.port)
    client.flushall()
    yield client
    client.close()


def source(server: Server, **more: Any) -> Redis:
    return Redis(f"redis://127.0.0.1:{server.port}/0", fresh_seconds=0, **more)


def fill(writer: Any, keys: int) -> None:
    pipe = writer.pipeline(transaction=False)
    for n in range(keys):
        pipe.set(f"idem:authorize:M-1:k-{n}", '{"paymentId": 5}', ex=600)
    pipe.execute()


def test_counters_come_with_their_action_and_their_life(server, writer):
    writer.set("rate:authorize:M-1", 7, ex=50)
    writer.set("rate:refund:M-1", 9)
    writer.set("rate:unheard:M-1", 9, ex=50)
    writer.set("other", 1, ex=50)
    found = sorted(source(server).rate_uses(), key=lambda use: use.count)
    assert found == [RateUse("M-1", "authorize", 7, 50), RateUse("M-1", "refund", 9, None)]


@pytest.mark.parametrize("merchant", ["M:1", "o'\"\\*?[x]", "가맹점", "M\n2"])
def test_a_strange_merchant_is_found_by_its_exact_name_and_shown_clean(server, writer, merchant):
    writer.set(f"rate:capture:{merchant}", 3, ex=60)
    writer.set("rate:capture:M-9", 4, ex=60)
    (use,) = source(server).rate_use(merchant)
    assert (use.count, use.action) == (3, "capture")
    assert use.merchant_id == merchant.replace("\n", " ")


def test_a_merchant_that_asked_for_nothing_has_no_counters(server, writer):
    assert source(server).rate_use("M-1") == ()
    assert source(server).rate_uses() == ()


def test_a_counter_that_is_no_number_is_said_and_not_counted(server, writer):
    writer.set("rate:capture:M-1", "much", ex=60)
    found = source(server).rate_uses()
    assert (found.why, found.reason) == (Why.GARBLED, "redis_ill_typed")
    writer.delete("rate:capture:M-1")
    writer.hset("rate:capture:M-1", "a", "1")
    assert source(server).rate_uses().reason == "redis_ill_typed"


def test_keys_are_counted_by_use_and_those_without_an_end_are_found(server, writer):
    fill(writer, 2500)
    writer.set("rate:authorize:M-1", 1)
    writer.set("rate:authorize:M-2", 1, ex=60)
    writer.set("cache:x", 1)
    found = source(server, bounds=Bounds(sample=10))
    assert found.stats() == RedisStats(2, 2500, 1, 2503)
    lives = {life.prefix: life for life in found.key_lives()}
    assert lives["rate"] == KeyLife("rate", 2, 60.0, 1, 0.0, (60, 60, 60))
    assert (lives["cache"].never_expiring, lives["idem"].never_expiring) == (1, 0)
    assert 590 <= lives["idem"].ttl_seconds_avg <= 600


def test_keys_of_another_database_do_not_count(server, writer):
    other = redis.Redis(port=server.port, db=1)
    other.set("lone", 1)
    writer.set("a:1", 1, ex=60)
    assert [life.never_expiring for life in source(server).key_lives()] == [0]
    other.close()


def test_what_lies_beyond_the_bounds_is_told(server, writer):
    fill(writer, 3000)
    bounded = source(server, bounds=Bounds(keys_max=1000, step_keys=100))
    assert 1500 < bounded.stats().unscanned_keys < 2100
    for n in range(1500):
        writer.set(f"rate:authorize:M-{n}", 1, ex=60)
    found = bounded.rate_uses()
    assert (found.why, found.reason) == (Why.LIMIT, "redis_not_all_scanned")
    hurried = source(server, bounds=Bounds(seconds_max=0.0, step_keys=10))
    assert hurried.stats().unscanned_keys > 4000


def test_what_is_cached_under_a_key_is_found_whichever_merchant_used_it(server, writer):
    fill(writer, 2000)
    writer.set("idem:authorize:M-7:ab*c", '{"paymentId": 42}', ex=100)
    writer.set("idem:authorize:M-7:broken", "[]")
    found = source(server)
    assert found.cached_key("ab*c") == CachedKey("ab*c", True, 42, 100)
    assert found.cached_key("k-*") == CachedKey("k-*", False, None, None)
    assert found.cached_key("broken").reason == "redis_ill_typed"
    assert found.cached_key("k-1999").payment_id == 5


def test_memory_hits_and_evictions_are_read(server, writer):
    writer.config_resetstat()
    writer.get("nothing")
    plain = source(server).memory()
    assert (plain.max_bytes, plain.evicted_keys, plain.misses) == (None, 0, 1)
    writer.config_set("maxmemory-policy", "allkeys-lru")
    writer.config_set("maxmemory", plain.used_bytes + 300_000)
    try:
        fill(writer, 5000)
        tight = source(server).memory()
        assert tight.max_bytes == plain.used_bytes + 300_000
        assert tight.evicted_keys > 0
    finally:
        writer.config_set("maxmemory", 0)


def test_looking_only_reads_and_never_asks_for_all_keys_at_once(server, writer):
    fill(writer, 100)
    writer.set("lone", 1)
    writer.config_resetstat()
    found = source(server)
    for ask in (found.stats, found.key_lives, found.rate_uses, found.memory, found.healths):
        ask()
    found.rate_use("M-1"), found.cached_key("k-1")
    used = {name.removeprefix("cmdstat_") for name in writer.info("commandstats")}
    assert used - READS <= {"config|resetstat"}
    assert "scan" in used


def test_one_walk_serves_the_questions_of_one_moment(server, writer):
    fill(writer, 100)
    shared = Redis(f"redis://127.0.0.1:{server.port}/0", fresh_seconds=60)
    shared.key_lives()
    writer.config_resetstat()
    assert shared.stats().total_keys == 100
    assert "cmdstat_scan" not in writer.info("commandstats")


def test_a_server_that_is_killed_is_refused_and_read_again_when_it_is_back(server, writer):
    found = source(server)
    assert found.healths()["redis"].up
    server.stop()
    try:
        gone = found.healths()["redis"]
        assert (gone.part, gone.why, gone.reason) == ("redis", Why.REFUSED, "redis_refused")
        assert isinstance(found.rate_uses(), Unavailable)
    finally:
        server.start()
    assert found.healths()["redis"].up
    assert found.rate_uses() == ()


def test_a_server_that_hangs_is_late_and_well_again_afterwards(server, writer):
    found = source(server, timeout_seconds=0.2)
    assert found.stats().total_keys == 0
    server.process.send_signal(signal.SIGSTOP)
    try:
        late = found.stats()
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert (late.why, late.reason, late.params["got"]) == (Why.LIMIT, "redis_timeout", "0.2 s")
    assert found.stats().total_keys == 0


@pytest.fixture
def locked(server: Server, writer: Any) -> Iterator[Server]:
    writer.config_set("requirepass", "right")
    yield server
    writer.config_set("requirepass", "")


@pytest.mark.parametrize("password", ["", ":hush-hush@", "nobody:hush-hush@"])
def test_a_wrong_password_is_not_an_outage_and_is_never_repeated(locked, password):
    found = Redis(f"redis://{password}127.0.0.1:{locked.port}/0")
    denied = found.healths()["redis"]
    assert (denied.why, denied.reason) == (Why.NOT_VISIBLE, "redis_denied")
    assert "hush" not in repr(denied) + repr(found) + repr(found._wire)


def test_an_account_that_may_not_read_is_told(server, writer):
    writer.execute_command("ACL", "SETUSER", "poor", "on", ">pw", "+ping", "+client")
    found = Redis(f"redis://poor:pw@127.0.0.1:{server.port}/0")
    assert found.healths()["redis"].up
    assert found.memory().reason == "redis_denied"
    writer.execute_command("ACL", "DELUSER", "poor")


def test_addresses_where_no_redis_is_are_told_apart():
    nobody = Redis(f"redis://127.0.0.1:{free_port()}").memory()
    assert (nobody.why, nobody.reason) == (Why.REFUSED, "redis_refused")
    nowhere = Redis("redis://no-such-host.invalid:6379").memory()
    assert (nowhere.why, nowhere.reason) == (Why.WAY, "redis_dns")
    with silent() as port:
        mute = Redis(f"redis://127.0.0.1:{port}", timeout_seconds=0.1).memory()
    assert (mute.why, mute.reason) == (Why.LIMIT, "redis_timeout")
