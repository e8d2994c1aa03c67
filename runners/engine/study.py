"""One reading, run beside what it must beat, and told as a Result."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd

import strategies
from data.errors import RequestError, StrategyError
from data.event import Member
from data.prices import Prices
from data.printable import brief, printable
from reports.result import HORIZONS, Horizon, Result, Story
from runners.engine.account import AFTER, BEFORE, Refusal
from runners.engine.backtest import CAPITAL, Backtest, Launch, backtest, window
from runners.engine.frictions import Frictions
from strategies.base.basket import Basket
from strategies.base.comparator import BetaMatched, Cash, Comparator, EqualWeight, Fund, Variants, symbols_of
from strategies.base.reading import Reading

LEAST_RETURNS = 60  # sessions behind a beta; fewer would be noise
FEW = 3  # orders not filled for one reason that are named one by one
MANY = 20  # names that are left out and told line by line
SECTIONS = ("Claim", "Rule", "Trades", "Refuted")
LONGEST_SECTION = 2000  # signs of it
FILL_COLUMNS = ["session", "symbol", "size", "price", "commission", "spread_cost"]


@dataclass(frozen=True)
class Study:
    """A strategy under a name, with what it trades and what it must beat.

    `title` and `claim` stand in the place of those of its docstring, `universe` in that of the names that its class
    says it chooses from; empty where an event has nothing to say about that.
    """

    name: str
    strategy: type[bt.Strategy]
    symbols: tuple[str, ...]
    comparator: Comparator
    parameters: Mapping[str, object] = field(default_factory=dict)
    title: str = ""
    claim: str = ""
    universe: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        strategies.require_name(self.name)  # also of a class that was made by hand, whose name can be anything

    @property
    def chooses(self) -> tuple[str, ...]:
        """Names that its claim picks from; none where the claim is no choice of names."""
        return self.universe or tuple(getattr(self.strategy, "chooses", ()))

    @property
    def variant(self) -> tuple[object, str]:
        """What tells it from other studies: the strategy with its parameters."""
        return self.strategy, repr(sorted(self.parameters.items()))

    @property
    def needed(self) -> tuple[str, ...]:
        """All symbols whose prices it needs."""
        return tuple(dict.fromkeys((*self.symbols, *symbols_of(self.comparator))))

    @property
    def history(self) -> int:
        """Closes that the rule needs at its first decision."""
        return int(getattr(self.strategy, "history", 1))

    @property
    def least(self) -> int:
        """Closes needed before the entry: those of the rule, and those behind a beta of its own earlier returns."""
        return self.history + (LEAST_RETURNS if isinstance(self.comparator, BetaMatched) else 0)


def prepare(
    name: str,
    strategy: type[Any],
    benchmark: str,
    symbols: tuple[str, ...] = (),
    parameters: Mapping[str, object] = {},
) -> Study:
    """A study of a strategy class: a Reading as it declares itself, any other strategy against the benchmark.

    One that was named by its path goes by its class name. Raises RequestError for a strategy that does not say what it
    trades.
    """
    name = strategy.__name__ if ":" in name else name
    if issubclass(strategy, Reading):
        rule = strategy.rule(**parameters)
        return Study(name, strategy, _declared(name, rule), rule.comparator, parameters)
    declared = getattr(strategy, "symbols", None) or symbols
    if isinstance(declared, str) or not declared or not all(isinstance(symbol, str) for symbol in declared):
        raise RequestError(
            f"{name} does not say what it trades; give --symbols A,B or a class attribute `symbols`, a tuple of texts"
        )
    return Study(name, strategy, tuple(dict.fromkeys(declared)), Fund(benchmark), parameters)


def _declared(name: str, rule: Reading) -> tuple[str, ...]:
    """The symbols of a reading. Raises StrategyError for what is no list of them."""
    strategy, symbols = type(rule), rule.symbols
    if symbols == () and isinstance(strategy.symbols, property):
        raise RequestError(
            f"{name} trades nothing by itself; give its symbols as parameters, in an event file or by a subclass"
        )
    remedy = f"write symbols = ('SPY', 'TLT') in class {strategy.__name__}"
    if isinstance(symbols, str) or not isinstance(symbols, Sequence) or not symbols:
        raise StrategyError(f"{strategy.__name__} declares symbols = {symbols!r}, which names none to trade; {remedy}")
    for symbol in symbols:
        if not isinstance(symbol, str) or symbol != symbol.strip().upper() or not symbol:
            raise StrategyError(f"{strategy.__name__} declares the symbol {symbol!r}; {remedy}, in capitals")
    if not isinstance(rule.comparator, Comparator):
        raise StrategyError(
            f"{strategy.__name__} declares comparator = {rule.comparator!r}; write Cash(), Fund('SPY') or another "
            f"of strategies.base"
        )
    return tuple(dict.fromkeys(symbols))


def study(subject: Study, prices: Prices, launch: Launch, frictions: Frictions, benchmark: pd.Series[float]) -> Result:
    """Run a study. `benchmark` holds daily simple returns on the sessions after the first of the window."""
    _require_history(subject, prices, launch, frictions)
    _require_listed(subject, prices, launch, frictions)
    run = backtest(subject.strategy, prices.select(subject.symbols), launch, frictions, subject.parameters)
    wealth, yardstick = run.wealth, comparator_wealth(subject, prices, launch, frictions)
    d = log_ratio(run.equity[-1], yardstick[-1])
    occurred = subject.strategy.refuted(d, run.decisions) if issubclass(subject.strategy, Reading) else None
    comparator = pd.Series(yardstick, run.sessions)
    return Result(
        name=subject.name,
        claims=tuple(getattr(subject.strategy, "claims", ())),
        story=told(subject),
        parameters=_parameters(subject),
        symbols=subject.symbols,
        entry=run.entry,
        exit=run.exit,
        d=d,
        equity=wealth.rename(subject.name),
        gross=pd.Series(run.gross, run.sessions),
        holdings=pd.DataFrame(run.holdings, run.sessions, list(subject.symbols)),
        comparator=comparator,
        comparator_name=comparator_name(subject.comparator),
        fills=pd.DataFrame([vars(fill) for fill in run.fills], columns=FILL_COLUMNS),
        decisions=decision_table(run),
        interest=run.interest,
        horizons=horizons(wealth, comparator, benchmark, launch.hold),
        occurred=occurred,
        outcome=outcome(run, d, comparator_name(subject.comparator), occurred),
        ruined=run.ruined,
        warnings=warnings(subject, run),
    )


def comparator_wealth(subject: Study, prices: Prices, launch: Launch, frictions: Frictions) -> np.ndarray:
    """Wealth of one USD in what the reading must beat, shape (n_sessions,); see `strategies.base.comparator`."""
    match subject.comparator:
        case Cash():
            start, stop = window(prices, launch, frictions.lag)
            return np.ones(stop - start)
        case Fund(symbol):
            held = Launch(launch.entry, launch.hold, rebalance=None)
            return _basket(prices, held, frictions, (symbol,), 1.0)
        case EqualWeight(symbols, _, closes):
            return _basket(prices, launch, frictions, symbols, 1.0, closes)
        case BetaMatched(symbol, sessions):
            beta = earlier_beta(subject, prices, launch, frictions, symbol, sessions)
            return _basket(prices, launch, frictions, (symbol,), min(max(beta, 0.0), 1.0))
        case Variants(variants):
            own = prices.select(subject.symbols)
            runs = (
                backtest(subject.strategy, own, launch, frictions, {**subject.parameters, **variant})
                for variant in variants
            )
            return reduce(np.maximum, [run.equity / CAPITAL for run in runs])


def earlier_beta(
    subject: Study, prices: Prices, launch: Launch, frictions: Frictions, symbol: str, sessions: int
) -> float:
    """OLS slope of the rule's own daily returns on the fund's, over the sessions before the first decision's close."""
    entry = prices.row(launch.entry)
    first = max(entry - sessions, subject.history)
    before = prices.rows(0, entry)
    earlier = Launch(prices.sessions[first], hold=None, rebalance=launch.rebalance)
    run = backtest(subject.strategy, before.select(subject.symbols), earlier, frictions, subject.parameters)
    fund = before.select((symbol,)).rebased(0).close[first - 1 :, 0]
    covariance = np.cov(run.equity[1:] / run.equity[:-1], fund[1:] / fund[:-1])
    return float(covariance[0, 1] / covariance[1, 1])


