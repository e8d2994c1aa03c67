"""The declared tests and the verdict where it is known what they should find: nothing, or an effect that was planted.

Timing is tried in markets like the real one, in which every launch is as good as any other. Names are tried in markets
where all names that readings choose from are of one kind, so that any choice is as good as any other. A market is one
spec of an executor: what comes out depends on its number and on the seed, and on nothing else.
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
from reports.statistics import bootstrap, placebo
from reports.statistics.placebo import SIZE, PlaceboRank
from reports.statistics.verdict import CHANCE, HORIZON, REFUTED, SUPPORTED, Word, decide_verdict, side_outcome
from runners.engine import strategy_set
from runners.engine.comparators import comparator_log_wealth, excess_log_returns, excess_over, log_wealth
from runners.engine.execution.executor import Executor, Progress, no_progress
from runners.engine.research import permutation
from runners.engine.research.evidence import FIRST
from runners.engine.study import Study
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base.comparator import BetaMatched, EqualWeight, Variants

PLACEBOS = 64  # aligned launches before the entry: as many as prices from May 2019 have
TIMING_EFFECTS = (0.05, 0.10, 0.20, 0.30, 0.40)  # planted, log
NAMES_EFFECTS = (0.20, 0.40, 0.60, 0.80, 1.20)
MOST_PLANTED = 100  # markets in which effects are planted: each takes as long as twenty without
MOST_RESAMPLED = 200  # markets whose returns are resampled
LEAST_DRAWS = int(1 / SIZE)  # with fewer no p is below the size of the test
KIND = "platform"  # of every name where names are exchangeable: loadings near the mean of the universe
HELD, BENCHMARK = "NVDA", "SPY"  # whose returns are resampled
SIGNS: Mapping[Word | None, int] = {SUPPORTED: 1, REFUTED: -1, CHANCE: 0, None: 0}


@dataclass(frozen=True)
class CalibrationRequest:
    """How much is simulated: `markets`, `draws` of names in each, from `seed`, for the readings of `event`.

    Raises RequestError for too little.
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
                f"--draws is {self.draws}: no p is below {SIZE:.1%} with so few; give {LEAST_DRAWS} or more"
            )
        if self.seed < 0:
            raise RequestError(f"--seed is {self.seed}; give 0 or more")


@dataclass(frozen=True, eq=False)
class SimulatedWorld:
    """What the markets of one test are drawn from: sessions around the entry, at row `entry`, and how it is launched.

    `spread` counts the sessions from the entry on over which each of `effects` is planted.
    """

    model: MarketModel
    sessions: pd.DatetimeIndex
    entry: int
    conditions: TradingConditions
    spread: int
    effects: tuple[float, ...]

    def prices(self, seed: int, planted: np.ndarray | None = None) -> Prices:
        """A market; `planted`, shape (n_sessions, n_symbols), is added to its log returns."""
        return simulate_prices(self.model, self.sessions, seed, planted=planted)

    def direction(self, subject: Study, prices: Prices) -> np.ndarray:
        """Moves that raise the log return of a reading, gross of costs, by 1 over the first sessions of its hold.

        In the names of its first decision, each along the sign of its weight; where that is empty, up in all that it
        trades. Shape (n_sessions, n_symbols).
        """
        first = permutation.decisions_at_entry(subject, prices, self.entry, replace(self.conditions, hold=1)).get(0)
        weights = first or dict.fromkeys(subject.symbols, 1 / len(subject.symbols))
        gross, moves = sum(map(abs, weights.values())), np.zeros(prices.close.shape)
        for name, weight in weights.items():
            moves[self.entry : self.entry + self.spread, prices.columns[name]] = np.sign(weight) / gross / self.spread
        return moves


@dataclass(frozen=True, eq=False)
class CalibrationSetup:
    """What all markets share: the readings, both worlds, the draws of names, and the seed of everything."""

    subjects: tuple[Study, ...]
    timing: SimulatedWorld
    names: SimulatedWorld
    draws: int
    seed: int

    @property
    def choosing(self) -> list[int]:
        """Places of the readings that choose names."""
        return [place for place, subject in enumerate(self.subjects) if subject.chooses]


