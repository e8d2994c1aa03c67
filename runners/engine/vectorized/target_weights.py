"""What rules answer, asked once for all launches for which they looked at the same things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Any, Protocol

import numpy as np

from data.errors import StrategyError
from data.prices import Prices
from strategies.base.past import Past
from strategies.base.reading import GROSS_TOLERANCE, Reading, require_weights

SHARED = frozenset({"scheduled"})  # facts that launches may share at a session
UNKNOWN, NOTHING, PRIVATE = -1, -2, -3  # not asked yet; "leave positions alone"; it looked at the launch itself


class WeightSource(Protocol):
    """Where a walk takes its target weights from: rows of `weights`, shape (n_answers, n_symbols)."""

    watches: bool

    @property
    def weights(self) -> np.ndarray:
        """All answers so far."""

    def ask(self, places: np.ndarray, held: int, scheduled: np.ndarray) -> np.ndarray:
        """The answer's row for the scenarios at `places` of the walk, `NOTHING` where positions are left alone."""


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


class WeightRows:
    """Target weights that were answered, each a row."""

    def __init__(self, prices: Prices) -> None:
        self.prices = prices
        self._columns, self._listed = prices.columns, prices.listed.tolist()
        self._late = max(self._listed)  # before this row some symbol has no price yet
        self._count, self._room = 0, np.zeros((16, len(prices.symbols)))

    @property
    def matrix(self) -> np.ndarray:
        """All of them, shape (n_answers, n_symbols)."""
        return self._room[: self._count]

    def add(self, weights: Mapping[str, float], rule: str, row: int) -> int:
        """Keep one answer, given at the close of `row`, and return its place."""
        vector, gross = [0.0] * len(self._listed), 0.0
        try:
            for symbol, weight in weights.items():
                vector[self._columns[symbol]] = weight
                gross += abs(weight)
        except (KeyError, AttributeError, TypeError):
            require_weights(weights, f"{rule} at {self.prices.days[row]}")
            gross = nan
        if not gross <= 1 + GROSS_TOLERANCE or row < self._late:
            self._require_sound(weights, gross, f"{rule} at {self.prices.days[row]}", row)
        if self._count == len(self._room):
            self._room = np.vstack((self._room, np.zeros_like(self._room)))
        self._room[self._count] = vector
        self._count += 1
        return self._count - 1

    def _require_sound(self, weights: Mapping[str, float], gross: float, where: str, row: int) -> None:
        for symbol, weight in weights.items():
            if symbol not in self._columns:
                raise StrategyError(f"{where}: weight for {symbol!r}, which has no prices; list it in `symbols`")
            if not isfinite(weight):
                raise StrategyError(f"{where}: weight of {symbol} is {weight}; give a finite fraction of equity")
            if weight and self._listed[self._columns[symbol]] > row:
                raise StrategyError(f"{where}: weight for {symbol}, which has no price yet; ask past.tradable first")
        if gross > 1 + GROSS_TOLERANCE:
            raise StrategyError(f"{where}: gross exposure {gross:.6f} of the targets exceeds 1; scale them down")


