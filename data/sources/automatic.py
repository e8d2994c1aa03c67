"""The first source that answers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from data.errors import SourceError
from data.sources.source import Source


class AutomaticSource:
    """Asks `candidates` in order and speaks for the one that answered (the first, until one has).

    Only a source that does not answer is passed over. One that answers with wrong prices is not: to fall back then
    would hide them. `tried` says of each that was passed over why, and the user must be told.
    """

    def __init__(self, candidates: Sequence[Source]) -> None:
        self.candidates = tuple(candidates)
        self.chosen = self.candidates[0]
        self.tried: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.chosen.name

    @property
    def origin(self) -> str:
        return self.chosen.origin

    @property
    def real(self) -> bool:
        return self.chosen.real

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self.tried, *self.chosen.notes)

    def bars(
        self, symbols: Sequence[str], start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> dict[str, pd.DataFrame]:
        """Bars of the first candidate that answers. Raises SourceError when none does."""
        self.tried = ()
        for candidate in self.candidates:
            try:
                bars = candidate.bars(symbols, start, end)
            except SourceError as error:
                self.tried = (*self.tried, f"{candidate.name} was passed over: {error}")
            else:
                self.chosen = candidate
                return bars
        raise SourceError("no source of prices answered: " + "; ".join(self.tried))
