"""The layout keeps its rules: who imports whom, how long things get, what a plug-in ends in."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from import_table import OURS, OWNERS

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("monitor", "checks", "mcp_server", "demo")
JOINED = (*ROOMS, "monitor.cli")  # folders whose own files put their folders together
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
FUNCTION_LINES_MAX = 60
FILE_LINES_MAX = 320
LISTS = {
    "checks.sources.facts.platform": 360,
    "monitor.store.tables": 460,
}  # declarations one under the other, read as a list

SPEAK_SQL = (*OWNERS["sqlalchemy"], "demo")
SQL = re.compile(r"^\s*(SELECT|INSERT INTO|INSERT OR|UPDATE|DELETE FROM|PRAGMA|WITH RECURSIVE) ")
PLUGINS = {"checks": "CHECK", "monitor.notifiers": "NOTIFIER", "mcp_server.tools": "TOOLS"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module, module: str) -> Iterator[str]:
    """Every module that is imported, wherever: at the top, in a function, by its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif is_import_call(node):
            yield node.args[0].value  # type: ignore[attr-defined]


def is_import_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module"
        and isinstance(node.args[0], ast.Constant)
    )


def holds(parent: str, name: str) -> bool:
    if parent.endswith("*"):
        return name.startswith(parent[:-1])
    return name == parent or name.startswith(f"{parent}.")


def is_allowed(name: str, allowed: list[str]) -> bool:
    if any(holds(entry[1:], name) for entry in allowed if entry.startswith("-")):
        return False
    return any(holds(entry, name) for entry in allowed)


def row_of(module: str, table: Mapping[str, Any]) -> Any:
    return next(row for parent, row in table.items() if holds(parent, module))


def forbidden(module: str, tree: ast.Module) -> list[str]:
    """The imports of a module that the tables do not allow."""
    found = []
    for name in imports(tree, module):
        library = name.split(".")[0]
        if library in ROOMS:
            ok = is_allowed(name, row_of(module, OURS))
        elif holds("monitor.domain", module):
            ok = library in sys.stdlib_module_names
        elif holds("monitor.notifiers", module) and library == "jinja2":
            ok = False
        else:
            ok = any(holds(owner, module) for owner in OWNERS.get(library, [module]))
        if not ok:
            found.append(name)
    return found


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_module_imports_only_what_its_part_may(path):
    assert forbidden(module_of(path), tree_of(path)) == []


def test_every_row_of_the_table_is_that_of_a_module():
    decisive = {next(row for row in OURS if holds(row, module_of(path))) for path in FILES}
    assert OURS.keys() - decisive == set()


def test_the_table_names_only_what_is_there():
    named = {name.lstrip("-") for row in OURS.values() for name in row}
    there = {module_of(path) for path in FILES}
    assert {n for n in named if not any(holds(n, module) for module in there)} == set()


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("monitor.domain.alert", "import httpx"),
        ("monitor.domain.alert", "from monitor.domain.load_test.run import LoadTestRun"),
        ("monitor.domain.detection.rule", "from monitor.domain.load_test.run import LoadTestRun"),
        ("monitor.scheduling.schedule", "from monitor.app import App"),
        ("monitor.delivery.outbox", "from monitor.text.messages.render import render"),
        ("monitor.text.messages.render", "from monitor.store import alerts"),
        ("monitor.text.messages.report", "from monitor.text.terminal.output import printed"),
        ("monitor.config.models", "from monitor.text.catalog import Catalog"),
        ("monitor.reports.figures", "from monitor.load_tests.verdicts import judge"),
        ("monitor.load_tests.runner", "from checks.k6.runner import K6"),
        ("monitor.app", "from monitor.cli.common import console"),
        ("monitor.cli.common", "from mcp_server.server import build_server"),
        ("monitor.cli.alerts", "from demo.stand_in import StandIn"),
        ("checks.sources.http.client", "from checks.sources.kafka import lag"),
        ("checks.sources.kafka.lag", "from checks.sources.redis import source"),
        ("checks.books.sweep", "from checks.k6.runner import K6"),
        ("checks.invariants.ledger", "from checks.sources.kafka import lag"),
        ("checks.settlement_file.match", "from checks.books import sweep"),
        ("checks.payment_story.case", "from checks.sources.redis.source import Redis"),
        ("mcp_server.access.tokens", "from mcp_server.server import server_of"),
        ("mcp_server.answers.rows", "from mcp_server.tools.history import spans"),
        ("mcp_server.sentence.read", "from monitor.app import App"),
        ("mcp_server.tools.redis.tools", "from mcp_server.tools.kafka import lags"),
        ("mcp_server.context", "from mcp_server.tools.kafka import lags"),
        ("demo.platform.parts", "from demo.embedded.broker import MemoryBroker"),
        ("demo.faults.books", "from demo.api.wire import Request"),
        ("monitor.domain.alert", "from monitor.store import reads"),
        ("monitor.run_check", "def f():\n    from checks import services"),
        ("monitor.web.pages", "import importlib; importlib.import_module('checks.services')"),
        ("monitor.store.reads", "from monitor.notifiers import slack"),
        ("monitor.notifiers.slack", "from monitor import outbox"),
        ("monitor.app", "import mcp_server.server"),
        ("checks.services", "from monitor.store.tables import AlertRow"),
        ("checks.sources.kafka.source", "import monitor.config.models"),
        ("mcp_server.tools.health.tools", "from monitor.store import tables"),
        ("mcp_server.tools.health.tools", "import slack_sdk"),
        ("demo.platform.shards", "from monitor.domain import check"),
        ("monitor.reports.build", "import typer"),
        ("monitor.reports.build", "from monitor.cli.common import console"),
        ("monitor.notifiers.slack", "import sqlalchemy"),
        ("checks.services", "from sqlalchemy import select"),
        ("monitor.reports.build", "def f():\n    from sqlalchemy import Connection"),
        ("monitor.reports.build", "import sqlite3"),
    ],
)
def test_the_table_refuses(module, line):
    assert forbidden(module, ast.parse(line)) != []