class MemoizedRule:
    """Answers of one rule with its parameters, as places in `vectors`.

    A pure rule that looked at no fact of the launch answers every launch alike at that session, so it is asked once a
    session; one that looked at `scheduled` twice; one that looked at `held` or `shock` once for each of their values,
    or, where it has a `course`, once a launch.
    """

    def __init__(self, rule: Reading, vectors: WeightRows) -> None:
        self._rule, self._vectors = rule, vectors
        self._prices = vectors.prices
        self._shared = np.full((2, len(self._prices.sessions)), UNKNOWN, dtype=np.int32)
        self._private: dict[tuple[int, int, bool, int], int] = {}
        self._courses: dict[tuple[int, int], dict[int, int]] = {}

    @property
    def has_course(self) -> bool:
        """Whether it answers a whole launch at once."""
        return type(self._rule).course is not Reading.course

    def ask(self, rows: np.ndarray, held: int, scheduled: np.ndarray, shocks: np.ndarray) -> np.ndarray:
        """The place of each launch's answer, `NOTHING` where positions are left alone; shape (n,)."""
        if self.has_course:
            launches = zip((rows - held).tolist(), shocks.astype(np.int64).tolist(), strict=True)
            return np.array([self._course(*launch).get(held, NOTHING) for launch in launches], dtype=np.int64)
        flags = scheduled.astype(np.int8)
        found: np.ndarray = self._shared[flags, rows]
        if (unknown := found == UNKNOWN).any():
            self._ask_each(*self._first_of_each(rows, flags, unknown), held, shocks)
            found = self._shared[flags, rows]
        if found.min() == PRIVATE:
            for place in np.flatnonzero(found == PRIVATE):
                found[place] = self._ask_private(int(rows[place]), held, bool(scheduled[place]), shocks[place])
        return found

    @staticmethod
    def _first_of_each(
        rows: np.ndarray, flags: np.ndarray, wanted: np.ndarray
    ) -> tuple[list[int], list[int], list[int]]:
        """A place for each session and flag that nobody has asked for, with both."""
        places = np.flatnonzero(wanted)
        if len(places) > 1:
            _, first = np.unique(rows[places] * 2 + flags[places], return_index=True)
            places = places[first]
        return places.tolist(), rows[places].tolist(), flags[places].tolist()

    def _ask_each(self, places: list[int], rows: list[int], flags: list[int], held: int, shocks: np.ndarray) -> None:
        """Ask at each of `rows` once, and note whether the answer holds for every launch."""
        for place, row, flag in zip(places, rows, flags, strict=True):
            answer, looked = self._evaluate(row, held, bool(flag), shocks[place])
            if not looked:
                self._shared[0, row] = self._shared[1, row] = answer
            elif looked <= SHARED:
                self._shared[flag, row] = answer
            else:
                self._shared[flag, row] = PRIVATE
                self._private[row, held, bool(flag), int(shocks[place].astype(np.int64))] = answer

    def _ask_private(self, row: int, held: int, scheduled: bool, shock: np.datetime64) -> int:
        key = (row, held, scheduled, int(shock.astype(np.int64)))
        if key not in self._private:
            self._private[key], _ = self._evaluate(row, held, scheduled, shock)
        return self._private[key]

    def _evaluate(self, row: int, held: int, scheduled: bool, shock: np.datetime64) -> tuple[int, set[str]]:
        looked: set[str] = set()
        past = WatchedPast(self._prices, row, {"held": held, "scheduled": scheduled, "shock": shock}, looked)
        weights = self._rule.weights(past)
        return NOTHING if weights is None else self._add(weights, row), looked

    def _course(self, start: int, shock: int) -> dict[int, int]:
        """Places of a launch's answers by sessions held."""
        if (start, shock) not in self._courses:
            last = len(self._prices.sessions) - 1
            day = str(np.datetime64(shock, "D"))
            told = self._rule.course(Past(self._prices, last, held=last - start, shock=day))
            places = {held: self._add(weights, start + held) for held, weights in told.items()}
            self._courses[start, shock] = places
        return self._courses[start, shock]

    def _add(self, weights: Mapping[str, float], row: int) -> int:
        return self._vectors.add(weights, type(self._rule).__name__, row)


class MemoizedWeights:
    """Targets of the rules of one chunk of scenarios.

    `settings` says which of `rules` each scenario follows, `start` is the row of the close before its entry; both and
    `shocks` have shape (n,).
    """

    def __init__(
        self,
        rules: Mapping[int, MemoizedRule],
        vectors: WeightRows,
        settings: np.ndarray,
        start: np.ndarray,
        shocks: np.ndarray,
    ) -> None:
        self._rules, self._vectors = rules, vectors
        self._settings, self._start, self._shocks = settings, start, shocks
        self._groups = np.unique(settings).tolist()
        self.watches = any(rules[setting]._rule.watches for setting in self._groups)

    @property
    def weights(self) -> np.ndarray:
        return self._vectors.matrix

    def ask(self, places: np.ndarray, held: int, scheduled: np.ndarray) -> np.ndarray:
        rows, shocks = self._start[places] + held, self._shocks[places]
        if len(self._groups) == 1:
            return self._rules[self._groups[0]].ask(rows, held, scheduled, shocks)
        answers = np.empty(len(places), dtype=np.int64)
        for setting, those in group_positions(self._settings[places]):
            answers[those] = self._rules[setting].ask(rows[those], held, scheduled[those], shocks[those])
        return answers


def group_positions(values: np.ndarray) -> Sequence[tuple[int, np.ndarray]]:
    """Each distinct value with the places at which it stands."""
    order = np.argsort(values, kind="stable")
    distinct, first = np.unique(values[order], return_index=True)
    return list(zip(distinct.tolist(), np.split(order, first[1:]), strict=True))
