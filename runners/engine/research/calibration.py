"""Calibration: how often the declared tests and the verdict are wrong in simulated markets whose truth is known.

The timing tests run in markets like the real one, in which every entry date is as good as any other. The test of stock
selection runs in markets whose stocks have their own loadings, and in others whose stocks have equal ones; in neither
is a choice better than another once factors are taken out. The former test, which left them in, runs beside it. In some
markets an effect is injected. The outcome of a market depends on its number and the seed only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from data import calendar
from data.errors import RequestError
from data.events.event import Event
from data.prices import Prices
from data.synthetic import factor_model
from data.synthetic.simulator import YEAR, MarketModel, simulate_prices
from reports.records.calibration import TESTS, TRUTHS, Calibration, PowerCurve
from reports.records.result import HORIZONS
from reports.statistics import bootstrap
from reports.statistics.placebo import SIZE
from reports.statistics.verdict import (
    CHANCE,
    HORIZON,
    MONTH,
    REFUTED,
    STOCKS,
    SUPPORTED,
    DeclaredTest,
    Word,
    decide_verdict,
    placebo_test,
    year_test,
)
from reports.statistics.year_timing import AFTER, YearTiming, window_entries, year_timings
from runners.engine import strategy_set
from runners.engine.comparators import excess_log_returns
from runners.engine.execution.executor import Executor, Progress, no_progress
from runners.engine.research import permutation
from runners.engine.research.evidence_plan import LONGEST_HISTORY
from runners.engine.research.families import Families, grouped, ranks_by_family, reading_families
from runners.engine.research.permutation import PermutedStatistics
from runners.engine.study import Study
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base.comparator import BetaMatched, EqualWeight, Variants

PLACEBOS = 64  # aligned entries before the real one: as many as prices from May 2019 allow
TIMING_EFFECTS = (0.05, 0.10, 0.20, 0.30, 0.40)  # injected, log returns
SELECTION_EFFECTS = (0.20, 0.40, 0.60, 0.80, 1.20)
MOST_INJECTED = 100  # markets in which effects are injected: each takes as long as twenty others
MOST_RESAMPLED = 200  # markets whose returns are resampled
LEAST_DRAWS = int(1 / SIZE)  # with fewer permutations no p is below the size of the test
KIND = "platform"  # of every stock where stocks are exchangeable: loadings near the mean of the universe
HELD, BENCHMARK = "NVDA", "SPY"  # whose returns are resampled
SIGNS: Mapping[Word | None, int] = {SUPPORTED: 1, REFUTED: -1, CHANCE: 0, None: 0}


@dataclass(frozen=True)
class CalibrationRequest:
    """How much is simulated for the readings of `event`: `markets`, and `draws` (permutations of stocks) in each.

    Raises RequestError for too few.
    """

    event: Event
    markets: int = 2000
    draws: int = 499
    seed: int = 20250131

    def __post_init__(self) -> None:
        if self.markets < 1:
            raise RequestError(f"--markets is {self.markets}; simulate 1 or more")
        if self.draws < LEAST_DRAWS:
            raise RequestError(
                f"--draws is {self.draws}: with so few, no p is below {SIZE:.1%}; give {LEAST_DRAWS} or more"
            )
        if self.seed < 0:
            raise RequestError(f"--seed is {self.seed}; give 0 or more")


@dataclass(frozen=True, eq=False)
class SimulatedWorld:
    """The market model of one test, its `sessions` with the entry at row `entry`, and how readings trade in it.

    Each of `effects` is injected evenly over the `spread` sessions from the entry on.
    """

    model: MarketModel
    sessions: pd.DatetimeIndex
    entry: int
    conditions: TradingConditions
    spread: int
    effects: tuple[float, ...]

    def prices(self, seed: int, injected: np.ndarray | None = None) -> Prices:
        """A market; `injected`, shape (n_sessions, n_symbols), is added to its log returns."""
        return simulate_prices(self.model, self.sessions, seed, injected=injected)

    def direction(self, study: Study, prices: Prices) -> np.ndarray:
        """Log returns that raise a reading's own log return by 1, before costs, over the first sessions of its hold.

        They move the symbols of its first decision, each along the sign of its weight; without a position, all of its
        symbols move up. Shape (n_sessions, n_symbols).
        """
        first = permutation.decisions_at_entry(study, prices, self.entry, replace(self.conditions, hold=1)).get(0)
        weights = first or dict.fromkeys(study.symbols, 1 / len(study.symbols))
        gross, moves = sum(map(abs, weights.values())), np.zeros(prices.close.shape)
        for symbol, weight in weights.items():
            moves[self.entry : self.entry + self.spread, prices.columns[symbol]] = np.sign(weight) / gross / self.spread
        return moves


@dataclass(frozen=True, eq=False)
class CalibrationSetup:
    """What all markets share: the studies and their families, the worlds, the number of permutations, and the seed.

    Stocks have their own loadings in `timing` and `selection`, equal ones in `equal`.
    """

    studies: tuple[Study, ...]
    families: Families
    timing: SimulatedWorld
    selection: SimulatedWorld
    equal: SimulatedWorld
    draws: int
    seed: int

    @property
    def names(self) -> list[str]:
        """Names of the studies."""
        return [study.name for study in self.studies]

    @property
    def choosing(self) -> list[Study]:
        """The studies that choose stocks."""
        return [study for study in self.studies if study.chooses]


@dataclass(frozen=True)
class SimulatedMarket:
    """The market with this number; whether effects are injected into it, and whether its returns are resampled."""

    number: int
    injected: bool = False
    resampled: bool = False

    def __str__(self) -> str:
        return f"{self.number}"


@dataclass(frozen=True, eq=False)
class InjectedEffects:
    """Whether each injected effect was found, and by how much d grew, shape (n_effects, n_readings)."""

    found: np.ndarray
    gained: np.ndarray


@dataclass(frozen=True, eq=False)
class MarketOutcome:
    """The results of one market.

    `words`, shape (len(TESTS), n_readings), is 1 for supported, -1 for refuted, 0 otherwise; `sides`, shape
    (len(TRUTHS),), is the side of its interval on which the true figure lies: -1 below, 0 inside, 1 above.
    """

    words: np.ndarray
    timing: InjectedEffects | None = None
    selection: InjectedEffects | None = None
    sides: np.ndarray | None = None


def run_calibration(request: CalibrationRequest, executor: Executor, done: Progress = no_progress) -> Calibration:
    """Run both tests in all markets; `done` receives the number of each. Equal arguments give equal figures."""
    setup = calibration_setup(request)
    markets = [
        SimulatedMarket(number, number <= MOST_INJECTED, number <= MOST_RESAMPLED)
        for number in range(1, request.markets + 1)
    ]
    outcomes: list[MarketOutcome] = executor.map(try_market, (setup,), markets, done)
    choosing = tuple(study.name for study in setup.choosing)
    readings = tuple(setup.names)
    return Calibration(
        readings=readings,
        families=setup.families,
        seed=request.seed,
        draws=request.draws,
        placebos=PLACEBOS,
        outcomes=np.array([outcome.words for outcome in outcomes]),
        timing=power_curves(setup.timing, readings, [outcome.timing for outcome in outcomes if outcome.timing]),
        stocks=power_curves(setup.selection, choosing, [each.selection for each in outcomes if each.selection]),
        sides=np.array([outcome.sides for outcome in outcomes if outcome.sides is not None]),
        resampled=(HELD, BENCHMARK, YEAR, bootstrap.RESAMPLES),
        years=tuple(f"{day:%Y-%m-%d}" for day in (setup.timing.sessions[0], setup.timing.sessions[-1])),
        notes=power_notes(setup),
        left_out=tuple(name for name in strategy_set.reading_names(request.event) if name not in readings),
        event=request.event.name,
    )


def calibration_setup(request: CalibrationRequest) -> CalibrationSetup:
    """The readings that the simulated market has prices for, and the worlds of both tests.

    Raises RequestError where none of them chooses stocks, since both tests run together.
    """
    model, event = factor_model.sample_model(), request.event
    studies = tuple(
        study
        for study in strategy_set.loadable_studies(event, BENCHMARK)
        if study.has_rule and set(study.required_symbols) <= set(model.symbols)
    )
    if not any(study.chooses for study in studies):
        raise RequestError(
            f"--event {event.name}: no reading that the simulated market has prices for chooses stocks, so that there "
            f"is no selection test to calibrate; give one `chooses = true`"
        )
    short, whole = TradingConditions(hold=HORIZON, shock_lead=event.lead), TradingConditions(shock_lead=event.lead)
    hold = whole.hold or YEAR
    alike = equal_loadings_model(model, choosable_stocks(studies))
    long_run = [study.name for study in studies if study.long_run]
    return CalibrationSetup(
        studies,
        reading_families(event, [study.name for study in studies], long_run),
        simulated_world(event, model, LONGEST_HISTORY + PLACEBOS * HORIZON, short, HORIZON * AFTER, TIMING_EFFECTS),
        simulated_world(event, model, LONGEST_HISTORY, whole, hold, SELECTION_EFFECTS),
        simulated_world(event, alike, LONGEST_HISTORY, whole, hold, ()),
        request.draws,
        request.seed,
    )


def simulated_world(
    event: Event, model: MarketModel, before: int, conditions: TradingConditions, hold: int, effects: tuple[float, ...]
) -> SimulatedWorld:
    """A world with `before` sessions before the real entry date, which keeps FOMC meetings on their real dates."""
    entry = calendar.calendar_index(event.entry)
    # One more session than the hold, for the closing fills.
    sessions = calendar.xnys()[entry - before : entry + hold + 1]
    return SimulatedWorld(model, sessions, before, conditions, conditions.hold or hold, effects)


def choosable_stocks(studies: tuple[Study, ...]) -> tuple[str, ...]:
    """All stocks that the studies choose from."""
    return tuple(dict.fromkeys(stock for study in studies for stock in study.chooses))


def equal_loadings_model(model: MarketModel, universe: tuple[str, ...]) -> MarketModel:
    """The model with equal loadings and volatilities (their median) for all stocks of the universe."""
    inside = np.isin(model.symbols, universe)
    return replace(
        model,
        volatility=np.where(inside, np.median(model.volatility[inside]), model.volatility),
        loadings=np.where(inside[:, None], factor_model.LOADINGS[KIND], model.loadings),
    )


def try_market(setup: CalibrationSetup, market: SimulatedMarket) -> MarketOutcome:
    """All tests and the verdict in one market; injected effects and intervals where the market has them."""
    seeds = np.random.SeedSequence([setup.seed, market.number]).generate_state(4, np.uint64).tolist()
    prices, stocks = setup.timing.prices(seeds[0]), setup.selection.prices(seeds[1])
    equal = stock_statistics(setup, setup.equal, setup.equal.prices(seeds[3]), seeds[2])
    windows = year_differences(setup, prices)
    timing, selection = month_differences(windows), stock_statistics(setup, setup.selection, stocks, seeds[2])
    return MarketOutcome(
        words=test_outcomes(setup, timing, windows, selection, equal),
        timing=inject_into_timing(setup, prices, timing, seeds[0]) if market.injected else None,
        selection=inject_into_selection(setup, stocks, selection.studentised, seeds[1], seeds[2])
        if market.injected
        else None,
        sides=interval_sides(prices, setup.timing.model, seeds[2]) if market.resampled else None,
    )


def year_differences(setup: CalibrationSetup, prices: Prices) -> np.ndarray:
    """d of the windows before and after the real entry, in order of time, shape (n_windows, n_readings)."""
    world = setup.timing
    entries = window_entries(world.entry, HORIZON, LONGEST_HISTORY, len(world.sessions) - 1)
    return np.column_stack([differences_at_horizon(world, study, prices, entries) for study in setup.studies])


def month_differences(windows: np.ndarray) -> np.ndarray:
    """d at the real entry (first) and at the aligned ones, shape (PLACEBOS + 1, n_readings)."""
    return windows[PLACEBOS::-1]


def differences_at_horizon(world: SimulatedWorld, study: Study, prices: Prices, entries: np.ndarray) -> np.ndarray:
    """d at the horizon of the timing test, shape (n_entries,)."""
    return excess_log_returns(study, prices, entries, world.conditions)[:, HORIZONS.index(HORIZON)]


def stock_statistics(setup: CalibrationSetup, world: SimulatedWorld, prices: Prices, seed: int) -> PermutedStatistics:
    """The statistics of the readings that choose stocks (first) and of their permutations.

    Both have the shape (n_draws + 1, n_choosing).
    """
    columns = []
    for study in setup.choosing:
        universe = permutation.tradable_stocks(study.chooses, prices, world.entry - 1)
        permutations = permutation.StockPermutations.of(universe, setup.draws, seed)
        columns.append(permutation.permuted_statistics(study, prices, world.entry, world.conditions, permutations))
    return PermutedStatistics(
        np.column_stack([column.studentised for column in columns]), np.column_stack([column.raw for column in columns])
    )


def test_outcomes(
    setup: CalibrationSetup,
    timing: np.ndarray,
    windows: np.ndarray,
    selection: PermutedStatistics,
    equal: PermutedStatistics,
) -> np.ndarray:
    """Outcomes of all tests and of the verdict, see MarketOutcome; shape (len(TESTS), n_readings)."""
    names, choosing = setup.names, [study.name for study in setup.choosing]
    month = declared_tests(MONTH, timing, names, setup.families)
    year = {
        name: year_test(outcome)
        for family in grouped(names, setup.families)
        for name, outcome in zip(family, _year_timings(setup, windows, family), strict=True)
    }
    stocks = declared_tests(STOCKS, selection.studentised, choosing, setup.families)
    outcomes: dict[str, Mapping[str, Word | None]] = {
        "timing": {name: test.word for name, test in month.items()},
        "year": {name: test.word for name, test in year.items()},
        "stocks": {name: test.word for name, test in stocks.items()},
        "equal": _words(declared_tests(STOCKS, equal.studentised, choosing, setup.families)),
        "former": _words(former_test(selection.raw, choosing)),
        "verdict": {
            study.name: decide_verdict(
                [each[study.name] for each in (month, stocks) if study.name in each and not study.long_run], None
            ).word
            for study in setup.studies
        },
    }
    return np.array([[SIGNS[outcomes[test].get(name, CHANCE)] for name in names] for test in TESTS], dtype=np.int8)


def declared_tests(test: str, values: np.ndarray, names: list[str], families: Families) -> dict[str, DeclaredTest]:
    """The declared test of each reading from its values among their placebos."""
    return {name: placebo_test(test, rank) for name, rank in ranks_by_family(values, names, families).items()}


def former_test(raw: np.ndarray, names: list[str]) -> dict[str, DeclaredTest]:
    """The test of earlier versions: log returns with factors left in, one family, an effect above the mean of draws."""
    return declared_tests(STOCKS, raw - np.mean(raw[1:], axis=0), names, (tuple(names),))


def _words(tests: Mapping[str, DeclaredTest]) -> dict[str, Word | None]:
    return {name: test.word for name, test in tests.items()}


def _year_timings(setup: CalibrationSetup, windows: np.ndarray, family: tuple[str, ...]) -> list[YearTiming]:
    columns = [setup.names.index(name) for name in family]
    return year_timings(windows[:, columns], AFTER, setup.seed, permutations=setup.draws)


def inject_into_timing(setup: CalibrationSetup, prices: Prices, values: np.ndarray, seed: int) -> InjectedEffects:
    """Effects injected after the real entry, one reading at a time: only d at its real entry changes."""
    world = setup.timing

    def values_in(column: int, changed: Prices) -> np.ndarray:
        raised = values.copy()
        raised[:1, column] = differences_at_horizon(world, setup.studies[column], changed, np.array([world.entry]))
        return raised

    return inject_effects(world, setup, setup.studies, prices, values, values_in, seed)


def inject_into_selection(
    setup: CalibrationSetup, prices: Prices, values: np.ndarray, seed: int, permutation_seed: int
) -> InjectedEffects:
    """Effects injected over the whole hold, one reading at a time: all permutations change with the prices."""

    def values_in(_: int, changed: Prices) -> np.ndarray:
        return stock_statistics(setup, setup.selection, changed, permutation_seed).studentised

    return inject_effects(setup.selection, setup, setup.choosing, prices, values, values_in, seed)


def inject_effects(
    world: SimulatedWorld,
    setup: CalibrationSetup,
    studies: tuple[Study, ...] | list[Study],
    prices: Prices,
    values: np.ndarray,
    values_in: Callable[[int, Prices], np.ndarray],
    seed: int,
) -> InjectedEffects:
    """Inject every effect into every reading, one at a time.

    `values` are those of a test without effects, shape (n_placebos + 1, n_studies); `values_in` computes them from
    prices with an effect injected into the study of that column.
    """
    found = np.zeros((len(world.effects), len(studies)), dtype=bool)
    gained = np.zeros(found.shape)
    for column, study in enumerate(studies):
        direction = world.direction(study, prices)
        for row, effect in enumerate(world.effects):
            raised = values_in(column, world.prices(seed, effect * direction))
            tests = declared_tests("", raised, [each.name for each in studies], setup.families)
            found[row, column] = tests[study.name].word == SUPPORTED
            gained[row, column] = raised[0, column] - values[0, column]
    return InjectedEffects(found, gained)


def interval_sides(prices: Prices, model: MarketModel, seed: int) -> np.ndarray:
    """The side of its bootstrap interval on which each true figure of a stock's last year lies, shape (len(TRUTHS),).

    Prices are martingales: mean return and alpha are zero, and so is the Sharpe ratio where cash earns nothing; log
    wealth falls by half of the variance a year.
    """
    closes = prices.select((HELD, BENCHMARK)).close[-YEAR - 1 :]
    held, benchmark = (closes[1:] / closes[:-1] - 1).T
    resamples = bootstrap.resample_positions(YEAR, bootstrap.block_length(held, benchmark), seed)
    volatility = float(model.volatility[model.symbols.index(HELD)])
    true = {"Sharpe ratio": 0.0, "CAGR": float(np.expm1(-(volatility**2) / 2)), "alpha": 0.0}
    intervals = {
        "Sharpe ratio": bootstrap.sharpe_interval(held, resamples),
        "CAGR": bootstrap.cagr_interval(held, resamples),
        "alpha": bootstrap.alpha_interval(held, benchmark, resamples),
    }
    sides = [int(true[key] > intervals[key].high) - int(true[key] < intervals[key].low) for key in TRUTHS]
    return np.array(sides, np.int8)


def power_curves(world: SimulatedWorld, readings: tuple[str, ...], effects: list[InjectedEffects]) -> PowerCurve:
    """The injected effects of all markets, as the page shows them."""
    return PowerCurve(
        readings,
        world.effects,
        world.spread,
        np.array([market.found for market in effects]),
        np.array([market.gained for market in effects]),
    )


def power_notes(setup: CalibrationSetup) -> Mapping[str, str]:
    """By reading, why an effect injected into its stocks moves its d by less than the effect."""
    notes: dict[str, str] = {}
    for study in setup.studies:
        match study.comparator:
            case Variants():
                notes[study.name] = "it is measured against variants of itself, which hold the same stocks"
            case EqualWeight():
                notes[study.name] = "it is measured against a basket that holds its stocks too"
            case BetaMatched(symbol):
                notes[study.name] = f"it holds {symbol}, against which it is measured"
        if study.strategy.watches:
            own_signals = "it may change its positions between two scheduled decisions"
            notes[study.name] = ", and ".join(filter(None, (notes.get(study.name), own_signals)))
    return notes
