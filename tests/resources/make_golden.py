"""Make the golden files: the account of each reading, by plain arithmetic on a folder of real prices.

    python tests/resources/make_golden.py [DIR] [READING ...]

READING is a name (all by default). DIR holds a CSV a symbol as Yahoo writes them (Date,Open,High,Low,Close,Adj
Close,Volume); the default is the folder in the variable DEEPSEEK_PRICES. Written beside this file: golden/NAME.csv, the
equity (USD) on the decision sessions and at the horizons, and golden/d.csv, the log of a reading's growth less the log
of its comparator's.

The recipes of the first twelve readings stand below. That of any other is a file of its own, recipes/NAME.py, with

    SYMBOLS   what it trades and is compared with
    rule      what it wants at a close, a function of a Moment (below); None leaves positions alone
    DAILY     True where it is asked at every close (may be left out)
    AGAINST   rules, the best of which it must beat (may be left out: cash that earns nothing)

Nothing of the project is imported, so that a mistake in the project cannot hide here. Sessions are counted in rows of
SPY.csv; the account starts with cash at the close before the entry session, which is row `start`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

ENTRY = "2025-01-31"
HOLD = 252
REBALANCE = 20
HORIZONS = (5, 20, 60, 120, 252)

CAPITAL = 1_000_000.0
COST = (1 + 2) / 10_000  # commission and half the spread, one way
BORROW = 0.0030  # a year
RATE_MARGIN = 0.50  # percentage points off the policy range, on either side

FACTS = Path(__file__).parents[2] / "data" / "facts"
GOLDEN = Path(__file__).parent / "golden"
RECIPES = Path(__file__).parent / "recipes"

SOFTWARE = ["PLTR", "CRM", "NOW", "SNOW", "ADBE", "DDOG", "MDB", "WDAY", "PANW", "CRWD"]
CHIPS = ["NVDA", "AMD", "INTC", "QCOM", "MRVL", "ARM", "AVGO", "TSM", "MU"]
AI_UNIVERSE = [*CHIPS, "ANET", "VRT", "MSFT", "GOOGL", "META", "AMZN", "ORCL", *SOFTWARE]
US_UNIVERSE = [name for name in AI_UNIVERSE if name not in {"TSM", "ARM"}]
FUNDS = ["SPY", "QQQ", "SMH", "IGV", "IEF", "BIL", "TLT", "VNQ", "XLU", "IWM", "KWEB", "FXI"]

FOMC = pd.read_csv(FACTS / "fomc-decisions.csv", parse_dates=["decision_date", "effective_date"])

Weights = dict[str, float]


@dataclass(frozen=True)
class Market:
    """Prices with dividends reinvested, sessions x symbols, NaN before a listing."""

    open: pd.DataFrame
    low: pd.DataFrame
    close: pd.DataFrame

    def row(self, date: str | pd.Timestamp) -> int:
        return cast("int", self.close.index.get_loc(pd.Timestamp(date)))

    def rebased(self, row: int, factor: pd.DataFrame) -> Market:
        """Every field times a factor that is 1 at the row, or at the first bar of what is listed later."""
        scale = factor / factor.iloc[row:].bfill().iloc[0]
        return Market(self.open * scale, self.low * scale, self.close * scale)

    def beats(self, row: int, one: str, other: str, sessions: int) -> bool:
        growth = self.close.iloc[row] / self.close.iloc[row - sessions]
        return bool(growth[one] > growth[other])


@dataclass(frozen=True)
class Moment:
    """The close at which a rule is asked, of an account that starts at the close of row `start`."""

    market: Market
    row: int
    start: int

    @property
    def scheduled(self) -> bool:
        return (self.row - self.start) % REBALANCE == 0

    def known(self, names: Iterable[str], closes: int = 1) -> list[str]:
        """The names that have at least so many closes by now."""
        count = self.market.close.iloc[: self.row + 1].count()
        return [name for name in names if count[name] >= closes]

    def leg(self, weight: float, names: Iterable[str], closes: int = 1) -> Weights:
        """The weight, spread equally over the names that have enough closes."""
        known = self.known(names, closes)
        return {name: weight / len(known) for name in known}


Rule = Callable[[Moment], Weights | None]  # None leaves positions alone; what is not named is sold


def gpu_bubble(now: Moment) -> Weights:
    return now.leg(-0.5, ["NVDA"]) | now.leg(0.5, ["AMD", "INTC"])


def ai_software(now: Moment) -> Weights:
    return now.leg(1.0, SOFTWARE)


def sector_tailwind(now: Moment) -> Weights:
    return now.leg(1.0, ["SMH", "IGV"])


def bad_news(now: Moment) -> Weights:
    return now.leg(-0.5, ["SMH"]) | now.leg(0.5, ["SPY"])


def midrange_challengers(now: Moment) -> Weights:
    return now.leg(-0.5, ["SMH"]) | now.leg(0.5, ["AMD", "INTC", "QCOM", "ARM", "MRVL"])


def us_over_china(now: Moment) -> Weights:
    return now.leg(0.5, ["QQQ"]) | now.leg(-0.5, ["KWEB", "FXI"])


def high_end_demand(now: Moment) -> Weights:
    return now.leg(1.0, ["NVDA", "AVGO", "TSM", "MU", "ANET", "VRT"])


def us_basket(now: Moment) -> Weights:
    return now.leg(1.0, US_UNIVERSE, closes=127)


def policy_winners(now: Moment) -> Weights:
    names = now.known(US_UNIVERSE, closes=127)
    momentum = now.market.close.iloc[now.row - 21] / now.market.close.iloc[now.row - 126] - 1
    winners = sorted(names, key=lambda name: (-momentum[name], name))[:5]
    return now.leg(1.0, winners)


def shocks_basket(now: Moment) -> Weights:
    return now.leg(0.5, SOFTWARE) | now.leg(0.5, ["SMH"])


def two_shocks(now: Moment) -> Weights:
    basket = shocks_basket(now)
    if now.market.beats(now.row, "IEF", "BIL", 60):
        return basket
    return {name: weight / 2 for name, weight in basket.items()} | {"BIL": 0.5}


def leadership(now: Moment, ago: int = 0) -> pd.Series:
    """The shares of the pool's names that have 147 closes by now, as they stood so many sessions ago."""
    close = now.market.close[now.known(AI_UNIVERSE, closes=147)]
    growth = close.iloc[now.row - ago] / close.iloc[now.row - ago - 126]
    return growth / growth.sum()


