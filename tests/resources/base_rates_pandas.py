"""The base rates of five readings by plain arithmetic on a folder of real prices: an independent check of the engine.

    python tests/resources/base_rates_pandas.py DIR

DIR holds one CSV file per symbol in Yahoo's format. The script finds the shocks and keeps an account after each of
them, by the rules in docs/maths.md and docs/base-rates.md. It imports nothing from the project, so that it cannot share
a mistake with it.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

FACTS = Path(__file__).parents[2] / "data" / "facts"
MARKET = "SPY"
HORIZONS = (5, 20, 60, 120, 252)
LEAD = 4  # sessions from the shock to the entry
REBALANCE = 20
CAPITAL, COST, BORROW, RATE_MARGIN = 1_000_000.0, 3 / 10_000, 0.0030, 0.0050
READINGS = ("gpu_bubble", "bad_news", "nvda_holder", "midrange_challengers", "sector_tailwind")

Weights = dict[str, float]


@dataclass(frozen=True)
class History:
    """Sessions x symbols: prices as quoted, volumes, and closes with dividends; NaN where a symbol has no bar."""

    open: pd.DataFrame
    close: pd.DataFrame
    volume: pd.DataFrame
    adjusted: pd.DataFrame


def read_groups() -> dict[str, list[str]]:
    table = tomllib.loads((FACTS / "peer-groups.toml").read_text(encoding="utf-8"))
    return {name: group["members"] for name, group in table.items()}


def read_history(folder: Path) -> History:
    symbols = dict.fromkeys([MARKET, *(name for members in read_groups().values() for name in members)])
    frames = {
        name: pd.read_csv(folder / f"{name}.csv", index_col="Date", parse_dates=True)
        for name in symbols
        if (folder / f"{name}.csv").exists()
    }
    fields = {
        label: pd.concat({name: frame[label] for name, frame in frames.items()}, axis=1, sort=True)
        for label in ("Open", "Close", "Volume", "Adj Close")
    }
    return History(fields["Open"], fields["Close"], fields["Volume"], fields["Adj Close"])


def find_events(history: History) -> pd.DataFrame:
    """One row an event: its row in the sessions, group, members from the most traded one down, and the returns."""
    returns = history.adjusted / history.adjusted.shift() - 1
    traded = (history.close * history.volume).rolling(63, min_periods=40).median().shift()
    is_member = history.close.notna() & (history.close.notna().cumsum().shift() >= 252) & traded.notna()
    traded = traded.where(is_member)
    events = []
    for group, names in read_groups().items():
        volumes = traded[[name for name in names if name in traded]]
        large = volumes[volumes.notna().sum(axis=1) >= 3]
        leader = large.idxmax(axis=1)
        is_leader = pd.DataFrame({name: leader == name for name in large})
        fall = returns.loc[large.index, list(large)].where(is_leader).sum(axis=1, min_count=1)
        last = None
        for session in fall.index[(fall <= -0.10) & (returns.loc[large.index, MARKET] > -0.03)]:
            row = history.close.index.get_loc(session)
            if last is None or row - last >= 60:
                last = row
                members = list(large.loc[session].dropna().sort_values(ascending=False, kind="stable").index)
                events.append((row, group, members, fall[session], returns.at[session, MARKET]))
    table = pd.DataFrame(events, columns=["row", "group", "members", "fall", "market"])
    return table.sort_values("row", kind="stable", ignore_index=True)


def weights_of(reading: str, members: list[str]) -> Weights:
    leader, challengers = members[0], members[1:]
    lower = challengers[-max(1, len(challengers) // 2) :]
    legs = {
        "gpu_bubble": [([leader], -0.5), (challengers, 0.5)],
        "bad_news": [(members, -0.5), ([MARKET], 0.5)],
        "nvda_holder": [([leader], -0.5), ([MARKET], 0.5)],
        "midrange_challengers": [(lower, 0.5), (members, -0.5)],
        "sector_tailwind": [(members, 1.0)],
    }
    weights: Weights = {}
    for names, weight in legs[reading]:
        for name in names:
            weights[name] = weights.get(name, 0.0) + weight / len(names)
    return weights


def policy_rates(sessions: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
    """Annual rates that cash earns and credit pays, by the policy range in force on each session."""
    decisions = pd.read_csv(FACTS / "fomc-decisions.csv", parse_dates=["effective_date"])
    decisions = decisions.dropna(subset=["target_lower_after"]).set_index("effective_date")
    in_force = decisions[["target_lower_after", "target_upper_after"]].reindex(sessions, method="ffill")
    first = decisions[["target_lower_before", "target_upper_before"]].iloc[0].to_numpy()
    lower, upper = in_force.fillna(dict(zip(in_force, first, strict=True))).to_numpy().T / 100
    return np.maximum(lower - RATE_MARGIN, 0.0), upper + RATE_MARGIN


@dataclass(frozen=True)
class Bank:
    """Rates on each session, and calendar days since the session before."""

    earned: np.ndarray
    paid: np.ndarray
    days: np.ndarray


def make_bank(sessions: pd.DatetimeIndex) -> Bank:
    earned, paid = policy_rates(sessions)
    return Bank(earned, paid, np.diff(sessions, prepend=sessions[:1]) / np.timedelta64(1, "D"))


def equity(history: History, bank: Bank, weights: Weights, start: int, rebalance: int) -> np.ndarray:
    """Equity at HORIZONS of an account that starts at the close of `start`; NaN once a price is missing."""
    names, wanted = list(weights), np.array(list(weights.values()))
    rows = slice(start, start + max(HORIZONS) + 1)
    opens, closes, adjusted = (
        table.iloc[rows][names].to_numpy() for table in (history.open, history.close, history.adjusted)
    )
    factor = adjusted / closes
    opens, closes = opens * factor / factor[0], closes * factor / factor[0]
    cash, shares, value, curve = CAPITAL, np.zeros(len(names)), CAPITAL, {}
    target = shares
    for after in range(len(closes)):
        if after:
            if np.isnan(closes[after]).any() or value <= 0:
                break
            earlier, row = closes[after - 1], start + after
            short = -(np.minimum(shares, 0) * earlier).sum()
            annual = (
                bank.earned[row - 1] * max(0.0, cash - short) - bank.paid[row - 1] * max(0.0, -cash) - BORROW * short
            )
            cash += annual * bank.days[row] / 365
            if (after - 1) % rebalance == 0:
                moved = (target - shares) * opens[after]
                cash -= moved.sum() + COST * np.abs(moved).sum()
                shares = target
        value = cash + (shares * closes[after]).sum()
        curve[after] = value
        if after % rebalance == 0:
            target = np.sign(wanted) * np.floor(np.abs(wanted) * value / closes[after] + 1e-6)
    ruined = value <= 0
    return np.array([curve.get(horizon, 0.0 if ruined else np.nan) for horizon in HORIZONS])


def outcomes(history: History, events: pd.DataFrame) -> np.ndarray:
    """Excess return after each event, shape (n_events, n_readings, n_horizons); NaN where prices end before."""
    bank = make_bank(history.close.index)
    values = np.full((len(events), len(READINGS), len(HORIZONS)), np.nan)
    for index, event in events.iterrows():
        start = event["row"] + LEAD - 1  # the close of the first decision
        if start + 1 >= len(history.close):
            continue
        idle = equity(history, bank, {MARKET: 0.0}, start, 10**9)
        fund = equity(history, bank, {MARKET: 1.0}, start, 10**9)
        for column, reading in enumerate(READINGS):
            own = equity(history, bank, weights_of(reading, event["members"]), start, REBALANCE)
            values[index, column] = own / (fund if reading == "sector_tailwind" else idle) - 1
    return values


def main(folder: Path) -> None:
    history = read_history(folder)
    events = find_events(history)
    values = outcomes(history, events)
    print(f"{len(events)} events, {events['row'].nunique()} dates")
    for column, reading in enumerate(READINGS):
        known = (~np.isnan(values[:, column])).sum(axis=0)
        means = zip(known, np.nanmean(values[:, column], axis=0), strict=True)
        print(f"{reading:22}", *(f"{n:5d} {mean:+.6f}" for n, mean in means))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
