"""What a reading is compared with, and how its outcome is told."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

import strategies
from data.errors import RequestError, StrategyError
from reports.result import Story
from runners.engine.account import Fill, Refusal
from runners.engine.backtest import Backtest, Launch, backtest
from runners.engine.frictions import Frictions
from runners.engine.study import (
    Study,
    comparator_name,
    comparator_wealth,
    earlier_beta,
    horizons,
    log_ratio,
    noted,
    outcome,
    plain,
    prepare,
    refused,
    retold,
    story,
    study,
    told,
    warnings,
)
from strategies.base import BetaMatched, Cash, EqualWeight, Fund, Past, Reading, Variants, Weights
from tests.resources.rules import Fixed

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


# --- what a study is -------------------------------------------------------------------------------------------------


class Pick(HalfMarket):
    """Picks.

    Claim: it picks.
    """

    chooses = ("M", "N")
    history = 7


def test_what_a_study_needs_and_chooses():
    one = Study("pick", Pick, ("M", "N"), Fund("N"))
    assert (one.needed, one.chooses, one.history, one.least) == (("M", "N"), ("M", "N"), 7, 7)
    assert Study("pick", Pick, ("M",), BetaMatched("B"), universe=("U",)).needed == ("M", "B")
    assert Study("pick", Pick, ("M",), BetaMatched("B"), universe=("U",)).chooses == ("U",)
    assert Study("pick", Pick, ("M",), BetaMatched("B")).least == 67
    plain_one = Study("plain", bt.Strategy, ("M",), Cash())
    assert (plain_one.chooses, plain_one.history, plain_one.least) == ((), 1, 1)
    with pytest.raises(RequestError, match="'<b>' cannot name a reading"):
        Study("<b>", Pick, ("M",), Cash())


def test_the_same_strategy_with_the_same_parameters_is_one_variant():
    one = Study("one", Pick, ("M",), Cash(), {"b": 1, "a": 2})
    assert one.variant == Study("other", Pick, ("M",), Fund("N"), {"a": 2, "b": 1}).variant
    assert one.variant == (Pick, "[('a', 2), ('b', 1)]")


# --- how one is prepared ---------------------------------------------------------------------------------------------


def reading(**attributes: object) -> type[Reading]:
    return type("Own", (HalfMarket,), attributes)


def refusal(strategy: type, *words: object, **named: object) -> tuple[type, str]:
    with pytest.raises(RequestError) as caught:
        prepare("own", strategy, "SPY", *words, **named)
    return type(caught.value), str(caught.value)


def test_a_reading_is_prepared_as_it_declares_itself():
    own = reading(symbols=("M", "N", "M"), comparator=Fund("N"))
    told = prepare("folder.module:Own", own, "SPY")
    assert told.strategy is own
    assert (told.name, told.symbols, told.comparator, told.parameters) == ("Own", ("M", "N"), Fund("N"), {})
    given = prepare("own", reading(comparator=Cash()), "SPY", ("A",), {"share": 0.2})
    assert (given.name, given.symbols, given.comparator, given.parameters) == ("own", ("M",), Cash(), {"share": 0.2})


REMEDY = "write symbols = ('SPY', 'TLT') in class Own"


@pytest.mark.parametrize(
    ("symbols", "told"),
    [
        ("SPY", f"Own declares symbols = 'SPY', which names none to trade; {REMEDY}"),
        (None, f"Own declares symbols = None, which names none to trade; {REMEDY}"),
        ([], f"Own declares symbols = [], which names none to trade; {REMEDY}"),
        ((), f"Own declares symbols = (), which names none to trade; {REMEDY}"),
        ({"M"}, f"Own declares symbols = {{'M'}}, which names none to trade; {REMEDY}"),
        (("M", 5), f"Own declares the symbol 5; {REMEDY}, in capitals"),
        (("M", "spy"), f"Own declares the symbol 'spy'; {REMEDY}, in capitals"),
        (("M", " SPY"), f"Own declares the symbol ' SPY'; {REMEDY}, in capitals"),
        (("M", ""), f"Own declares the symbol ''; {REMEDY}, in capitals"),
    ],
)
def test_symbols_of_a_reading_that_are_none_are_its_authors_to_mend(symbols, told):
    assert refusal(reading(symbols=symbols, comparator=Cash())) == (StrategyError, told)


def test_a_comparator_that_is_none_is_its_authors_to_mend():
    assert refusal(reading(comparator="SPY")) == (
        StrategyError,
        "Own declares comparator = 'SPY'; write Cash(), Fund('SPY') or another of strategies.base",
    )


def test_a_reading_that_takes_its_symbols_from_parameters_needs_them():
    empty = reading(symbols=property(lambda self: ()), comparator=Cash())
    assert refusal(empty) == (
        RequestError,
        "own trades nothing by itself; give its symbols as parameters, in an event file or by a subclass",
    )


def test_a_plain_strategy_says_itself_what_it_trades_or_is_told():
    class Plain(bt.Strategy):
        pass

    class Declared(bt.Strategy):
        symbols = ("B", "A", "B")

    told = prepare("own", Declared, "SPY", ("C",), {"x": 1})
    assert told.strategy is Declared
    assert (told.name, told.symbols, told.comparator, told.parameters) == ("own", ("B", "A"), Fund("SPY"), {"x": 1})
    asked = "own does not say what it trades; give --symbols A,B or a class attribute `symbols`, a tuple of texts"
    assert refusal(Plain) == (RequestError, asked)
    for wrong in ("SPY", (5,), ("A", None)):
        assert refusal(type("Wrong", (bt.Strategy,), {"symbols": wrong})) == (RequestError, asked)


# --- a run, told ------------------------------------------------------------------------------------------------------


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
    one = Study("steps", Steps, ("A", "B"), comparator or Cash(), parameters)
    sessions = pd.Series(0.01, prices.sessions[1:])
    return study(one, prices, Launch(prices.sessions[1], hold, rebalance), costs, sessions)


def test_a_result_holds_what_happened(flat):
    told = steps(flat)
    assert (told.name, told.claims, told.symbols) == ("steps", ("C1",), ("A", "B"))
    assert (told.story.title, told.story.claim) == ("Steps from one to the other.", "steps.")
    assert told.parameters == {"first": 0.5, "kind": "runners.engine.frictions.Frictions"}
    assert (told.entry, told.exit) == (flat.sessions[1], flat.sessions[5])
    # 5,000 shares of A at 100, sold at 110; B and what is bought of A later stand still.
    assert told.equity.tolist() == [1e6, 1e6, 1.05e6, 1.05e6, 1.05e6, 1.05e6]
    assert told.equity.name == "steps" and told.equity.index.equals(flat.sessions[:6])
    assert told.d == pytest.approx(np.log(1.05))
    assert told.gross.iloc[0] == 0 and told.gross.iloc[1] == pytest.approx(0.5) and told.gross.iloc[-1] == 0
    assert told.gross.index.equals(flat.sessions[:6])
    assert list(told.holdings.columns) == ["A", "B"] and told.holdings.index.equals(flat.sessions[:6])
    assert told.holdings.iloc[2].tolist() == pytest.approx([0.0, 0.5 / 1.05])
    assert told.comparator.tolist() == [1.0] * 6 and told.comparator.index.equals(flat.sessions[:6])
    assert told.comparator_name == "cash at zero"
    assert list(told.fills.columns) == ["session", "symbol", "size", "price", "commission", "spread_cost"]
    first = told.fills.iloc[0]
    assert (first["session"], first["symbol"], first["size"], first["price"]) == (flat.sessions[1], "A", 5000.0, 100.0)
    assert set(told.interest) == {"cash", "debit", "borrow"} and told.ruined is None
    assert told.occurred is False and told.warnings == ()
    until = f"{flat.sessions[5]:%Y-%m-%d}"
    assert told.outcome == f"Made 5.0% net by {until}. Its criterion of refutation did not come true."
    assert told.horizons == {}


def test_costs_and_lags_are_those_of_the_run(flat):
    told = steps(flat, hold=3, rebalance=None, comparator=Fund("B"), costs=Frictions(100, 0, 0, 0, lag=2))
    # 4,950 shares or so of A at 110, two sessions after the decision, and out again at the same price.
    assert told.fills["session"].tolist() == [flat.sessions[2], flat.sessions[5]]
    assert told.exit == flat.sessions[5] and len(told.equity) == 6
    assert told.fills["commission"].sum() == pytest.approx(1e6 - told.equity.iloc[-1])
    assert told.equity.iloc[-1] == pytest.approx(1e6 - 2 * 0.01 * 110 * told.fills["size"].iloc[0])
    # The fund that it must beat pays 1 % twice as well: some 0.98 are left.
    assert told.comparator.iloc[-1] == pytest.approx(0.99 / 1.01, abs=3e-4) and len(told.comparator) == 6

    # What is paid on the last session counts.
    assert told.equity.iloc[-1] < told.equity.iloc[-2] and told.comparator.iloc[-1] < told.comparator.iloc[-2]
    assert told.d == pytest.approx(np.log(told.equity.iloc[-1] / 1e6) - np.log(told.comparator.iloc[-1]))


def test_a_ruin_is_told_with_its_session(make_prices):
    prices = make_prices({"A": [100.0] * 3 + [300.0] * 4})
    one = Study("fixed", Fixed, ("A",), Cash(), {"target": (("A", -1.0),)})
    told = study(one, prices, Launch(prices.sessions[1], None), FREE, pd.Series(0.0, prices.sessions[1:]))
    assert told.ruined == prices.sessions[3] and told.d == -np.inf and told.exit is None
    # 10,000 shares sold at 100 and due at 300.
    assert told.outcome == "Ruined on 2025-01-30: equity fell to -1,000,000 USD and the run ended."


def test_decisions_are_told_with_what_they_drop(flat):
    told = steps(flat).decisions
    days = flat.sessions
    assert list(told.columns) == ["session", "symbol", "weight"]
    assert list(told.itertuples(index=False, name=None))[:5] == [
        (days[0], "A", 0.5),
        (days[1], "B", 0.5),
        (days[1], "A", 0.0),
        (days[2], "A", 0.25),
        (days[2], "B", 0.0),
    ]


def test_parameters_of_a_run_are_those_that_were_given(flat):
    told = steps(flat, first=0.25)
    # 2,500 shares of A, which gain 10 each.
    assert told.parameters["first"] == 0.25 and told.equity.iloc[-1] == 1.025e6
    assert plain({"a": 1}) == "builtins.dict" and plain([1, ("x", None)]) == [1, ["x", None]]
    assert plain(2.5) == 2.5 and plain(True) is True and plain(plain) == "runners.engine.study.plain"


def test_a_plain_strategy_may_have_a_parameter_that_is_called_hold(flat):
    class Held(bt.Strategy):
        params = (("hold", 3), ("period", 5))

    one = Study("held", Held, ("A",), Cash(), {"period": 6})
    told = study(one, flat, Launch(flat.sessions[1], 4), FREE, pd.Series(0.0, flat.sessions[1:]))
    assert told.parameters == {"hold": 3, "period": 6} and told.occurred is None and told.claims == ()
    assert told.warnings == ("no position was ever taken: the return is interest on cash",)
    assert list(told.fills.columns) == list(steps(flat).fills.columns) and told.fills.empty
    assert steps(flat).parameters.keys() == {"first", "kind"}


def test_a_run_to_the_end_of_the_prices_is_still_open(flat):
    told = steps(flat, hold=None)
    last = f"{flat.sessions[-1]:%Y-%m-%d}"
    assert told.exit is None and told.outcome.startswith(f"Made 5.0% net by {last} (still open). Its criterion")
    assert told.warnings == (f"still open: valued at the close of {last}",)


def test_horizons_are_those_of_the_run_less_what_the_benchmark_made(make_prices):
    long = make_prices({"A": [100.0] * 2 + [110.0] * 10, "B": [50.0] * 12, "F": [10.0] * 3 + [11.0] * 9})
    told = steps(long, hold=6, rebalance=None, comparator=Fund("F"))
    assert list(told.horizons) == [5]
    assert told.horizons[5].net_return == pytest.approx(0.05)
    assert told.horizons[5].excess_benchmark == pytest.approx(1.05 - 1.01**5)
    assert told.horizons[5].d == pytest.approx(np.log(1.05 / 1.1))
    until = f"{long.sessions[7]:%Y-%m-%d}"
    assert told.outcome == (
        f"Made 5.0% net by {until}, {1 - 1.05 / 1.1:.1%} less wealth than F, bought and held. "
        f"Its criterion of refutation did not come true."
    )


def test_horizons_end_with_the_hold_or_with_the_prices():
    sessions = pd.bdate_range("2025-01-30", periods=21)
    series = (pd.Series(1e6 * 1.01 ** np.arange(21), sessions), pd.Series(1.0, sessions), pd.Series(0.02, sessions[1:]))
    for hold, there in ((None, [5, 20]), (20, [5, 20]), (19, [5]), (500, [5, 20]), (4, []), (5, [5])):
        assert list(horizons(*series, hold)) == there
    short = [values.iloc[:20] for values in series]
    assert [list(horizons(*short, hold)) for hold in (None, 500)] == [[5], [5]]
    told = horizons(*series, 20)[20]
    assert told.excess_benchmark == pytest.approx(1.01**20 - 1.02**20)


def test_d_after_ruin_is_infinite():
    assert log_ratio(1.1e6, 1.0) == pytest.approx(np.log(1.1)) and log_ratio(1e6, 2.0) == pytest.approx(-np.log(2))
    assert [log_ratio(0.0, 1.0), log_ratio(-1.0, 0.0), log_ratio(1e6, 0.0), log_ratio(1e6, -1.0)] == [
        *(-np.inf, -np.inf),
        *(np.inf, np.inf),
    ]
    assert log_ratio(1.0, 0.5) == pytest.approx(np.log(1e-6) - np.log(0.5))


def test_what_beats_it_is_told_in_words():
    told = [Cash(), Fund("M"), BetaMatched("M"), EqualWeight(("M",), "the basket"), Variants(({},), "the other rule")]
    assert list(map(comparator_name, told)) == [
        "cash at zero",
        "M, bought and held",
        "M and cash mixed at the rule's own earlier beta",
        "the basket",
        "the other rule",
    ]


# --- yardsticks by hand ----------------------------------------------------------------------------------------------


def test_yardsticks_have_the_schedule_and_the_costs_of_the_run(make_prices):
    prices = make_prices({"M": [100.0, 100.0, 100.0, 120.0, 120.0, 120.0], "N": [50.0] * 6})
    at, costly = Launch(prices.sessions[1], 2, 1), Frictions(100, 0, 0, 0)
    # 9,900 shares: what is bought leaves room for its cost of 1 %, which is paid in and out.
    fund = comparator_wealth(subject(Fund("M")), prices, at, costly)
    one = comparator_wealth(subject(EqualWeight(("M", "N"), "both")), prices, at, costly)
    assert len(fund) == len(one) == 4 and fund[1] == pytest.approx(0.99, abs=2e-4) and one[1] < 0.9902
    assert comparator_wealth(subject(Cash()), prices, at, costly).tolist() == [1.0] * 4
    late = Frictions(0, 0, 0, 0, lag=2)
    assert len(comparator_wealth(subject(Cash()), prices, at, late)) == 5


def test_a_fund_pays_for_its_purchase_alone(make_prices):
    prices = make_prices({"M": [100.0] * 40})
    at = Launch(prices.sessions[1], None, 5)
    # 10,000 shares at a cost of 1 %; whoever sold what is owed for that, after twenty sessions, would pay again.
    wealth = comparator_wealth(subject(Fund("M")), prices, at, Frictions(100, 0, 0, 0))
    assert wealth.tolist() == pytest.approx([1.0] + [wealth[1]] * 39, abs=1e-12)


def test_a_fund_is_not_reweighted_and_a_basket_is(make_prices):
    prices = make_prices({"M": [100.0, 100.0, 200.0, 200.0, 100.0, 100.0], "N": [100.0] * 6})
    at = Launch(prices.sessions[1], None, 1)
    both = comparator_wealth(subject(EqualWeight(("M", "N"), "both")), prices, at, FREE)
    # Half each; at 1,500,000 back to 750,000 each, of which M falls by half.
    assert both.tolist() == pytest.approx([1.0, 1.0, 1.5, 1.5, 1.125, 1.125])
    never = comparator_wealth(subject(EqualWeight(("M", "N"), "both")), prices, Launch(at.entry, None, None), FREE)
    assert never.tolist() == pytest.approx([1.0, 1.0, 1.5, 1.5, 1.0, 1.0])


@pytest.mark.parametrize(("share", "weight"), [(0.5, 0.5), (-0.5, 0.0)])
def test_a_beta_is_kept_within_nothing_and_one(prices, share, weight):
    own = Study("half", HalfMarket, ("M",), BetaMatched("M"), {"share": share})
    mixed = comparator_wealth(own, prices, launch(prices), FREE)
    part = Study("half", HalfMarket, ("M",), Variants(({"share": weight},), "part"), {"share": share})
    assert mixed == pytest.approx(comparator_wealth(part, prices, launch(prices), FREE), abs=0.002)


def test_a_beta_above_one_is_one(random_prices):
    prices = random_prices(("M", "N"))
    doubled = np.array(prices.close)
    doubled[:, 1] = 100 * np.cumprod(np.r_[1, 1 + 0.3 * (doubled[1:, 0] / doubled[:-1, 0] - 1)])
    bars = [np.array(getattr(prices, name)) for name in ("open", "high", "low", "close")]
    for values in bars:
        values[:, 1] = doubled[:, 1]
    tame = replace(prices, open=bars[0], high=bars[1], low=bars[2], close=bars[3])
    own = Study("half", HalfMarket, ("M",), BetaMatched("N"), {"share": 1.0})
    assert earlier_beta(own, tame, launch(tame), FREE, "N", 252) > 2
    fund = comparator_wealth(Study("half", HalfMarket, ("M",), Fund("N")), tame, launch(tame, rebalance=None), FREE)
    assert comparator_wealth(own, tame, launch(tame), FREE) == pytest.approx(fund, abs=0.005)


def test_the_earlier_beta_is_over_so_many_sessions_and_no_more(prices):
    at, own = launch(prices), subject(BetaMatched("N"))
    entry = prices.row(at.entry)
    for sessions in (60, 100, 270):
        # Half of M at every close, whose returns against N are told by NumPy.
        run = backtest(HalfMarket, prices.select(("M",)), Launch(prices.sessions[entry - sessions], None, 1), FREE)
        wealth = run.equity[: sessions + 1]
        fund = prices.close[entry - sessions - 1 : entry, 1]
        slope = np.polyfit(fund[1:] / fund[:-1], wealth[1:] / wealth[:-1], 1)[0]
        assert earlier_beta(own, prices, at, FREE, "N", sessions) == pytest.approx(slope, rel=1e-9)


# --- what a reader must know -----------------------------------------------------------------------------------------


def run_of(**changes: object) -> Backtest:
    sessions = pd.DatetimeIndex(["2025-01-30", "2025-01-31", "2025-02-03"])
    made = {
        "sessions": sessions,
        "entry": sessions[1],
        "exit": sessions[2],
        "equity": np.array([1e6, 1e6, 0.9e6]),
        "gross": np.array([0.0, 1.0, 0.5]),
        "holdings": np.zeros((3, 1)),
        "fills": (Fill(sessions[1], "A", 1.0, 1.0, 0.0, 0.0),),
        "decisions": (),
        "refusals": (),
        "left_out": {},
        "under_a_share": {},
        "interest": {},
        **changes,
    }
    return Backtest(**made)


STRANGER = Study("own", bt.Strategy, ("A",), Cash())


def test_outcomes_are_sentences():
    lost = "Lost 10.0% net by 2025-02-03"
    assert outcome(run_of(), -0.1, "cash at zero", None) == f"{lost}."
    assert outcome(run_of(), 0.1, "SPY", True) == (
        f"{lost}, 10.5% more wealth than SPY. Its criterion of refutation came true."
    )
    assert outcome(run_of(), 0.0, "SPY", None) == f"{lost}, 0.0% less wealth than SPY."
    still = run_of(exit=None, equity=np.array([1e6, 1e6, 1e6]))
    assert outcome(still, 0.0, "cash at zero", None) == "Made 0.0% net by 2025-02-03 (still open)."
    ruined = run_of(exit=None, ruined=pd.Timestamp("2025-01-31"), equity=np.array([1e6, 5.0, -1234.5]))
    assert outcome(ruined, -np.inf, "SPY", True) == (
        "Ruined on 2025-01-31: equity fell to -1,234 USD and the run ended."
    )
    assert warnings(subject(Cash()), ruined) == ("ruined on 2025-01-31: equity fell to -1,234 USD, and the run ended",)


def test_warnings_are_those_of_the_run():
    day = pd.Timestamp("2025-01-31")
    assert warnings(subject(Cash()), run_of()) == ()
    assert warnings(subject(Cash()), run_of(fills=())) == (
        "no position was ever taken: the return is interest on cash",
    )
    borrowed = run_of(gross=np.array([0.0, 1234.5, 0.5]))
    assert warnings(STRANGER, borrowed) == ("gross exposure reached 1,234.50 times equity",)
    assert warnings(subject(Cash()), borrowed) == () and warnings(STRANGER, run_of()) == ()
    assert warnings(STRANGER, run_of(gross=np.array([0.0, 1 + 1e-9, 0.5]))) == ()
    assert warnings(STRANGER, run_of(gross=np.array([0.0, 1 + 2e-9, 0.5]))) == (
        "gross exposure reached 1.00 times equity",
    )
    names = run_of(
        left_out={"L": day}, under_a_share={"U": day}, refusals=(Refusal(day, "A", -5, "margin"),), exit=None
    )
    assert warnings(STRANGER, names) == (
        "L was left out on 2025-01-31: too few closes by then",
        "U was not held on 2025-01-31: a target of less than one share",
        "an order of -5 A (2025-01-31) was not filled: margin",
        "still open: valued at the close of 2025-02-03",
    )


def test_many_names_are_told_in_a_line():
    days = pd.bdate_range("2025-01-30", periods=21)
    few = {f"S{place}": day for place, day in enumerate(days[:20])}
    assert len(noted(few, "left out", "too few closes")) == 20
    many = {f"S{place}": day for place, day in enumerate(days[::-1])}
    assert noted(many, "left out", "too few closes") == [
        "21 names were left out, first 2025-01-30 to 2025-02-27: too few closes (S0, S1, S2, ...)"
    ]
    assert noted({}, "left out", "why") == []


def test_three_refusals_are_told_one_by_one():
    day = pd.Timestamp("2025-01-30")
    one = Refusal(day, "A", -1234.0, "margin")
    told = "an order of -1,234 A (2025-01-30) was not filled: margin"
    assert refused([one] * 3) == [told] * 3 and refused([]) == []
    late = Refusal(day, "A", 1.0, "after the hold")
    assert refused([one, late, one])[:2] == [told, told]
    assert refused([late, one])[1:] == [told] and len(refused([late, one])) == 2


# --- the story -------------------------------------------------------------------------------------------------------


def test_sections_of_a_docstring_are_told_on_a_line_each():
    class Told(bt.Strategy):
        """Title of it
        and more.

        Claim: one
            two.
        Rule:
            three:  four.
        Trades: five.
        Parameters:
            gross: Refuted: not here
        Refuted: six.
        """

    assert story(Told) == Story("Title of it", "one two.", "three: four.", "five.", "six.")


def test_the_docstring_that_has_the_sections_is_the_one_that_is_told(monkeypatch):
    module = ModuleType("own_module", "Of the file.\n\nClaim: of the file.\n")
    module.__file__ = "own_module.py"
    monkeypatch.setitem(sys.modules, "own_module", module)
    own = type("Own", (bt.Strategy,), {"__module__": "own_module", "__doc__": "Of the class."})
    assert story(own) == Story("Of the file.", "of the file.", "", "", "")
    both = type("Both", (bt.Strategy,), {"__module__": "own_module", "__doc__": "Of the class.\n\nRule: its own.\n"})
    assert story(both) == Story("Of the class.", "", "its own.", "", "")
    module.__doc__ = "Of the file."
    assert story(own).title == "Of the class."
    own.__doc__ = None
    assert story(own).title == "Of the file."
    del module.__file__
    assert story(own).title == "Own"


def test_sections_without_end_are_cut():
    told = story(type("Long", (bt.Strategy,), {"__doc__": f"{'t' * 301}\n\nClaim: {'w' * 2001}\n"}))
    assert (told.title, told.claim) == ("t" * 300 + "\u2026", "w" * 2000 + "\u2026")


def test_an_event_may_have_words_of_its_own():
    own = Story("a", "b", "c", "d", "e")
    assert retold(own, None) is own
    assert retold(own, Study("x", HalfMarket, ("M",), Cash())) == own
    assert retold(own, Study("x", HalfMarket, ("M",), Cash(), title="T")) == replace(own, title="T")
    assert retold(own, Study("x", HalfMarket, ("M",), Cash(), claim="C")) == replace(own, claim="C")
    assert told(Study("x", HalfMarket, ("M",), Cash(), claim="C")) == replace(story(HalfMarket), claim="C")


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("closes", "remedy"),
    [
        (3, "enter on 2025-01-31 or later"),
        (8, "enter on 2025-02-07 or later"),
        (11, "load more prices"),
        (12, "load more prices"),
    ],
)
def test_closes_that_are_missing_are_told_with_what_helps(make_prices, closes, remedy):
    prices = make_prices({"M": [10.0] * 12})

    class Patient(HalfMarket):
        history = closes + 1

    patient = Study("patient", Patient, ("M",), Cash())
    with pytest.raises(RequestError) as caught:
        study(patient, prices, Launch(prices.sessions[3]), FREE, pd.Series(0.0, prices.sessions))
    assert str(caught.value) == (
        f"patient needs {closes + 1} closes before its entry, and prices begin 3 closes before 2025-01-30; "
        f"{remedy}, or load earlier prices"
    )


def test_as_many_closes_as_are_needed_are_enough(make_prices):
    prices = make_prices({"M": [10.0] * 12})

    class Patient(HalfMarket):
        history = 3

    patient = Study("patient", Patient, ("M",), Cash())
    assert study(patient, prices, Launch(prices.sessions[3], 2), FREE, pd.Series(0.0, prices.sessions)).d == 0.0


def test_a_fund_must_be_listed_at_the_first_decision(make_prices):
    late = make_prices({"M": [10.0] * 9, "LATE": [np.nan] * 3 + [1.0] * 6})
    own = Study("half", HalfMarket, ("M",), Fund("LATE"))
    benchmark = pd.Series(0.0, late.sessions)
    assert study(own, late, Launch(late.sessions[4], 2), FREE, benchmark).d == 0.0
    with pytest.raises(RequestError) as caught:
        study(own, late, Launch(late.sessions[3], 2), FREE, benchmark)
    assert str(caught.value) == (
        "half is compared with LATE, which has no close on 2025-01-29; enter later or load earlier prices"
    )