def hill(share: pd.Series) -> float:
    """Effective number of names, the Hill number of order 1."""
    return float(np.exp(-(share * np.log(share)).sum()))


def pool_even(now: Moment) -> Weights:
    return now.leg(1.0, AI_UNIVERSE, closes=147)


def pool_leaders(now: Moment) -> Weights:
    return {str(name): float(share) for name, share in leadership(now).items()}


def diversity_pool(now: Moment) -> Weights:
    widens = hill(leadership(now)) > hill(leadership(now, ago=20))
    return pool_even(now) if widens else pool_leaders(now)


def nvda_is_in(now: Moment, row: int) -> bool:
    """The state of the signal at the close of a row, from the shock's close on."""
    close, shock = now.market.close["NVDA"], now.start + 1 - 4
    midpoint = (close.iloc[shock - 1] + close.iloc[shock]) / 2
    inside = False
    for price in close.iloc[shock : row + 1]:
        if price < now.market.low["NVDA"].iloc[shock]:
            inside = False
        elif price >= midpoint:
            inside = True
    return inside


def nvda_comeback(now: Moment) -> Weights | None:
    inside = nvda_is_in(now, now.row)
    if now.row > now.start and inside == nvda_is_in(now, now.row - 1):
        return None
    return {"NVDA": 1.0} if inside else {}


def is_easing(now: Moment, meeting: int, decision: str) -> bool:
    """Read at the latest deciding close: the sixth before the meeting's decision session, or that session's own."""
    if now.row < meeting:
        return now.market.beats(meeting - 6, "IEF", "BIL", 20)
    return decision == "cut" or (decision == "hold" and now.market.beats(meeting, "IEF", "BIL", 20))


def fomc_tilt(now: Moment) -> Weights | None:
    meetings = FOMC[FOMC["scheduled"] & FOMC["decision_date"].isin(now.market.close.index)]
    weights = {"SPY": 1.0}
    asked = now.scheduled
    for date, decision in zip(meetings["decision_date"], meetings["decision"], strict=True):
        meeting = now.market.row(date)
        asked = asked or now.row in {meeting - 6, meeting, meeting + 10}
        if meeting - 6 <= now.row < meeting + 10:
            other = ["TLT", "IEF", "VNQ", "XLU", "IWM"] if is_easing(now, meeting, decision) else ["BIL"]
            weights = now.leg(0.5, ["SPY"]) | now.leg(0.5, other)
    return weights if asked else None


