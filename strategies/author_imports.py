"""Imports of an author's files, from the folder in which they are, also under names that are taken.

A name is taken if this project has a package of that name, such as `data`, or another author's folder a module. What
an author's file imports is looked for beside it first; a taken module is loaded into a package that stands for its
folder. Other names are those of Python: the folder is the last one of `sys.path`, so that it hides no other module.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

from data.errors import RequestError

ROOT = Path(__file__).resolve().parents[1]
OURS = ("data", "reports", "runners", "strategies")
PREFIX = "folder_"  # of the package that stands for a folder
_taken: dict[Path, frozenset[str]] = {}  # by author's folder: names in it that are taken
_import = builtins.__import__


def module_of(file: Path) -> str:
    """The name under which an author's file is imported. Raises RequestError for a file that has none."""
    parts, folder = [file.stem], file.parent
    while (folder / "__init__.py").is_file():
        parts, folder = [folder.name, *parts], folder.parent
    if odd := [part for part in parts if "." in part]:
        raise RequestError(f"{file} cannot be imported, since {odd[0]!r} has a point; rename it, as in my_idea.py")
    add_folders([str(folder)])
    name = ".".join(parts)
    if name.replace(".", "_").isidentifier() and _origin(parts[0]) in _files(folder / parts[0]):
        return name
    return f"{_package(folder)}.{name}"


def add_folders(folders: Iterable[str]) -> None:
    """Find modules in authors' folders, also under names that are taken; in workers, those of `folders()`."""
    for folder in map(Path, folders):
        if folder in _taken:
            continue
        others = frozenset() if folder == ROOT else frozenset(OURS).union(*map(_modules, _taken))
        _taken[folder] = _modules(folder) & others
        package = ModuleType(_package(folder))
        package.__path__ = [str(folder)]
        sys.modules[package.__name__] = package
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
        importlib.invalidate_caches()
    if any(_taken.values()):
        builtins.__import__ = _import_beside


def folders() -> tuple[str, ...]:
    """The folders of authors' files that were loaded."""
    return tuple(map(str, _taken))


def plain_name(module: str) -> str:
    """The name of a module as its author knows it."""
    return module.partition(".")[2] if module.startswith(PREFIX) else module


def name_beside(name: str, module: str, file: str | None, items: Sequence[str] = ()) -> str:
    """The name of the module that `module`, loaded from `file`, means by `name`, or by `from name import items`."""
    top = name.partition(".")[0]
    if file is None or not any(top in taken for taken in _taken.values()):
        return name
    folder = _folder(plain_name(module), Path(file))
    wanted = (name, *(f"{name}.{item}" for item in items))
    if top in _taken.get(folder, ()) and any(_exists(folder, each) for each in wanted):
        return f"{_package(folder)}.{name}"
    return name


def _import_beside(
    name: str,
    globals: Mapping[str, Any] | None = None,  # noqa: A002  (as in builtins.__import__)
    locals: Mapping[str, Any] | None = None,  # noqa: A002
    fromlist: Sequence[str] | None = (),
    level: int = 0,
) -> ModuleType:
    """`builtins.__import__`, but for the author of a module named like another one."""
    if level or not globals:
        return _import(name, globals, locals, fromlist or (), level)
    found = name_beside(name, globals.get("__name__") or "", globals.get("__file__"), fromlist or ())
    module = _import(found, globals, locals, fromlist or (), 0)
    if found == name or fromlist:
        return module
    return sys.modules[".".join(found.split(".")[:2])]  # `import data.rules` gives `data`


def _package(folder: Path) -> str:
    return f"{PREFIX}{sha256(str(folder).encode()).hexdigest()[:12]}"


def _folder(module: str, file: Path) -> Path:
    """The folder that contains the outermost package of a module, or the module itself."""
    depth = module.count(".") + (file.name == "__init__.py")
    return file.parents[depth] if depth < len(file.parents) else file.parent


def _modules(folder: Path) -> frozenset[str]:
    """Names of the modules and packages in a folder, and of its folders that may be packages named like ours."""
    try:
        paths = list(folder.iterdir())
    except OSError:
        return frozenset()
    packages = (path.name for path in paths if path.name in OURS or (path / "__init__.py").is_file())
    return frozenset((*packages, *(path.stem for path in paths if path.suffix == ".py")))


def _exists(folder: Path, module: str) -> bool:
    return any(Path(file).is_file() for file in _files(folder.joinpath(*module.split("."))))


def _files(path: Path) -> tuple[str, str]:
    """Files that can be a module at a path without its ending."""
    return f"{path}.py", str(path / "__init__.py")


def _origin(module: str) -> str:
    """The file from which a top-level module is imported, or would be; empty if there is none."""
    try:
        spec = importlib.util.find_spec(module)
    except ValueError:  # __main__, and modules created in code
        return ""
    return str(Path(spec.origin).resolve()) if spec is not None and spec.origin else ""
