"""scripts/: what a person starts first, run with fake installers and without a network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def pins(lock: str) -> dict[str, tuple[str, str, list[str]]]:
    """What a lock holds by name: the version, the marker, the hashes; fails on anything else."""
    entries = (ROOT / lock).read_text().replace(" \\\n    --hash=", " --hash=").splitlines()
    found = {}
    for entry in entries:
        pin, *hashes = entry.split(" --hash=sha256:")
        name, version, marker = re.fullmatch(r"([a-z0-9-]+)==([\w.!+]+)(?: ; (.+))?", pin).groups(
            ""
        )
        found[name] = (version, marker, hashes)
    return found


FAKE_UV = """#!/bin/bash
echo "uv $*" >>"$LOG"
case $1 in
  venv)
    mkdir -p "${@: -1}/bin"
    cp "$(dirname "$0")/venv-python" "${@: -1}/bin/python" ;;
  pip)
    [ -z "${FAIL:-}" ] || exit 3
    venv=$(dirname "$(dirname "$5")")
    printf '#!/bin/bash\\nprintf "[%%s]" "$@"; pwd\\n' >"$venv/bin/paypulse"
    chmod +x "$venv/bin/paypulse" ;;
esac
"""
FAKE_PYTHON = f"""#!/bin/bash
if [ "$1" = -m ]; then
  shift; echo "module $*" >>"$LOG"; echo "$*"
  [ "${{BROKEN:-}}" != "$1" ] && exit 0; exit 7
fi
exec '{sys.executable}' "$@"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A fresh checkout in a folder with spaces, with fake tools beside it."""
    root = tmp_path / "a fresh place"
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copytree(ROOT / ".ci", root / ".ci")
    for name in ("pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, root)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "cat", "cp", "dirname", "mkdir", "readlink", "rm", "chmod", "env"):
        (tools / name).symlink_to(shutil.which(name) or name)
    program(tools / "uv", FAKE_UV)
    program(tools / "venv-python", FAKE_PYTHON)
    program(tools / "python3", f"#!/bin/bash\nexec '{sys.executable}' \"$@\"\n")
    return root


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def start(
    root: Path,
    script: str,
    *args: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    tools = root.parent / "tools"
    around = {"PATH": str(tools), "LOG": str(root.parent / "log"), "HOME": str(root.parent)}
    return subprocess.run(
        [root / script, *args],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=cwd or root.parent,
        env={**around, **(env or {})},
        check=False,
    )


def log(root: Path) -> list[str]:
    path = root.parent / "log"
    return path.read_text().splitlines() if path.exists() else []


def installs(root: Path) -> list[str]:
    return [line for line in log(root) if line.startswith("uv pip")]


def test_a_fresh_clone_is_set_up_and_the_demo_gets_its_arguments_from_any_folder(root):
    elsewhere = root.parent / "else where"
    elsewhere.mkdir()
    done = start(root, "scripts/demo", "--minutes", "3 4", cwd=elsewhere)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"[demo][--minutes][3 4]{elsewhere}\n"
    assert "Setting up (once)" in done.stderr
    packages, project = installs(root)
    assert packages.endswith(" --require-hashes -r requirements.lock")
    assert project.endswith(" --no-deps --no-build-isolation -e .")


def test_a_second_start_installs_nothing_and_says_nothing(root):
    start(root, "scripts/demo")
    before = log(root)
    done = start(root, "scripts/demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in log(root)[len(before) :] if "--version" not in line] == []


@pytest.mark.parametrize("name", ["pyproject.toml", *LOCKS])
def test_a_changed_pin_installs_again(root, name):
    start(root, "scripts/demo")
    before = len(installs(root))
    with (root / name).open("a") as file:
        file.write("\n# changed\n")
    start(root, "scripts/demo")
    assert len(installs(root)) > before


def test_a_moved_folder_installs_again(root):
    start(root, "scripts/demo")
    before = len(installs(root))
    moved = root.rename(root.with_name("moved here"))
    start(moved, "scripts/demo")
    assert len(installs(moved)) > before


def test_a_failed_installation_is_tried_again(root):
    failed = start(root, "scripts/demo", env={"FAIL": "1"})
    assert failed.returncode != 0
    assert start(root, "scripts/demo").returncode == 0


def test_two_at_once_install_once(root):
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: start(root, "scripts/demo"), range(2)))
    assert [d.returncode for d in done] == [0, 0], done
    assert len(installs(root)) == 2  # the packages, then the project


def test_a_machine_without_a_fitting_python_is_told_what_to_do(root):
    old = '#!/bin/bash\n[ "$1" = --version ] && echo Python 3.9.18 && exit\nexit 1\n'
    program(root.parent / "tools" / "python3", old)
    done = start(root, "scripts/demo")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "3.9.18" in done.stderr
    assert not (root / ".venv").exists()


def test_without_uv_the_standard_venv_and_pip_do_it(root):
    (root.parent / "tools" / "uv").unlink()
    fake = """#!/bin/bash
if [ "$1 $2 $3" = "-m venv --clear" ]; then
  mkdir -p "$4/bin"; cp "$(dirname "$0")/venv-python" "$4/bin/python"; exit
