"""What a reading is compared with, and how its outcome is told."""

from __future__ import annotations

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

import strategies
from data.errors import RequestError
from runners.engine.account import Refusal
from runners.engine.backtest import Launch
from runners.engine.frictions import Frictions
from runners.engine.study import Study, comparator_wealth, earlier_beta, horizons, plain, prepare, refused, story, study
from strategies.base import BetaMatched, Cash, EqualWeight, Fund, Past, Reading, Variants, Weights

FREE = Frictions(0, 0, 0, 0)
LATE = ("LATE",)


class HalfMarket(Reading):
    """Half in M, half in cash.

    Claim: half is enough.
    Rule: half M.
    Trades: once.
    Refuted: never.
    """

    params = (("share", 0.5),)
    symbols = ("M",)

    def weights(self, past: Past) -> Weights:
        return {"M": self.p.share}


@pytest.fixture
def prices(random_prices):
    return random_prices(("M", "N"))


def launch(prices, row=280, hold=20, rebalance=1):
    return Launch(prices.sessions[row], hold, rebalance)


def subject(comparator):
    return Study("half", HalfMarket, ("M",), comparator)


def test_a_fund_is_bought_once_and_held(prices):
    start = prices.row(launch(prices).entry) - 1
    wealth = comparator_wealth(subject(Fund("M")), prices, launch(prices, rebalance=1), FREE)
    shares = np.floor(1e6 / prices.close[start, 0] + 1e-6)
    held = 1e6 - shares * prices.open[start + 1, 0] + shares * prices.close[start + 1 : start + 21, 0]
    assert wealth[1:-1] == pytest.approx(held / 1e6, abs=1e-9)


def test_cash_is_one_throughout(prices):
    assert comparator_wealth(subject(Cash()), prices, launch(prices), FREE).tolist() == [1.0] * 22


def test_equal_weight_leaves_a_late_listing_out(prices, make_prices):
    late = make_prices({"M": [10.0] * 8 + [20.0], "LATE": [np.nan] * 8 + [1.0]})
    wealth = comparator_wealth(
        subject(EqualWeight(("M", *LATE), "both")), late, Launch(late.sessions[4], None, 100), FREE
    )
    assert wealth[-1] == 2.0


def test_the_better_variant_counts_at_each_session(prices):
    both = subject(Variants(({"share": 0.0}, {"share": 1.0}), "all or nothing"))
    one = subject(Variants(({"share": 1.0},), "all"))
    full = comparator_wealth(one, prices, launch(prices), FREE)
    assert comparator_wealth(both, prices, launch(prices), FREE).tolist() == np.maximum(full, 1.0).tolist()


def test_the_earlier_beta_is_the_slope_of_the_rules_own_returns(prices):
    beta = earlier_beta(subject(BetaMatched("M")), prices, launch(prices), FREE, "M", 252)
    # re-weighted to one half every session: half of M's move, up to the drift of a day's gap
    assert beta == pytest.approx(0.5, abs=0.01)


def test_the_earlier_beta_sees_nothing_after_the_first_decision(prices):
    asked = launch(prices)
    before = prices.rows(0, prices.row(asked.entry) + 1)
    whole, cut = (earlier_beta(subject(BetaMatched("M")), p, asked, FREE, "M", 252) for p in (prices, before))
    assert whole == cut


def test_horizons_count_the_entry_session_as_one_and_stop_at_the_hold():
    sessions = pd.bdate_range("2025-01-30", periods=30)
    wealth = pd.Series(1e6 * 1.01 ** np.arange(30), sessions)
    told = horizons(wealth, pd.Series(1.0, sessions), pd.Series(0.0, sessions[1:]), hold=20)
    assert list(told) == [5, 20]
    assert told[5].net_return == pytest.approx(1.01**5 - 1)
    assert told[20].d == pytest.approx(20 * np.log(1.01))


def test_a_rule_without_enough_history_is_refused(prices):
    class Patient(HalfMarket):
        history = 290

    with pytest.raises(RequestError, match="patient needs 290 closes before its entry"):
        study(Study("patient", Patient, ("M",), Cash()), prices, launch(prices), FREE, pd.Series(0.0, prices.sessions))


def test_a_strangers_strategy_needs_symbols_and_is_measured_against_the_benchmark():
    class Plain(bt.Strategy):
        pass

    with pytest.raises(RequestError, match="--symbols A,B"):
        prepare("mine:Plain", Plain, "SPY")
    told = prepare("mine:Plain", Plain, "SPY", ("SPY", "TLT"))
    assert (told.name, told.needed, told.comparator) == ("Plain", ("SPY", "TLT"), Fund("SPY"))


def test_the_story_is_read_from_the_docstring():
    told = story(HalfMarket)
    assert (told.title, told.claim, told.refuted) == ("Half in M, half in cash.", "half is enough.", "never.")
    assert (
        story(strategies.load("bad_news")).title
        == "Short the chips, long the market: what the market itself read first."
    )


def test_a_comparator_fund_that_is_listed_later_is_an_error(prices, make_prices):
    late = make_prices({"M": [10.0] * 9, "LATE": [np.nan] * 8 + [1.0]})
    later = Study("half", HalfMarket, ("M",), Fund("LATE"))
    with pytest.raises(RequestError, match="half is compared with LATE, which has no close on 2025-01-30"):
        study(later, late, Launch(late.sessions[4]), FREE, pd.Series(0.0, late.sessions))


def test_names_of_a_basket_join_with_their_history(make_prices):
    young = make_prices({"M": [10.0] * 8 + [20.0], "LATE": [np.nan] * 2 + [1.0] * 7})
    at = Launch(young.sessions[4], None, 100)
    grown = [
        comparator_wealth(subject(EqualWeight(("M", "LATE"), "both", closes)), young, at, FREE)[-1] for closes in (2, 3)
    ]
    assert grown == [1.5, 2.0]


def test_parameters_that_are_classes_are_told_by_name():
    told = [plain(value) for value in (1, "a", None, (1, 2.5), bt.ind.SMA)]
    assert told[:4] == [1, "a", None, [1, 2.5]]
    assert told[4].endswith("MovingAverageSimple") or told[4].endswith("SMA")


def test_many_refusals_are_told_in_a_line_and_few_one_by_one():
    day = pd.Timestamp("2025-01-30")
    few = [Refusal(day, "A", 100, "margin")]
    many = [Refusal(day + pd.Timedelta(days=n), "A", -1, "before the entry") for n in range(772)]
    late = [Refusal(pd.Timestamp("2026-02-03"), "A", 5, "after the hold")]
    aside = "were set aside, as intended"
    assert refused([*few, *many, *late]) == [
        "an order of +100 A (2025-01-30) was not filled: margin",
        f"772 orders of the warm-up (2025-01-30 to 2027-03-12) {aside}: the account begins with the entry",
        "an order after the hold (2026-02-03) was set aside, as intended: everything is sold when it ends",
    ]
    assert refused(few * 4) == ["4 orders (2025-01-30 to 2025-01-30) were not filled: margin"]
