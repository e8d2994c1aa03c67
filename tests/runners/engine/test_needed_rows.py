"""The first session that a run needs, and runs on files that are wrong before it."""

from __future__ import annotations

import backtrader as bt
import pandas as pd
import pytest

from data import calendar
from data.errors import DataError, RequestError
from runners import run
from runners.engine.plan import make_plan
from runners.engine.request import Request
from runners.engine.sweep.sweep import SweepRequest, first_needed, prepare_space
from tests.resources.damages import read_file
from tests.resources.events import DEEPSEEK

ENTRY = pd.Timestamp("2025-01-31")


class Buy(bt.Strategy):
    """Ten shares, once."""

    def next(self):
        if not self.position:
            self.buy(size=10)


def needed(*readings, **options):
    given = {"Buy": Buy} if "Buy" in readings else {}
    return make_plan(Request(DEEPSEEK, readings, symbols=("SPY",) * bool(given), **options), given).needed_from


def test_the_first_needed_session_is_the_first_close_of_the_longest_declared_history():
    # Sessions of January 2025: 31, 30, 29, 28, 27, ...; nvda_comeback declares 5 closes, policy_winners 127.
    assert pd.Timestamp(DEEPSEEK.entry) == ENTRY
    assert needed("Buy") == pd.Timestamp("2025-01-30")
    assert needed("nvda_comeback") == pd.Timestamp("2025-01-24")
    assert needed("nvda_comeback", "policy_winners") == calendar.xnys()[calendar.xnys().get_loc(ENTRY) - 127]
    assert needed("Buy", history=3) == pd.Timestamp("2025-01-28")


def test_everything_is_needed_for_evidence_and_for_a_strategy_that_sees_all_closes():
    assert needed("nvda_comeback", evidence=True) is None
    assert needed("Buy", history=None) is None
    assert needed("policy_winners", entry="2000-02-01") is None, "the exchange calendar begins later"


def test_a_sweep_needs_the_closes_of_its_earliest_entry():
    wanted = SweepRequest(DEEPSEEK, "nvda_comeback", ("entry=2025-02-14,shock",))
    assert first_needed(prepare_space(wanted)) == calendar.offset(DEEPSEEK.shock, -5)
    earlier = SweepRequest(DEEPSEEK, "nvda_comeback", ("shock=2024-12-18,2025-01-27",))
    assert first_needed(prepare_space(earlier)) == pd.Timestamp("2024-12-17"), "the close before the earlier shock"


@pytest.fixture
def damaged(market_data, tmp_path):
    """A function that writes real prices of two symbols with a wrong cell of NVDA in the row before `session`."""

    def write(session):
        bars = read_file(market_data, "NVDA").astype({"Low": object})
        bars.iloc[bars.index.get_loc(session) - 1, bars.columns.get_loc("Low")] = "null"
        bars.to_csv(tmp_path / "NVDA.csv", date_format="%Y-%m-%d")
        for symbol in ("SPY", "QQQ"):
            read_file(market_data, symbol).to_csv(tmp_path / f"{symbol}.csv", date_format="%Y-%m-%d")
        return tmp_path

    return write


def test_a_wrong_row_that_is_not_needed_changes_no_figure_and_is_told_once(damaged, market_data):
    whole = run("nvda_comeback", source=market_data)
    result = run("nvda_comeback", source=damaged("2025-01-24"))
    figures = ("d", "interest", "refuted")
    assert [getattr(result, name) for name in figures] == [getattr(whole, name) for name in figures]
    pd.testing.assert_series_equal(result.equity, whole.equity)
    pd.testing.assert_series_equal(result.comparator, whole.comparator)
    (remark,) = result.run.remarks
    assert remark.startswith("NVDA: rows before 2025-01-24 have faults, and the run does not use them: NVDA on 2025-01")
    assert not [notice for notice in result.run.notices if "NVDA" in notice]


def test_a_wrong_row_that_is_needed_stops_the_run(damaged):
    folder = damaged("2025-01-27")
    with pytest.raises(DataError, match="'null' is not a number"):
        run("nvda_comeback", source=folder, benchmark="NVDA")
    with pytest.raises(RequestError, match="'null' is not a number"):
        run("nvda_comeback", source=folder)


def test_evidence_needs_every_row(damaged):
    with pytest.raises(RequestError, match="'null' is not a number"):
        run("nvda_comeback", source=damaged("2025-01-24"), evidence=True)


def test_an_indicator_that_reaches_a_wrong_row_stops_its_strategy(damaged):
    class Average(Buy):
        """Buys; its average needs 20 closes."""

        def __init__(self):
            bt.indicators.SMA(self.data.close, period=20)

    with pytest.raises(RequestError, match="'null' is not a number"):
        run(Average, symbols=("NVDA",), source=damaged("2025-01-24"))
