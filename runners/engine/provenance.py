"""Provenance of a run: its request, package versions, code hash and price fingerprints."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from types import CodeType
from typing import Any

from data.prices import Prices
from reports.records.result import Result
from runners.engine.dependencies import KNOWN, ROOT, module_file, modules_reached
from runners.engine.plan import Plan
from runners.engine.study import Study
from strategies.author_imports import plain_name

# Packages whose versions affect numbers and pages.
PACKAGES = (
    *("backtrader", "exchange_calendars", "jinja2", "matplotlib"),
    *("numpy", "pandas", "quantstats", "scipy", "seaborn"),
)
ROOMS = ("data", "strategies", "runners", "reports")
DATA_FOLDERS = ("facts", "templates", "static")  # data folders of a package
HASHED_SUFFIXES = (".py", ".csv", ".json", ".toml", ".html", ".css", ".js")


def run_manifest(plan: Plan, prices: Prices, results: Sequence[Result]) -> dict[str, object]:
    """The manifest of a run without its command; independent of when and where it ran."""
    request = plan.request
    return {
        "request": {
            "readings": [study.name for study in plan.studies],
            "entry": f"{request.schedule.entry:%Y-%m-%d}",
            "entry_kind": request.entry if request.entry in ("published", "shock") else "date",
            "hold": request.hold,
            "rebalance": request.rebalance,
            "benchmark": request.benchmark,
            "first_price": f"{prices.sessions[0]:%Y-%m-%d}",
            "last_price": f"{prices.sessions[-1]:%Y-%m-%d}",
        },
        "event": request.event.as_dict(),
        "parameters": {result.name: dict(result.parameters) for result in results},
        "frictions": request.frictions.as_dict(),
        **input_provenance(plan.studies, prices),
    }


def input_provenance(studies: Sequence[Study], prices: Prices, packages: Sequence[str] = PACKAGES) -> dict[str, object]:
    """Price source, versions, code hash and price fingerprints: the part that all manifests share."""
    return {
        "source": prices.origin,
        "versions": package_versions(packages),
        "code": code_hash(studies),
        "prices": {symbol: price_provenance(prices, symbol) for symbol in sorted(prices.symbols)},
    }


def package_versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of `packages`."""
    return {"python": python_version(), **{name: version(name) for name in packages}}


def price_provenance(prices: Prices, symbol: str) -> dict[str, object]:
    """Number of bars of a symbol, first and last session (None without bars), and the SHA-256 of the bars."""
    listed = prices.sessions[prices.listed[prices.columns[symbol]] :]
    first, last = (f"{listed[end]:%Y-%m-%d}" if len(listed) else None for end in (0, -1))
    return {"rows": len(listed), "first": first, "last": last, "sha256": prices.fingerprints[symbol]}


def code_hash(studies: Sequence[Study] = ()) -> str:
    """SHA-256 of this project's files, the strategies' files and their imports: equal code, equal hash."""
    files = (path for room in ROOMS for folder in _folders(ROOT / room) for path in folder)
    ours = [path for path in files if path.suffix in HASHED_SUFFIXES]
    theirs = modules_reached(base.__module__ for study in studies for base in study.strategy.__mro__)
    named = [(plain_name(module), path.read_bytes()) for module in theirs if (path := _outside_file(module))]
    named += [(path.relative_to(ROOT).as_posix(), path.read_bytes()) for path in ours]
    digest = sha256()
    for name, content in sorted(named):
        digest.update(f"{name}\n".encode() + content)
    for study in studies:
        if not _file(study.strategy):
            digest.update("\n".join((study.name, *_methods(study.strategy))).encode())
    return digest.hexdigest()


def _outside_file(module: str) -> Path | None:
    """File of a module outside this project and its versioned packages."""
    return None if module.partition(".")[0] in {*KNOWN, "__main__"} else module_file(module)


def _file(strategy: type[Any]) -> Path | None:
    """File of a strategy; None for one typed into a notebook or at a prompt."""
    try:
        file = Path(inspect.getfile(strategy)).resolve()
    except (OSError, TypeError):
        return None
    return file if file.is_file() else None


def _methods(strategy: type[Any]) -> Iterator[str]:
    """Names and byte code of the methods of a strategy without a file, independent of line numbers."""
    for name, method in sorted(vars(strategy).items()):
        if inspect.isfunction(method):
            yield from (name, *_byte_code(method.__code__))


def _byte_code(code: CodeType) -> Iterator[str]:
    yield from (code.co_code.hex(), repr(code.co_names), repr(code.co_varnames))
    for constant in code.co_consts:
        yield from _byte_code(constant) if isinstance(constant, CodeType) else (repr(constant),)


def _folders(room: Path) -> Iterator[Iterable[Path]]:
    """Files of a package folder, its subpackages and data folders; not of run folders kept there."""
    yield room.iterdir()
    for folder in room.iterdir():
        if (folder / "__init__.py").is_file() or folder.name in DATA_FOLDERS:
            yield folder.rglob("*")
