"""Evaluation of a study against its comparator."""

from __future__ import annotations

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from data.errors import RequestError
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.backtest.frictions import Frictions
from runners.engine.evaluation import evaluate, horizons, plain_value
from runners.engine.study import PlainStudy, ReadingStudy
from strategies.base import Cash, Fund, Past, Reading, Weights
from tests.resources.rules import Fixed, HalfMarket

FREE = Frictions(0, 0, 0, 0)


class Steps(Reading):
    """Steps from one to the other.

    Claim: steps.
    Refuted: where it ends below.
    """

    params = (("first", 0.5), ("kind", Frictions))
    symbols = ("A", "B")
    comparator = Cash()
    claims = ("C1",)

    def weights(self, past: Past) -> Weights:
        return {"A": self.p.first} if past.held == 0 else {"B": 0.5, "A": 0.0} if past.held == 1 else {"A": 0.25}

    @classmethod
    def refuted(cls, d, decisions):
        return d < 0 and len(decisions) > 1


@pytest.fixture
def flat(make_prices):
    return make_prices({"A": [100.0, 100.0, 110.0, 110.0, 110.0, 110.0, 110.0], "B": [50.0] * 7})


def steps(prices, hold=4, rebalance=1, comparator=None, costs=FREE, **parameters):
    one = ReadingStudy("steps", Steps, ("A", "B"), comparator or Cash(), parameters)
    sessions = pd.Series(0.01, prices.sessions[1:])
    return evaluate(one, prices, EntrySchedule(prices.sessions[1], hold, rebalance), costs, sessions)


def test_a_result_describes_the_run(flat):
    result = steps(flat)
    assert (result.name, result.claims, result.symbols) == ("steps", ("C1",), ("A", "B"))
    assert (result.story.title, result.story.claim) == ("Steps from one to the other.", "steps.")
    assert result.parameters == {"first": 0.5, "kind": "runners.engine.backtest.frictions.Frictions"}
    assert (result.entry, result.exit) == (flat.sessions[1], flat.sessions[5])
    # 5,000 shares of A at 100, sold at 110; later prices are constant.
    assert result.equity.tolist() == [1e6, 1e6, 1.05e6, 1.05e6, 1.05e6, 1.05e6]
    assert result.equity.name == "steps" and result.equity.index.equals(flat.sessions[:6])
    assert result.d == pytest.approx(np.log(1.05))
    assert result.gross.iloc[0] == 0 and result.gross.iloc[1] == pytest.approx(0.5) and result.gross.iloc[-1] == 0
    assert result.gross.index.equals(flat.sessions[:6])
    assert list(result.holdings.columns) == ["A", "B"] and result.holdings.index.equals(flat.sessions[:6])
    assert result.holdings.iloc[2].tolist() == pytest.approx([0.0, 0.5 / 1.05])
    assert result.comparator.tolist() == [1.0] * 6 and result.comparator.index.equals(flat.sessions[:6])
    assert result.comparator_name == "the idle account"
    assert list(result.fills.columns) == ["session", "symbol", "size", "price", "commission", "spread_cost"]
    first = result.fills.iloc[0]
    assert (first["session"], first["symbol"], first["size"], first["price"]) == (flat.sessions[1], "A", 5000.0, 100.0)
    assert set(result.interest) == {"cash", "debit", "borrow"} and result.ruined is None
    assert result.refuted is False and result.warnings == ()
    until = f"{flat.sessions[5]:%Y-%m-%d}"
    assert result.outcome == (
        f"Made 5.0% net by {until}, 5.0% more wealth than the idle account. Not refuted by its own criterion."
    )
    assert result.horizons == {}