def horizons(
    wealth: pd.Series[float], comparator: pd.Series[float], benchmark: pd.Series[float], hold: int | None
) -> dict[int, Horizon]:
    """Outcomes at those of `HORIZONS` that the hold and the prices reach."""
    last = len(wealth) - 1 if hold is None else min(hold, len(wealth) - 1)
    growth = np.cumprod(1 + benchmark.to_numpy())
    return {
        n: Horizon(
            net_return=wealth.iloc[n] / CAPITAL - 1,
            excess_benchmark=wealth.iloc[n] / CAPITAL - growth[n - 1],
            d=log_ratio(wealth.iloc[n], comparator.iloc[n]),
        )
        for n in HORIZONS
        if n <= last
    }


def log_ratio(equity: float, yardstick: float) -> float:
    """d: log of equity per starting USD less log of the comparator's wealth; -inf after ruin, inf after the other's."""
    if equity <= 0:
        return float("-inf")
    return float(np.log(equity / CAPITAL) - np.log(yardstick)) if yardstick > 0 else float("inf")


def told(subject: Study) -> Story:
    """The story of its strategy, with the title and the claim that it goes by."""
    return retold(story(subject.strategy), subject)


def retold(own: Story, other: Study | Member | None) -> Story:
    """A story with the title and the claim of a study, or of an event's reading, where that has any."""
    return own if other is None else replace(own, title=other.title or own.title, claim=other.claim or own.claim)


