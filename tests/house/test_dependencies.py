"""docs/dependencies.md and the bill of materials say what the locks hold, and nothing else."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import dependencies  # noqa: E402

DOCUMENT = dependencies.DOCUMENT.read_text("utf-8")
ROWS = [line.strip("|").split("|") for line in DOCUMENT.splitlines() if line.startswith("| ")]
PACKAGES = [[cell.strip() for cell in row] for row in ROWS if row[0].strip() != "package"]


def test_the_document_is_what_its_command_writes():
    released = dependencies.released_in(DOCUMENT)
    assert dependencies.document(released) == DOCUMENT, (
        "`.venv/bin/python benchmarks/dependencies.py --write` brings it up to date"
    )


def test_the_bill_is_what_its_command_writes():
    assert dependencies.bill() == dependencies.BILL.read_text("utf-8")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package[0])
def test_a_package_has_a_day_of_release_a_licence_and_a_reason(package):
    _, _, released, licence, reason = package
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", released)
    assert licence
    assert reason.removeprefix("for").strip()


def test_every_pin_is_named_once():
    names = [package[0] for package in PACKAGES] + re.findall(r"^- (\S+) ", DOCUMENT, re.MULTILINE)
    assert sorted(names) == sorted(dependencies.pins("requirements-dev.lock"))


def test_a_reason_that_is_written_down_is_of_a_package_that_is_there():
    assert dependencies.WHY.keys() <= dependencies.pins("requirements-dev.lock").keys()


def test_the_bill_refers_to_nothing_that_it_does_not_hold():
    bill = json.loads(dependencies.BILL.read_text("utf-8"))
    known = {component["bom-ref"] for component in bill["components"]} | {"paypulse"}
    assert {entry["ref"] for entry in bill["dependencies"]} == known
    assert {ref for entry in bill["dependencies"] for ref in entry["dependsOn"]} <= known


def test_an_extra_that_nobody_asks_for_draws_no_arrow():
    packages = {package.name: package for package in dependencies.packages("requirements.lock")}
    assert "cryptography" in packages["pyjwt"].needs  # mcp asks for pyjwt[crypto]
    assert "attrs" not in packages["confluent-kafka"].needs  # of its extra for schemas


def test_another_version_than_the_locks_is_refused(monkeypatch):
    monkeypatch.setattr(dependencies, "pins", lambda lock: {"httpx": ("0.0.1", True)})
    with pytest.raises(ValueError, match=r"httpx 0\.0\.1 is not installed here"):
        dependencies.packages("requirements.lock")


def test_the_day_of_release_is_that_of_the_first_file():
    pylock = """
[[packages]]
name = "a"
version = "1"
sdist = { upload-time = 2026-01-03T00:00:00Z }
wheels = [{ upload-time = 2026-01-02T00:00:00Z }, { }]
[[packages]]
name = "b"
version = "2"
"""
    assert dependencies.released_by(pylock) == {"a 1": "2026-01-02"}
