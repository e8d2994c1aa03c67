"""The list of strategies, and loading them by name, by path, or from installed packages."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

from data import file_names
from data.errors import RequestError, StrategyError
from data.text import shorten
from strategies import author_imports

NO_READINGS = ("__init__", "author_imports", "registry")  # files of this folder
ENTRY_POINTS = "deepseek_readings.strategies"
LONGEST = 60  # characters of a name in errors
FIRST = ("gpu_bubble", "ai_software", "fomc_tilt")


def names() -> tuple[str, ...]:
    """Names of all readings: the files of strategies/ (the three exemplars first), then those of installed packages.

    Raises RequestError, naming both origins, if an installed package uses a name that is taken.
    """
    files = reading_files()
    origins = {name: f"strategies/{name}.py" for name in files}
    for point in _entry_points():
        origin = f"{point.value} of the package {point.dist.name if point.dist else '?'}"
        if origins.setdefault(point.name, origin) != origin:
            raise RequestError(
                f"the reading {point.name!r} exists twice: {origins[point.name]} and {origin}; rename one or uninstall "
                f"its package"
            )
    return (*files, *sorted(set(origins) - set(files)))


def reading_files() -> tuple[str, ...]:
    """Names of the readings in strategies/, the three exemplars first."""
    stems = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NO_READINGS)
    return (*(name for name in FIRST if name in stems), *(name for name in stems if name not in FIRST))


def _entry_points() -> tuple[EntryPoint, ...]:
    """Entry points of installed packages, read again when a folder of `sys.path` changes, as by an installation."""
    return _cached_entry_points(tuple((folder, _modified(folder)) for folder in sys.path))


@lru_cache(maxsize=1)
def _cached_entry_points(_: tuple[tuple[str, int | None], ...]) -> tuple[EntryPoint, ...]:
    # Cached: it reads the metadata of every installed package, and a run calls it dozens of times.
    return tuple(entry_points(group=ENTRY_POINTS))


def _modified(folder: str) -> int | None:
    try:
        return Path(folder).stat().st_mtime_ns
    except (OSError, ValueError):
        return None


def load(name: str) -> type[Any]:
    """Load the strategy class of a name in `names()`, of `package.module:Class` or of `path/to/file.py:Class`.

    Errors raised by the imported module pass through unchanged. Raises RequestError for an unknown name or one that
    files cannot have, and StrategyError for a file of strategies/ or an installed package without a strategy.
    """
    file, _, class_name = name.rpartition(":")
    if file.endswith(".py") and class_name.isidentifier():
        return _load_class(author_imports.module_of(_existing(file)), class_name, name)
    if ":" in name:
        return _load_path(name)
    if name.endswith(".py"):
        raise RequestError(f"{name!r} names a file without its class; write {name}:MyStrategy")
    if name not in names():
        close = difflib.get_close_matches(name.lower(), names(), n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(names())}"
        raise RequestError(f"unknown reading {name!r}; {hint}")
    require_valid_name(name)
    for point in _entry_points():
        if point.name == name:
            return _require_strategy(point.load(), f"{name} ({point.value})")
    return _only_strategy(importlib.import_module(f"strategies.{name}"))


def require_valid_name(name: str) -> None:
    """Raise RequestError for a name that is not valid for pages and files on every system."""
    if fault := file_names.file_name_fault(name):
        raise RequestError(f"{shorten(repr(name), LONGEST)} cannot name a reading: it {fault}; rename it")


def _load_path(path: str) -> type[Any]:
    module_name, _, class_name = path.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), class_name)):
        raise RequestError(f"{path!r} is not a path to a class; write package.module:Class or path/to/file.py:Class")
    return _load_class(module_name, class_name, path)


def _load_class(module_name: str, class_name: str, path: str) -> type[Any]:
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # Only the absence of the requested module is a wrong request; failing imports inside it pass through.
        if error.name is None or not (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise
        raise RequestError(
            f"no module {error.name!r} for {path!r}; run from the folder that contains it, or install it"
        ) from None
    if not hasattr(module, class_name):
        classes = [
            key for key, value in vars(module).items() if inspect.isclass(value) and value.__module__ == module_name
        ]
        module_name = author_imports.plain_name(module_name)
        raise RequestError(f"{module_name} has no class {class_name!r}; it has {', '.join(classes) or 'none'}")
    if not _is_strategy(strategy := getattr(module, class_name)):
        raise RequestError(f"{path!r} is not a backtrader strategy; name a class derived from bt.Strategy or Reading")
    return cast("type[Any]", strategy)


def _existing(file: str) -> Path:
    """The resolved path of a file. Raises RequestError if there is none."""
    try:
        path = Path(file).resolve()
        exists = path.is_file()
    except (OSError, RuntimeError, ValueError):  # too long, a cycle of links, a NUL
        path, exists = Path(file), False
    if not exists:
        raise RequestError(f"there is no file {path}; name an existing one, as in path/to/file.py:Class")
    return path


def _only_strategy(module: Any) -> type[Any]:
    import backtrader as bt

    classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, bt.Strategy) and value.__module__ == module.__name__
    ]
    if len(classes) != 1:
        listed = f" ({', '.join(value.__name__ for value in classes)})" if classes else ""
        raise StrategyError(
            f"strategies/{Path(module.__file__).name} defines {len(classes)} strategy classes{listed}; a file of "
            f"strategies/ holds exactly one"
        )
    return classes[0]


def _require_strategy(value: object, origin: str) -> type[Any]:
    if not _is_strategy(value):
        raise StrategyError(
            f"{origin} is not a backtrader strategy; the entry point must name a class derived from bt.Strategy or "
            f"Reading"
        )
    return cast("type[Any]", value)


def _is_strategy(value: object) -> bool:
    import backtrader as bt

    return inspect.isclass(value) and issubclass(value, bt.Strategy)