@dataclass(frozen=True)
class SimulatedMarket:
    """One spec: the market of this number, with effects planted, and with its returns resampled, where that is said."""

    number: int
    planted: bool = False
    resampled: bool = False

    def __str__(self) -> str:
        return f"{self.number}"


@dataclass(frozen=True, eq=False)
class InjectedEffects:
    """By effect and reading, shape (n_effects, n_readings): whether it was found, and by how much d grew."""

    found: np.ndarray
    gained: np.ndarray


@dataclass(frozen=True, eq=False)
class MarketOutcome:
    """What came out of one market.

    `words`, shape (len(TESTS), n_readings), is 1 for supported, -1 for refuted, 0 otherwise; `sides`, shape
    (len(TRUTHS),), says on which side of its interval the true figure lies: -1 below, 0 inside, 1 above.
    """

    words: np.ndarray
    timing: InjectedEffects | None = None
    names: InjectedEffects | None = None
    sides: np.ndarray | None = None


def run_calibration(wanted: CalibrationRequest, executor: Executor, done: Progress = no_progress) -> Calibration:
    """Try everything in all markets; `done` is told the number of each. Equal arguments give equal figures."""
    made = calibration_setup(wanted)
    markets = [
        SimulatedMarket(number, number <= MOST_PLANTED, number <= MOST_RESAMPLED)
        for number in range(1, wanted.markets + 1)
    ]
    tried: list[MarketOutcome] = executor.map(try_market, (made,), markets, done)
    choosing = tuple(made.subjects[place].name for place in made.choosing)
    readings = tuple(subject.name for subject in made.subjects)
    return Calibration(
        readings=readings,
        seed=wanted.seed,
        draws=wanted.draws,
        placebos=PLACEBOS,
        words=np.array([one.words for one in tried]),
        timing=power_curves(made.timing, readings, [one.timing for one in tried if one.timing]),
        names=power_curves(made.names, choosing, [one.names for one in tried if one.names]),
        sides=np.array([one.sides for one in tried if one.sides is not None]),
        resampled=(HELD, BENCHMARK, YEAR, bootstrap.RESAMPLES),
        years=tuple(f"{day:%Y-%m-%d}" for day in (made.timing.sessions[0], made.timing.sessions[-1])),
        notes=power_notes(made),
        left_out=tuple(name for name in strategy_set.reading_names(wanted.event) if name not in readings),
        event=wanted.event.name,
    )


def calibration_setup(wanted: CalibrationRequest) -> CalibrationSetup:
    """The readings that the simulated market has prices for, and both worlds.

    Raises RequestError where none of them chooses names: both tests are tried together.
    """
    model, event = factor_model.sample_model(), wanted.event
    subjects = tuple(
        subject
        for subject in strategy_set.loadable_studies(event, BENCHMARK)
        if subject.has_rule and set(subject.required_symbols) <= set(model.symbols)
    )
    if not any(subject.chooses for subject in subjects):
        raise RequestError(
            f"--event {event.name}: no reading that the simulated market has prices for chooses names, so that there "
            f"is no test of names to try; give one `chooses = true`"
        )
    short = TradingConditions(hold=HORIZON, shock_lead=event.lead)
    whole = TradingConditions(shock_lead=event.lead)
    return CalibrationSetup(
        subjects,
        simulated_world(event, model, FIRST + PLACEBOS * HORIZON, short, HORIZON, TIMING_EFFECTS),
        simulated_world(
            event, exchangeable_model(model, chosen_names(subjects)), FIRST, whole, whole.hold or YEAR, NAMES_EFFECTS
        ),
        wanted.draws,
        wanted.seed,
    )


def simulated_world(
    event: Event, model: MarketModel, before: int, conditions: TradingConditions, hold: int, effects: tuple[float, ...]
) -> SimulatedWorld:
    """A world with `before` sessions before the real entry, so that meetings of the FOMC lie where they do."""
    entry = calendar.calendar_index(event.entry)
    # One session more than the hold: that of the closing fills.
    return SimulatedWorld(model, calendar.xnys()[entry - before : entry + hold + 1], before, conditions, hold, effects)


