"""File and lines of bars, so that an error can name the line and quote the cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

KEY = "lines"  # of `DataFrame.attrs`
Cell = tuple[pd.Timestamp, str]  # a session and the name of a column


@dataclass(frozen=True, eq=False)
class FileLines:
    """The `file` of bars, the line of each row, and the text of `cells` that are not numbers: NaN in the bars."""

    file: str
    lines: Sequence[int]
    cells: Mapping[Cell, str] = field(default_factory=dict)

    @property
    def newest_first(self) -> bool:
        """Whether the rows come in the reverse order of the lines."""
        return len(self.lines) > 1 and self.lines[0] > self.lines[-1]

    def __deepcopy__(self, _memo: object) -> FileLines:
        return self  # pandas copies `attrs` at every selection


def with_line_numbers(
    bars: pd.DataFrame, file: str, lines: Sequence[int], cells: Mapping[Cell, str] | None = None
) -> pd.DataFrame:
    """`bars` with their FileLines, stored in `attrs`."""
    bars.attrs[KEY] = FileLines(file, lines, cells or {})
    return bars


def select_rows(bars: pd.DataFrame, mask: np.ndarray) -> pd.DataFrame:
    """The rows of `bars` where `mask` is true, with their lines."""
    selected = bars[mask]
    if KEY in bars.attrs:
        source: FileLines = bars.attrs[KEY]
        selected.attrs[KEY] = replace(source, lines=np.asarray(source.lines)[mask])
    return selected


def line_note(bars: pd.DataFrame, session: pd.Timestamp) -> str:
    """Source of a session, such as " (NVDA.csv, line 3)"; no line if it has no row, empty if bars have no file."""
    if KEY not in bars.attrs:
        return ""
    source: FileLines = bars.attrs[KEY]
    rows = np.flatnonzero(bars.index == session)
    return f" ({source.file}{f', line {source.lines[rows[-1]]}' if rows.size else ''})"


def order_note(bars: pd.DataFrame) -> str:
    """What to know about the order of the lines of a file; empty if it is that of the rows."""
    source: FileLines | None = bars.attrs.get(KEY)
    return f"{source.file} begins with its newest row; the rows were sorted" if source and source.newest_first else ""


def unreadable_cells(bars: pd.DataFrame, column: str) -> dict[pd.Timestamp, str]:
    """The text of the cells of `column` that are not numbers, by session."""
    cells = bars.attrs[KEY].cells if KEY in bars.attrs else {}
    return {session: text for (session, name), text in cells.items() if name == column}
