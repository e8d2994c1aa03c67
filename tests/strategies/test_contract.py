"""The contract that every reading fulfils; a new file in strategies/ is tested automatically."""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

import strategies
from data.prices import FIELDS, Prices
from reports.records.result import HORIZONS
from runners.engine.backtest.cerebro import CAPITAL, CerebroModes, EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.evaluation import evaluate
from runners.engine.pipeline import benchmark_returns
from runners.engine.story import docstring_story
from runners.engine.study import prepare
from strategies.base import Past, Reading
from tests.resources import make_golden
from tests.resources.events import DEEPSEEK

GOLDEN = Path(__file__).parents[1] / "resources" / "golden"
SCHEDULE = EntrySchedule(DEEPSEEK.entry, shock=DEEPSEEK.shock)


def readings() -> list[str]:
    """Readings in files of strategies/; a plain bt.Strategy has no rule, and packages test themselves."""
    names = []
    for name in strategies.names():
        with suppress(Exception):  # a broken file is kept, so that its tests fail
            if not issubclass(strategies.load(name), Reading):
                continue
        names += [name] if Path(strategies.__file__).with_name(f"{name}.py").is_file() else []
    return names


pytestmark = pytest.mark.parametrize("name", readings())


@pytest.fixture(scope="module")
def run_of(real_prices):
    """The default backtest of a reading on real prices, run once per reading."""
    runs = {}

    def run(name):
        if name not in runs:
            rule = strategies.load(name).rule()
            runs[name] = run_backtest(strategies.load(name), real_prices.select(rule.symbols), SCHEDULE)
        return runs[name]

    return run


@pytest.fixture(scope="module")
def golden(market_data):
    """Equity and d of a reading from its golden file or, until that exists, from its recipe in plain pandas."""

    @cache
    def of(name):
        path = GOLDEN / f"{name}.csv"
        if path.exists():
            table = pd.read_csv(GOLDEN / "d.csv", dtype={"horizon": str}).query("reading == @name")
            equity = pd.read_csv(path, index_col="session", parse_dates=True)["equity"]
            return equity, table.set_index("horizon")["d"].to_dict()
        if name not in make_golden.recipes():
            pytest.fail(f"no golden file {path.name} and no recipe; write tests/resources/recipes/{name}.py")
        return make_golden.golden_of_recipe(market_data, name)

    return of


def test_equity_equals_the_golden_file_to_the_cent(name, run_of, golden):
    expected, _ = golden(name)
    actual = run_of(name).wealth.reindex(expected.index)
    assert len(expected) >= 10
    assert actual.to_numpy() == pytest.approx(expected.to_numpy(), abs=0.0101)


def test_every_decision_session_is_in_the_golden_file(name, run_of, golden):
    decided = {decision.session for decision in run_of(name).decisions}
    assert decided <= set(golden(name)[0].index)


def test_d_equals_the_golden_file_at_every_horizon(name, real_prices, golden):
    _, expected = golden(name)
    study = prepare(name, strategies.load(name), "SPY")
    start = real_prices.row(DEEPSEEK.entry) - 1
    benchmark = benchmark_returns(real_prices, "SPY", start, start + 254)
    result = evaluate(study, real_prices, SCHEDULE, Frictions(), benchmark)
    actual = {str(n): result.horizons[n].d for n in HORIZONS} | {"end": result.d}
    assert actual == pytest.approx(expected, abs=1e-7)


def test_nothing_trades_before_the_open_after_publication(name, run_of):
    run = run_of(name)
    assert all(fill.session >= pd.Timestamp("2025-01-31") for fill in run.fills)
    assert run.equity[0] == CAPITAL
    assert run.gross[0] == 0


def test_every_order_fills_in_whole_shares_at_the_open(name, run_of, real_prices):
    run = run_of(name)
    rebased = real_prices.rebased(real_prices.row("2025-01-30"))
    assert run.fills and not run.refusals
    for fill in run.fills:
        assert fill.size == int(fill.size) != 0
        opened = rebased.open[rebased.row(fill.session), rebased.columns[fill.symbol]]
        assert fill.price == pytest.approx(opened, rel=1e-12)


def test_it_ends_flat_after_the_holding_period(name, run_of):
    run = run_of(name)
    shares = pd.DataFrame([vars(fill) for fill in run.fills]).groupby("symbol")["size"].sum()
    assert (shares == 0).all()
    assert run.exit == run.sessions[-1] == pd.Timestamp("2026-02-03")


def test_targets_stay_within_gross_one(name, run_of):
    for decision in run_of(name).decisions:
        assert sum(map(abs, decision.weights.values())) <= 1 + 1e-9


