"""Coverage-guided fuzzing of what reads price files and event files: `tox run -e fuzz`, or with `-- -runs=1000000`.

`python tests/fuzz/guided.py TARGET [option of libFuzzer ...]` runs one target until an input breaks it, or until -runs
of them have not: `prices` and `events` read bytes, `damaged` reads good price files with the damage of damage.py, which
the bytes choose. The folder that it is run in keeps what was found: inputs that reach new code in fuzz-TARGET, the one
that broke it in crash-...; the latter is a test to be added.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import atheris
import numpy as np
from hypothesis import given, settings

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["data", "tomllib"]):
    from data import loading  # noqa: F401 - else imported when they are first used, without counters
    from data.sources import folder  # noqa: F401
    from tests.fuzz import damage, targets

OPTIONS = ("-timeout=10", "-max_len=4096", "-len_control=0", "-print_final_stats=1")


def seeds(name: str) -> list[bytes]:
    """Inputs to begin with."""
    if name == "events":
        return [damage.EVENT.encode()]
    if name == "prices":
        return [damage.written(rows, dialect) for rows in damage.GOOD for dialect in (0, 1, 18, 24)]
    return [np.random.default_rng(number).bytes(512) for number in range(32)]


def target(name: str, scratch: Path) -> Callable[[bytes], object]:
    """What is done with an input."""
    if name == "events":
        return lambda content: void(targets.event(content))
    if name == "prices":
        return lambda content: void(targets.prices(content, scratch))

    @settings(database=None, deadline=None)
    @given(damage.price_files())
    def damaged(content: bytes) -> None:
        targets.prices(content, scratch)

    return lambda content: void(damaged.hypothesis.fuzz_one_input(content))


def void(_: object) -> None:
    """A target of libFuzzer answers nothing."""


def main(name: str, *options: str) -> None:
    """Fuzz the target of that name; leaves with the status of libFuzzer."""
    corpus, scratch = Path(f"fuzz-{name}", "corpus"), Path(f"fuzz-{name}", "scratch")
    for part in (corpus, scratch):
        part.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds(name)):
        (corpus / str(number)).write_bytes(content)
    targets.in_time = contextlib.nullcontext  # -timeout rings the same bell
    atheris.Setup([sys.argv[0], *OPTIONS, *options, str(corpus)], target(name, scratch))
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