def story(strategy: type[Any]) -> Story:
    """The sections of a strategy's docstring: of its class, or of its file where that is the one that has them."""
    module = inspect.getmodule(strategy)
    if not hasattr(module, "__file__"):
        module = None  # a notebook, whose own docstring is not about the strategy
    texts = [inspect.cleandoc(text) for text in (strategy.__doc__, module and module.__doc__) if text]
    told = [text for text in texts if any(f"\n{section}:" in text for section in SECTIONS)]
    text = printable((told or texts or [strategy.__name__])[0])
    parts = re.split(rf"^({'|'.join((*SECTIONS, 'Parameters'))}):", text, flags=re.MULTILINE)
    sections = {
        key: brief(" ".join(value.split()), LONGEST_SECTION)
        for key, value in zip(parts[1::2], parts[2::2], strict=True)
    }
    return Story(brief(parts[0].strip().split("\n")[0]), *(sections.get(key, "") for key in SECTIONS))


def comparator_name(comparator: Comparator) -> str:
    """What a reading must beat, in words."""
    match comparator:
        case Cash():
            return "cash at zero"
        case Fund(symbol):
            return f"{symbol}, bought and held"
        case BetaMatched(symbol):
            return f"{symbol} and cash mixed at the rule's own earlier beta"
        case EqualWeight(name=name) | Variants(name=name):
            return name


def decision_table(run: Backtest) -> pd.DataFrame:
    """Every target that the rule asked for; a symbol that a decision drops appears with weight zero."""
    rows, before = [], set[str]()
    for decision in run.decisions:
        dropped = dict.fromkeys(sorted(before - set(decision.weights)), 0.0)
        rows += [(decision.session, symbol, weight) for symbol, weight in {**decision.weights, **dropped}.items()]
        before = {symbol for symbol, weight in decision.weights.items() if weight}
    return pd.DataFrame(rows, columns=["session", "symbol", "weight"])


def outcome(run: Backtest, d: float, comparator: str, occurred: bool | None) -> str:
    """What happened, in a sentence or two."""
    if run.ruined is not None:
        return f"Ruined on {run.ruined:%Y-%m-%d}: equity fell to {run.equity[-1]:,.0f} USD and the run ended."
    gain = run.equity[-1] / CAPITAL - 1
    until = f"by {run.exit:%Y-%m-%d}" if run.exit is not None else f"by {run.sessions[-1]:%Y-%m-%d} (still open)"
    told = f"{'Made' if gain >= 0 else 'Lost'} {abs(gain):.1%} net {until}"
    if comparator != "cash at zero":
        beat = "more" if d > 0 else "less"
        told += f", {abs(np.expm1(d)):.1%} {beat} wealth than {comparator}"
    if occurred is None:
        return f"{told}."
    return f"{told}. Its criterion of refutation {'came true' if occurred else 'did not come true'}."


def warnings(subject: Study, run: Backtest) -> tuple[str, ...]:
    """What a reader must know beside the numbers."""
    told = []
    if run.ruined is not None:
        told.append(f"ruined on {run.ruined:%Y-%m-%d}: equity fell to {run.equity[-1]:,.0f} USD, and the run ended")
    if not issubclass(subject.strategy, Reading) and run.gross.max() > 1 + 1e-9:
        told.append(f"gross exposure reached {run.gross.max():,.2f} times equity")
    if not run.fills:
        told.append("no position was ever taken: the return is interest on cash")
    told += noted(run.left_out, "left out", "too few closes by then")
    told += noted(run.under_a_share, "not held", "a target of less than one share")
    told += refused(run.refusals)
    if run.exit is None and run.ruined is None:
        told.append(f"still open: valued at the close of {run.sessions[-1]:%Y-%m-%d}")
    return tuple(told)


