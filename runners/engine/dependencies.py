"""The modules of an author: a strategy's own one and all that it imports from the same hand."""

from __future__ import annotations

import ast
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from importlib.util import resolve_name
from pathlib import Path
from types import FunctionType, ModuleType

ROOT = Path(__file__).resolve().parents[2]
OURS = ("data", "reports", "runners", "strategies")
KNOWN = {*OURS, *sys.stdlib_module_names, "backtrader", "numpy", "pandas"}  # told by their versions
CALLED = ("import_module", "__import__")
PACKAGES = ("site-packages", "dist-packages")
LIBRARY = Path(sysconfig.get_path("stdlib")).resolve()


def modules_reached(modules: Iterable[str]) -> frozenset[str]:
    """These modules and what they import, directly or through others, as far as it is their author's.

    What a function imports when it is called, or only in a worker, counts too: it need not be loaded, and is not run.
    Python's own library, installed packages (but those of these modules) and our rooms are somebody else's. A name
    that is put together while the code runs, as in `import_module(f"ideas.{name}")`, is seen where the module, or a
    class or function of it, stays in the namespace of the one that imports it.
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


def module_file(module: str) -> Path | None:
    """Where a module is written, or would be loaded from; None for one without a file of Python."""
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
    """Where modules of a package are looked for ("": those of none), whether it is loaded or not."""
    if not package:
        return [Path(folder) for folder in sys.path]
    if package in sys.modules:
        return [Path(folder) for folder in getattr(sys.modules[package], "__path__", ())]
    parent, _, name = package.rpartition(".")
    return [folder / name for folder in _folders(parent)]


def _imported(module: str) -> Iterator[str]:
    """Names of what may be modules that one imports, wherever in it, with the packages around them and around it."""
    path = module_file(module)
    if path is None:
        return
    for name in (module, *_written(module, path), *_held(sys.modules.get(module))):
        parts = name.split(".")
        if all(map(str.isidentifier, parts)):
            yield from (".".join(parts[: place + 1]) for place in range(len(parts)))


def _written(module: str, path: Path) -> Iterator[str]:
    """The names that the source of a module imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # was told when the module was compiled
        try:
            tree = ast.parse(path.read_bytes())
        except SyntaxError:  # which who runs it is told of
            return
    package = _package(module, path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute("." * node.level + (node.module or ""), package)
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Call) and isinstance(name := _asked(node), str):
            yield _absolute(name, package)


def _asked(call: ast.Call) -> object:
    """What `import_module("a name")` asks for, None for another call."""
    called = getattr(call.func, "attr", getattr(call.func, "id", None))
    return getattr(call.args[0], "value", None) if called in CALLED and call.args else None


def _held(module: ModuleType | None) -> Iterator[str]:
    """The modules in the namespace of a loaded one, and those of the classes and functions in it."""
    for value in list(vars(module).values()) if module else ():
        if isinstance(value, ModuleType):
            yield value.__name__
        elif isinstance(value, type | FunctionType) and isinstance(value.__module__, str):
            yield value.__module__


def _package(module: str, path: Path) -> str:
    around = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return getattr(sys.modules.get(module), "__package__", None) or around


def _absolute(name: str, package: str) -> str:
    try:
        return resolve_name(name, package)
    except ImportError:  # a relative import without a package, which its author has caught
        return ""


def _is_theirs(module: str, tops: set[str]) -> bool:
    path, top = module_file(module), module.partition(".")[0]
    if path is None or (path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in OURS):
        return False
    if any(part in PACKAGES for part in path.parts):
        return top in tops
    return not path.is_relative_to(LIBRARY)