def chosen_names(subjects: tuple[Study, ...]) -> tuple[str, ...]:
    """All names that readings choose from."""
    return tuple(dict.fromkeys(name for subject in subjects for name in subject.chooses))


def exchangeable_model(model: MarketModel, universe: tuple[str, ...]) -> MarketModel:
    """The model with all names of the universe of one kind: the same loadings, and the median of volatilities."""
    among = np.isin(model.symbols, universe)
    return replace(
        model,
        volatility=np.where(among, np.median(model.volatility[among]), model.volatility),
        loadings=np.where(among[:, None], factor_model.LOADINGS[KIND], model.loadings),
    )


def try_market(made: CalibrationSetup, market: SimulatedMarket) -> MarketOutcome:
    """Both tests and the verdict in one market, and what else is asked of it."""
    seeds = np.random.SeedSequence([made.seed, market.number]).generate_state(3, np.uint64).tolist()
    prices, other = made.timing.prices(seeds[0]), made.names.prices(seeds[1])
    launches, drawn = timing_differences(made, prices), selection_differences(made, other, seeds[2])
    return MarketOutcome(
        words=test_outcomes(made, placebo.placebo_ranks(launches), placebo.placebo_ranks(drawn)),
        timing=inject_into_timing(made, prices, launches, seeds[0]) if market.planted else None,
        names=inject_into_selection(made, other, drawn, seeds[1], seeds[2]) if market.planted else None,
        sides=interval_sides(prices, made.timing.model, seeds[2]) if market.resampled else None,
    )


def timing_differences(made: CalibrationSetup, prices: Prices) -> np.ndarray:
    """d at the end of the timing test: of the real launch and its placebos, shape (PLACEBOS + 1, n_readings)."""
    aligned = placebo.aligned_entries(made.timing.entry, HORIZON, FIRST)
    entries = np.concatenate(([made.timing.entry], aligned))
    return np.column_stack([differences_at_horizon(made.timing, subject, prices, entries) for subject in made.subjects])


def differences_at_horizon(world: SimulatedWorld, subject: Study, prices: Prices, entries: np.ndarray) -> np.ndarray:
    """d of launches at the horizon of the timing test, shape (n_entries,)."""
    return excess_log_returns(subject, prices, entries, world.conditions)[:, HORIZONS.index(HORIZON)]


def selection_differences(made: CalibrationSetup, prices: Prices, seed: int) -> np.ndarray:
    """d at the end of the hold: of the readings that choose names and their draws, shape (n_draws + 1, n_choosing)."""
    entry, conditions, found = made.names.entry, made.names.conditions, []
    for subject in (made.subjects[place] for place in made.choosing):
        universe = permutation.tradable_names(subject.chooses, prices, entry - 1)
        run = permutation.permuted_weights(
            subject, prices, entry, conditions, permutation.NamePermutations.of(universe, made.draws, seed)
        )
        scenarios = conditions.at(np.array([entry]), prices, subject.parameters)
        found.append(excess_over(log_wealth(run), comparator_log_wealth(subject, prices, scenarios))[:, -1])
    return np.column_stack(found)


def test_outcomes(made: CalibrationSetup, timing: list[PlaceboRank], drawn: list[PlaceboRank]) -> np.ndarray:
    """What both tests and the verdict say, shape (len(TESTS), n_readings)."""
    held = dict(zip(made.choosing, drawn, strict=True))
    words: dict[str, list[Word | None]] = {
        "timing": [side_outcome(rank) for rank in timing],
        "names": [side_outcome(held[place]) if place in held else CHANCE for place in range(len(timing))],
        "verdict": [decide_verdict(rank, held.get(place)).word for place, rank in enumerate(timing)],
    }
    return np.array([[SIGNS[word] for word in words[test]] for test in TESTS], dtype=np.int8)