def arrows() -> dict[str, set[str]]:
    """Which of our modules each of them imports, under TYPE_CHECKING and in functions too."""
    found: dict[str, set[str]] = {module_of(path): set() for path in FILES}
    for path in FILES:
        module = module_of(path)
        for name in imports(tree_of(path), module):
            found[module].add(name if name in found else name.rpartition(".")[0])
    return {module: (named & found.keys()) - {module} for module, named in found.items()}


def circles(graph: Mapping[str, set[str]]) -> set[str]:
    """The modules in circles, and those on a way from one circle to another."""
    left = {module: set(named) for module, named in graph.items()}
    while ends := {m for m in left if not left[m]} | (left.keys() - set().union(*left.values())):
        left = {m: named - ends for m, named in left.items() if m not in ends}
    return set(left)


def test_no_modules_import_each_other_in_a_circle():
    assert circles(arrows()) == set()


def folders(graph: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The same arrows between folders."""
    found: dict[str, set[str]] = {}
    for module, named in graph.items():
        found.setdefault(folder_of(module), set()).update(folder_of(name) for name in named)
    return {folder: named - {folder} for folder, named in found.items()}


def folder_of(module: str) -> str:
    """Its folder; what puts the folders of a room together stands for itself."""
    folder = module.rpartition(".")[0]
    return module if folder in JOINED or not folder else folder


def test_no_folders_import_each_other_in_a_circle():
    assert circles(folders(arrows())) == set()


def test_folders_in_a_circle_are_found_though_no_modules_are():
    graph = {"demo.a.x": {"demo.b.y"}, "demo.b.y": set(), "demo.b.z": {"demo.a.x"}}
    assert circles(graph) == set()
    assert circles(folders(graph)) == {"demo.a", "demo.b"}


def test_a_circle_is_found_and_what_hangs_on_it_is_not():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}
    assert circles(graph) == {"b", "c"}


def test_an_import_for_types_or_in_a_function_counts():
    text = "if TYPE_CHECKING:\n    from a.b import C\ndef f():\n    from d import e"
    assert list(imports(ast.parse(text), "x")) == ["a.b.C", "d.e"]


def sql_in(tree: ast.Module) -> list[str]:
    """What a module says to a database: statements as text, and the calls that run text."""
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    called = [n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
    statements = [text for text in texts if isinstance(text, str) and SQL.search(text)]
    return [*statements, *(name for name in called if name == "exec_driver_sql")]


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if not any(holds(room, module_of(p)) for room in SPEAK_SQL)],
    ids=module_of,
)
def test_only_those_who_own_a_database_speak_sql(path):
    assert sql_in(tree_of(path)) == []


@pytest.mark.parametrize(
    "line",
    [
        "tx.exec_driver_sql(statement)",
        "f'SELECT count(*) FROM {table}'",
        "'SELECT key'",
        "'INSERT INTO notes (at) VALUES (?)'",
        "f'UPDATE {table} SET a = 1'",
        "'DELETE FROM notes'",
    ],
)
def test_sql_is_recognised(line):
    assert sql_in(ast.parse(line)) != []


def tables_written(tree: ast.Module) -> set[str]:
    """The tables that the statements of a module add rows to, or change rows of."""
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    found = [re.findall(r"(?:INSERT INTO|^UPDATE) (\w+)", str(text)) for text in texts]
    return {table for names in found for table in names}


def test_each_table_of_the_store_is_written_by_one_module():
    store = sorted((ROOT / "monitor/store").rglob("*.py"))
    written = Counter(table for path in store for table in tables_written(tree_of(path)))
    assert {"snapshots", "alerts", "notifications"} <= written.keys()
    assert [table for table, modules in written.items() if modules > 1] == []


def test_a_table_that_is_written_is_found():
    text = "'INSERT INTO notes (at) VALUES (?) ON CONFLICT DO UPDATE SET at = 1'; 'UPDATE silences'"
    assert tables_written(ast.parse(text)) == {"notes", "silences"}


@pytest.mark.parametrize("path", [p for p in FILES if p.parent == ROOT / "checks"], ids=module_of)
def test_checks_do_not_import_each_other(path):
    kinds = {module_of(p) for p in FILES if p.parent == ROOT / "checks" and plugs(p, "CHECK")}
    named = {name.rsplit(".", 1)[0] for name in imports(tree_of(path), "")}
    assert not (kinds - {module_of(path)}) & (named | set(imports(tree_of(path), "")))


def test_what_every_check_says_knows_no_check():
    assert [n for n in imports(tree_of(ROOT / "monitor/domain/check.py"), "") if in_rooms(n)] == []


def names_in(tree: ast.Module) -> set[str]:
    """What a module calls by name: attributes, arguments, variables, fields and plain texts."""
    named = [getattr(n, f, None) for n in ast.walk(tree) for f in ("id", "attr", "arg", "value")]
    return {name for name in named if isinstance(name, str)}


@pytest.mark.parametrize("module", ["monitor/domain/check.py", "monitor/text/catalog.py"])
def test_what_serves_every_check_names_no_check_and_no_finding(module):
    checks = {p.stem for p in (ROOT / "checks").glob("*.py") if plugs(p, "CHECK")}
    keyed = [key.split(".") for found in words("en").values() for key in found]
    codes = {key[1] for key in keyed if key[0] == "finding"}
    assert {"load_test", "regression", "monitoring_gap"} <= checks | codes
    assert names_in(tree_of(ROOT / module)) & (checks | codes) == set()


def in_rooms(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in ROOMS


def plugs(path: Path, constant: str) -> bool:
    return any(constant in targets(node) for node in tree_of(path).body)


def targets(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign):
        return [getattr(target, "id", "") for target in node.targets]
    return [getattr(node.target, "id", "")] if isinstance(node, ast.AnnAssign) else []


def test_a_plug_in_ends_with_its_constant():
    plugged = [
        (path, constant)
        for package, constant in PLUGINS.items()
        for path in FILES
        if module_of(path.parent).startswith(package) and plugs(path, constant)
    ]
    assert [p for p, constant in plugged if targets(tree_of(p).body[-1]) != [constant]] == []


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "__init__.py"], ids=module_of)
def test_a_package_marker_holds_nothing_but_a_sentence(path):
    assert [type(node) for node in tree_of(path).body] in ([], [ast.Expr])


@pytest.mark.parametrize("folder", ["alembic", "tests", "benchmarks"])
def test_folders_that_are_no_packages_have_no_marker(folder):
    assert list((ROOT / folder).rglob("__init__.py")) == []


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_functions_and_files_stay_short(path):
    limit = LISTS.get(module_of(path), FILE_LINES_MAX)
    assert len(path.read_text().splitlines()) <= limit
    long = [
        (node.name, node.end_lineno - node.lineno + 1)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= FUNCTION_LINES_MAX
    ]
    assert long == []


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_module_opens_with_a_sentence(path):
    assert ast.get_docstring(tree_of(path))


def keys(table: Mapping[str, Any], above: str = "") -> set[str]:
    found = set()
    for key, value in table.items():
        found |= keys(value, f"{above}{key}.") if isinstance(value, dict) else {above + key}
    return found


def words(language: str) -> dict[str, set[str]]:
    folder = ROOT / "templates" / language
    return {p.name: keys(tomllib.loads(p.read_text("utf-8"))) for p in folder.glob("*.toml")}


def test_both_languages_say_the_same_things():
    english, korean = words("en"), words("ko")
    assert english.keys() == korean.keys()
    assert {
        name: english[name] ^ korean[name] for name in english if english[name] ^ korean[name]
    } == {}


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_file_names_a_machine_or_a_package_registry():
    hosts = "|".join(
        re.escape(f"{name}.{end}") for name, end in (("pypi", "org"), ("pythonhosted", "org"))
    )
    folders = "|".join(("work", "root", "home", "Users", "tmp/brief"))
    pattern = re.compile(rf"https?://[\w.]*({hosts})|(?<![\w.\"'<{{}}])/({folders})/\w".encode())
    found = {p.name: m.group() for p in committed() if (m := pattern.search(p.read_bytes()))}
    assert found == {}
