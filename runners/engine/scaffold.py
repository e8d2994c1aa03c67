"""Scaffold of a new strategy: a working file, its tests and its golden recipe, from `templates/`."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

import strategies
from data.atomic import write_file
from data.errors import RequestError
from data.universe import SYMBOL
from reports.folders.atomic import require_possible_path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = Path(__file__).with_name("templates")
GOLDEN_SCRIPT = "tests/resources/make_golden.py"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MAX_LENGTH = 40  # of a name, which becomes a table heading and a page title
RESERVED = ("index", "base")  # the comparison page, and the package of base classes
LINE_WIDTH = 120


@dataclass(frozen=True)
class Scaffold:
    """The files of a new strategy: a Reading of two or more symbols, or a plain bt.Strategy of one or more.

    Raises RequestError for a name that is taken or not a module name, and for invalid or too few symbols.
    """

    name: str
    symbols: tuple[str, ...]
    plain: bool = False

    def __post_init__(self) -> None:
        _require_free_name(self.name)
        _require_symbols(self.symbols, least=1 if self.plain else 2)

    @property
    def class_name(self) -> str:
        """The name in CamelCase: MyIdea for my_idea."""
        return "".join(part.capitalize() for part in self.name.split("_"))

    def checkout_files(self) -> dict[Path, str]:
        """Path and content of each file in a checkout. Raises RequestError in an installed copy."""
        if not (ROOT / GOLDEN_SCRIPT).is_file():
            raise RequestError(
                "an installed copy has no tests folder; write only the strategy with --out ., or work in a checkout"
            )
        tests = ROOT / "tests"
        files = {ROOT / "strategies" / f"{self.name}.py": self._render("plain" if self.plain else "reading")}
        test = "plain_test" if self.plain else "reading_test"
        files[tests / "strategies" / f"test_{self.name}.py"] = self._render(test)
        if not self.plain:
            files[tests / "resources" / "recipes" / f"{self.name}.py"] = self._render("recipe")
        return files

    def single_file(self, out: Path) -> dict[Path, str]:
        """The strategy only, in the folder or file `out`. Raises RequestError for an impossible path."""
        path = out if out.suffix == ".py" else out / f"{self.name}.py"
        require_possible_path(path, "{}")
        if not path.stem.isidentifier():
            raise RequestError(f"--out {out}: {path.name} cannot be imported; use a name like my_idea.py")
        if not path.parent.is_dir():
            raise RequestError(f"--out {out}: there is no folder {path.parent}; create it first")
        return {path: self._render("plain" if self.plain else "reading")}

    def checkout_commands(self) -> tuple[str, ...]:
        """Next commands in a checkout: run the tests, the strategy, the golden script."""
        test = f"python -m pytest tests/strategies -k {self.name}"
        run = f"python -m runners.deepseek {self.name}"
        if self.plain:
            return test, f"{run} --no-evidence", run
        return test, run, f"python {GOLDEN_SCRIPT} DIR {self.name}    # DIR: a folder of real prices"

    def single_file_commands(self, path: Path) -> tuple[str, ...]:
        """Next commands for a strategy in a single file: a quick run, a full run, a sweep."""
        target = shlex.quote(f"{relative_path(path)}:{self.class_name}")
        run = f"python -m runners.deepseek {target}"
        values = "period=20,50" if self.plain else "lookback=20,60"
        return f"{run} --no-evidence", run, f"python -m runners.sweep {target} -p {values}"

    def _render(self, template: str) -> str:
        environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701  (Python, not HTML)
        )
        text = environment.get_template(f"{template}.py.j2")
        return text.render(name=self.name, class_name=self.class_name, symbols=_assignment(self.symbols))


def write_scaffold(files: Mapping[Path, str]) -> None:
    """Write all files or none. Raises RequestError if one exists or cannot be written."""
    for path in files:
        if path.exists():
            raise RequestError(f"{relative_path(path)} exists; choose another name, nothing was written")
    written = list[Path]()
    try:
        for path, text in files.items():
            path.parent.mkdir(exist_ok=True)
            write_file(path, text.encode())
            written.append(path)
    except OSError as error:
        for partial in written:
            partial.unlink()
        raise RequestError(f"{relative_path(path)} cannot be written ({error.strerror}); nothing was written") from None


def relative_path(path: Path) -> str:
    """A path relative to the current folder if it lies inside, else unchanged."""
    resolved = path.resolve()
    return resolved.relative_to(Path.cwd()).as_posix() if resolved.is_relative_to(Path.cwd()) else str(path)


def _require_free_name(name: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise RequestError(f"{name!r} cannot name a strategy; use lower-case letters and underscores, as in my_idea")
    if len(name) > MAX_LENGTH:
        raise RequestError(f"{name!r} has {len(name)} characters; use at most {MAX_LENGTH}")
    if name in strategies.names() or name in RESERVED:
        raise RequestError(f"{name!r} is taken by a reading or a page; choose another name")
    if importlib.util.find_spec(name) is not None:
        raise RequestError(f"{name!r} is the name of an installed module; choose another name")


def _require_symbols(symbols: tuple[str, ...], least: int) -> None:
    for symbol in symbols:
        if not SYMBOL.fullmatch(symbol) or symbol != symbol.upper():
            raise RequestError(f"--symbols: {symbol!r} is not a symbol; write capitals, separated by commas: SPY,TLT")
    if len(set(symbols)) < len(symbols):
        raise RequestError(f"--symbols {','.join(symbols)} has a symbol twice; list each once")
    if len(symbols) < least:
        raise RequestError(f"--symbols {symbols[0]}: a reading compares symbols; give two or more, or use --plain")


def _assignment(symbols: tuple[str, ...]) -> str:
    """SYMBOLS = (...) as ruff formats it: on one line, or with one line per symbol if that is too long."""
    quoted = [f'"{symbol}"' for symbol in symbols]
    line = f"SYMBOLS = ({', '.join(quoted)}{',' if len(quoted) == 1 else ''})"
    return line if len(line) <= LINE_WIDTH else "\n".join(["SYMBOLS = (", *(f"    {each}," for each in quoted), ")"])
