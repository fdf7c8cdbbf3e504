"""What the MCP server costs: time to the first list of tools, memory, and each tool's own time.

Run it as `python benchmarks/mcp_costs.py [--runs 9] [--calls 20] [--node-modules DIR]`. Memory is
compared with six processes of the server (one per toolset) and, where node is found, with six idle
Node processes; with `--node-modules` these are servers of @modelcontextprotocol/sdk from there.
A tool's own time is that of a call, less the time during which any source was being asked.
"""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import anyio
import httpx
from mcp import Client

from demo.api.server import serve
from demo.stand_in import StandIn
from mcp_server.server import build_server
from mcp_server.toolsets import all_offers
from monitor.app import build
from monitor.config.models import parse

ROOT = Path(__file__).resolve().parents[1]
SIX = (
    *("circuit-breaker", "database-query", "redis-cache"),
    *("kafka-operations", "loadtest", "system-health"),
)
SERVER = [sys.executable, "-c", "from monitor.cli.main import run_main; run_main()", "mcp"]
INFO = {"name": "benchmark", "version": "1"}
HANDSHAKE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": INFO,
}
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": INFO,
    "io.modelcontextprotocol/clientCapabilities": {},
}
NODE_BARE = "process.stdin.resume(); console.log(JSON.stringify({ready: true}))"
NODE_SDK = """
const { McpServer } = require("@modelcontextprotocol/sdk/server/mcp.js");
const { StdioServerTransport } = require("@modelcontextprotocol/sdk/server/stdio.js");
const server = new McpServer({ name: "idle", version: "1" });
for (let i = 0; i < 5; i++) server.tool("tool" + i, "A tool.", async () => ({ content: [] }));
server.connect(new StdioServerTransport()).then(() => console.log(JSON.stringify({ready: true})));
"""
GIVEN = {  # for arguments that a tool requires
    "metric": "response_ms",
    "merchant_id": "MERCHANT-7",
    "idempotency_key": "none",
    "topic": "payment.captured",
    "group_id": "payment-consumer",
    "payment_id": 1,
    "filter": "failed payments last hour",
    "question": "request rate",
}


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--node-modules", default="")
    asked = parser.parse_args()
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{os.cpu_count()} cores, load average {load}\n")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "paypulse.toml"
        config.write_text(f'database = "{folder}/paypulse.db"\n')
        start_times(config, asked.runs)
        memory(config, asked.node_modules)
    own_times(asked.calls)


def start_times(config: Path, runs: int) -> None:
    """From the start of the process to its list of tools."""
    print("Start to the first tools/list, stdio   median wall  best wall  median CPU")
    for name, lines in (("2025-11-25 (handshake)", legacy()), ("2026-07-28", modern())):
        found = [first_list(config, lines) for _ in range(runs + 1)][1:]
        wall, cpu = zip(*found, strict=True)
        print(
            f"  {name:<36} {statistics.median(wall):8.2f} s {min(wall):8.2f} s"
            f" {statistics.median(cpu):8.2f} s"
        )


def legacy() -> list[dict[str, Any]]:
    return [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HANDSHAKE},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
    ]


def modern() -> list[dict[str, Any]]:
    return [{"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {"_meta": MODERN}}]


def first_list(config: Path, lines: list[dict[str, Any]]) -> tuple[float, float]:
    """Seconds on the clock, and of the processor."""
    begun = time.perf_counter()
    with started([*SERVER, "-c", str(config)]) as process:
        send(process, *lines)
        while json.loads(process.stdout.readline()).get("id") != 2:
            pass
        took = time.perf_counter() - begun
        ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return took, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def started(command: list[str], **more: Any) -> Iterator[Any]:
    pipe = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, **pipe, **more)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def send(process: Any, *lines: dict[str, Any]) -> None:
    for line in lines:
        process.stdin.write(json.dumps(line).encode() + b"\n")
    process.stdin.flush()


def memory(config: Path, node_modules: str) -> None:
    """What idle processes hold, after their list of tools."""
    print("\nMemory of idle servers                 processes   RSS, sum   PSS, sum")
    ours = [*SERVER, "-c", str(config)]
    show_memory("one server with every tool", [ours], listed)
    show_memory("six servers, one per toolset", [[*ours, "--toolset", t] for t in SIX], listed)
    node = shutil.which("node")
    if node is None:
        print("  no node here: six Node processes were not measured")
        return
    script = NODE_SDK if node_modules else NODE_BARE
    name = "six Node servers (MCP SDK)" if node_modules else "six bare Node processes"
    env = {**os.environ, "NODE_PATH": node_modules}
    show_memory(name, [[node, "-e", script]] * 6, lambda p: p.stdout.readline(), env=env)


def listed(process: Any) -> None:
    send(process, *legacy())
    while json.loads(process.stdout.readline()).get("id") != 2:
        pass


def show_memory(
    name: str, commands: list[list[str]], ready: Callable[[Any], Any], **more: Any
) -> None:
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(started(command, **more)) for command in commands]
        for process in running:
            ready(process)
        if any(process.poll() is not None for process in running):
            print(f"  {name:<36} one ended by itself: not measured")
            return
        held = [rollup(process.pid) for process in running]
    rss, pss = (sum(each[kind] for each in held) / 1024 for kind in ("Rss", "Pss"))
    print(f"  {name:<36} {len(commands):9}   {rss:5.0f} MiB  {pss:5.0f} MiB")


