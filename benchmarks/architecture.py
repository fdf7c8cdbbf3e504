"""The packages, their arrows and six flows: what docs/architecture.md shows, made by one command.

`.venv/bin/python benchmarks/architecture.py` prints the document, `--write` writes it. Packages
and arrows are read from the code (imports anywhere in a file, under TYPE_CHECKING too); the flows
are really run (architecture_flows.py), which takes a minute. Plug-ins are imported by name when
they are configured, and draw no arrow.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from architecture_flows import FLOWS, Way, ways  # noqa: E402

ROOMS = ("monitor", "checks", "mcp_server", "demo")
DOCUMENT = ROOT / "docs" / "architecture.md"
Arrows = dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class Module:
    """A file of code: its lines, and which other modules of ours it imports."""

    lines: int
    imports: frozenset[str]


Modules = Mapping[str, Module]


def modules(root: Path = ROOT) -> dict[str, Module]:
    """Every module by its dotted name; the markers of packages, which are empty, are none."""
    files = (path for room in ROOMS for path in sorted((root / room).rglob("*.py")))
    texts = {
        ".".join(path.relative_to(root).with_suffix("").parts): path.read_text("utf-8")
        for path in files
        if path.name != "__init__.py"
    }
    return {
        name: Module(len(text.splitlines()), frozenset(_ours(ast.parse(text), texts.keys())))
        for name, text in texts.items()
    }


def _ours(tree: ast.Module, known: Collection[str]) -> Iterator[str]:
    for name in _imported(tree):
        yield from ({name, _folder(name)} & known)


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _folder(name: str) -> str:
    return name.rpartition(".")[0]


def _arrows(found: Modules, part: Callable[[str], str]) -> Arrows:
    """What each part imports, where `part` says to which one a module belongs."""
    arrows: Arrows = {part(name): set() for name in sorted(found)}
    for name, module in found.items():
        arrows[part(name)] |= {part(other) for other in module.imports} - {part(name)}
    return arrows


def table(found: Modules) -> str:
    """A row for each folder that holds code."""
    rows = ["| package | files | lines | imports |", "|---|---|---|---|"]
    for package, others in _arrows(found, _folder).items():
        lines = [module.lines for name, module in found.items() if _folder(name) == package]
        named = ", ".join(f"`{other}`" for other in sorted(others))
        rows.append(f"| `{package}` | {len(lines)} | {sum(lines)} | {named} |")
    rows.append(f"| all | {len(found)} | {sum(module.lines for module in found.values())} | |")
    return "\n".join(rows)


def diagram(found: Modules) -> str:
    """A Mermaid graph: an arrow leads to what is imported, a double one where both import.

    A room's folders are drawn, each with what lies in it. The files beside them are one part, but
    single ones where together they would be in a circle with the folders.
    """
    rough = _arrows(found, lambda name: ".".join(_folder(name).split(".")[:2]))
    single = {name for name in rough if name in ROOMS and name in _reached(name, rough)}

    def part(name: str) -> str:
        in_room = _folder(name) in ROOMS and _folder(name) not in single
        return _folder(name) if in_room else ".".join(name.split(".")[:2])

    drawn = _essential(_arrows(found, part))
    rooms = (line for room in ROOMS for line in _room(room, drawn))
    return "\n".join(("```mermaid", "graph LR", *rooms, *_lines(drawn), "```"))


def _reached(name: str, arrows: Arrows) -> set[str]:
    found: set[str] = set()
    todo = [name]
    while todo:
        fresh = arrows[todo.pop()] - found
        found |= fresh
        todo += fresh
    return found


def _essential(arrows: Arrows) -> Arrows:
    """Without those that follow from others: a to c, where a leads to b, and b to c."""
    reach = {name: _reached(name, arrows) for name in arrows}

    def follows(name: str, via: str, other: str) -> bool:
        return other in reach[via] and via not in reach[other] and name not in reach[via]

    return {
        name: {to for to in others if not any(follows(name, via, to) for via in others)}
        for name, others in arrows.items()
    }


def _room(room: str, parts: Iterable[str]) -> Iterator[str]:
    yield f"  subgraph {room}_room[{room}]"
    for part in parts:
        if part.split(".")[0] == room:
            yield f'    {_id(part)}["{part.removeprefix(f"{room}.")}"]'
    yield "  end"


def _lines(arrows: Arrows) -> Iterator[str]:
    for name, others in arrows.items():
        for other in sorted(others):
            if name not in arrows[other]:
                yield f"  {_id(name)} --> {_id(other)}"
            elif name < other:
                yield f"  {_id(name)} <--> {_id(other)}"


def _id(name: str) -> str:
    return name.replace(".", "_")


def document(found: Modules, gone: Mapping[str, Way]) -> str:
    """All of it, as Markdown."""
    return "\n".join((HEAD, table(found), ARROWS, diagram(found), WAYS, *map(_flow, gone.items())))


HEAD = """\
# Architecture

Made by `.venv/bin/python benchmarks/architecture.py --write`.

## Packages

Files and lines as of the writing; the marker `__init__.py` holds no code and is not counted.
"""
ARROWS = """
## Arrows

An arrow leads from a part to one that it imports; what follows from other arrows is left out.
Folders are drawn one level deep. The files beside them are drawn singly where together they would
be in a circle with the folders.
"""
WAYS = """
## Flows

Run against the embedded stand-in, each in a fresh process: the files in the order in which they
are entered. What runs once at the start (imports, reading the configuration, building the app) is
left out; of the templates, the sentences of a language are read all at once."""


def _flow(flow: tuple[str, Way]) -> str:
    name, way = flow
    numbered = (f"{number}. `{file}`" for number, file in enumerate(way.files, 1))
    count = f"{way.modules} files, {way.functions} functions."
    title = f"\n### {name.capitalize()}\n"
    return "\n".join((title, inspect.getdoc(FLOWS[name]) or "", "", count, "", *numbered))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the document, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"into {DOCUMENT.relative_to(ROOT)}")
    is_written = parser.parse_args(arguments).write
    text = document(modules(), ways()) + "\n"
    if is_written:
        DOCUMENT.write_text(text, "utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
