"""What launches must beat, side by side: the figures of single studies through Backtrader, for every comparator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.errors import RequestError
from data.prices import FIELDS
from reports.result import HORIZONS
from runners.engine.backtest import Launch, backtest
from runners.engine.frictions import Frictions
from runners.engine.launches import Terms, comparator, differences, earlier_betas, growth, less, slope
from runners.engine.scenarios import Scenario, Scenarios
from runners.engine.study import Study, comparator_wealth, earlier_beta
from runners.engine.yardstick import yardstick
from strategies.base import BetaMatched, Cash, EqualWeight, Fund, Past, Reading, Variants, Weights
from tests.resources.workers import Crossing

COSTS = (Frictions(2, 3, 0.01, lag=2), Frictions(0, 0, 0, 0.05))
SETTINGS = ({"share": 0.9}, {"share": -0.4, "back": 3})
COMPARATORS = [
    Cash(),
    Fund("M"),
    EqualWeight(("M", "LATE"), "both", closes=3),
    BetaMatched("M", 25),
    Variants(({"share": 0.2}, {"back": 5}), "others"),
    pytest.param(Variants(({"share": 0.2, "back": 5},), "one, whatever the setting"), id="one variant"),
]


class Trend(Reading):
    """A share in N, on the side of its last moves; it looks at the shock too."""

    params = (("share", 0.5), ("back", 1))
    symbols = ("N",)
    history = 6

    def weights(self, past: Past) -> Weights:
        rose = past.growth("N", self.p.back) > 1
        return {"N": self.p.share * (1 if rose else 0.5) * (1 if past.shock < past.session else 0.9)}


@pytest.fixture
def prices(random_prices):
    """M and N over 100 sessions; LATE is listed at the 60th."""
    made = random_prices(("M", "N", "LATE"), 100)
    unlisted = (np.arange(100)[:, None] < 60) & (np.arange(3) == 2)
    return replace(made, **{name: np.where(unlisted, np.nan, getattr(made, name)) for name in (*FIELDS, "factor")})


def subject(compared, **parameters: object) -> Study:
    return Study("trend", Trend, ("N",), compared, parameters)


def curve(wealth: np.ndarray, hold: int | None) -> list[float]:
    """Log wealth at the horizons that the hold and the prices reach, and at the end."""
    reach = min(len(wealth) - 1, len(wealth) if hold is None else hold)
    return [*(np.log(wealth[n]) if n <= reach else np.nan for n in HORIZONS), np.log(wealth[-1])]


def several(prices) -> list[Scenario]:
    """Launches that differ in one thing each, and the first of them once more."""
    first = Scenario(prices.sessions[40], 21, 5, prices.sessions[30], COSTS[0], SETTINGS[0])
    changed = [
        {"entry": prices.sessions[58]},
        {"hold": None},
        {"rebalance": None},
        {"shock": prices.sessions[45]},
        {"frictions": COSTS[1]},
        {"parameters": SETTINGS[1]},
        {"entry": prices.sessions[90], "hold": 30},
        {"entry": prices.sessions[15], "rebalance": 3, "parameters": SETTINGS[1]},
    ]
    return [first, *(replace(first, **each) for each in changed), first]


@pytest.mark.parametrize("compared", COMPARATORS, ids=lambda each: type(each).__name__)
def test_a_yardstick_of_many_launches_is_that_of_each(compared, prices):
    scenarios = several(prices)
    found = yardstick(subject(compared), prices, Scenarios.of(scenarios))
    expected = []
    for each in scenarios:
        launch = Launch(each.entry, each.hold, each.rebalance, each.shock)
        wealth = comparator_wealth(subject(compared, **each.parameters), prices, launch, each.frictions)
        expected.append(curve(wealth, each.hold) if compared != Cash() else [0.0] * (len(HORIZONS) + 1))
    assert found == pytest.approx(np.array(expected), abs=1e-8, nan_ok=True)


@pytest.mark.parametrize("compared", COMPARATORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("terms", [Terms(21, 5, COSTS[0]), Terms(None, None, COSTS[1], before=9)])
def test_so_are_differences(compared, terms, prices):
    entries, own = np.array([35, 58, 79, 97]), subject(compared, **SETTINGS[1])
    if isinstance(compared, BetaMatched):
        own = replace(own, comparator=BetaMatched("M", 9))
        entries = entries[1:]  # it needs sixty closes before the rule's own history
        entries[0] = 66
    found, expected = differences(own, prices, entries, terms), []
    for row in entries.tolist():
        shock = prices.sessions[row - terms.before]
        launch = Launch(prices.sessions[row], terms.hold, terms.rebalance, shock)
        run = backtest(Trend, prices.select(("N",)), launch, terms.frictions, own.parameters)
        wealth = comparator_wealth(own, prices, launch, terms.frictions)
        expected.append(np.subtract(curve(run.equity / 1e6, terms.hold), curve(wealth, terms.hold)))
    assert found == pytest.approx(np.array(expected), abs=1e-8, nan_ok=True)


@pytest.mark.parametrize("sessions", [25, 400])
def test_betas_of_earlier_returns_are_those_of_each_launch(sessions, prices):
    own, terms, entries = subject(BetaMatched("M", sessions), **SETTINGS[0]), Terms(21, 5, COSTS[0]), np.array([40, 90])
    expected = [
        earlier_beta(own, prices, Launch(prices.sessions[row], 21, 5), COSTS[0], "M", sessions) for row in entries
    ]
    assert earlier_betas(own, prices, entries, terms, "M", sessions).tolist() == pytest.approx(expected, abs=1e-9)


def test_the_shock_lies_as_far_before_a_launch_as_is_asked_and_as_usual_before_earlier_returns(prices):
    rows = np.array([40, 90])
    assert (Terms(21, 5, COSTS[0], before=7).at(rows, prices).shock == prices.days[rows - 7]).all()
    own, sooner = subject(BetaMatched("M", 25), **SETTINGS[0]), Terms(21, 5, COSTS[0], before=1)
    usual = earlier_betas(own, prices, rows, Terms(21, 5, COSTS[0]), "M", 25)
    assert earlier_betas(own, prices, rows, sooner, "M", 25).tolist() == usual.tolist()


def test_a_beta_above_one_is_matched_by_the_whole_fund_and_no_credit(random_prices):
    """N moves four times as much as M; what it must beat is all of M, from the open of the 71st row on."""
    free = Frictions(0, 0, 0, 0)
    made = random_prices(("M", "N"), 100)
    moves = 1 + 4 * (made.close[1:, 0] / made.close[:-1, 0] - 1)
    close = np.column_stack([made.close[:, 0], 50 * np.cumprod([1, *moves])])
    steep = replace(made, **dict.fromkeys(FIELDS[:4], close))
    own, launch = subject(BetaMatched("M", 25), share=0.9), Launch(steep.sessions[70], 20, None)
    assert earlier_beta(own, steep, launch, free, "M", 25) > 1.05
    whole = np.log(
        1 + (close[[74, 89], 0] - close[70, 0]) / close[69, 0]
    )  # shares of the close before, paid at the open
    assert np.abs(whole).min() > 0.02, "a fund that hardly moves would tell nothing"

    found = yardstick(own, steep, Scenarios.of([Scenario(launch.entry, 20, None, None, free, {"share": 0.9})]))
    assert found[0, [0, 1]] == pytest.approx(whole, abs=1e-4)  # whole shares
    run = backtest(Trend, steep.select(("N",)), launch, free, {"share": 0.9})
    d = differences(own, steep, np.array([70]), Terms(20, None, free))
    assert d[0, [0, 1]] == pytest.approx(np.log(run.equity[[5, 20]] / 1e6) - whole, abs=1e-4)


def test_a_slope_by_hand():
    # Returns of 10 % and -10 % on the fund, 30 % and -10 % beside them: (0.3 + 0.1) / 0.2 = 2.
    assert slope(np.array([1.0, 1.3, 1.17]), np.array([50.0, 55.0, 49.5])) == pytest.approx(2.0)


def test_ruin_on_either_side():
    inf = np.inf
    own, other = np.array([0.5, -inf, 0.5, -inf, np.nan]), np.array([0.2, 0.2, -inf, -inf, 0.1])
    assert less(own, other).tolist() == pytest.approx([0.3, -inf, inf, -inf, np.nan], nan_ok=True)


def test_log_wealth_of_what_fell_to_nothing_is_minus_infinity():
    class Run:
        horizons = np.array([[0.1, -1.0], [-1.5, np.nan]])
        terminal = np.array([1_210_000.0, 0.0])

    expected = [[np.log(1.1), -np.inf, np.log(1.21)], [-np.inf, np.nan, -np.inf]]
    assert growth(Run()).tolist() == [pytest.approx(row, nan_ok=True) for row in expected]


@pytest.mark.parametrize("compared", [Fund("LATE"), BetaMatched("LATE", 9)], ids=["fund", "beta"])
def test_a_fund_that_does_not_trade_yet_is_told(compared, prices):
    # The first decision of row 60 falls at the close of row 59, a session before the listing; of row 61 at its own.
    early, late = (Scenarios.of([Scenario(prices.sessions[row], 5)]) for row in (60, 61))
    with pytest.raises(RequestError) as error:
        yardstick(subject(compared), prices, early)
    assert str(error.value) == (
        f"trend is compared with LATE, which has no close on {prices.sessions[59]:%Y-%m-%d}; "
        "enter later or load earlier prices"
    )
    if isinstance(compared, Fund):
        assert np.isfinite(yardstick(subject(compared), prices, late)[0, 0])


def test_a_plain_strategy_has_no_beta_of_its_own(prices):
    own = Study("crossing", Crossing, ("N",), BetaMatched("M", 9))
    told = "^crossing has no rule whose earlier returns could be matched$"
    with pytest.raises(RequestError, match=told):
        yardstick(own, prices, Scenarios.of([Scenario(prices.sessions[40], 5)]))
    with pytest.raises(RequestError, match=told):
        comparator(own, prices, np.array([70]), Terms())


def test_an_entry_before_the_history_is_refused_by_its_row(prices):
    with pytest.raises(RequestError, match=r"^trend needs 6 closes before its entry; row 5 has fewer$"):
        differences(subject(Cash()), prices, np.array([6, 5, 4]), Terms(5))
    assert differences(subject(Cash()), prices, np.array([6]), Terms(5)).shape == (1, len(HORIZONS) + 1)
