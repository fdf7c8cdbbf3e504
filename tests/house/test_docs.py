"""The documents say what is there: every promised tool, and tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_server.toolsets import all_offers

ROOT = Path(__file__).resolve().parents[2]
TOOLS = (ROOT / "docs" / "tools.md").read_text("utf-8")
ROWS = [line for line in TOOLS.splitlines() if line.startswith("| `")]


def test_the_table_has_the_tools_that_were_promised():
    assert len(ROWS) == 32  # check_kafka_health twice: two servers had it


def test_every_tool_that_is_offered_is_named_and_no_other():
    offered = {offer.name for offer in all_offers()}
    rows = {row.split("`")[1] for row in ROWS}
    beyond = set(re.findall(r"`(\w+)`", TOOLS.partition("## Beyond")[2]))
    assert rows | beyond == offered


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+(?:\.py)?)`", TOOLS))))
def test_a_test_that_is_named_is_there(name):
    if name.endswith(".py"):
        assert any((ROOT / "tests").rglob(name))
        return
    sources = (path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert any(f"def {name}(" in source for source in sources)
