"""What a rule answers, asked once for all launches for which it looked at the same things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from data.errors import RequestError
from data.prices import Prices
from strategies.base.past import Past
from strategies.base.reading import GROSS_TOLERANCE, Reading

UNKNOWN, NOTHING, PRIVATE = -1, -2, -3  # not asked yet; "leave positions alone"; it looked at the launch itself


class WatchedPast(Past):
    """A Past that notes which facts of the launch a rule looked at: `held`, `scheduled`, `shock`."""

    def __init__(self, prices: Prices, row: int, facts: dict[str, Any], looked: set[str]) -> None:
        self.left_out: dict[str, None] = {}
        self._prices, self._row = prices, row
        self._facts, self._looked = facts, looked

    def _fact(self, name: str) -> Any:
        self._looked.add(name)
        return self._facts[name]

    @property
    def held(self) -> int:  # type: ignore[override]
        return int(self._fact("held"))

    @property
    def scheduled(self) -> bool:  # type: ignore[override]
        return bool(self._fact("scheduled"))

    @property
    def shock(self) -> np.datetime64:  # type: ignore[override]
        shock: np.datetime64 = self._fact("shock")
        return shock

    def back(self, sessions: int) -> Past:
        """The past as it was `sessions` sessions ago."""
        self._require_row(sessions)
        earlier = {**self._facts, "held": self._facts["held"] - sessions}
        past = WatchedPast(self._prices, self._row - sessions, earlier, self._looked)
        past.left_out = self.left_out
        return past


class Answers:
    """Target weights of one rule, as rows of `weights` (shape (n_answers, n_symbols)).

    A pure rule that looked at no fact of the launch answers every launch alike at that session, so it is asked once a
    session; one that looked at `scheduled` twice; one that looked at `held` or `shock` once for each of their values.
    """

    def __init__(self, rule: Reading, prices: Prices) -> None:
        self._rule, self._prices = rule, prices
        self._listed = prices.listed.tolist()
        self.watches = rule.watches
        self._shared = np.full((2, len(prices.sessions)), UNKNOWN, dtype=np.int32)
        self._private: dict[tuple[int, int, bool, int], int] = {}
        self._vectors: list[np.ndarray] = []
        self._matrix = np.zeros((0, len(prices.symbols)))

    @property
    def weights(self) -> np.ndarray:
        if len(self._matrix) < len(self._vectors):
            self._matrix = np.array(self._vectors)
        return self._matrix

    def ask(self, rows: np.ndarray, held: int, scheduled: np.ndarray, shocks: np.ndarray) -> np.ndarray:
        """The answer's row in `weights` for each launch, `NOTHING` where positions are left alone; shape (n,)."""
        flags = scheduled.astype(np.int8)
        found = self._shared[flags, rows]
        for place in self._first_of_each(rows, flags, found == UNKNOWN):
            self._ask_shared(int(rows[place]), held, bool(scheduled[place]), shocks[place])
        found = np.array(self._shared[flags, rows])
        for place in np.flatnonzero(found == PRIVATE):
            found[place] = self._ask_private(int(rows[place]), held, bool(scheduled[place]), shocks[place])
        return found

    @staticmethod
    def _first_of_each(rows: np.ndarray, flags: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        places = np.flatnonzero(wanted)
        _, first = np.unique(rows[places] * 2 + flags[places], return_index=True)
        return places[first]

    def _ask_shared(self, row: int, held: int, scheduled: bool, shock: np.datetime64) -> None:
        answer, looked = self._evaluate(row, held, scheduled, shock)
        if looked <= {"scheduled"}:
            self._shared[int(scheduled) if looked else slice(None), row] = answer
        else:
            self._shared[int(scheduled), row] = PRIVATE

    def _ask_private(self, row: int, held: int, scheduled: bool, shock: np.datetime64) -> int:
        key = (row, held, scheduled, int(shock.astype(np.int64)))
        if key not in self._private:
            self._private[key], _ = self._evaluate(row, held, scheduled, shock)
        return self._private[key]

    def _evaluate(self, row: int, held: int, scheduled: bool, shock: np.datetime64) -> tuple[int, set[str]]:
        looked: set[str] = set()
        past = WatchedPast(self._prices, row, {"held": held, "scheduled": scheduled, "shock": shock}, looked)
        weights = self._rule.weights(past)
        if weights is None:
            return NOTHING, looked
        self._require_sound(weights, past, row)
        vector = np.zeros(len(self._prices.symbols))
        for symbol, weight in weights.items():
            vector[self._prices.columns[symbol]] = weight
        self._vectors.append(vector)
        return len(self._vectors) - 1, looked

    def _require_sound(self, weights: Mapping[str, float], past: Past, row: int) -> None:
        where = f"{type(self._rule).__name__} at {{:%Y-%m-%d}}".format
        gross = sum(map(abs, weights.values()))
        if not gross <= 1 + GROSS_TOLERANCE:
            raise RequestError(
                f"{where(past.session)}: gross exposure {gross:.6f} of the targets exceeds 1; scale them down"
            )
        for symbol, weight in weights.items():
            if weight and self._listed[self._prices.columns[symbol]] > row:
                raise RequestError(
                    f"{where(past.session)}: weight for {symbol}, which has no price yet; ask past.tradable first"
                )