def bought_and_held(name: str) -> Rule:
    return lambda now: {name: 1.0} if now.row == now.start else None


READINGS: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        gpu_bubble,
        ai_software,
        fomc_tilt,
        sector_tailwind,
        bad_news,
        midrange_challengers,
        nvda_comeback,
        diversity_pool,
        us_over_china,
        high_end_demand,
        policy_winners,
        two_shocks,
    )
}
ASKED_DAILY = (nvda_comeback, fomc_tilt)


@dataclass(frozen=True)
class Account:
    """Equity in USD at every close, and the sessions whose close set a target."""

    equity: pd.Series
    decided: list[pd.Timestamp]


def interest(cash: float, shares: pd.Series, close: pd.Series, since: pd.Timestamp, until: pd.Timestamp) -> float:
    """What the positions of a close earn, less what they pay, until a later session."""
    policy = FOMC[FOMC["effective_date"] <= since].iloc[-1]
    lower = max(0.0, policy["target_lower_after"] - RATE_MARGIN) / 100
    upper = (policy["target_upper_after"] + RATE_MARGIN) / 100
    short = -(shares.clip(upper=0) * close).sum()
    a_year = lower * max(0.0, cash - short) - upper * max(0.0, -cash) - BORROW * short
    return float(a_year) * (until - since).days / 365


def target_shares(weights: Weights, equity: float, close: pd.Series) -> pd.Series:
    shares = pd.Series(0.0, index=close.index)
    for name, weight in weights.items():
        shares[name] = np.sign(weight) * np.floor(abs(weight) * equity / close[name] + 1e-6)
    return shares


def decide(rule: Rule, now: Moment, closing: int | None) -> Weights | None:
    if closing is not None and now.row >= closing:
        return {} if now.row == closing else None
    daily = rule in ASKED_DAILY or rule.__globals__.get("DAILY", False)
    return rule(now) if now.scheduled or daily else None


def run(market: Market, rule: Rule, start: int, last: int, closing: int | None = None) -> Account:
    """One account from the close of `start` to that of `last`; all is sold at the open after the row `closing`."""
    sessions, cash, target = market.close.index, CAPITAL, None
    shares = pd.Series(0.0, index=market.close.columns)
    equity, decided = {}, []
    for row in range(start, last + 1):
        close = market.close.iloc[row]
        if row > start:
            cash += interest(cash, shares, market.close.iloc[row - 1], sessions[row - 1], sessions[row])
        if target is not None:
            traded = (target - shares) * market.open.iloc[row]
            cash -= traded.sum() + COST * traded.abs().sum()
            shares = target
        equity[sessions[row]] = cash + (shares * close).sum()
        weights = decide(rule, Moment(market, row, start), closing)
        target = None if weights is None else target_shares(weights, equity[sessions[row]], close)
        if weights is not None:
            decided.append(sessions[row])
    return Account(pd.Series(equity), decided)


def fomc_beta(raw: Market, factor: pd.DataFrame, start: int) -> float:
    """Slope of the rule's own returns on SPY's, over the 252 sessions that end at the start, within [0, 1]."""
    before = start - 252
    market = raw.rebased(before, factor)
    own = run(market, fomc_tilt, before, start).equity.pct_change().iloc[1:]
    fund = market.close["SPY"].pct_change().loc[own.index]
    return float(np.clip(np.polyfit(fund, own, 1)[0], 0, 1))


def comparators(beta: float) -> dict[str, list[Rule]]:
    """The best of these is what a reading is compared with; none means cash that earns nothing."""
    spy, qqq = bought_and_held("SPY"), bought_and_held("QQQ")
    return {
        "ai_software": [qqq],
        "fomc_tilt": [lambda now: {"SPY": beta}],
        "sector_tailwind": [spy],
        "diversity_pool": [pool_even, pool_leaders],
        "high_end_demand": [qqq],
        "policy_winners": [us_basket],
        "two_shocks": [shocks_basket],
    }


