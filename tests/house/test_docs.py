"""The documents say what is there: every promised tool, and tests that exist."""

from __future__ import annotations

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from mcp_server.toolsets import all_offers
from monitor.domain.incident.model import Policy

ROOT = Path(__file__).resolve().parents[2]
TOOLS = (ROOT / "docs" / "tools.md").read_text("utf-8")
ALERTS = (ROOT / "docs" / "alerts.md").read_text("utf-8")
ROWS = [line for line in TOOLS.splitlines() if line.startswith("| `")]


def test_the_table_has_the_tools_that_were_promised():
    assert len(ROWS) == 33  # check_kafka_health twice: two servers had it


def test_every_tool_that_is_offered_is_named_and_no_other():
    offered = {offer.name for offer in all_offers()}
    rows = {row.split("`")[1] for row in ROWS}
    beyond = set(re.findall(r"`(\w+)`", TOOLS.partition("## Beyond")[2]))
    assert rows | beyond == offered


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+(?:\.py)?)`", TOOLS + ALERTS))))
def test_a_test_that_is_named_is_there(name):
    if name.endswith(".py"):
        assert any((ROOT / "tests").rglob(name))
        return
    sources = (path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert any(f"def {name}(" in source for source in sources)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(\w+\.toml)`", ALERTS))))
def test_a_scenario_that_is_named_is_there(name):
    assert (ROOT / "tests" / "scenarios" / name).is_file()


def test_the_numbers_of_the_alerts_are_those_that_hold():
    told = dict(re.findall(r"^\| `(\w+)` \| (\d+)(?: s)? \|", ALERTS, re.MULTILINE))
    held = {f.name: getattr(Policy(), f.name) for f in fields(Policy)}
    seconds = {n: v.total_seconds() if isinstance(v, timedelta) else v for n, v in held.items()}
    assert {name: float(value) for name, value in told.items()} == seconds
