"""A real app with checks that say what a test wants, asked through a real MCP client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
from mcp import Client
from mcp.types import ElicitResult
from store_case import fresh_store

from checks.sources.facts.payments import PaymentsSource, PaymentStatistics, StatusCount
from checks.sources.facts.unavailable import Unavailable, Why
from mcp_server.server import build_server
from monitor.app import App, build
from monitor.config.models import parse
from monitor.domain.check import Check, Finding, Verdict

# The first words of a client of the era with handshakes.
PING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}
NOW = datetime.fromisoformat("2026-11-22T05:30:00+00:00")
STATISTICS = PaymentStatistics("today", 1234, 123_456_000, (StatusCount("CAPTURED", 1200),))


class NoRows:
    """A database that tells today's figures, and no single rows."""

    def __getattr__(self, name: str) -> Any:
        if name not in (*dir(PaymentsSource), "payment", "written"):
            raise AttributeError(name)
        unavailable = Unavailable(
            "database", Why.NOT_VISIBLE, "gateway_needs_direct", {"expected": "shards"}
        )
        many: dict[str, Any] = {
            "shard_names": (),
            "shared_keys": unavailable,
            "statistics_between": (("", unavailable),),
        }
        many["payment"] = many["written"] = {"": unavailable}
        return lambda *args: many.get(name, (unavailable,))

    def statistics(self, time_range: str, now: datetime) -> PaymentStatistics:
        """The same for every range."""
        return STATISTICS

    def work(self, kind: str, now: datetime) -> Unavailable:
        """Not seen."""
        return Unavailable(
            "database", Why.NOT_VISIBLE, "gateway_needs_direct", {"expected": "shards"}
        )


@dataclass(frozen=True)
class NoOptions:
    """Nothing to set."""


def app_with(
    folder: Path,
    verdicts: Mapping[str, Verdict | Callable[[], Any]],
    language: str = "en",
    more: str = "",
) -> App:
    """An app over an empty store whose named checks come to these verdicts; the others stay off.

    `more`: lines of configuration.
    """
    config = parse(f'language = "{language}"\ntimezone = "Asia/Seoul"\n{more}', {})
    dead = httpx.MockTransport(lambda request: httpx.Response(503))
    app = build(config, clock=lambda: NOW, store=fresh_store(folder), transport=dead, senders={})
    planned = app.checks["services"]
    checks = {
        name: replace(planned, check=_check(name, verdict)) for name, verdict in verdicts.items()
    }
    app.checks = checks | {"diagnose_issues": app.checks["diagnose_issues"]}
    app.runner.platform = replace(app.runner.platform, database=NoRows())  # the rest is dead
    return app


def _check(name: str, verdict: Verdict | Callable[[], Any]) -> Check:
    def probe(look: Any) -> Any:
        return verdict() if callable(verdict) else verdict

    return Check(name, NoOptions, probe, lambda facts, look: (facts, {}))


def found(*findings: Finding, metrics: tuple[Any, ...] = ()) -> Verdict:
    """A verdict of these findings."""
    return Verdict.of(findings, metrics)


def writing_app(folder: Path, *writes: str, language: str = "en") -> App:
    """An app that lets these tools write."""
    return app_with(folder, {"services": found()}, language, f"[mcp]\nwrites = {[*writes]!r}")


def talk(
    app: App,
    *calls: tuple[str, dict[str, Any]] | Callable[[list[Any]], tuple[str, dict[str, Any]]],
    mode: str = "auto",
    answers: Callable[[Any], ElicitResult] | None = None,
) -> list[Any]:
    """The results of several calls to one server; a call may be made of the results before it.

    `answers`: what the person says when asked; None: a client that cannot ask.
    """

    async def elicited(context: Any, params: Any) -> ElicitResult:
        assert answers is not None
        return answers(params)

    async def run() -> list[Any]:
        results: list[Any] = []
        callback = elicited if answers else None
        async with Client(build_server(app), mode=mode, elicitation_callback=callback) as client:
            for call in calls:
                name, arguments = call(results) if callable(call) else call
                results.append(await client.call_tool(name, arguments))
        return results

    return anyio.run(run)


def ask(app: App, tool: str, arguments: dict[str, Any] | None = None, mode: str = "auto") -> Any:
    """The whole result of a call."""

    async def run() -> Any:
        async with Client(build_server(app), mode=mode) as client:
            return await client.call_tool(tool, arguments or {})

    return anyio.run(run)


def answer(app: App, tool: str, mode: str = "auto", **arguments: Any) -> dict[str, Any]:
    """The structured answer of a call that must succeed."""
    result = ask(app, tool, arguments, mode)
    assert not result.is_error, result.structured_content
    return result.structured_content


def refused(app: App, tool: str, **arguments: Any) -> str:
    """What a call that must be refused is told."""
    result = ask(app, tool, arguments)
    assert result.is_error
    return result.structured_content["summary"]


def told(call: Callable[[], Any]) -> str:
    """What a call that must fail is told, wherever in the group of errors it stands."""
    try:
        call()
    except Exception as error:
        leaf: BaseException = error
        while isinstance(leaf, BaseExceptionGroup):
            leaf = leaf.exceptions[0]
        return str(leaf)
    raise AssertionError("it did not fail")
