"""What Claude is told: an operator's questions, asked of a running demo by a real MCP client.

Beside a running demo (`paypulse demo`), run `python benchmarks/transcripts.py FOLDER` with its
folder. Faults are switched on in the stand-in, so that there is something to find; each question
is asked in English and in Korean over stdio. It takes about eleven minutes.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.types import ElicitResult

LANGUAGES = ("en", "ko")
SHOWN = 1100
KEY = "ABC123"
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A tool with its arguments, some of them taken from what was asked before."""

    tool: str
    arguments: Callable[[dict[str, Any]], dict[str, Any]] = lambda known: {}
    keep: Callable[[Answer], dict[str, Any]] = lambda answer: {}


@dataclass(frozen=True, slots=True)
class Question:
    """A question in both languages, and the calls that answer it."""

    en: str
    ko: str
    calls: Sequence[Call]


@dataclass(frozen=True, slots=True)
class Scene:
    """Faults that are on while questions are asked, from so many seconds after they began."""

    faults: tuple[str, ...]
    seconds: float
    questions: Sequence[Question]


def one(answer: Answer, **fields: str) -> dict[str, Any]:
    """Some columns of the first row, under other names; nothing if there is no row."""
    evidence = answer.get("evidence", {})
    first = next(iter(evidence.get("data_rows", [])), [])
    known = dict(zip(evidence.get("columns", []), first, strict=False))
    return {ours: known[theirs] for ours, theirs in fields.items() if theirs in known}


CALM = Scene(
    (),
    0,
    (
        Question(
            "Is everything all right?",
            "전체 시스템 상태 확인해줘",
            [Call("check_all_services"), Call("get_system_overview")],
        ),
        Question(
            "Show me the failed payments of the last hour.",
            "지난 1시간 동안 실패한 결제 보여줘",
            [
                Call(
                    "query_payments",
                    lambda known: {
                        "filter": {"en": "failed payments last hour"}.get(
                            known["language"], "지난 1시간 동안 실패한 결제"
                        )
                    },
                )
            ],
        ),
        Question(
            "What is the refund total of this merchant?",
            "이 머천트의 환불 총합 계산해줘",
            [
                Call(
                    "query_payments",
                    lambda known: {"status": "REFUNDED", "limit": 1},
                    lambda a: one(a, merchant="merchant_id"),
                ),
                Call(
                    "query_ledgers",
                    lambda known: {
                        "query_type": "by_merchant",
                        "merchant_id": known.get("merchant", "MERCHANT-2"),
                    },
                ),
            ],
        ),
        Question(
            f"Is idempotency key {KEY} cached?",
            f"멱등성 키 {KEY}이 캐시에 있어?",
            [
                Call(
                    "idempotency_lookup",
                    lambda known: {"merchant_id": "MERCHANT-2", "idempotency_key": KEY},
                ),
            ],
        ),
        Question(
            "How much did we take today?",
            "오늘 총 매출은?",
            [Call("payment_statistics", lambda known: {"time_range": "today"})],
        ),
        Question(
            "Compare to last week.",
            "지난주랑 비교해줘",
            [Call("compare_periods"), Call("get_test_history", lambda known: {"limit": 5})],
        ),
        Question(
            "Run a load test.",
            "부하 테스트 돌려줘",
            [
                Call("list_scenarios"),
                Call("run_load_test", lambda known: {"scenario": "authorize-short", "wait": True}),
                Call("analyze_performance"),
            ],
        ),
    ),
)
LIMITS = Scene(
    ("merchant_over_limit", "poison_message"),
    75,
    (
        Question(
            "What is in the DLQ?", "DLQ에 뭐 있어?", [Call("get_dlq_messages"), Call("dlq_summary")]
        ),
        Question(
            "Which merchants are above 80 % of their limit?",
            "Rate Limit 80% 이상 사용 중인 머천트 찾아줘",
            [Call("find_merchants_hitting_limits", lambda known: {"threshold_percentage": 80})],
        ),
        Question(
            "MERCHANT-8 gets 429, why?",
            "MERCHANT-8 머천트가 429 에러를 받는다는데 왜 그래?",
            [
                Call(
                    "check_rate_limit",
                    lambda known: {"merchant_id": "MERCHANT-8", "action": "authorize"},
                ),
                Call("investigate_merchant", lambda known: {"merchant_id": "MERCHANT-8"}),
            ],
        ),
    ),
)
BROKER = Scene(
    ("broker_down",),
    330,
    (
        Question("Is Kafka all right?", "Kafka 정상이야?", [Call("check_kafka_health")]),
        Question(
            "Are there outbox events older than 5 minutes?",
            "5분 이상 발행 안 된 outbox 이벤트 있어?",
            [Call("check_outbox_status", lambda known: {"max_age_minutes": 5})],
        ),
        Question(
            "Why is this payment not captured?",
            "이 결제가 캡처 안 됐는데 왜 그래?",
            [
                Call(
                    "query_payments",
                    lambda known: {"status": "CAPTURE_REQUESTED", "order": "oldest", "limit": 1},
                    lambda a: one(a, payment="payment_id", shard="shard"),
                ),
                Call(
                    "investigate_payment",
                    lambda known: {
                        "payment_id": known.get("payment", 1),
                        "shard": known.get("shard", "shard1"),
                    },
                ),
            ],
        ),
        Question(
            "Why did the breaker open?",
            "왜 서킷 브레이커가 열렸어?",
            [
                Call("diagnose_circuit_breaker"),
                Call("analyze_failure_pattern", lambda known: {"time_range": "30m"}),
            ],
        ),
        Question("Find what is wrong.", "문제 있는 거 찾아줘", [Call("diagnose_issues")]),
    ),
)
SLOW = Scene(
    ("slow_api",),
    150,
    (
        Question(
            "The API is slow, why?",
            "API가 느린데 뭐가 문제야?",
            [
                Call("diagnose_issues"),
                Call("metric_history", lambda known: {"metric": "request_ms", "hours": 0.25}),
                Call("what_happened", lambda known: {"minutes": 10}),
            ],
        ),
    ),
)