def inject_into_timing(made: CalibrationSetup, prices: Prices, launches: np.ndarray, seed: int) -> InjectedEffects:
    """Effects planted after the real entry, one reading at a time: only its real launch changes."""

    def again(column: int, changed: Prices) -> np.ndarray:
        raised = launches.copy()
        raised[:1, column] = differences_at_horizon(
            made.timing, made.subjects[column], changed, np.array([made.timing.entry])
        )
        return raised

    return inject_effects(made.timing, made.subjects, prices, launches, again, seed)


def inject_into_selection(
    made: CalibrationSetup, prices: Prices, drawn: np.ndarray, seed: int, draws: int
) -> InjectedEffects:
    """Effects planted over the whole hold, one reading at a time: the draws of all readings change with the prices."""
    choosing = [made.subjects[place] for place in made.choosing]
    return inject_effects(
        made.names, choosing, prices, drawn, lambda _, changed: selection_differences(made, changed, draws), seed
    )


def inject_effects(
    world: SimulatedWorld,
    subjects: tuple[Study, ...] | list[Study],
    prices: Prices,
    values: np.ndarray,
    again: Callable[[int, Prices], np.ndarray],
    seed: int,
) -> InjectedEffects:
    """Every effect in every reading; `again` gives the values of a test where one of them is planted."""
    found = np.zeros((len(world.effects), len(subjects)), dtype=bool)
    gained = np.zeros(found.shape)
    for column, subject in enumerate(subjects):
        direction = world.direction(subject, prices)
        for row, effect in enumerate(world.effects):
            raised = again(column, world.prices(seed, effect * direction))
            found[row, column] = side_outcome(placebo.placebo_ranks(raised)[column]) == SUPPORTED
            gained[row, column] = raised[0, column] - values[0, column]
    return InjectedEffects(found, gained)


def interval_sides(prices: Prices, model: MarketModel, seed: int) -> np.ndarray:
    """On which side of its bootstrap interval each true figure of the last year of a name lies, shape (len(TRUTHS),).

    In a market of martingales its mean return and its alpha are zero, and so is its Sharpe ratio where cash earns
    nothing; its wealth grows by minus half of its variance a year.
    """
    closes = prices.select((HELD, BENCHMARK)).close[-YEAR - 1 :]
    held, benchmark = (closes[1:] / closes[:-1] - 1).T
    draws = bootstrap.resample_positions(YEAR, bootstrap.block_length(held, benchmark), seed)
    volatility = float(model.volatility[model.symbols.index(HELD)])
    true = {"Sharpe ratio": 0.0, "CAGR": float(np.expm1(-(volatility**2) / 2)), "alpha": 0.0}
    found = {
        "Sharpe ratio": bootstrap.sharpe_interval(held, draws),
        "CAGR": bootstrap.cagr_interval(held, draws),
        "alpha": bootstrap.alpha_interval(held, benchmark, draws),
    }
    return np.array([int(true[key] > found[key].high) - int(true[key] < found[key].low) for key in TRUTHS], np.int8)


def power_curves(world: SimulatedWorld, readings: tuple[str, ...], planted: list[InjectedEffects]) -> PowerCurve:
    """The planted effects of all markets, as the page shows them."""
    return PowerCurve(
        readings,
        world.effects,
        world.spread,
        np.array([one.found for one in planted]),
        np.array([one.gained for one in planted]),
    )


def power_notes(made: CalibrationSetup) -> Mapping[str, str]:
    """By reading, why an effect that is planted in its names moves its d by less than that."""
    told = {}
    for subject in made.subjects:
        match subject.comparator:
            case Variants():
                told[subject.name] = "it is measured against variants of itself, which hold the same names"
            case EqualWeight():
                told[subject.name] = "it is measured against a basket in which its names are too"
            case BetaMatched(symbol):
                told[subject.name] = f"it holds {symbol}, against which it is measured"
        if subject.strategy.watches:
            told[subject.name] = ", and ".join(
                filter(None, (told.get(subject.name), "it may change what it holds between two scheduled decisions"))
            )
    return told
