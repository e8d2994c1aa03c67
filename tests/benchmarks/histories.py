"""Seconds to read every file of a folder of long histories, as a run does. Prints a number.

Usage: python histories.py HISTORY. A process of its own, so that nothing is left of an earlier reading but the
histories kept in the cache folder.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[2]))

from data.loading import load_histories


def main(folder: Path) -> None:
    symbols = sorted(path.stem for path in folder.glob("*.csv"))
    began = perf_counter()
    histories = load_histories(symbols, source=folder)
    seconds = perf_counter() - began
    if histories.prices.symbols != tuple(symbols):
        raise AssertionError(f"{len(histories.prices.symbols)} of {len(symbols)} symbols came back")
    print(seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
