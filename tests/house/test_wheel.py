"""The wheel works by itself: built, installed in an empty environment, used from elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of an environment that holds the wheel, and ours for its dependencies only.

    A path that a .pth file adds is searched last and its own .pth files are not read: the
    editable installation of the checkout stays out of sight.
    """
    home = tmp_path_factory.mktemp("empty environment") / "venv"
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index"]
    run(*pip, "--no-compile", "--quiet", wheel)
    site = next(home.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(*command: str | Path, cwd: Path | None = None) -> str:
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=env, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_what_the_product_needs_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"monitor", "checks", "mcp_server", "demo"}
    for folder in ("templates", "alembic"):
        here = {f"monitor/{p.relative_to(ROOT)}" for p in source_files(ROOT / folder)}
        assert here == {name for name in names if name.startswith(f"monitor/{folder}/")}


def test_the_bill_of_materials_is_in_the_wheel(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/sboms/paypulse.cdx.json"))
    assert archive.read(name) == (ROOT / "docs" / "paypulse.cdx.json").read_bytes()


def source_files(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]


def test_scripts_of_the_load_test_are_in_the_wheel(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    here = {str(p.relative_to(ROOT)) for p in (ROOT / "checks" / "scenarios").glob("*.js")}
    assert here
    assert here <= set(names)


@pytest.mark.parametrize("package", ["monitor", "checks", "mcp_server", "demo"])
def test_the_modules_come_from_the_wheel(python, tmp_path, package):
    found = run(python, "-c", f"import {package}; print({package}.__file__)", cwd=tmp_path)
    assert Path(found.strip()).is_relative_to(python.parent.parent)


def test_the_installed_alembic_is_still_alembic(python, tmp_path):
    ours = "import alembic, alembic.command; print(alembic.__file__)"
    assert not Path(run(python, "-c", ours, cwd=tmp_path).strip()).is_relative_to(
        python.parent.parent
    )


def test_the_command_runs_from_another_folder(python, tmp_path):
    assert "Usage" in run(python.with_name("paypulse"), "--help", cwd=tmp_path)


def test_the_command_and_every_module_can_be_imported(python, tmp_path):
    code = (
        "import importlib, pkgutil, monitor, checks, mcp_server, demo\n"
        "for package in (monitor, checks, mcp_server, demo):\n"
        "    for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        if not found.name.endswith('__main__'): importlib.import_module(found.name)\n"
    )
    run(python, "-W", "error", "-c", code, cwd=tmp_path)


def test_a_database_is_migrated_from_another_folder(python, tmp_path):
    code = (
        "from pathlib import Path\n"
        "from monitor.store.database import head, migrate, open_store\n"
        "migrate(Path('paypulse.db')); open_store(Path('paypulse.db')).close(); print(head())"
    )
    assert run(python, "-c", code, cwd=tmp_path).strip()
    assert (tmp_path / "paypulse.db").exists()


def test_sentences_are_found_in_both_languages_from_another_folder(python, tmp_path):
    code = (
        "from zoneinfo import ZoneInfo\n"
        "from monitor.text.catalog import Catalog\n"
        "from monitor.text.sentences import languages\n"
        "for language in sorted(languages()):\n"
        "    print(language, Catalog(language, ZoneInfo('UTC'), strict=True).say('status.ok'))"
    )
    told = run(python, "-X", "utf8", "-c", code, cwd=tmp_path).split()
    assert told[::2] == ["en", "ko"]


def test_a_database_a_report_and_the_tools_come_from_another_folder(python, tmp_path):
    paypulse = python.with_name("paypulse")
    (tmp_path / "paypulse.toml").write_text('database = "here.db"\n[report]\ndaily = ""\n')
    assert "here.db is at schema" in run(paypulse, "db", "migrate", cwd=tmp_path)
    assert "<html" in run(paypulse, "report", "daily", "--format", "html", cwd=tmp_path)
    code = (
        "import anyio, sys\n"
        "from mcp import Client, StdioServerParameters\n"
        "async def main():\n"
        "    server = StdioServerParameters(command=sys.argv[1], args=['mcp'])\n"
        "    async with Client(server) as client:\n"
        "        print(*[tool.name for tool in (await client.list_tools()).tools])\n"
        "anyio.run(main)"
    )
    listed = run(python, "-c", code, str(paypulse), cwd=tmp_path).split()
    assert {"compare_periods", "diagnose_issues", "reconciliation_check"} <= set(listed)
