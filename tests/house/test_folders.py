"""A folder holds few things, unless they are alike; a prefix that files share is a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ("monitor", "checks", "mcp_server", "demo", "templates", "scripts")
ENTRIES_MAX = 14
SHARED_PREFIX_MAX = 2
# Lists of like things may be long, and share what they are called by.
ALIKE = {
    "checks",
    "checks/invariants",
    "monitor/notifiers",
    "mcp_server/tools",
    "templates/en",
    "templates/ko",
    "templates/html",
}

# The room whose files put its rooms together, and the one that all others are built of.
LARGER = {"monitor": 15, "monitor/domain": 16}


def folders() -> list[Path]:
    """Every folder that holds something of ours."""
    below = [
        path
        for name in SHOWN
        for path in (ROOT / name).rglob("*")
        if path.is_dir() and path.name != "__pycache__"
    ]
    return sorted([ROOT / name for name in SHOWN] + [path for path in below if entries(path)])


def entries(folder: Path) -> list[str]:
    """What lies in it, but for the marker and what Python keeps beside the code."""
    there = (path for path in folder.iterdir() if path.is_dir() or path.is_file())
    return [path.name for path in there if not path.name.startswith(("_", "."))]


def shared_prefixes(names: list[str]) -> dict[str, int]:
    """The prefixes, up to the first "_", that more files share than may."""
    counted = Counter(name.split(".")[0].split("_")[0] for name in names)
    return {prefix: n for prefix, n in counted.items() if n > SHARED_PREFIX_MAX}


def name_of(folder: Path) -> str:
    return folder.relative_to(ROOT).as_posix()


NOT_ALIKE = [folder for folder in folders() if name_of(folder) not in ALIKE]


@pytest.mark.parametrize("folder", NOT_ALIKE, ids=name_of)
def test_a_folder_holds_few_entries(folder):
    assert len(entries(folder)) <= LARGER.get(name_of(folder), ENTRIES_MAX)


@pytest.mark.parametrize("folder", NOT_ALIKE, ids=name_of)
def test_a_prefix_that_several_files_share_is_a_folder(folder):
    assert shared_prefixes(entries(folder)) == {}


def test_shared_prefixes_are_found():
    names = ["load.py", "load_a.py", "load_b.py", "one_a.py", "one_b.py", "loads.py"]
    assert shared_prefixes(names) == {"load": 3}


def test_every_list_of_like_things_is_there():
    assert {name_of(folder) for folder in folders()} >= ALIKE


def test_no_benchmark_has_the_name_of_a_helper_of_the_tests():
    """Both folders are on the path of the tests: the one would hide the other."""
    benchmarks, helpers = (
        {path.name for path in (ROOT / folder).glob("*.py")}
        for folder in ("benchmarks", "tests/support")
    )
    assert benchmarks & helpers == set()
