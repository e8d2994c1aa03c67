"""The bundled sample: exact at the pinned closes, plausible in between, the same on every machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import strategies
from data import calendar, load_prices, universe
from data.errors import RequestError
from data.sources import open_source, sample
from data.sources.sample import NOTICE, SampleSource
from data.synthetic import factor_model

ALL = tuple(factor_model.ASSETS)


@pytest.fixture(scope="module")
def bars():
    return SampleSource().bars(ALL)


@pytest.fixture(scope="module")
def pinned():
    # Python's conversion of decimals is correctly rounded.
    texts = pd.read_csv(Path(sample.__file__).parents[1] / "facts" / "pinned-closes.csv", dtype=str).set_index("date")
    return texts.map(float).set_axis(pd.DatetimeIndex(texts.index), axis=0)


def ratio(frame):
    return frame["Adj Close"] / frame["Close"]


def test_its_symbols_are_pinned(pinned):
    assert set(ALL) == set(pinned.columns) - {"RSP"} and len(ALL) == 45 and pinned.shape == (46, 46)


def test_it_has_all_symbols_of_the_readings():
    assert set(universe.AI_UNIVERSE) <= set(ALL)
    assert {symbol for name in strategies.names() for symbol in strategies.load(name).rule().symbols} <= set(ALL)


def test_it_covers_the_sessions_between_the_anchor_and_the_last_pin(bars):
    expected = calendar.sessions_between("2022-01-03", "2026-04-30")
    assert all(frame.index.equals(expected) for symbol, frame in bars.items() if symbol != "ARM")


def test_every_pin_is_matched_to_the_cent(bars, pinned):
    closes = pd.DataFrame({symbol: frame["Close"] for symbol, frame in bars.items()})
    inside = pinned[list(ALL)].iloc[1:]
    pd.testing.assert_frame_equal(
        closes.loc[inside.index], inside, check_exact=True, check_names=False, check_freq=False, check_index_type=False
    )


def test_it_starts_from_the_anchor(bars, pinned):
    moves = [np.log(bars[symbol]["Close"].iloc[0] / pinned[symbol].iloc[0]) for symbol in ALL if symbol != "ARM"]
    assert np.abs(moves).max() < 0.15


def test_arm_begins_with_its_listing(bars):
    assert bars["ARM"].index[0] == pd.Timestamp("2023-09-14")
    assert bars["ARM"].notna().all(axis=None)


def test_prices_are_in_cents_and_inside_their_range(bars):
    for frame in bars.values():
        prices = frame[["Open", "High", "Low", "Close"]]
        assert np.allclose(prices * 100, (prices * 100).round(), rtol=0, atol=1e-8)
        assert (frame["Low"] <= prices.min(axis=1)).all() and (frame["High"] >= prices.max(axis=1)).all()
        assert (frame["Volume"] > 0).all() and (frame["Volume"] % 1 == 0).all()


def test_it_passes_every_quality_check():
    prices = load_prices(ALL, source="sample")
    assert (prices.origin, prices.real, prices.close.shape) == ("bundled sample", False, (1085, 45))


def test_simulated_moves_are_plausible(bars, pinned):
    for frame in bars.values():
        moves = np.log(frame["Close"]).diff().drop(pinned.index, errors="ignore")
        assert moves.abs().max() < np.log(1.3)


def test_pinning_keeps_volatility_near_the_model(bars):
    for symbol, (_, volatility, _) in factor_model.ASSETS.items():
        if symbol != "BIL":
            realised = np.log(bars[symbol]["Close"]).diff().std() * np.sqrt(252)
            assert 0.8 < realised / volatility < 1.25, symbol


def test_symbols_that_joined_later_move_with_the_market(bars):
    moves = {symbol: np.log(bars[symbol]["Close"]).diff().iloc[1:] for symbol in ("QTEC", "XLK", "AAPL", "QQQ", "KWEB")}
    correlations = pd.DataFrame(moves).corr()["QQQ"]
    assert correlations["QTEC"] > 0.9 and correlations["XLK"] > 0.9 and 0.5 < correlations["AAPL"] < 0.8
    assert correlations["KWEB"] < 0.5


def test_bars_do_not_depend_on_the_other_symbols_requested(bars):
    for symbol, frame in SampleSource().bars(("XLU", "AMD")).items():
        pd.testing.assert_frame_equal(frame, bars[symbol], check_exact=True)


def test_reconstruction_is_reproducible():
    assert sample.reconstruct_sample.__wrapped__().fingerprint == sample.reconstruct_sample().fingerprint


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        (ALL[:42], "863c9c9ab009629d4257e32db548b02ed5f20fee65e359be20c3de192fc11e02"),
        # Those that joined later have changed nothing of the others.
        (ALL[42:], "ba92a5f0faceb4a530c59402ec3434a0237232ecadba18bfc70b4f275ee50212"),
    ],
)
def test_it_is_the_same_on_every_machine(bars, symbols, expected):
    # Recorded once: a different digest means that users of the sample see different numbers.
    digest = hashlib.sha256()
    for symbol in symbols:
        digest.update(bars[symbol].to_numpy(dtype="<f8").tobytes())
    assert digest.hexdigest() == expected


@pytest.mark.parametrize(
    ("symbol", "rate"), [("TLT", 0.035), ("IEF", 0.03), ("SHY", 0.03), ("VNQ", 0.04), ("XLU", 0.03)]
)
def test_the_stated_yield_is_earned_in_a_year(bars, symbol, rate):
    growth = ratio(bars[symbol])
    # 365 days
    assert growth["2024-01-03"] / growth["2023-01-03"] == pytest.approx(1 + rate, abs=1e-6)
    # Friday to Monday
    assert growth["2025-01-27"] / growth["2025-01-24"] == pytest.approx((1 + rate) ** (3 / 365), abs=1e-6)


def test_bills_earn_the_middle_of_the_policy_range(bars):
    # 5.25 to 5.50 % from 27 July 2023 to 18 September 2024; 364 days. A cent is 1.1e-4 of the price.
    total = bars["BIL"]["Adj Close"]
    assert total["2024-08-30"] / total["2023-09-01"] == pytest.approx(1.05375 ** (364 / 365), abs=3e-4)


def test_other_symbols_pay_nothing(bars):
    for symbol in set(ALL) - {"BIL", *sample.YIELDS}:
        assert (bars[symbol]["Adj Close"] == bars[symbol]["Close"]).all()


def test_total_returns_end_at_the_close(bars):
    assert all(frame["Adj Close"].iloc[-1] == frame["Close"].iloc[-1] for frame in bars.values())


def test_its_name_origin_and_notice():
    source = open_source("sample")
    assert (source.name, source.origin, source.real, source.notes) == ("sample", "bundled sample", False, (NOTICE,))
    assert NOTICE.startswith("real closes on 46 dates, simulated in between; dividends are assumed: BIL earns")
    assert "TLT 3.5%" in NOTICE


def test_unknown_symbols_get_suggestions():
    with pytest.raises(
        RequestError, match=r"no prices for nvdia \(did you mean NVDA\?\), ZZZZ in the bundled .* --source yahoo"
    ):
        SampleSource().bars(("nvdia", "AMD", "ZZZZ"))