def test_costs_and_lags_are_those_of_the_run(flat):
    result = steps(flat, hold=3, rebalance=None, comparator=Fund("B"), costs=Frictions(100, 0, 0, 0, lag=2))
    # 4,950 shares or so of A at 110, two sessions after the decision, and out again at the same price.
    assert result.fills["session"].tolist() == [flat.sessions[2], flat.sessions[5]]
    assert result.exit == flat.sessions[5] and len(result.equity) == 6
    assert result.fills["commission"].sum() == pytest.approx(1e6 - result.equity.iloc[-1])
    assert result.equity.iloc[-1] == pytest.approx(1e6 - 2 * 0.01 * 110 * result.fills["size"].iloc[0])
    # The comparator fund also pays 1 % twice: about 0.98 is left.
    assert result.comparator.iloc[-1] == pytest.approx(0.99 / 1.01, abs=3e-4) and len(result.comparator) == 6

    # Costs on the last session count.
    assert result.equity.iloc[-1] < result.equity.iloc[-2] and result.comparator.iloc[-1] < result.comparator.iloc[-2]
    assert result.d == pytest.approx(np.log(result.equity.iloc[-1] / 1e6) - np.log(result.comparator.iloc[-1]))


def test_a_ruin_is_reported_with_its_session(make_prices):
    prices = make_prices({"A": [100.0] * 3 + [300.0] * 4})
    one = ReadingStudy("fixed", Fixed, ("A",), Cash(), {"target": (("A", -1.0),)})
    result = evaluate(one, prices, EntrySchedule(prices.sessions[1], None), FREE, pd.Series(0.0, prices.sessions[1:]))
    assert result.ruined == prices.sessions[3] and result.d == -np.inf and result.exit is None
    # 10,000 shares sold at 100 and due at 300.
    assert result.outcome == "Ruined on 2025-01-30: equity fell to -1,000,000 USD and the run ended."


def test_parameters_that_are_classes_are_recorded_by_name():
    result = [plain_value(value) for value in (1, "a", None, (1, 2.5), bt.ind.SMA)]
    assert result[:4] == [1, "a", None, [1, 2.5]]
    assert result[4].endswith("MovingAverageSimple") or result[4].endswith("SMA")


def test_parameters_of_a_run_are_those_that_were_given(flat):
    result = steps(flat, first=0.25)
    # 2,500 shares of A, which gain 10 each.
    assert result.parameters["first"] == 0.25 and result.equity.iloc[-1] == 1.025e6
    assert plain_value({"a": 1}) == "builtins.dict" and plain_value([1, ("x", None)]) == [1, ["x", None]]
    assert plain_value(2.5) == 2.5 and plain_value(True) is True
    assert plain_value(plain_value) == "runners.engine.evaluation.plain_value"


def test_a_plain_strategy_may_have_a_parameter_that_is_called_hold(flat):
    class Held(bt.Strategy):
        params = (("hold", 3), ("period", 5))

    one = PlainStudy("held", Held, ("A",), Cash(), {"period": 6})
    result = evaluate(one, flat, EntrySchedule(flat.sessions[1], 4), FREE, pd.Series(0.0, flat.sessions[1:]))
    assert result.parameters == {"hold": 3, "period": 6} and result.refuted is None and result.claims == ()
    assert result.warnings[0] == "no position was ever taken: the return is interest on cash"
    assert list(result.fills.columns) == list(steps(flat).fills.columns) and result.fills.empty
    assert steps(flat).parameters.keys() == {"first", "kind"}


def test_a_run_to_the_end_of_the_prices_is_still_open(flat):
    result = steps(flat, hold=None)
    last = f"{flat.sessions[-1]:%Y-%m-%d}"
    assert result.exit is None and result.outcome.startswith(
        f"Made 5.0% net by {last} (still open), 5.0% more wealth than the idle account. Not refuted"
    )
    assert result.warnings == (f"still open: valued at the close of {last}",)


