"""A chain of price sources, of which the first that answers is used."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from data.errors import SourceError
from data.sources.source import Source


class AutomaticSource:
    """Tries `candidates` in order and takes on the name, origin and notes of the first that answers.

    Only SourceError leads to the next candidate. Wrong prices do not: falling back would hide them. `failures` says
    why candidates failed; as part of `notes` they are shown to the user.
    """

    def __init__(self, candidates: Sequence[Source]) -> None:
        self.candidates = tuple(candidates)
        self.chosen = self.candidates[0]
        self.failures: tuple[str, ...] = ()

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
        return (*(f"Using {self.origin}, because {failure}" for failure in self.failures), *self.chosen.notes)

    def bars(
        self, symbols: Sequence[str], start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> dict[str, pd.DataFrame]:
        """Bars of the first candidate that answers. Raises SourceError if none does."""
        self.failures = ()
        for candidate in self.candidates:
            try:
                bars = candidate.bars(symbols, start, end)
            except SourceError as error:
                self.failures = (*self.failures, str(error))
            else:
                self.chosen = candidate
                return bars
        failed = zip(self.candidates, self.failures, strict=True)
        reasons = "; ".join(f"{candidate.name} failed: {failure}" for candidate, failure in failed)
        raise SourceError(f"no price source answered: {reasons}")
