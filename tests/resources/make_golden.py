"""Make the golden files: the equity of each reading, by plain arithmetic on a folder of real prices.

    python tests/resources/make_golden.py [DIR] [READING ...]

READING is a name (default: all). DIR holds one CSV file per symbol in Yahoo's format (Date,Open,High,Low,Close,Adj
Close,Volume); the default is the folder in the variable DEEPSEEK_PRICES. The script writes, beside itself,
golden/NAME.csv, the equity (USD) on decision sessions and at the horizons, and golden/d.csv, the log growth of each
reading minus that of its comparator.

The recipes of the bundled readings are below. The recipe of any other is a file recipes/NAME.py with

    SYMBOLS   the symbols of the reading and its comparator
    rule      the target weights at a close, a function of a Moment (below); None leaves positions alone
    DAILY     True if the rule is evaluated at every close (optional)
    AGAINST   rules, the best of which is the comparator (optional; default: the idle account)

The script imports nothing from the project, so that it cannot share a mistake with it. Sessions are counted in rows of
SPY.csv; an account starts with cash at the close before the entry session, which is row `start`.
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
RATE_MARGIN = 0.50  # percentage points outside the policy range, on either side

FACTS = Path(__file__).parents[2] / "data" / "facts"
GOLDEN = Path(__file__).parent / "golden"
RECIPES = Path(__file__).parent / "recipes"

SOFTWARE = ["PLTR", "CRM", "NOW", "SNOW", "ADBE", "DDOG", "MDB", "WDAY", "PANW", "CRWD"]
CHIPS = ["NVDA", "AMD", "INTC", "QCOM", "MRVL", "ARM", "AVGO", "TSM", "MU"]
AI_UNIVERSE = [*CHIPS, "ANET", "VRT", "MSFT", "GOOGL", "META", "AMZN", "ORCL", *SOFTWARE]
US_UNIVERSE = [name for name in AI_UNIVERSE if name not in {"TSM", "ARM"}]
FUNDS = ["SPY", "QQQ", "SMH", "IGV", "IEF", "BIL", "TLT", "VNQ", "XLU", "IWM", "KWEB", "FXI", "QTEC", "XLK"]

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
        """All fields times a factor that is 1 at the row, or at the first bar of a symbol listed later."""
        scale = factor / factor.iloc[row:].bfill().iloc[0]
        return Market(self.open * scale, self.low * scale, self.close * scale)

    def beats(self, row: int, one: str, other: str, sessions: int) -> bool:
        growth = self.close.iloc[row] / self.close.iloc[row - sessions]
        return bool(growth[one] > growth[other])


@dataclass(frozen=True)
class Moment:
    """The close of `row`, for an account that starts at the close of row `start`."""

    market: Market
    row: int
    start: int

    @property
    def scheduled(self) -> bool:
        return (self.row - self.start) % REBALANCE == 0

    def known(self, names: Iterable[str], closes: int = 1) -> list[str]:
        """The `names` with at least `closes` closes by now."""
        count = self.market.close.iloc[: self.row + 1].count()
        return [name for name in names if count[name] >= closes]

    def leg(self, weight: float, names: Iterable[str], closes: int = 1) -> Weights:
        """The weight divided equally among the names with enough closes."""
        listed = self.known(names, closes)
        return {name: weight / len(listed) for name in listed}


Rule = Callable[[Moment], Weights | None]  # None leaves positions alone; absent symbols are sold


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
    """Shares of leadership `ago` sessions ago, of the stocks with 147 closes by now."""
    close = now.market.close[now.known(AI_UNIVERSE, closes=147)]
    growth = close.iloc[now.row - ago] / close.iloc[now.row - ago - 126]
    return growth / growth.sum()


def hill(share: pd.Series) -> float:
    """Effective number of leaders, the Hill number of order 1."""
    return float(np.exp(-(share * np.log(share)).sum()))


def pool_even(now: Moment) -> Weights:
    return now.leg(1.0, AI_UNIVERSE, closes=147)


def pool_leaders(now: Moment) -> Weights:
    return {str(name): float(share) for name, share in leadership(now).items()}


def diversity_pool(now: Moment) -> Weights:
    widens = hill(leadership(now)) > hill(leadership(now, ago=20))
    return pool_even(now) if widens else pool_leaders(now)


def nvda_is_in(now: Moment, row: int) -> bool:
    """Whether the signal is in at the close of a row, following it from the close of the shock."""
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
    """The decision of the latest deciding close: that of the meeting, or of the sixth session before it."""
    if now.row < meeting:
        return now.market.beats(meeting - 6, "IEF", "BIL", 20)
    return decision == "cut" or (decision == "hold" and now.market.beats(meeting, "IEF", "BIL", 20))


def fomc_tilt(now: Moment) -> Weights | None:
    meetings = FOMC[FOMC["scheduled"] & FOMC["decision_date"].isin(now.market.close.index)]
    weights = {"SPY": 1.0}
    is_decision = now.scheduled
    for date, decision in zip(meetings["decision_date"], meetings["decision"], strict=True):
        meeting = now.market.row(date)
        is_decision = is_decision or now.row in {meeting - 6, meeting, meeting + 10}
        if meeting - 6 <= now.row < meeting + 10:
            other = ["TLT", "IEF", "VNQ", "XLU", "IWM"] if is_easing(now, meeting, decision) else ["BIL"]
            weights = now.leg(0.5, ["SPY"]) | now.leg(0.5, other)
    return weights if is_decision else None


def nvda_holder(now: Moment) -> Weights:
    return now.leg(-0.5, ["NVDA"]) | now.leg(0.5, ["QQQ"])


def pool_widens(now: Moment) -> Weights:
    return now.leg(0.5, ["QTEC"]) | now.leg(-0.5, ["XLK"])


def sprint_then_pool(now: Moment) -> Weights | None:
    """KWEB against QQQ in the sessions 1 to 60 of the account, QQQ against KWEB from session 61 on."""
    turn = now.start + 60
    if now.row != turn and not now.scheduled:
        return None
    up, down = ("KWEB", "QQQ") if now.row < turn else ("QQQ", "KWEB")
    return {up: 0.5, down: -0.5}


def named_partners(now: Moment) -> Weights:
    return now.leg(1.0, ["ORCL", "MSFT", "NVDA", "ARM"])


def antitrust_yields(now: Moment) -> Weights:
    return {"GOOGL": 0.125, "META": 0.125, "AMZN": 0.125, "AAPL": 0.125, "QQQ": -0.5}


def idle(now: Moment) -> Weights:
    return {}


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
        nvda_holder,
        pool_widens,
        sprint_then_pool,
        named_partners,
        antitrust_yields,
    )
}
DAILY_RULES = (nvda_comeback, fomc_tilt, sprint_then_pool)


@dataclass(frozen=True)
class Account:
    """Equity in USD at every close, and the sessions with a decision."""

    equity: pd.Series
    decided: list[pd.Timestamp]


def interest(cash: float, shares: pd.Series, close: pd.Series, since: pd.Timestamp, until: pd.Timestamp) -> float:
    """Interest and borrow fees, in USD, on the positions at a close until a later session."""
    policy = FOMC[FOMC["effective_date"] <= since].iloc[-1]
    lower = max(0.0, policy["target_lower_after"] - RATE_MARGIN) / 100
    upper = (policy["target_upper_after"] + RATE_MARGIN) / 100
    short = -(shares.clip(upper=0) * close).sum()
    annual = lower * max(0.0, cash - short) - upper * max(0.0, -cash) - BORROW * short
    return float(annual) * (until - since).days / 365


def target_shares(weights: Weights, equity: float, close: pd.Series) -> pd.Series:
    shares = pd.Series(0.0, index=close.index)
    for name, weight in weights.items():
        shares[name] = np.sign(weight) * np.floor(abs(weight) * equity / close[name] + 1e-6)
    return shares


def decide(rule: Rule, now: Moment, closing: int | None) -> Weights | None:
    if closing is not None and now.row >= closing:
        return {} if now.row == closing else None
    daily = rule in DAILY_RULES or rule.__globals__.get("DAILY", False)
    return rule(now) if now.scheduled or daily else None


def run(market: Market, rule: Rule, start: int, last: int, closing: int | None = None) -> Account:
    """An account from the close of `start` to that of `last`, sold at the open after the row `closing`."""
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
    """Slope of the rule's returns on SPY's over the 252 sessions up to the start, clipped to [0, 1]."""
    before = start - 252
    market = raw.rebased(before, factor)
    returns = run(market, fomc_tilt, before, start).equity.pct_change().iloc[1:]
    fund = market.close["SPY"].pct_change().loc[returns.index]
    return float(np.clip(np.polyfit(fund, returns, 1)[0], 0, 1))


def comparators(beta: float) -> dict[str, list[Rule]]:
    """Rules by reading, the best of which is its comparator; without any, it is the idle account."""
    spy, qqq = bought_and_held("SPY"), bought_and_held("QQQ")
    return {
        "ai_software": [qqq],
        "fomc_tilt": [lambda now: {"SPY": beta}],
        "sector_tailwind": [spy],
        "diversity_pool": [pool_even, pool_leaders],
        "high_end_demand": [qqq],
        "policy_winners": [us_basket],
        "two_shocks": [shocks_basket],
        "named_partners": [qqq],
    }


def log_growth(accounts: Iterable[Account], session: pd.Timestamp) -> float:
    return max(float(np.log(account.equity[session] / CAPITAL)) for account in accounts)


def read(folder: Path, names: Iterable[str] = (*FUNDS, *AI_UNIVERSE, "AAPL")) -> tuple[Market, pd.DataFrame]:
    """Prices without dividends, and the factors that include them."""
    frames = {name: pd.read_csv(folder / f"{name}.csv", index_col="Date", parse_dates=True) for name in names}
    sessions = frames["SPY"].index

    def field(label: str) -> pd.DataFrame:
        return pd.DataFrame({name: frame[label] for name, frame in frames.items()}).reindex(sessions)

    raw = Market(field("Open"), field("Low"), field("Close"))
    return raw, field("Adj Close") / raw.close


def golden_rows(account: Account, start: int, sessions: pd.Index) -> pd.Series:
    """Equity at scheduled and actual decisions, the entry, the horizons and the end."""
    rows = {*range(0, HOLD, REBALANCE), 1, *HORIZONS, HOLD + 1}
    dates = {sessions[start + row] for row in rows} | set(account.decided)
    return account.equity[sorted(dates)].rename_axis("session").rename("equity")


def excess(account: Account, against: list[Account], ends: dict[str, pd.Timestamp]) -> dict[str, float]:
    return {label: log_growth([account], day) - log_growth(against, day) for label, day in ends.items()}


def golden_of_rule(
    raw: Market, factor: pd.DataFrame, rule: Rule, against: Iterable[Rule]
) -> tuple[pd.Series, dict[str, float]]:
    """The rows of a golden file, and d at each horizon and at the end."""
    start = raw.row(ENTRY) - 1
    window = {"start": start, "last": start + HOLD + 1, "closing": start + HOLD}
    market, sessions = raw.rebased(start, factor), raw.close.index
    ends = {str(n): sessions[start + n] for n in HORIZONS} | {"end": sessions[start + HOLD + 1]}
    account = run(market, rule, **window)
    d = excess(account, [run(market, other, **window) for other in against], ends)
    return golden_rows(account, start, sessions), d


def golden_of_recipe(folder: Path, name: str) -> tuple[pd.Series, dict[str, float]]:
    """The rows of a golden file, and d, of the reading in recipes/NAME.py."""
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", RECIPES / f"{name}.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    raw, factor = read(folder, dict.fromkeys(("SPY", *recipe.SYMBOLS)))
    return golden_of_rule(raw, factor, recipe.rule, getattr(recipe, "AGAINST", [idle]))


def recipes() -> list[str]:
    return sorted(path.stem for path in RECIPES.glob("*.py"))


def main(folder: Path, readings: list[str]) -> None:
    raw, factor = read(folder)
    beta = fomc_beta(raw, factor, raw.row(ENTRY) - 1)
    GOLDEN.mkdir(exist_ok=True)
    table = pd.read_csv(GOLDEN / "d.csv", dtype=str) if (GOLDEN / "d.csv").exists() else pd.DataFrame()
    tables = dict(iter(table.groupby("reading"))) if len(table) else {}
    for name in readings:
        if name in READINGS:
            equity, d = golden_of_rule(raw, factor, READINGS[name], comparators(beta).get(name, [idle]))
        else:
            equity, d = golden_of_recipe(folder, name)
        equity.to_csv(GOLDEN / f"{name}.csv", float_format="%.2f", lineterminator="\n")
        tables[name] = pd.DataFrame(
            {"reading": name, "horizon": list(d), "d": [f"{value:.8f}" for value in d.values()]}
        )
        print(f"{name:22}{equity.iloc[-1]:16,.2f}{d['end']:12.6f}")
    print(f"beta of fomc_tilt's comparator: {beta:.8f}")
    combined = pd.concat([tables[name] for name in (*READINGS, *recipes()) if name in tables])
    combined.to_csv(GOLDEN / "d.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    available = (*READINGS, *recipes())
    names = [argument for argument in sys.argv[1:] if argument in available]
    folders = [argument for argument in sys.argv[1:] if argument not in available] or [
        os.environ.get("DEEPSEEK_PRICES", "")
    ]
    if len(folders) > 1 or not Path(folders[0] or "?").is_dir():
        sys.exit(f"neither a folder of prices nor a reading: {' '.join(folders)}; name one, or set DEEPSEEK_PRICES")
    main(Path(folders[0]), names or list(available))