@dataclass(slots=True)
class Session:
    """One client per language, and the address of the stand-in."""

    clients: dict[str, Client]
    url: str
    known: dict[str, dict[str, Any]] = field(default_factory=dict)


async def main(folder: Path) -> None:
    """Ask everything, and print it as Markdown."""
    url = (folder / "url").read_text("utf-8").strip()
    async with AsyncExitStack() as stack:
        clients = {}
        for language in LANGUAGES:
            client = Client(_server(folder, language), elicitation_callback=_agree)
            clients[language] = await stack.enter_async_context(client)
        session = Session(clients, url, {name: {"language": name} for name in LANGUAGES})
        _pay(url)
        print(HEAD)
        for scene in (CALM, SLOW, LIMITS, BROKER):
            await _play(session, scene)


HEAD = """# What Claude is told

Made by `python benchmarks/transcripts.py FOLDER` beside a running demo: a real MCP client over
stdio, faults switched on in the stand-in. Evidence is cut short here.
"""


def _server(folder: Path, language: str) -> StdioServerParameters:
    """`paypulse mcp` on the demo's history, in one language, with the load test allowed."""
    text = (folder / "paypulse.toml").read_text("utf-8")
    text = re.sub(r'^language = "\w+"', f'language = "{language}"', text, flags=re.MULTILINE)
    text += '\n[mcp]\nwrites = ["run_load_test"]\n' if "[mcp]" not in text else ""
    file = folder / f"transcripts-{language}.toml"
    file.write_text(text, "utf-8")
    code = "from monitor.cli.main import main; main()"
    return StdioServerParameters(command=sys.executable, args=["-c", code, "mcp", "-c", str(file)])


async def _agree(context: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content={"confirm": True})


async def _play(session: Session, scene: Scene) -> None:
    for fault in scene.faults:
        _switch(session.url, fault, True)
    said = ", ".join(f"`{fault}`" for fault in scene.faults) or "none"
    print(f"\n## Faults: {said}\n")
    time.sleep(scene.seconds)
    try:
        for question in scene.questions:
            for language in LANGUAGES:
                await _ask(session, question, language)
    finally:
        for fault in scene.faults:
            _switch(session.url, fault, False)


async def _ask(session: Session, question: Question, language: str) -> None:
    print(f"### {getattr(question, language)}\n")
    known = session.known[language]
    for call in question.calls:
        arguments = call.arguments(known)
        found = await session.clients[language].call_tool(call.tool, arguments)
        answer = found.structured_content or {}
        known |= call.keep(answer)
        print("\n".join(_told(call.tool, arguments, answer, bool(found.is_error))), flush=True)


def _told(tool: str, arguments: dict[str, Any], answer: Answer, failed: bool) -> Iterator[str]:
    given = json.dumps(arguments, ensure_ascii=False)
    age = answer.get("age_seconds")
    origin = f"{answer.get('origin', '')}" + (f", {age} s old" if age else "")
    yield f"`{tool}` {given}\n"
    yield f"> **{answer.get('verdict')}**{' (error)' if failed else ''} – {answer.get('summary')}"
    yield f">\n> {origin}; next: {', '.join(answer.get('next', [])) or '–'}\n"
    evidence = json.dumps(answer.get("evidence", {}), ensure_ascii=False)
    shown = evidence if len(evidence) <= SHOWN else f"{evidence[:SHOWN]} …"
    yield f"```json\n{shown}\n```\n"


def _switch(url: str, fault: str, on: bool) -> None:
    asked = urllib.request.Request(f"{url}/demo/faults/{fault}?on={str(on).lower()}", method="POST")
    urllib.request.urlopen(asked, timeout=10).close()


def _pay(url: str) -> None:
    """One payment with a key that is known."""
    wish = {"merchantId": "MERCHANT-2", "amount": 5000, "currency": "KRW", "idempotencyKey": KEY}
    asked = urllib.request.Request(
        f"{url}/payments/authorize",
        json.dumps(wish).encode(),
        {"Content-Type": "application/json"},
        method="POST",
    )
    urllib.request.urlopen(asked, timeout=10).close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    anyio.run(main, parser.parse_args().folder)