def test_horizons_are_those_of_the_run_less_what_the_benchmark_made(make_prices):
    long = make_prices({"A": [100.0] * 2 + [110.0] * 10, "B": [50.0] * 12, "F": [10.0] * 3 + [11.0] * 9})
    result = steps(long, hold=6, rebalance=None, comparator=Fund("F"))
    assert list(result.horizons) == [5]
    assert result.horizons[5].net_return == pytest.approx(0.05)
    assert result.horizons[5].excess_benchmark == pytest.approx(1.05 - 1.01**5)
    assert result.horizons[5].d == pytest.approx(np.log(1.05 / 1.1))
    until = f"{long.sessions[7]:%Y-%m-%d}"
    assert result.outcome == (
        f"Made 5.0% net by {until}, {1 - 1.05 / 1.1:.1%} less wealth than F, bought and held. "
        f"Not refuted by its own criterion."
    )


def test_horizons_end_with_the_hold_or_with_the_prices():
    sessions = pd.bdate_range("2025-01-30", periods=21)
    series = (pd.Series(1e6 * 1.01 ** np.arange(21), sessions), pd.Series(1.0, sessions), pd.Series(0.02, sessions[1:]))
    for hold, there in ((None, [5, 20]), (20, [5, 20]), (19, [5]), (500, [5, 20]), (4, []), (5, [5])):
        assert list(horizons(*series, hold)) == there
    short = [values.iloc[:20] for values in series]
    assert [list(horizons(*short, hold)) for hold in (None, 500)] == [[5], [5]]
    horizon = horizons(*series, 20)[20]
    assert horizon.excess_benchmark == pytest.approx(1.01**20 - 1.02**20)


@pytest.mark.parametrize(
    ("closes", "remedy"),
    [
        (3, "enter on 2025-01-31 or later"),
        (8, "enter on 2025-02-07 or later"),
        (11, "load more prices"),
        (12, "load more prices"),
    ],
)
def test_too_few_closes_are_an_error_with_a_remedy(make_prices, closes, remedy):
    prices = make_prices({"M": [10.0] * 12})

    class Patient(HalfMarket):
        history = closes + 1

    patient = ReadingStudy("patient", Patient, ("M",), Cash())
    with pytest.raises(RequestError) as caught:
        evaluate(patient, prices, EntrySchedule(prices.sessions[3]), FREE, pd.Series(0.0, prices.sessions))
    assert str(caught.value) == (
        f"patient needs {closes + 1} closes before its entry, and there are 3 before 2025-01-30; "
        f"{remedy}, or load earlier prices"
    )


def test_as_many_closes_as_are_needed_are_enough(make_prices):
    prices = make_prices({"M": [10.0] * 12})

    class Patient(HalfMarket):
        history = 3

    patient = ReadingStudy("patient", Patient, ("M",), Cash())
    assert (
        evaluate(patient, prices, EntrySchedule(prices.sessions[3], 2), FREE, pd.Series(0.0, prices.sessions)).d == 0.0
    )


def test_a_fund_must_be_listed_at_the_first_decision(make_prices):
    late = make_prices({"M": [10.0] * 9, "LATE": [np.nan] * 3 + [1.0] * 6})
    own = ReadingStudy("half", HalfMarket, ("M",), Fund("LATE"))
    benchmark = pd.Series(0.0, late.sessions)
    assert evaluate(own, late, EntrySchedule(late.sessions[4], 2), FREE, benchmark).d == 0.0
    with pytest.raises(RequestError) as caught:
        evaluate(own, late, EntrySchedule(late.sessions[3], 2), FREE, benchmark)
    assert str(caught.value) == (
        "half is compared with LATE, which has no close on 2025-01-29; enter later or load earlier prices"
    )


def test_decisions_list_dropped_symbols(flat):
    decisions = steps(flat).decisions
    days = flat.sessions
    assert list(decisions.columns) == ["session", "symbol", "weight"]
    assert list(decisions.itertuples(index=False, name=None))[:5] == [
        (days[0], "A", 0.5),
        (days[1], "B", 0.5),
        (days[1], "A", 0.0),
        (days[2], "A", 0.25),
        (days[2], "B", 0.0),
    ]
