"""The modules of an author: a strategy's own one and all that it imports from the same hand."""

from __future__ import annotations

import ast
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
OURS = ("data", "reports", "runners", "strategies")
KNOWN = {*OURS, *sys.stdlib_module_names, "backtrader", "numpy", "pandas"}  # told by their versions
PACKAGES = ("site-packages", "dist-packages")
LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()


def reached(modules: Iterable[str]) -> frozenset[str]:
    """These modules and what they import, directly or through others, as far as it is loaded and their author's.

    Python's own library, installed packages (but those of these modules) and our rooms are somebody else's.
    """
    found = set(modules)
    waiting = [name for name in found if name.partition(".")[0] not in KNOWN]
    tops = {name.partition(".")[0] for name in waiting}
    while waiting:
        for name in _imported(waiting.pop()):
            if name not in found and _is_theirs(name, tops):
                found.add(name)
                waiting.append(name)
    return frozenset(found)


def file_of(module: str) -> Path | None:
    """Where a loaded module is written; None for one without a file of Python."""
    file = getattr(sys.modules.get(module), "__file__", None)
    path = Path(file).resolve() if file else None
    return path if path and path.suffix == ".py" and path.is_file() else None


def _imported(module: str) -> Iterator[str]:
    """Names of loaded modules that the source of one imports, wherever in it."""
    path, loaded = file_of(module), sys.modules.get(module)
    if path is None or loaded is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # was told when the module was compiled
        tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, loaded)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[: place + 1]) for place in range(len(parts)))


def _base(node: ast.ImportFrom, module: ModuleType) -> str:
    if not node.level:
        return node.module or ""
    try:
        return resolve_name("." * node.level + (node.module or ""), module.__package__ or "")
    except ImportError:  # a relative import without a package, which its author has caught
        return ""


def _is_theirs(module: str, tops: set[str]) -> bool:
    path, top = file_of(module), module.partition(".")[0]
    if path is None or (path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in OURS):
        return False
    if any(part in PACKAGES for part in path.parts):
        return top in tops
    return not path.is_relative_to(LIBRARY)