def noted(days: Mapping[str, pd.Timestamp], what: str, reason: str) -> list[str]:
    """Names with the first session of what befell them, a line each, or one line where there are many."""
    if len(days) <= MANY:
        return [f"{symbol} was {what} on {day:%Y-%m-%d}: {reason}" for symbol, day in days.items()]
    first, last = min(days.values()), max(days.values())
    some = ", ".join([*days][:FEW])
    return [f"{len(days):,} names were {what}, first {first:%Y-%m-%d} to {last:%Y-%m-%d}: {reason} ({some}, ...)"]


# Orders that are refused by design: which they are, and why nothing is wrong.
INTENDED = {
    BEFORE: ("of the warm-up", "the account begins with the entry"),
    AFTER: ("after the hold", "everything is sold when it ends"),
}


def refused(refusals: Sequence[Refusal]) -> list[str]:
    """Orders that were not filled, a line each, or a line a reason where there are many or nothing is wrong."""
    told = []
    for reason in dict.fromkeys(refusal.reason for refusal in refusals):
        those = [refusal for refusal in refusals if refusal.reason == reason]
        if reason in INTENDED:
            which, why = INTENDED[reason]
            told.append(f"{_sent(those, which)} set aside, as intended: {why}")
        elif len(those) > FEW:
            told.append(f"{_sent(those)} not filled: {reason}")
        else:
            told += [
                f"an order of {order.size:+,.0f} {order.symbol} ({order.session:%Y-%m-%d}) was not filled: {reason}"
                for order in those
            ]
    return told


def _sent(orders: Sequence[Refusal], which: str = "") -> str:
    """How many orders, and when they were sent."""
    first, last = (f"{orders[end].session:%Y-%m-%d}" for end in (0, -1))
    if len(orders) == 1:
        return " ".join(filter(None, ("an order", which, f"({first}) was")))
    return " ".join(filter(None, (f"{len(orders):,} orders", which, f"({first} to {last}) were")))


def _basket(
    prices: Prices, launch: Launch, frictions: Frictions, symbols: tuple[str, ...], weight: float, closes: int = 1
) -> np.ndarray:
    parameters = {"names": symbols, "weight": weight, "closes": closes}
    run = backtest(Basket, prices.select(symbols), launch, frictions, parameters)
    return run.equity / CAPITAL


def _require_listed(subject: Study, prices: Prices, launch: Launch, frictions: Frictions) -> None:
    """A fund that a reading is compared with must be trading by the first decision."""
    start, _ = window(prices, launch, frictions.lag)
    if isinstance(subject.comparator, Fund | BetaMatched):
        symbol = subject.comparator.symbol
        if prices.listed[prices.columns[symbol]] > start:
            raise RequestError(
                f"{subject.name} is compared with {symbol}, which has no close on {prices.sessions[start]:%Y-%m-%d}; "
                f"enter later or load earlier prices"
            )


def plain(value: object) -> object:
    """A parameter as files can hold it: classes and functions by their names."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def _parameters(subject: Study) -> dict[str, object]:
    """The strategy's own parameters with the values of this run."""
    declared = subject.strategy.params
    schedule = set(Reading.params._getkeys()) if issubclass(subject.strategy, Reading) else set()
    defaults = dict(zip(declared._getkeys(), declared._getdefaults(), strict=True))
    shown = {name: subject.parameters.get(name, value) for name, value in defaults.items() if name not in schedule}
    return {name: plain(value) for name, value in shown.items()}


def _require_history(subject: Study, prices: Prices, launch: Launch, frictions: Frictions) -> None:
    start, _ = window(prices, launch, frictions.lag)
    if start + 1 < subject.least:
        first = prices.sessions[subject.least] if subject.least < len(prices.sessions) else None
        remedy = f"enter on {first:%Y-%m-%d} or later" if first is not None else "load more prices"
        raise RequestError(
            f"{subject.name} needs {subject.least} closes before its entry, and prices begin {start + 1} closes "
            f"before {launch.entry:%Y-%m-%d}; {remedy}, or load earlier prices"
        )
