"""Compare run folders: differences of inputs and results, and whether they are equal."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click

from data.atomic import write_file
from data.errors import RequestError
from runners.cli import console

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reports.comparison.diff import Comparison

EQUAL, DIFFERENT = console.DONE, 1

EXAMPLES = """
\b
Examples:
  python -m runners.compare golden reports/latest      before and after
  python -m runners.compare a b c --out compared.html  b and c with a
  python -m runners.compare a b --json                 for programs
  python -m runners.compare a b --tolerance 1e-9       ignore the last digits

Exit status: 0 equal, 1 different, 2 wrong request. Runs are equal if settings, prices and results are; code, packages
and the command may differ and are reported. Nothing is written without --out.
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("folders", nargs=-1, metavar="DIR DIR [DIR ...]")
@click.option("--out", type=console.OUT, metavar="FILE", help="Also write a page.  [none]")
@click.option(
    "--tolerance",
    type=float,
    default=0.0,
    metavar="X",
    help="Largest relative difference to ignore.  [0]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def compare(folders: tuple[str, ...], out: Path | None, tolerance: float, as_json: bool) -> int:
    """Compare run folders with the first one.

    DIR is a folder written by `python -m runners.deepseek`.
    """
    # Imported here to keep --help and wrong requests fast.
    from reports.comparison import run_reader
    from reports.comparison.as_json import comparisons_as_json
    from reports.comparison.diff import compare_runs
    from reports.comparison.page import render

    _check(folders, out, tolerance)
    base, *others = [run_reader.read(folder) for folder in folders]
    comparisons = [compare_runs(base, other, tolerance) for other in others]
    if out is not None:
        _write(render(comparisons).encode(), out)
    with _printing():
        if as_json:
            console.echo_json(comparisons_as_json(comparisons))
        else:
            _show(comparisons, out)
    return EQUAL if all(comparison.equal for comparison in comparisons) else DIFFERENT


@contextmanager
def _printing() -> Iterator[None]:
    """Raise RequestError if the comparison cannot be printed, since status 1 would mean that the runs differ."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        console.silence(sys.stdout)
        raise RequestError(f"the comparison cannot be printed ({error.strerror}); redirect it elsewhere") from None


def _show(comparisons: Sequence[Comparison], out: Path | None) -> None:
    from runners.cli.comparison_table import show_comparison

    for index, comparison in enumerate(comparisons):
        if index:
            console.echo()
        show_comparison(comparison)
    if out is not None:
        console.echo(f"\npage      {out}")


def _check(folders: Sequence[str], out: Path | None, tolerance: float) -> None:
    """Check the request before any folder is read. Raises RequestError."""
    if len(folders) < 2:
        raise RequestError(f"{len(folders)} run folder{'s' * (len(folders) != 1)} named; name two or more")
    if not (isfinite(tolerance) and 0 <= tolerance < 1):
        raise RequestError(f"--tolerance {tolerance} is not a fraction; give 0 or more and less than 1, such as 1e-9")
    if out is not None:
        _check_out(out)


def _check_out(out: Path) -> None:
    from reports.comparison.page import MARK
    from reports.folders.atomic import require_possible_path

    require_possible_path(out, "{}")
    if out.is_dir():
        raise RequestError(f"--out {out} is a folder; name a file in it, such as {out / 'compared.html'}")
    if out.exists() and not out.is_file():  # reading a pipe would wait for its writer
        raise RequestError(f"--out {out} is not a file; name another one")
    if (out.parent / "manifest.json").exists():
        raise RequestError(f"--out {out} is in a run folder, which later runs could not replace then; name another")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK | os.X_OK):
        raise RequestError(f"--out {out}: cannot write in {out.parent}; name a file in another folder")
    if out.exists() and MARK.encode() not in _beginning(out):
        raise RequestError(f"--out {out} exists and is not a comparison; move it away or name another file")


def _beginning(out: Path) -> bytes:
    try:
        with out.open("rb") as file:
            return file.read(2000)
    except OSError as error:
        raise RequestError(f"--out {out} cannot be read ({error.strerror}); name another file") from None


def _write(page: bytes, out: Path) -> None:
    """Write the whole page or nothing. Raises RequestError, since status 1 would mean that the runs differ."""
    try:
        write_file(out, page)
    except OSError as error:
        raise RequestError(f"--out {out} cannot be written ({error.strerror}); free space or name another") from None


if __name__ == "__main__":
    console.run_command(compare)
