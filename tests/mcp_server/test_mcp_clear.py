"""Clearing a merchant's counters: exactly those, by somebody who may do nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest
import redis
from mcp.types import ElicitResult
from mcp_case import NOW, app_with, found, talk
from own_server import program, running

from checks.sources.facts.platform import RateUse
from checks.sources.facts.reset import Cleared
from checks.sources.facts.unavailable import Unavailable, Why
from demo.api.server import serve
from demo.stand_in import StandIn
from mcp_server.tools.merchants.clear import _outcome
from monitor.app import platform_of
from monitor.config.models import ConfigError, parse

WRITES = '[mcp]\nwrites = ["clear_rate_limit"]\n'
YES = ElicitResult(action="accept", content={"confirm": True})


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    binary, folder = program("redis-server"), tmp_path_factory.mktemp("redis")

    def command(port):
        plain = ["--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
        return [binary, "--port", str(port), "--dir", str(folder), *plain]

    with running(command, folder) as own:
        yield own


@pytest.fixture
def writer(server):
    client = redis.Redis(port=server.port)
    client.flushall()
    client.acl_setuser(
        "look",
        enabled=True,
        passwords=["+look"],
        keys=["*"],
        commands=["+@read", "+@connection", "-keys"],
    )
    client.acl_setuser(
        "clear",
        enabled=True,
        passwords=["+clear"],
        keys=["rate:*"],
        commands=["+del", "+@connection"],
    )
    yield client
    client.close()


def asking(tmp_path, lines, call, language="en", asked=None):
    app = app_with(tmp_path, {"services": found()}, language, lines)
    app.runner.platform = platform_of(app.config)
    seen = asked if asked is not None else []
    (result,) = talk(
        app, ("clear_rate_limit", call), answers=lambda p: seen.append(p.message) or YES
    )
    app.runner.platform.redis.close()
    app.close()
    return result


def direct(server, user="clear"):
    url = f"redis://{{}}:{{}}@127.0.0.1:{server.port}/0"
    return (
        f'{WRITES}[platform.redis]\nvia = "direct"\nurl = "{url.format("look", "look")}"\n'
        f'write_url = "{url.format(user, user)}"\n'
    )


@pytest.mark.parametrize("merchant", ["M-1", "M:*?[x]", "가맹점"])
def test_exactly_the_merchants_counters_go(tmp_path, server, writer, merchant):
    for action in ("authorize", "capture", "refund", "unheard"):
        for name in (merchant, f"{merchant}0", "M-2"):
            writer.set(f"rate:{action}:{name}", 101, ex=50)
    result = asking(tmp_path, direct(server), {"merchant_id": merchant})
    plain = result.structured_content
    assert plain["verdict"] == "ok" and plain["evidence"]["after"] == []
    assert sorted(plain["evidence"]["cleared"]) == ["authorize", "capture", "refund"]
    left = {key.decode() for key in writer.scan_iter("*")}
    assert len(left) == 9 and f"rate:unheard:{merchant}" in left


def test_one_action_leaves_the_others(tmp_path, server, writer):
    for action in ("authorize", "refund"):
        writer.set(f"rate:{action}:M-1", 101, ex=50)
    result = asking(tmp_path, direct(server), {"merchant_id": "M-1", "action": "refund"})
    assert result.structured_content["evidence"]["cleared"] == ["refund"]
    assert [*writer.scan_iter("*")] == [b"rate:authorize:M-1"]


def test_who_may_only_look_clears_nothing_and_nothing_is_claimed(tmp_path, server, writer):
    writer.set("rate:refund:M-1", 101, ex=50)
    result = asking(tmp_path, direct(server, "look"), {"merchant_id": "M-1"})
    plain = result.structured_content
    assert plain["verdict"] == "unknown" and plain["evidence"]["done"] is False
    assert plain["evidence"]["reason"] == "redis_denied" and "not known" in plain["summary"]
    assert writer.get("rate:refund:M-1") == b"101"


def test_no_counter_is_told_as_such(tmp_path, server, writer):
    result = asking(tmp_path, direct(server), {"merchant_id": "M-1"})
    assert "nothing was to be cleared" in result.structured_content["summary"]


@pytest.mark.parametrize(("language", "words"), [("en", "monitoring-service"), ("ko", "초기화")])
def test_through_the_gateway_all_of_a_merchant_go(tmp_path, language, words):
    standin = StandIn(tmp_path / "platform", start=NOW, payments_per_minute=0)
    served, asked = serve(standin), []
    try:
        for action in ("authorize", "capture"):
            standin.parts.cache.put(
                f"rate:{action}:M-1", "101", standin.now + timedelta(seconds=50)
            )
        lines = f'{WRITES}[platform]\nbase_url = "{served.url}"\n'
        result = asking(tmp_path, lines, {"merchant_id": "M-1"}, language, asked)
        one = asking(tmp_path, lines, {"merchant_id": "M-1", "action": "refund"})
    finally:
        served.stop()
        standin.close()
    evidence = result.structured_content["evidence"]
    assert result.structured_content["verdict"] == "ok" and words in asked[0]
    assert len(evidence["before"]) == 2 and evidence["after"] == [] and evidence["via"] == "gateway"
    assert one.is_error and "leave action out" in one.structured_content["summary"]


UNAVAILABLE = Unavailable("redis", Why.LIMIT, "redis_timeout")
FULL = (RateUse("M", "refund", 101, 50),)
FRESH = (RateUse("M", "refund", 3, 60),)


@pytest.mark.parametrize(
    ("before", "done", "after", "verdict"),
    [
        (FULL, UNAVAILABLE, (), "unknown"),
        (FULL, Cleared("redis", ("refund",)), (), "ok"),
        (FULL, Cleared("redis", ("refund",)), FRESH, "ok"),
        (FULL, Cleared("gateway", None), FULL, "warn"),
        (FULL, Cleared("gateway", None), UNAVAILABLE, "unknown"),
        (UNAVAILABLE, Cleared("gateway", None), (), "unknown"),
        ((), Cleared("gateway", ()), (), "ok"),
    ],
)
def test_only_what_the_counters_bear_out_is_claimed(before, done, after, verdict):
    assert _outcome(before, done, after, ("refund",))[0].value == verdict


def test_a_write_url_needs_the_direct_way():
    with pytest.raises(ConfigError, match="write_url"):
        parse('[platform.redis]\nwrite_url = "redis://localhost"', {})


def test_the_write_url_is_never_shown():
    lines = '[platform.redis]\nvia = "direct"\nurl = "redis://h"\nwrite_url = "redis://:s3cret@h"'
    config = parse(lines, {})
    assert "s3cret" not in repr(config)
    assert "s3cret" not in repr(platform_of(config))
