"""The command behind docs/architecture.md: packages and arrows as in the code, flows that run."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = next(folder for folder in Path(__file__).parents if (folder / "pyproject.toml").is_file())
sys.path.insert(0, str(ROOT / "benchmarks"))

from architecture import DOCUMENT, diagram, document, modules, table  # noqa: E402
from architecture_flows import FLOWS, Way, ways  # noqa: E402

MADE = {name: Way(("pyproject.toml", "README.md"), 3) for name in FLOWS}
TREE = {
    "monitor/__init__.py": "",
    "monitor/app.py": "from monitor import paths\nfrom monitor.store import reads, rows\n",
    "monitor/paths.py": "",
    "monitor/store/reads.py": "def f():\n    import monitor.paths\n    import httpx\n",
    "monitor/store/rows.py": "from monitor.store import reads\n",
    "checks/one.py": "from monitor.store.rows import Row\nfrom checks.sources.far import deep\n",
    "checks/two.py": "if TYPE_CHECKING:\n    from monitor.paths import Folder\n",
    "checks/sources/far/deep.py": "from monitor.store import rows\n",
    "demo/a/x.py": "import demo.b.y\n",
    "demo/b/y.py": "import demo.a.x\n",
}


def outdated(text: str) -> list[str]:
    """What a document says of packages, arrows and flows' files that is not so, or leaves out."""
    listed = re.findall(r"^\d+\. `(.+)`$", text, re.MULTILINE)
    gone = [name for name in listed if not (ROOT / name).exists()]
    return sorted(_facts(text) ^ _facts(fresh())) + gone


@cache
def fresh() -> str:
    """The document as it would be made now, but for the flows, which take a minute."""
    return document(modules(), MADE)


def _facts(text: str) -> set[str]:
    """Its titles, rows and arrows, without the numbers that grow with every commit."""
    lines = re.sub(r"^(\| `.*?` )\| \d+ \| \d+ \|", r"\1|", text, flags=re.MULTILINE).splitlines()
    return {line for line in lines if line.startswith(("#", "| `", "  "))}


@pytest.fixture
def made(tmp_path):
    for name, code in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code)
    return modules(tmp_path)


def test_a_row_counts_a_folder_and_names_what_it_imports_wherever(made):
    assert table(made).splitlines()[2:] == [
        "| `checks` | 2 | 4 | `checks.sources.far`, `monitor`, `monitor.store` |",
        "| `checks.sources.far` | 1 | 1 | `monitor.store` |",
        "| `demo.a` | 1 | 1 | `demo.b` |",
        "| `demo.b` | 1 | 1 | `demo.a` |",
        "| `monitor` | 2 | 2 | `monitor.store` |",
        "| `monitor.store` | 2 | 4 | `monitor` |",
        "| all | 9 | 13 | |",
    ]


def test_the_diagram_draws_folders_and_only_arrows_that_follow_from_no_other(made):
    assert [line.strip() for line in diagram(made).splitlines() if "--" in line] == [
        "checks --> checks_sources",
        "checks_sources --> monitor_store",
        "demo_a <--> demo_b",
        "monitor_app --> monitor_store",
        "monitor_store --> monitor_paths",
    ]


def test_the_document_is_up_to_date():
    assert outdated(DOCUMENT.read_text("utf-8")) == []


def test_the_document_of_this_tree_is_up_to_date_as_it_is_made(tmp_path):
    file = tmp_path / "architecture.md"
    file.write_text(fresh(), "utf-8")
    assert outdated(file.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("`monitor.domain` |", "`monitor.elsewhere` |"),
        ("-->", "<-->"),
        ("`README.md`", "`no_such_file.py`"),
        ("### A pass", "### A walk"),
    ],
)
def test_a_document_that_says_otherwise_is_outdated(said, instead):
    assert said in fresh()
    assert outdated(fresh().replace(said, instead, 1)) != []


@pytest.mark.slow
def test_every_flow_runs_through_files_that_are_there():
    found = ways()
    assert found.keys() == FLOWS.keys()
    assert [n for way in found.values() for n in way.files if not (ROOT / n).exists()] == []
    assert all(way.functions > way.modules > 5 for way in found.values())