def log_growth(accounts: Iterable[Account], session: pd.Timestamp) -> float:
    return max((float(np.log(account.equity[session] / CAPITAL)) for account in accounts), default=0.0)


def read(folder: Path, names: Iterable[str] = (*FUNDS, *AI_UNIVERSE)) -> tuple[Market, pd.DataFrame]:
    """The prices without dividends, and the factors that bring them in."""
    frames = {name: pd.read_csv(folder / f"{name}.csv", index_col="Date", parse_dates=True) for name in names}
    sessions = frames["SPY"].index

    def field(label: str) -> pd.DataFrame:
        return pd.DataFrame({name: frame[label] for name, frame in frames.items()}).reindex(sessions)

    raw = Market(field("Open"), field("Low"), field("Close"))
    return raw, field("Adj Close") / raw.close


def golden_rows(account: Account, start: int, sessions: pd.Index) -> pd.Series:
    """Equity at the scheduled and the actual decisions, the entry, the horizons and the end."""
    rows = {*range(0, HOLD, REBALANCE), 1, *HORIZONS, HOLD + 1}
    kept = {sessions[start + row] for row in rows} | set(account.decided)
    return account.equity[sorted(kept)].rename_axis("session").rename("equity")


def excess(account: Account, against: list[Account], ends: dict[str, pd.Timestamp]) -> dict[str, float]:
    return {label: log_growth([account], day) - log_growth(against, day) for label, day in ends.items()}


def made(raw: Market, factor: pd.DataFrame, rule: Rule, against: Iterable[Rule]) -> tuple[pd.Series, dict[str, float]]:
    """The rows of a golden file, and d at every horizon and at the end."""
    start = raw.row(ENTRY) - 1
    window = {"start": start, "last": start + HOLD + 1, "closing": start + HOLD}
    market, sessions = raw.rebased(start, factor), raw.close.index
    ends = {str(n): sessions[start + n] for n in HORIZONS} | {"end": sessions[start + HOLD + 1]}
    account = run(market, rule, **window)
    d = excess(account, [run(market, rival, **window) for rival in against], ends)
    return golden_rows(account, start, sessions), d


def made_of_recipe(folder: Path, name: str) -> tuple[pd.Series, dict[str, float]]:
    """The same for the reading of recipes/NAME.py."""
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", RECIPES / f"{name}.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    raw, factor = read(folder, dict.fromkeys(("SPY", *recipe.SYMBOLS)))
    return made(raw, factor, recipe.rule, getattr(recipe, "AGAINST", ()))


def recipes() -> list[str]:
    return sorted(path.stem for path in RECIPES.glob("*.py"))


def main(folder: Path, wanted: list[str]) -> None:
    raw, factor = read(folder)
    beta = fomc_beta(raw, factor, raw.row(ENTRY) - 1)
    GOLDEN.mkdir(exist_ok=True)
    table = pd.read_csv(GOLDEN / "d.csv", dtype=str) if (GOLDEN / "d.csv").exists() else pd.DataFrame()
    known = dict(iter(table.groupby("reading"))) if len(table) else {}
    for name in wanted:
        if name in READINGS:
            equity, d = made(raw, factor, READINGS[name], comparators(beta).get(name, []))
        else:
            equity, d = made_of_recipe(folder, name)
        equity.to_csv(GOLDEN / f"{name}.csv", float_format="%.2f", lineterminator="\n")
        known[name] = pd.DataFrame({"reading": name, "horizon": list(d), "d": [f"{value:.8f}" for value in d.values()]})
        print(f"{name:22}{equity.iloc[-1]:16,.2f}{d['end']:12.6f}")
    print(f"beta of fomc_tilt's comparator: {beta:.8f}")
    kept = pd.concat([known[name] for name in (*READINGS, *recipes()) if name in known])
    kept.to_csv(GOLDEN / "d.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    every = (*READINGS, *recipes())
    names = [word for word in sys.argv[1:] if word in every]
    folders = [word for word in sys.argv[1:] if word not in every] or [os.environ.get("DEEPSEEK_PRICES", "")]
    if len(folders) > 1 or not Path(folders[0] or "?").is_dir():
        sys.exit(f"no folder of prices nor a reading: {' '.join(folders)}; name one, or set DEEPSEEK_PRICES")
    main(Path(folders[0]), names or list(every))
