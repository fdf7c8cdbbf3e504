"""The server as the official inspector's command line sees it, in both eras, over stdio and HTTP.

It needs Node 22.19 or newer: `npm install --prefix DIR node@22`, then, with DIR/node_modules/.bin
in front of PATH, `npm install --prefix DIR @modelcontextprotocol/inspector`; run with that PATH.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from mcp_case import app_with, found
from test_mcp_http import ENV, READ, listening

from mcp_server.toolsets import all_offers

pytestmark = [pytest.mark.slow]
ERAS = [(), ("--protocol-era", "modern")]
NODE_MIN = (22, 19)


def inspector():
    binary, node = shutil.which("mcp-inspector"), shutil.which("node")
    if binary is None or node is None:
        pytest.skip("no mcp-inspector and node on PATH (see the head of this file)")
    version = subprocess.check_output([node, "--version"], text=True)
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < NODE_MIN:
        pytest.skip(f"node is {version.strip()}: the inspector needs 22.19 or newer")
    return binary


def inspect(target, *options, folder):
    """What it prints, and its exit code: 0 well, 5 the tool says error, 3 no way in, 6 --strict."""
    env = {**os.environ, "HOME": str(folder)}
    command = [inspector(), "--cli", *target, "--format", "json", *options]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=env, check=False
    )
    return (json.loads(done.stdout) if done.stdout.strip() else {}), done


@pytest.fixture
def stdio(tmp_path):
    config = tmp_path / "paypulse.toml"
    config.write_text('[platform]\nbase_url = "http://127.0.0.1:9"\n')
    command = "from monitor.cli.main import main; main()"
    return [sys.executable, "-c", command, "mcp", "-c", str(config), "--directory", str(tmp_path)]


@pytest.mark.parametrize("era", ERAS, ids=["2025", "2026"])
def test_every_tool_is_listed_and_no_schema_is_unportable(stdio, tmp_path, era):
    plain, done = inspect(stdio, "--method", "tools/list", "--strict", *era, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    names = {tool["name"] for tool in plain["result"]["tools"]}
    assert names == {offer.name for offer in all_offers() if offer.writing is None}


@pytest.mark.parametrize("era", ERAS, ids=["2025", "2026"])
def test_tools_prompts_and_resources_answer(stdio, tmp_path, era):
    call = ("--method", "tools/call", "--tool-name", "list_alerts")
    plain, done = inspect(stdio, *call, *era, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert plain["result"]["structuredContent"]["verdict"] == "unknown"
    _, done = inspect(stdio, *call, "--tool-arg", "state=closed", *era, folder=tmp_path)
    assert done.returncode == 5
    prompt = ("--method", "prompts/get", "--prompt-name", "morning_check")
    plain, _ = inspect(stdio, *prompt, *era, folder=tmp_path)
    assert "get_system_overview" in plain["result"]["messages"][0]["content"]["text"]
    read = ("--method", "resources/read", "--uri", "paypulse://schema/answer")
    plain, _ = inspect(stdio, *read, *era, folder=tmp_path)
    assert json.loads(plain["result"]["contents"][0]["text"])["title"] == "Answer"


@pytest.mark.parametrize("era", ERAS, ids=["2025", "2026"])
def test_it_comes_in_over_http_with_a_token_only(tmp_path, era):
    app = app_with(tmp_path, {"services": found()})
    call = ("--method", "tools/call", "--tool-name", "check_all_services", *era)
    with listening(app, ENV) as server:
        header = ("--header", f"Authorization: Bearer {READ}")
        plain, done = inspect([server.url], *call, *header, folder=tmp_path)
        _, refused = inspect([server.url], *call, folder=tmp_path)
    app.close()
    assert done.returncode == 0 and plain["result"]["structuredContent"]["verdict"] == "ok"
    assert refused.returncode == 3