def rollup(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}


def serve_platform(folder: str, ready: Any) -> None:
    """The stand-in in a process of its own, so that its work is not taken for ours."""
    now = datetime.now(UTC)
    standin = StandIn(Path(folder), start=now - timedelta(minutes=30), payments_per_minute=60)
    standin.advance(now)
    ready.put(serve(standin).url)
    threading.Event().wait()


class Asking:
    """The periods during which any source was being asked."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []

    def wrap(self, send_it: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kw: Any) -> Any:
            begun = time.perf_counter()
            try:
                response = send_it(*args, **kw)
                response.read()
                return response
            finally:
                self.spans.append((begun, time.perf_counter()))

        return timed

    def seconds(self) -> float:
        """How long it lasted together; what ran side by side counts once."""
        total, upto = 0.0, 0.0
        for begun, ended in sorted(self.spans):
            total += max(0.0, ended - max(begun, upto))
            upto = max(upto, ended)
        return total


def own_times(calls: int) -> None:
    """Each live tool against the stand-in, through a client in memory."""
    context = multiprocessing.get_context("spawn")
    ready = context.Queue()
    with tempfile.TemporaryDirectory() as folder:
        platform = context.Process(target=serve_platform, args=(folder, ready), daemon=True)
        platform.start()
        try:
            anyio.run(measure, ready.get(timeout=120), Path(folder), calls)
        finally:
            platform.kill()
            platform.join()


async def measure(url: str, folder: Path, calls: int) -> None:
    """A table of the live tools."""
    lines = f'database = "{folder}/paypulse.db"\n[platform]\nbase_url = "{url}"\n'
    app = build(parse(lines, {}), senders={})
    asking = Asking()
    httpx.Client.send = asking.wrap(httpx.Client.send)  # type: ignore[method-assign]
    print("\nLive tools through the gateway (stand-in)     whole   of that asking   own, median")
    async with Client(build_server(app)) as client:
        for offer in sorted(all_offers(), key=lambda each: each.name):
            arguments = needed(offer.fn)
            if offer.writing is None and arguments is not None:
                await measure_one(client, offer.name, arguments, asking, calls)
    app.close()


def needed(fn: Any) -> dict[str, Any] | None:
    """What a tool requires; None if we do not know what to give it."""
    names = [
        name
        for name, parameter in inspect.signature(fn).parameters.items()
        if parameter.default is inspect.Parameter.empty and name != "ctx"
    ]
    return {name: GIVEN[name] for name in names} if set(names) <= GIVEN.keys() else None


async def measure_one(
    client: Any, name: str, arguments: dict[str, Any], asking: Asking, calls: int
) -> None:
    whole, own = [], []
    for _ in range(calls + 1):
        asking.spans.clear()
        begun = time.perf_counter()
        result = await client.call_tool(name, arguments)
        took = time.perf_counter() - begun
        if result.is_error or result.structured_content["origin"] != "live" or not asking.spans:
            return
        whole.append(took)
        own.append(took - asking.seconds())
    whole, own = whole[1:], own[1:]
    spent = statistics.median(w - o for w, o in zip(whole, own, strict=True))
    print(
        f"  {name:<38} {1000 * statistics.median(whole):8.1f} ms {1000 * spent:11.1f} ms"
        f" {1000 * statistics.median(own):10.1f} ms"
    )


if __name__ == "__main__":
    main()
