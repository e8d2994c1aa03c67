"""Readings: one strategy a file. The listing reads file names; only `load` imports, and only what it is asked for."""

from __future__ import annotations

import difflib
import importlib
import inspect
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from data.errors import RequestError

ENTRY_POINTS = "deepseek_readings.strategies"
FIRST = ("gpu_bubble", "ai_software", "fomc_tilt")


def names() -> tuple[str, ...]:
    """Names of all readings: the files of this folder (the three exemplars first), then those of installed packages.

    Raises RequestError when an installed package offers a name that is taken.
    """
    files = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    own = (*(name for name in FIRST if name in files), *(name for name in files if name not in FIRST))
    offered = {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}
    if clash := sorted(set(own) & set(offered)):
        raise RequestError(
            f"the reading {clash[0]!r} exists twice: strategies/{clash[0]}.py and {offered[clash[0]]}; rename one"
        )
    return (*own, *sorted(offered))


def load(name: str) -> type[Any]:
    """The strategy class behind a name of `names()` or a path `package.module:Class`.

    Errors of the imported module itself are let through untouched. Raises RequestError for an unknown name.
    """
    if ":" in name:
        return _load_path(name)
    if name not in names():
        close = difflib.get_close_matches(name.lower(), names(), n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(names())}"
        raise RequestError(f"unknown reading {name!r}; {hint}")
    for point in entry_points(group=ENTRY_POINTS, name=name):
        return _strategy(point.load(), name)
    return _only_strategy(importlib.import_module(f"{__name__}.{name}"))


def _load_path(path: str) -> type[Any]:
    module_name, _, class_name = path.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), class_name)):
        raise RequestError(f"{path!r} is no path to a class; write package.module:Class, without slashes and .py")
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
    return _strategy(getattr(module, class_name), path)


def _only_strategy(module: Any) -> type[Any]:
    import backtrader as bt

    own = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, bt.Strategy) and value.__module__ == module.__name__
    ]
    if len(own) != 1:
        raise RequestError(
            f"{module.__file__} defines {len(own)} strategy classes; a file of strategies/ holds exactly one"
        )
    return own[0]


def _strategy(value: object, name: str) -> type[Any]:
    import backtrader as bt

    if not (inspect.isclass(value) and issubclass(value, bt.Strategy)):
        raise RequestError(f"{name!r} is not a backtrader strategy; name a class derived from bt.Strategy or Reading")
    return value
