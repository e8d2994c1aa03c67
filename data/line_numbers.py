"""File and line numbers of bars, so that an error can name the line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


class LineNumbers(tuple[int, ...]):
    """The line of each row. Never copied: pandas copies `attrs` deeply for every frame and column that it derives."""

    def __deepcopy__(self, _memo: object) -> LineNumbers:
        return self


def with_line_numbers(bars: pd.DataFrame, file: str, lines: Sequence[int]) -> pd.DataFrame:
    """`bars` with the name of their file and the line of each row, stored in `attrs`."""
    bars.attrs.update(file=file, lines=LineNumbers(lines))
    return bars


def select_rows(bars: pd.DataFrame, mask: np.ndarray) -> pd.DataFrame:
    """The rows of `bars` where `mask` is true, with their lines."""
    selected = bars[mask]
    if "lines" in bars.attrs:
        lines = zip(bars.attrs["lines"], mask, strict=True)
        selected.attrs["lines"] = LineNumbers(line for line, chosen in lines if chosen)
    return selected


def line_note(bars: pd.DataFrame, session: pd.Timestamp) -> str:
    """Source of a session, such as " (NVDA.csv, line 3)"; no line if it has no row, empty if bars have no file."""
    if "file" not in bars.attrs:
        return ""
    rows = np.flatnonzero(bars.index == session)
    line = f", line {bars.attrs['lines'][rows[-1]]}" if rows.size else ""
    return f" ({bars.attrs['file']}{line})"
