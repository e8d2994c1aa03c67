"""The structure of the source: no import circles, and every public name once."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("data", "strategies", "runners", "reports")
CONVENTIONAL = {"main", "render", "write", "read"}


def modules() -> dict[str, Path]:
    """Files of the source by dotted name; a package has that of its `__init__.py`."""
    paths = (path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imports(tree: ast.Module) -> Iterator[str]:
    """Dotted names of all imports, those in functions and for type checkers included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def test_no_module_imports_itself_through_others():
    known = modules()
    graph: dict[str, set[str]] = {}
    for name, path in known.items():
        found = {each if each in known else each.rpartition(".")[0] for each in imports(ast.parse(path.read_text()))}
        graph[name] = (found & set(known)) - {name}
    assert len(graph) > 100
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("kind", [ast.ClassDef, ast.FunctionDef])
def test_a_public_name_is_defined_once(kind):
    places = defaultdict(list)
    for name, path in modules().items():
        definitions = [node.name for node in ast.parse(path.read_text()).body if isinstance(node, kind)]
        for public in {each for each in definitions if not each.startswith("_")}:
            places[public].append(name)
    repeated = {public: found for public, found in places.items() if len(found) > 1 and public not in CONVENTIONAL}
    assert repeated == {}
