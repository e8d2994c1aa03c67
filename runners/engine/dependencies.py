"""Modules of a strategy's author: the strategy's own and what it imports from the same source."""

from __future__ import annotations

import ast
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from importlib.util import resolve_name
from pathlib import Path
from types import FunctionType, ModuleType

from strategies.author_imports import OURS, name_beside

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {*OURS, *sys.stdlib_module_names, "backtrader", "numpy", "pandas"}  # covered by their versions
IMPORT_CALLS = ("import_module", "__import__")
PACKAGES = ("site-packages", "dist-packages")
LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()


def modules_reached(modules: Iterable[str]) -> frozenset[str]:
    """The given modules and all modules of the same author that they import, directly or indirectly.

    Sources are parsed, not run, so imports inside functions count too. The standard library, installed packages other
    than those of the given modules, and this project's packages belong to others. An import whose name is computed, as
    in `import_module(f"ideas.{name}")`, is found only if the importing module is loaded and has the imported module, or
    a class or function of it, in its namespace.
    """
    reached = set(modules)
    waiting = [name for name in reached if name.partition(".")[0] not in KNOWN]
    tops = {name.partition(".")[0] for name in waiting}
    while waiting:
        for name in _imported(waiting.pop()):
            if name not in reached and _is_authors_module(name, tops):
                reached.add(name)
                waiting.append(name)
    return frozenset(reached)


def module_file(module: str) -> Path | None:
    """Source file of a module, loaded or not; None for a module without Python source."""
    if module in sys.modules:
        file = getattr(sys.modules[module], "__file__", None)
        path = Path(file).resolve() if file else None
        return path if path and path.suffix == ".py" and path.is_file() else None
    parent, _, name = module.rpartition(".")
    for folder in _folders(parent):
        for path in (folder / name / "__init__.py", folder / f"{name}.py"):
            if path.is_file():
                return path.resolve()
    return None


def _folders(package: str) -> list[Path]:
    """Folders searched for the modules of a package, loaded or not; "" means top-level modules."""
    if not package:
        return [Path(folder) for folder in sys.path]
    if package in sys.modules:
        return [Path(folder) for folder in getattr(sys.modules[package], "__path__", ())]
    parent, _, name = package.rpartition(".")
    return [folder / name for folder in _folders(parent)]


def _imported(module: str) -> Iterator[str]:
    """Names that a module imports anywhere, which may be modules, with the packages that contain them and itself."""
    path = module_file(module)
    if path is None:
        return
    for name in (module, *_imports_in_source(module, path), *_modules_in_namespace(sys.modules.get(module))):
        parts = name.split(".")
        if all(map(str.isidentifier, parts)):
            yield from (".".join(parts[: count + 1]) for count in range(len(parts)))


def _imports_in_source(module: str, path: Path) -> Iterator[str]:
    """Names imported in the source of a module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # already shown when the module was compiled
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError:  # shown when the strategy is loaded
            return
    package = _package(module, path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name_beside(alias.name, module, str(path)) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base, items = _absolute("." * node.level + (node.module or ""), package), [each.name for each in node.names]
            if not node.level:
                base = name_beside(base, module, str(path), items)
            yield from (base, *(f"{base}.{item}" for item in items))
        elif isinstance(node, ast.Call) and isinstance(name := _import_argument(node), str):
            yield _absolute(name, package)


def _import_argument(call: ast.Call) -> object:
    """The argument of `import_module("a name")`; None for any other call."""
    called = getattr(call.func, "attr", getattr(call.func, "id", None))
    return getattr(call.args[0], "value", None) if called in IMPORT_CALLS and call.args else None


def _modules_in_namespace(module: ModuleType | None) -> Iterator[str]:
    """Modules in the namespace of a loaded module, and those that define its classes and functions."""
    for value in list(vars(module).values()) if module else ():
        if isinstance(value, ModuleType):
            yield value.__name__
        elif isinstance(value, type | FunctionType) and isinstance(value.__module__, str):
            yield value.__module__


def _package(module: str, path: Path) -> str:
    default = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return getattr(sys.modules.get(module), "__package__", None) or default


def _absolute(name: str, package: str) -> str:
    try:
        return resolve_name(name, package)
    except ImportError:  # a relative import outside a package, which the author catches
        return ""


def _is_authors_module(module: str, tops: set[str]) -> bool:
    path, top = module_file(module), module.partition(".")[0]
    if path is None or (path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in OURS):
        return False
    if any(part in PACKAGES for part in path.parts):
        return top in tops
    return not path.is_relative_to(LIBRARY)
