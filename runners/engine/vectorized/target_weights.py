"""Target weights, memoised by the inputs that a rule reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from typing import Any

import numpy as np

from data.errors import StrategyError
from data.prices import Prices
from strategies.base.past import Past
from strategies.base.reading import GROSS_TOLERANCE, Reading, require_weights

SHARED = frozenset({"scheduled"})  # entry facts that many scenarios share at a session
TIMETABLE = frozenset({"scheduled", "held"})  # facts that do not depend on the session
PRICES = "prices"
DAYS = 1 << 20  # above every number of days since 1970: an entry is its row times this, plus the day of its shock
UNKNOWN, NOTHING, PRIVATE = -1, -2, -3  # not evaluated yet; positions are left alone; depends on the entry


class WatchedPast(Past):
    """A Past that records what a rule reads: `prices`, and of the entry `held`, `scheduled` and `shock`."""

    def __init__(self, prices: Prices, row: int, facts: dict[str, Any], read: set[str]) -> None:
        self.left_out: dict[str, None] = {}
        self._all, self._row = prices, row
        self._facts, self._read = facts, read

    @property
    def _prices(self) -> Prices:  # type: ignore[override]
        self._read.add(PRICES)
        return self._all

    def _fact(self, name: str) -> Any:
        self._read.add(name)
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
        """The past as of `sessions` sessions earlier."""
        self._require_row(sessions)
        earlier = {**self._facts, "held": self._facts["held"] - sessions}
        past = WatchedPast(self._prices, self._row - sessions, earlier, self._read)
        past.left_out = self.left_out
        return past


class WeightRows:
    """All target weights of a batch, one decision in each row."""

    def __init__(self, prices: Prices) -> None:
        self.prices = prices
        self._columns, self._listed = prices.columns, prices.listed.tolist()
        self._all_listed = max(self._listed)  # the first row at which every symbol has a price
        self._count, self._buffer = 0, np.zeros((16, len(prices.symbols)))

    @property
    def matrix(self) -> np.ndarray:
        """All rows, shape (n_rows, n_symbols)."""
        return self._buffer[: self._count]

    def add(self, weights: Mapping[str, float], rule: str, row: int) -> int:
        """Append the weights that `rule` decided at the close of session `row`; returns their row.

        Raises StrategyError for weights that cannot be held.
        """
        vector, gross = [0.0] * len(self._listed), 0.0
        try:
            for symbol, weight in weights.items():
                vector[self._columns[symbol]] = weight
                gross += abs(weight)
        except (KeyError, AttributeError, TypeError):
            require_weights(weights, f"{rule} at {self.prices.days[row]}")
            gross = nan
        if not gross <= 1 + GROSS_TOLERANCE or row < self._all_listed:
            self._require_sound(weights, gross, f"{rule} at {self.prices.days[row]}", row)
        if self._count == len(self._buffer):
            self._buffer = np.vstack((self._buffer, np.zeros_like(self._buffer)))
        self._buffer[self._count] = vector
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
    """Decisions of one rule with its parameters, as rows of `table`, for scenarios of at most `longest` sessions.

    Rules are pure: one that reads nothing at all is evaluated once; one that reads prices alone, once a session; one
    that reads `scheduled`, twice; one that reads `held` or `shock`, once for each of their values; one with a `course`,
    once an entry. One that leaves positions alone without a look at prices does so after as many sessions at every
    entry.
    """

    def __init__(self, rule: Reading, table: WeightRows, longest: int) -> None:
        self._rule, self._table, self._longest = rule, table, longest
        self._prices = table.prices
        self._shared = np.full((2, len(self._prices.sessions)), UNKNOWN, dtype=np.int32)
        self._private: dict[tuple[int, int, bool, int], int] = {}
        self._unchanged: set[tuple[int, bool]] = set()  # (held, scheduled) at which positions are left alone
        self._courses = np.zeros(0, dtype=np.int64)  # the entries whose course is known, sorted
        self._course_decisions: dict[int, dict[int, int]] = {}  # by sessions held: row of the decision of each entry

    @property
    def has_course(self) -> bool:
        """Whether the rule gives all decisions of an entry at once."""
        return type(self._rule).course is not Reading.course

    def weight_rows(self, sessions: np.ndarray, held: int, scheduled: np.ndarray, shocks: np.ndarray) -> np.ndarray:
        """Rows of the table for decisions at the closes of `sessions` (rows of the prices), after `held` sessions.

        `NOTHING` where positions are left alone; all shapes are (n,).
        """
        if self.has_course:
            return self._course_rows(sessions - held, held, shocks)
        flags = scheduled.astype(np.int8)
        rows: np.ndarray = self._shared[flags, sessions]
        if (unknown := rows == UNKNOWN).any():
            for index in self._distinct(sessions, flags, unknown).tolist():
                if self._shared[flags[index], sessions[index]] == UNKNOWN:
                    self._evaluate_shared(int(sessions[index]), held, int(flags[index]), shocks[index])
            rows = self._shared[flags, sessions]
            rows[rows == UNKNOWN] = NOTHING
        if rows.min() == PRIVATE:
            for index in np.flatnonzero(rows == PRIVATE).tolist():
                rows[index] = self._private_row(int(sessions[index]), held, bool(scheduled[index]), shocks[index])
        return rows

    @staticmethod
    def _distinct(sessions: np.ndarray, flags: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        """An index for each distinct pair of session and flag among the `unknown` ones."""
        indices = np.flatnonzero(unknown)
        if len(indices) > 1:
            _, first = np.unique(sessions[indices] * 2 + flags[indices], return_index=True)
            indices = indices[first]
        return indices

    def _evaluate_shared(self, session: int, held: int, flag: int, shock: np.datetime64) -> None:
        """Evaluate the rule unless it leaves positions alone, and record for which scenarios its decision holds."""
        if (held, bool(flag)) in self._unchanged:
            return
        row, read = self._evaluate(session, held, bool(flag), shock)
        if not read:
            self._shared[:, session:] = row
        elif read == {PRICES}:
            self._shared[:, session] = row
        elif read <= SHARED | {PRICES}:
            self._shared[flag, session] = row
        else:
            self._shared[flag, session] = PRIVATE
            self._private[session, held, bool(flag), int(shock.astype(np.int64))] = row

    def _private_row(self, row: int, held: int, scheduled: bool, shock: np.datetime64) -> int:
        if (held, scheduled) in self._unchanged:
            return NOTHING
        key = (row, held, scheduled, int(shock.astype(np.int64)))
        if key not in self._private:
            self._private[key], _ = self._evaluate(row, held, scheduled, shock)
        return self._private[key]

    def _evaluate(self, row: int, held: int, scheduled: bool, shock: np.datetime64) -> tuple[int, set[str]]:
        """The row of the decision at the close of session `row`, and what the rule read."""
        read: set[str] = set()
        past = WatchedPast(self._prices, row, {"held": held, "scheduled": scheduled, "shock": shock}, read)
        weights = self._rule.decide(past)
        if weights is None and read <= TIMETABLE:
            self._unchanged.add((held, scheduled))
        return NOTHING if weights is None else self._add(weights, row), read

    def _course_rows(self, starts: np.ndarray, held: int, shocks: np.ndarray) -> np.ndarray:
        """Rows of the decisions after `held` sessions of entries with the close before them in the rows `starts`."""
        entries = starts.astype(np.int64) * DAYS + shocks.astype(np.int64)
        if len(unknown := entries[_positions(self._courses, entries) < 0]):
            for entry in dict.fromkeys(unknown.tolist()):
                self._add_course(entry)
            self._courses = np.union1d(self._courses, unknown)
        decisions = sorted(self._course_decisions.get(held, {}).items())
        changed, rows = np.array(decisions, dtype=np.int64).reshape(-1, 2).T
        found = _positions(changed, entries)
        return np.where(found >= 0, np.append(rows, NOTHING)[found], NOTHING)

    def _add_course(self, entry: int) -> None:
        """Add the rows of all decisions of an entry, given as the row of the close before it and the shock."""
        start, shock = divmod(entry, DAYS)
        last = min(len(self._prices.sessions) - 1, start + self._longest)
        past = Past(self._prices, last, held=last - start, shock=str(np.datetime64(shock, "D")))
        for held, weights in self._rule.course(past).items():
            self._course_decisions.setdefault(held, {})[entry] = self._add(weights, start + held)

    def _add(self, weights: Mapping[str, float], row: int) -> int:
        return self._table.add(weights, type(self._rule).__name__, row)


class MemoizedWeights:
    """Target weights of one chunk of scenarios.

    Scenario i follows the rule `rules[settings[i]]`; `start` is the row of the close before its entry. `settings`,
    `start` and `shocks` have shape (n,).
    """

    def __init__(
        self,
        rules: Mapping[int, MemoizedRule],
        table: WeightRows,
        settings: np.ndarray,
        start: np.ndarray,
        shocks: np.ndarray,
    ) -> None:
        self._rules, self._table = rules, table
        self._settings, self._start, self._shocks = settings, start, shocks
        self._groups = np.unique(settings).tolist()
        self.watches = any(rules[setting]._rule.watches for setting in self._groups)

    @property
    def weights(self) -> np.ndarray:
        return self._table.matrix

    def weight_rows(self, indices: np.ndarray, held: int, scheduled: np.ndarray) -> np.ndarray:
        sessions, shocks = self._start[indices] + held, self._shocks[indices]
        if len(self._groups) == 1:
            return self._rules[self._groups[0]].weight_rows(sessions, held, scheduled, shocks)
        rows = np.empty(len(indices), dtype=np.int64)
        for setting, group in group_positions(self._settings[indices]):
            rule = self._rules[setting]
            rows[group] = rule.weight_rows(sessions[group], held, scheduled[group], shocks[group])
        return rows


def group_positions(values: np.ndarray) -> Sequence[tuple[int, np.ndarray]]:
    """Each distinct value with the indices at which it occurs."""
    order = np.argsort(values, kind="stable")
    distinct, first = np.unique(values[order], return_index=True)
    return list(zip(distinct.tolist(), np.split(order, first[1:]), strict=True))


def _positions(values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Index of each of `wanted` in the sorted `values`, -1 where it is not among them."""
    if not len(values):
        return np.full(len(wanted), -1)
    found = np.minimum(values.searchsorted(wanted), len(values) - 1)
    return np.where(values[found] == wanted, found, -1)
