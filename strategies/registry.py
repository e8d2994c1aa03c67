"""Finds and loads strategies by name, by path, or from installed packages."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

from data import file_names
from data.errors import RequestError, StrategyError
from data.text import shorten

NO_READINGS = ("__init__", "registry")  # files of this folder
ENTRY_POINTS = "deepseek_readings.strategies"
LONGEST = 60  # letters of a name that are shown
FIRST = ("gpu_bubble", "ai_software", "fomc_tilt")


def names() -> tuple[str, ...]:
    """Names of all readings: the files of this folder (the three exemplars first), then those of installed packages.

    Raises RequestError when an installed package offers a name that is taken; both origins are named.
    """
    own = reading_files()
    origins = {name: f"strategies/{name}.py" for name in own}
    for point in _offers():
        origin = f"{point.value} of the package {point.dist.name if point.dist else '?'}"
        if origins.setdefault(point.name, origin) != origin:
            raise RequestError(
                f"the reading {point.name!r} exists twice: {origins[point.name]} and {origin}; rename one or uninstall "
                f"its package"
            )
    return (*own, *sorted(set(origins) - set(own)))


def reading_files() -> tuple[str, ...]:
    """Names of the readings of this folder, the three exemplars first."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NO_READINGS)
    return (*(name for name in FIRST if name in found), *(name for name in found if name not in FIRST))


def _offers() -> tuple[EntryPoint, ...]:
    """What installed packages offer, asked again once a folder of `sys.path` has changed, as by an installation."""
    return _offers_of(tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache(maxsize=1)
def _offers_of(_: tuple[tuple[str, int | None], ...]) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=ENTRY_POINTS))  # reads every package's list: a run asks dozens of times


def _changed(folder: str) -> int | None:
    try:
        return Path(folder).stat().st_mtime_ns
    except (OSError, ValueError):
        return None


def load(name: str) -> type[Any]:
    """The strategy class behind a name of `names()`, `package.module:Class` or `path/to/file.py:Class`.

    Errors of the imported module itself are let through untouched. Raises RequestError for an unknown name, and for one
    that files cannot have, and StrategyError for a file of strategies/ or an installed package that does not hold a
    strategy.
    """
    if (file := name.rpartition(":")[0]).endswith(".py"):
        return _load_path(f"{_module_of(Path(file))}:{name.rpartition(':')[2]}")
    if ":" in name:
        return _load_path(name)
    if name.endswith(".py"):
        raise RequestError(f"{name!r} names a file without its class; write {name}:MyStrategy")
    if name not in names():
        close = difflib.get_close_matches(name.lower(), names(), n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(names())}"
        raise RequestError(f"unknown reading {name!r}; {hint}")
    require_valid_name(name)
    for point in _offers():
        if point.name == name:
            return _offered(point.load(), f"{name} ({point.value})")
    return _only_strategy(importlib.import_module(f"strategies.{name}"))


def require_valid_name(name: str) -> None:
    """Raise RequestError for a name that pages and files cannot have on every system."""
    if fault := file_names.file_name_fault(name):
        raise RequestError(
            f"{shorten(repr(name), LONGEST)} cannot name a reading: it {fault}; let its author rename it"
        )


def _load_path(path: str) -> type[Any]:
    module_name, _, class_name = path.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), class_name)):
        raise RequestError(f"{path!r} is no path to a class; write package.module:Class or path/to/file.py:Class")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # Only the asked-for module being absent is the user's slip; an import failing inside it is theirs to see.
        if error.name is None or not (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise
        raise RequestError(
            f"no module {error.name!r} for {path!r}; run from the folder that holds it or install it"
        ) from None
    if not hasattr(module, class_name):
        classes = [
            key for key, value in vars(module).items() if inspect.isclass(value) and value.__module__ == module_name
        ]
        raise RequestError(f"{module_name} has no class {class_name!r}; it has {', '.join(classes) or 'none'}")
    if not _is_strategy(found := getattr(module, class_name)):
        raise RequestError(f"{path!r} is not a backtrader strategy; name a class derived from bt.Strategy or Reading")
    return cast("type[Any]", found)


def _module_of(file: Path) -> str:
    """The dotted name under which a file is imported, here and in worker processes, which take over `sys.path`.

    Its folder (that of its outermost package, where it lies in one) comes last on `sys.path`, so that the file hides no
    module, and modules beside it can be imported.
    """
    try:
        file = file.resolve()
        found = file.is_file()
    except (OSError, RuntimeError, ValueError):  # too long, a circle of links, a NUL
        found = False
    if not found:
        raise RequestError(f"there is no file {file}; name an existing one, as in path/to/file.py:Class")
    parts, folder = [file.stem], file.parent
    while (folder / "__init__.py").is_file():
        parts, folder = [folder.name, *parts], folder.parent
    name = ".".join(parts)
    if not all(part.isidentifier() for part in parts):
        raise RequestError(f"{file.name} cannot be imported under that name; rename it, as in my_idea.py")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()
    if (taken := _origin(parts[0])) not in {str(file), str(folder / parts[0] / "__init__.py")}:
        raise RequestError(f"{file.name} cannot be imported: {parts[0]!r} is the name of {taken}; rename the file")
    return name


def _origin(module: str) -> str:
    """Where a top-level module is imported from."""
    try:
        spec = importlib.util.find_spec(module)
    except ValueError:  # __main__, and modules made by hand
        spec = None
    origin = spec.origin if spec is not None else None
    return str(Path(origin).resolve()) if origin and Path(origin).exists() else origin or "another module"


def _only_strategy(module: Any) -> type[Any]:
    import backtrader as bt

    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, bt.Strategy) and value.__module__ == module.__name__
    ]
    if len(own) != 1:
        names = f" ({', '.join(value.__name__ for value in own)})" if own else ""
        raise StrategyError(
            f"strategies/{Path(module.__file__).name} defines {len(own)} strategy classes{names}; a file of "
            f"strategies/ holds exactly one"
        )
    return own[0]


def _offered(value: object, origin: str) -> type[Any]:
    if not _is_strategy(value):
        raise StrategyError(
            f"{origin} is not a backtrader strategy; let the entry point name a class derived from bt.Strategy or "
            f"Reading"
        )
    return cast("type[Any]", value)


def _is_strategy(value: object) -> bool:
    import backtrader as bt

    return inspect.isclass(value) and issubclass(value, bt.Strategy)