def test_holdings_are_shares_times_closes_over_equity(name, run_of, real_prices):
    run = run_of(name)
    rebased = real_prices.rebased(real_prices.row("2025-01-30"))
    symbols = list(strategies.load(name).rule().symbols)
    traded = pd.DataFrame([vars(fill) for fill in run.fills]).pivot_table("size", "session", "symbol", "sum")
    shares = traded.reindex(index=run.sessions, columns=symbols).fillna(0).cumsum()
    closes = pd.DataFrame(rebased.close, rebased.sessions, list(rebased.symbols)).loc[run.sessions, symbols]
    expected = (shares * closes).fillna(0).div(run.equity, axis=0)  # no close: not yet listed, so not held
    np.testing.assert_allclose(run.holdings, expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(np.abs(run.holdings).sum(axis=1), run.gross, rtol=1e-12, atol=0)


def test_the_past_does_not_depend_on_the_future(name, run_of, real_prices):
    """Prices after a session are doubled; decisions and equity up to it stay equal."""
    rule, today = strategies.load(name).rule(), 150
    prices = real_prices.select(rule.symbols)
    cut = prices.row(DEEPSEEK.entry) + today
    later = (np.arange(len(prices.sessions)) > cut)[:, None]
    doubled = {field: getattr(prices, field) * np.where(later, 2.0, 1.0) for field in FIELDS[:4]}
    changed = Prices(prices.sessions, prices.symbols, **doubled, volume=prices.volume, factor=prices.factor)
    run, other = run_of(name), run_backtest(strategies.load(name), changed, SCHEDULE)
    assert other.equity[: today + 2].tolist() == run.equity[: today + 2].tolist()
    past = [decision for decision in run.decisions if decision.session <= prices.sessions[cut]]
    assert list(other.decisions[: len(past)]) == past
    assert not np.array_equal(other.equity, run.equity)


def test_the_past_does_not_depend_on_the_end_of_prices(name, run_of, real_prices):
    prices = real_prices.select(strategies.load(name).rule().symbols)
    stop = prices.row(DEEPSEEK.entry) + 90
    short = run_backtest(strategies.load(name), prices.rows(0, stop), SCHEDULE)
    assert short.exit is None
    assert short.equity.tolist() == run_of(name).equity[: len(short.equity)].tolist()


def test_the_order_of_symbols_changes_nothing(name, run_of, real_prices):
    prices = real_prices.select(reversed(strategies.load(name).rule().symbols))
    assert run_backtest(strategies.load(name), prices, SCHEDULE).equity == pytest.approx(run_of(name).equity, abs=1e-6)


@pytest.mark.parametrize(
    "modes", [CerebroModes(True, False), CerebroModes(False, True), CerebroModes(False, False)], ids=str
)
def test_every_mode_of_backtrader_gives_the_same_equity(name, run_of, real_prices, modes):
    prices = real_prices.select(strategies.load(name).rule().symbols)
    schedule = EntrySchedule(DEEPSEEK.entry, hold=45, shock=DEEPSEEK.shock)
    assert (
        run_backtest(strategies.load(name), prices, schedule, modes=modes).equity[:46].tolist()
        == run_of(name).equity[:46].tolist()
    )


def test_it_runs_in_a_plain_cerebro(name, run_of, real_prices):
    """Standard feeds and broker: the same shares on the same days as long as the broker has enough cash."""
    entered = real_prices.row("2025-01-30")
    # No rule looks back further than 300 sessions; it would decide otherwise here.
    rebased = real_prices.rebased(entered).rows(entered - 300, len(real_prices.sessions))
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(1_000_000)
    for symbol in strategies.load(name).rule().symbols:
        column = rebased.columns[symbol]
        frame = pd.DataFrame({field: getattr(rebased, field)[:, column] for field in FIELDS}, index=rebased.sessions)
        cerebro.adddata(bt.feeds.PandasData(dataname=frame.dropna()), name=symbol)
    strategy = strategies.load(name)
    fills, margins = [], []

    class Watched(strategy):
        def notify_order(self, order) -> None:
            if order.status == order.Completed:
                fills.append((bt.num2date(order.executed.dt).date(), order.data._name, order.executed.size))
            elif order.status == order.Margin:
                margins.append(bt.num2date(order.created.dt).date())

    cerebro.addstrategy(Watched, entry=DEEPSEEK.entry)
    ran = cerebro.run()[0]
    # The same first orders on the same day; the standard broker pays no interest, so sizes differ slightly.
    expected = [(fill.session.date(), fill.symbol, fill.size) for fill in run_of(name).fills]
    first_day = expected[0][0]
    ours = {fill[:2]: fill[2] for fill in expected if fill[0] == first_day}
    theirs = {fill[:2]: fill[2] for fill in fills if fill[0] == first_day}
    if not margins or margins[0] > first_day:
        assert theirs == pytest.approx(ours, rel=0.002)
    else:
        assert set(theirs) <= set(ours), "the standard broker rejects orders that a gap made too expensive"
        assert len(theirs) >= len(ours) / 2
    # The decisions of a rule do not depend on its account.
    assert [decision.session for decision in ran.decisions] == [decision.session for decision in run_of(name).decisions]
    for one, other in zip(run_of(name).decisions, ran.decisions, strict=True):
        assert other.weights == pytest.approx(one.weights, rel=1e-9)


def test_weights_are_a_pure_function_of_the_past(name, real_prices):
    rule, targets = strategies.load(name).rule(), 0
    whole = real_prices.select(rule.symbols).rebased(0)
    for day in ("2025-01-30", "2025-02-10", "2025-03-03", "2025-03-19", "2025-05-14"):
        row = whole.row(day)
        held = row - whole.row("2025-01-30")
        first, *others = [
            rule.weights(Past(prices, row, held=held, shock="2025-01-27"))
            for prices in (whole, whole, whole.rows(0, row + 1), whole.rebased(row))
        ]
        for other in others:
            assert (other is None) == (first is None)
            assert other is None or other == pytest.approx(first, rel=1e-9)
        targets += first is not None
    assert targets, "at least one of the days has a decision"


def test_its_docstring_is_complete(name):
    cls = strategies.load(name)
    story = docstring_story(cls)
    assert all(vars(story).values()), "the docstring has Claim, Rule, Trades and Refuted"
    assert issubclass(cls, Reading)
    assert re.fullmatch(r"C\d+( C\d+)*|", " ".join(cls.claims))
    declared = set(cls.params._getkeys()) - set(Reading.params._getkeys())
    text = Path(strategies.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    documented = set(re.findall(r"^    (\w+): ", ast.get_docstring(ast.parse(text), clean=False) or "", re.MULTILINE))
    assert declared <= documented, "every parameter is in the docstring with its unit"