fi
"""
    program(root.parent / "tools" / "python3", f"{fake}exec '{sys.executable}' \"$@\"\n")
    start(root, "scripts/test")
    assert [line for line in log(root) if "pip install" in line] == [
        "module pip install --quiet --require-hashes -r requirements-dev.lock",
        "module pip install --quiet --no-deps --no-build-isolation -e .",
    ]


FAKE_SERVICES = """#!/bin/bash
echo "services $1 $PAYPULSE_SERVICES_FOLDER" >>"$LOG"
[ "$1" = up ] || exit 0
[ -z "${NO_SERVICES:-}" ] || exit 1
mkdir -p "$PAYPULSE_SERVICES_FOLDER"
echo PAYPULSE_REDIS_URL=here >"$PAYPULSE_SERVICES_FOLDER/env"
echo "$PAYPULSE_SERVICES_FOLDER/env"
"""


def test_ci_tests_with_the_services_up_and_ends_them(root):
    program(root / "scripts" / "services", FAKE_SERVICES)
    program(root / "scripts" / "test", '#!/bin/bash\necho "$PAYPULSE_REDIS_URL $*"; exit 7\n')
    done = start(root, ".ci/run", "-k", "a or b", env={"TMPDIR": str(root.parent)})
    assert (done.returncode, done.stdout) == (7, "here -k a or b\n")
    verbs = [line.split()[1] for line in log(root)]
    assert verbs == ["up", "down"]
    assert not list(root.parent.glob("paypulse-ci-*"))


def test_ci_fails_where_the_services_do_not_come_up(root):
    program(root / "scripts" / "services", FAKE_SERVICES)
    done = start(root, ".ci/run", env={"NO_SERVICES": "1", "TMPDIR": str(root.parent)})
    assert (done.returncode, done.stdout) == (1, "")


def test_the_test_script_lints_types_and_ends_with_pytest(root):
    done = start(root, "scripts/test", "-k", "a or b")
    assert done.returncode == 0, done.stderr
    steps = [line.removeprefix("module ") for line in log(root) if line.startswith("module")]
    assert [step.split()[0] for step in steps] == ["ruff", "ruff", "mypy", "pytest"]
    assert done.stdout.splitlines()[-1] == "pytest -k a or b"
    assert installs(root)[0].endswith(" --require-hashes -r requirements-dev.lock")


@pytest.mark.parametrize(
    ("given", "env", "leaves_out"),
    [((), {}, True), (("--all",), {}, False), ((), {"CI": "true"}, False)],
    ids=["alone", "all", "in CI"],
)
def test_slow_tests_are_left_out_only_where_that_is_said(root, given, env, leaves_out):
    done = start(root, "scripts/test", *given, env=env)
    assert done.stdout.splitlines()[-1].endswith(" -m not slow") is leaves_out
    assert ("Left out" in done.stderr) is leaves_out


@pytest.mark.parametrize("tool", ["ruff", "mypy", "pytest"])
def test_the_test_script_fails_with_the_tool_that_fails(root, tool):
    done = start(root, "scripts/test", env={"BROKEN": tool})
    assert done.returncode == 7
    assert done.stdout.splitlines()[-1].startswith(tool)


def test_the_development_environment_serves_the_demo_too(root):
    start(root, "scripts/test")
    before = len(installs(root))
    start(root, "scripts/demo")
    assert len(installs(root)) == before


@pytest.mark.parametrize(("given", "wanted"), [({"CI": "true"}, "1"), ({}, "")])
def test_in_ci_missing_services_are_failures(root, given, wanted):
    with (root.parent / "tools" / "venv-python").open("r+") as file:
        text = file.read().replace("shift;", 'shift; echo "seen=$PAYPULSE_REQUIRE_SERVICES";')
        file.seek(0)
        file.write(text)
    done = start(root, "scripts/test", env=given)
    assert f"seen={wanted}" in done.stdout.splitlines()


def wanted() -> list[tuple[str, Requirement]]:
    """What pyproject.toml asks for, with the lock that has to hold it."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    lines = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for group in project["project"].get("optional-dependencies", {}).values():
        lines += group
    product = [(lock, line) for lock in LOCKS for line in lines]
    groups = [
        ("requirements-dev.lock", li) for g in project["dependency-groups"].values() for li in g
    ]
    return [(lock, Requirement(line)) for lock, line in (*product, *groups)]


@pytest.mark.parametrize(("lock", "requirement"), wanted(), ids=str)
def test_a_lock_pins_what_the_project_wants(lock, requirement):
    assert requirement.specifier.contains(pins(lock)[requirement.name][0], prereleases=True)


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_with_hashes_for_every_supported_python_and_nothing_else(lock):
    for name, (_, marker, hashes) in pins(lock).items():
        assert hashes, name
        assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in hashes), name
        if marker:
            Marker(marker)


def test_the_development_lock_holds_the_same_packages_as_the_products():
    dev = pins("requirements-dev.lock")
    for name, (version, _, hashes) in pins("requirements.lock").items():
        assert (dev[name][0], dev[name][2]) == (version, hashes)


def test_no_development_tool_is_installed_with_the_product():
    assert not pins("requirements.lock").keys() & {"pytest", "mypy", "ruff", "freezegun"}


@pytest.mark.parametrize(
    "name", ["scripts/demo", "scripts/test", "scripts/lock", "scripts/services", ".ci/run"]
)
def test_a_script_may_be_executed(name):
    assert os.access(ROOT / name, os.X_OK)
