"""Create a new strategy: a working file, its tests and its golden recipe, to be edited."""

from __future__ import annotations

from pathlib import Path

import click

from runners.cli import console

EXAMPLES = """
\b
Examples:
  python -m runners.new my_idea                     a Reading and its tests
  python -m runners.new my_idea --symbols NVDA,AMD  trades these stocks
  python -m runners.new my_idea --plain             a plain bt.Strategy
  python -m runners.new my_idea --out ideas/        a single file
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("name", metavar="NAME")
@click.option("--plain", is_flag=True, help="Create a plain bt.Strategy instead of a Reading.")
@click.option("--symbols", default="SPY,IEF", metavar="A,B", help="Symbols that it trades.  [SPY,IEF]")
@click.option("--out", type=console.OUT, metavar="FILE|DIR", help="Write only the strategy, to this file or folder.")
def new(name: str, plain: bool, symbols: str, out: Path | None) -> int:
    """Write strategies/NAME.py, tests/strategies/test_NAME.py and, for a Reading, tests/resources/recipes/NAME.py.

    The files run and pass their tests unchanged. Existing files are never overwritten.
    """
    from runners.engine.scaffold import (  # jinja2 and the registry: not for --help
        Scaffold,
        relative_path,
        write_scaffold,
    )

    scaffold = Scaffold(name, tuple(symbols.split(",")), plain)
    files = scaffold.checkout_files() if out is None else scaffold.single_file(out)
    write_scaffold(files)
    commands = scaffold.checkout_commands() if out is None else scaffold.single_file_commands(next(iter(files)))
    console.echo("\n".join(f"wrote {relative_path(path)}" for path in files))
    console.echo("\nnext:\n" + "\n".join(f"  {command}" for command in commands))
    return console.DONE


if __name__ == "__main__":
    console.run_command(new)
