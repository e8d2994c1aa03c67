"""Begin a strategy: a file that trades, its tests and the recipe of its golden file, ready to be changed."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shlex
from pathlib import Path

import click

from data.errors import RequestError
from data.symbol import SYMBOL
from runners import console

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = "tests/resources/make_golden.py"
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 40  # of a name: it heads tables and names pages
RESERVED = ("index", "base")  # the page that compares, and what readings are made of

EXAMPLES = """
\b
Examples:
  python -m runners.new my_idea                     a Reading: one method, tested by the contract suite
  python -m runners.new my_idea --symbols NVDA,AMD  of these names
  python -m runners.new my_idea --plain             a plain bt.Strategy
  python -m runners.new my_idea --out ideas/        a single file, outside of a checkout
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("name", metavar="NAME")
@click.option("--plain", is_flag=True, help="A plain bt.Strategy instead of a Reading.")
@click.option("--symbols", default="SPY,IEF", metavar="A,B", help="What it trades.  [SPY,IEF]")
@click.option("--out", type=console.OUT, metavar="FILE|DIR", help="Write the strategy alone, there.")
def new(name: str, plain: bool, symbols: str, out: Path | None) -> int:
    """Write strategies/NAME.py, tests/strategies/test_NAME.py and, for a Reading, tests/resources/recipes/NAME.py.

    What is written is a template that runs and passes its tests as it is; nothing that exists is overwritten.
    """
    names = tuple(symbols.split(","))
    require_name(name)
    require_symbols(names, plain)
    texts = texts_of(name, names, plain) if out is None else {alone(name, out): strategy_of(name, names, plain)}
    write(texts)
    for path in texts:
        console.echo(f"wrote {shown(path)}")
    console.echo("\nnext:")
    for command in commands(name, plain, next(iter(texts)) if out is not None else None):
        console.echo(f"  {command}")
    return console.DONE


def require_name(name: str) -> None:
    """Raise RequestError for a name that a module of strategies/ cannot have, or that something else has."""
    import strategies

    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise RequestError(f"{name!r} cannot name a strategy; write words in small letters, as in my_idea")
    if len(name) > LONGEST:
        raise RequestError(f"{name!r} has {len(name)} letters; {LONGEST} are enough")
    if name in strategies.names() or name in RESERVED:
        raise RequestError(f"{name!r} is taken by a reading or a page; choose another name")
    if importlib.util.find_spec(name) is not None:
        raise RequestError(f"{name!r} is the name of an installed module; choose another name")


def require_symbols(symbols: tuple[str, ...], plain: bool) -> None:
    """Raise RequestError for what are no symbols, or too few of them."""
    for symbol in symbols:
        if not SYMBOL.fullmatch(symbol) or symbol != symbol.upper():
            raise RequestError(f"--symbols: {symbol!r} is no symbol; write capitals with commas between, as in SPY,TLT")
    if len(set(symbols)) < len(symbols):
        raise RequestError(f"--symbols {','.join(symbols)} names one twice; name each once")
    if len(symbols) < 2 and not plain:
        raise RequestError(f"--symbols {symbols[0]}: the template compares names; give two or more, or --plain")


def texts_of(name: str, symbols: tuple[str, ...], plain: bool) -> dict[Path, str]:
    """The files of a checkout and what they hold. Raises RequestError where this is none."""
    from runners.engine import skeleton

    if not (ROOT / SCRIPT).is_file():
        raise RequestError(
            "an installed copy has no folder of tests; write the strategy alone with --out ., or work in a checkout"
        )
    texts = {ROOT / "strategies" / f"{name}.py": strategy_of(name, symbols, plain)}
    test = skeleton.PLAIN_TEST if plain else skeleton.READING_TEST
    texts[ROOT / "tests" / "strategies" / f"test_{name}.py"] = skeleton.filled(test, name, symbols)
    if not plain:
        texts[ROOT / "tests" / "resources" / "recipes" / f"{name}.py"] = skeleton.filled(skeleton.RECIPE, name, symbols)
    return texts


def strategy_of(name: str, symbols: tuple[str, ...], plain: bool) -> str:
    """The text of the strategy."""
    from runners.engine import skeleton

    return skeleton.filled(skeleton.PLAIN if plain else skeleton.READING, name, symbols)


def alone(name: str, out: Path) -> Path:
    """Where the strategy is written alone."""
    from reports.folder import require_possible

    path = out if out.suffix == ".py" else out / f"{name}.py"
    require_possible(path, "{}")
    if not path.stem.isidentifier():
        raise RequestError(f"--out {out}: {path.name} cannot be imported; name it as in my_idea.py")
    if not path.parent.is_dir():
        raise RequestError(f"--out {out}: there is no folder {path.parent}; make it first")
    return path


def write(texts: dict[Path, str]) -> None:
    """Write all of the files or none. Raises RequestError where one exists, or its folder takes none."""
    if there := [path for path in texts if path.exists()]:
        raise RequestError(f"{shown(there[0])} exists; choose another name, nothing was written")
    written = list[Path]()
    try:
        for path, text in texts.items():
            path.parent.mkdir(exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except OSError as error:
        for half in written:
            half.unlink()
        raise RequestError(f"{shown(path)} cannot be written ({error.strerror}); nothing was written") from None


def commands(name: str, plain: bool, file: Path | None) -> tuple[str, ...]:
    """What to do next: look, test, run."""
    from runners.engine.skeleton import class_name

    if file is not None:
        path = shlex.quote(f"{shown(file)}:{class_name(name)}")
        sweep = f"python -m runners.sweep {path} -p {'period=20,50' if plain else 'lookback=20,60'}"
        return (
            f"python -m runners.deepseek {path} --no-evidence",
            f"python -m runners.deepseek {path}",
            sweep,
        )
    test = f"python -m pytest tests/strategies -k {name}"
    run = f"python -m runners.deepseek {name}"
    if plain:
        return test, f"{run} --no-evidence", run
    return test, run, f"python {SCRIPT} DIR {name}    # DIR: a folder of real prices; freezes its numbers"


def shown(path: Path) -> str:
    """A path as a person would type it here."""
    here = path.resolve()
    return here.relative_to(Path.cwd()).as_posix() if here.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    console.run(new)
