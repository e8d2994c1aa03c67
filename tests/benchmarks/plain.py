"""A run of all readings as a plain script would do it: stock feeds, one strategy after the other, stock tearsheets.

Usage: python plain.py PRICES OUT. The same readings, comparators and outputs as runners.deepseek (except its page),
with stock Backtrader and QuantStats. History begins a year and a quarter before the entry, the least that the rules
need. It is the peer of the benchmark `job`; its broker has neither credit nor interest.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import backtrader as bt
import matplotlib as mpl
import pandas as pd
import quantstats as qs

import strategies
from strategies.base import BetaMatched, Cash, EqualWeight, Fund, Variants
from strategies.base.basket import Basket

mpl.use("Agg")
ENTRY, BEFORE = pd.Timestamp("2025-01-31"), pd.Timestamp("2025-01-30")
HISTORY, LAST = pd.Timestamp("2023-10-02"), pd.Timestamp("2026-02-03")
EARLIER = pd.Timestamp("2024-01-31")  # entry of the run behind an earlier beta


def read(folder: Path, symbol: str) -> pd.DataFrame:
    """One file, total-return adjusted so that the factor is 1 at the close before the entry."""
    bars = pd.read_csv(folder / f"{symbol}.csv", index_col="Date", parse_dates=True)
    factor = bars["Adj Close"] / bars["Close"]
    prices = bars[["Open", "High", "Low", "Close"]].mul(factor / factor[BEFORE], axis=0)
    return prices.assign(Volume=bars["Volume"]).loc[HISTORY:LAST]


def run(folder: Path, strategy: type[bt.Strategy], symbols: tuple[str, ...], **parameters: object) -> Any:
    """One strategy through a stock Cerebro, with its value at every close."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(1_000_000)
    cerebro.broker.setcommission(commission=0.0003)
    for symbol in symbols:
        cerebro.adddata(bt.feeds.PandasData(dataname=read(folder, symbol)), name=symbol)
    cerebro.addanalyzer(bt.analyzers.TimeReturn, timeframe=bt.TimeFrame.Days, _name="returns")
    cerebro.addanalyzer(bt.analyzers.Transactions, _name="fills")
    cerebro.addstrategy(strategy, **{"entry": ENTRY, **parameters})
    return cerebro.run()[0]


def compare(folder: Path, name: str) -> None:
    """The runs behind the comparator of a reading."""
    strategy = strategies.load(name)
    symbols = strategy.rule().symbols
    match strategy.comparator:
        case Cash():
            run(folder, Basket, symbols, names=symbols, weight=0.0, rebalance=None)
        case Fund(symbol):
            run(folder, Basket, (symbol,), names=(symbol,), rebalance=None)
        case EqualWeight(basket):
            run(folder, Basket, basket, names=basket)
        case Variants(variants):
            for variant in variants:
                run(folder, strategy, symbols, **variant)
        case BetaMatched(symbol):
            run(folder, strategy, symbols, entry=EARLIER)
            run(folder, Basket, (symbol,), names=(symbol,), weight=0.8)


def main(folder: Path, out: Path) -> None:
    """Run all readings; write a tearsheet for each, and the tables."""
    out.mkdir(parents=True, exist_ok=True)
    benchmark = read(folder, "SPY")["Close"].pct_change().loc[ENTRY:].rename("SPY")
    returns, fills, decisions, summary = {}, [], [], {}
    for name in strategies.names():
        strategy = strategies.load(name)
        result = run(folder, strategy, strategy.rule().symbols)
        compare(folder, name)
        daily = pd.Series(result.analyzers.returns.get_analysis()).loc[ENTRY:]
        daily.index = pd.DatetimeIndex(daily.index)
        returns[name] = daily
        fills += [(name, day, *row) for day, rows in result.analyzers.fills.get_analysis().items() for row in rows]
        decisions += [
            (name, item.session, symbol, weight) for item in result.decisions for symbol, weight in item.weights.items()
        ]
        summary[name] = {
            "total_return": qs.stats.comp(daily),
            "sharpe": qs.stats.sharpe(daily),
            "cagr": qs.stats.cagr(daily),
        }
        sheet = {"rf": 0.0409, "match_dates": False, "title": name, "output": str(out / f"{name}.html")}
        try:
            qs.reports.html(daily, benchmark, **sheet)
        except ValueError:  # a strategy that waits in cash without interest; QuantStats cannot regress on zeros
            qs.reports.html(daily, **sheet)
    pd.DataFrame(returns).to_csv(out / "returns.csv")
    pd.DataFrame(fills).to_csv(out / "fills.csv")
    pd.DataFrame(decisions).to_csv(out / "decisions.csv")
    (out / "results.json").write_text(json.dumps(summary, default=float, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
