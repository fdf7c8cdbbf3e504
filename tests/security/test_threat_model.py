"""The threat model names a test for every way, and each of them is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text("utf-8")
SOURCES = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", TEXT))))
def test_a_test_that_the_threat_model_names_is_there(name):
    assert f"def {name}(" in SOURCES


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:40])
def test_every_way_names_its_test(row):
    assert "`test_" in row.split("|")[-2]
