"""What `runners.new` writes: a strategy that trades, its tests, and the recipe of its golden file."""

from __future__ import annotations

from collections.abc import Sequence

WIDTH = 120

READING = '''"""TEMPLATE: the strongest of a few names. Write your own story here, in one line.

Claim: what has grown most of late goes on growing most. (A placeholder: write what your reading says about the event.)
Rule: nearly all of equity in the one of SYMBOLS that grew most over the last `lookback` sessions; of equals the first.
Trades: at the entry, then every 20 sessions; closed after the hold.
Refuted: when it has made less, net of costs, than the same names at equal weight. (Choose before you look.)
Parameters:
    lookback: sessions over which growth is compared
    invested: fraction of equity; the rest pays, at any broker, for an open above the close
"""

from strategies.base import EqualWeight, Past, Reading, Weights

@SYMBOLS@


class @CLASS@(Reading):
    """The strongest of a few names: a template."""

    params = (("lookback", 60), ("invested", 0.95))
    symbols = SYMBOLS
    comparator = EqualWeight(SYMBOLS, "the same names at equal weight")
    history = 61  # closes that the first decision needs: lookback + 1

    def weights(self, past: Past) -> Weights:
        """The strongest alone; a name that is not listed long enough is left out."""
        known = past.tradable(self.symbols, closes=self.p.lookback + 1)
        if not known:
            return {}
        return {max(known, key=lambda symbol: past.growth(symbol, self.p.lookback)): self.p.invested}
'''

READING_TEST = '''"""Expected values are arithmetic on prices made by hand; test_contract.py has what all promise."""

from __future__ import annotations

from runners.engine.backtest import Launch, backtest
from runners.engine.frictions import Frictions
from strategies.base import Past
from strategies.@NAME@ import SYMBOLS, @CLASS@

FIRST, SECOND = SYMBOLS[:2]
FREE = Frictions(commission_bps=0, half_spread_bps=0, borrow_rate=0, cash_rate=0.0)


def closes(first: list[float], second: list[float]) -> dict[str, list[float]]:
    """Two names that move; the others stand still."""
    return {**{name: [10.0] * len(first) for name in SYMBOLS}, FIRST: first, SECOND: second}


def test_it_holds_what_grew_most(make_prices):
    # Over two sessions: 110 / 100 is +10 %, 52 / 50 is +4 %; one session later 104 / 100 and 55 / 50 = +10 %.
    prices = make_prices(closes([100, 100, 110, 104], [50, 50, 52, 55]))
    rule = @CLASS@.rule(lookback=2)
    assert rule.weights(Past(prices, 2)) == {FIRST: 0.95}
    assert rule.weights(Past(prices, 3)) == {SECOND: 0.95}


def test_it_waits_for_enough_closes(make_prices):
    prices = make_prices(closes([100, 101], [50, 50]))
    assert @CLASS@.rule(lookback=2).weights(Past(prices, 1)) == {}


def test_it_buys_at_the_next_open_and_leaves_after_its_hold(make_prices):
    # 27 to 31 January 2025: it decides at the close of the 29th, is in from the open of the 30th to that of the 31st.
    prices = make_prices(closes([100, 100, 110, 111, 113], [50, 50, 50, 50, 50]))
    run = backtest(@CLASS@, prices, Launch(prices.sessions[3], hold=1), FREE, {"lookback": 2})
    # floor(0.95 * 1,000,000 / 110) = 8,636 shares, bought at 111 and sold at 113.
    assert [(fill.symbol, fill.size, fill.price) for fill in run.fills] == [(FIRST, 8636, 111), (FIRST, -8636, 113)]
    assert run.equity[-1] == 1_000_000 + 8636 * 2
'''

RECIPE = '''"""@NAME@ by plain arithmetic, for its golden file: from its description, importing nothing of ours."""

@SYMBOLS@


def rule(now):
    """95 % in the name that grew most over 60 sessions."""
    close, names = now.market.close, now.known(SYMBOLS, closes=61)
    growth = {name: close[name].iloc[now.row] / close[name].iloc[now.row - 60] for name in names}
    return {max(names, key=growth.get): 0.95} if names else {}


def even(now):
    """The same names at equal weight."""
    return now.leg(1.0, SYMBOLS)


AGAINST = [even]
'''

PLAIN = '''"""TEMPLATE: an average of closes. Write your own story here, in one line.

Claim: a trend that has begun goes on. (A placeholder: write what your strategy says about the event.)
Rule: nearly all of equity in the first symbol while its close is above the mean of its last `period` closes.
Trades: at the open after its close has crossed the mean.
Refuted: when it has made less, net of costs, than the benchmark, bought and held.
Parameters:
    period: sessions of the mean
    invested: fraction of equity; the rest pays for an open above the close
"""

import backtrader as bt

@SYMBOLS@


class @CLASS@(bt.Strategy):
    """In while the close is above its mean: a template."""

    params = (("period", 50), ("invested", 0.95))
    symbols = SYMBOLS

    def __init__(self) -> None:
        self.above = self.data.close > bt.indicators.SMA(self.data.close, period=self.p.period)

    def next(self) -> None:
        """Decide at the close; orders fill at the next open."""
        if self.above[0] and not self.position:
            self.order_target_percent(target=self.p.invested)
        elif self.position and not self.above[0]:
            self.close()
'''

PLAIN_TEST = '''"""Expected values are arithmetic on prices made by hand."""

from __future__ import annotations

from runners.engine.backtest import Launch, backtest
from runners.engine.frictions import Frictions
from strategies.@NAME@ import SYMBOLS, @CLASS@

FREE = Frictions(commission_bps=0, half_spread_bps=0, borrow_rate=0, cash_rate=0.0)


def run(make_prices, closes: list[float]):
    """It alone, with a mean of two closes, from the open of the fourth session on."""
    prices = make_prices(dict.fromkeys(SYMBOLS, closes))
    return backtest(@CLASS@, prices, Launch(prices.sessions[3], hold=None), FREE, {"period": 2, "invested": 0.5})


def test_it_is_in_above_the_mean_and_out_below(make_prices):
    # At the third close 102 is above (100 + 102) / 2; at the fifth 99 is below (104 + 99) / 2.
    done = run(make_prices, [100, 100, 102, 104, 99, 98])
    # floor(1,000,000 * 0.5 / 102) = 4,901 shares, bought at the open of the fourth, 104, sold at that of the sixth, 98.
    assert [(fill.symbol, fill.size, fill.price) for fill in done.fills] == [
        (SYMBOLS[0], 4901, 104),
        (SYMBOLS[0], -4901, 98),
    ]
    assert done.equity[-1] == 1_000_000 - 4901 * 6


def test_it_stays_out_of_a_fall(make_prices):
    assert run(make_prices, [100, 99, 98, 97, 96, 95]).fills == ()
'''


def filled(text: str, name: str, symbols: Sequence[str]) -> str:
    """A text with the names of the strategy and its symbols."""
    changed = text.replace("@CLASS@", class_name(name)).replace("@NAME@", name)
    return changed.replace("@SYMBOLS@", _assigned(symbols))


def class_name(name: str) -> str:
    """my_idea as MyIdea."""
    return "".join(part.capitalize() for part in name.split("_"))


def _assigned(symbols: Sequence[str]) -> str:
    """The tuple of symbols as the formatter writes it: in one line, or where that is too long a line each."""
    quoted = [f'"{symbol}"' for symbol in symbols]
    line = f"SYMBOLS = ({', '.join(quoted)}{',' if len(quoted) == 1 else ''})"
    return line if len(line) <= WIDTH else "\n".join(["SYMBOLS = (", *(f"    {each}," for each in quoted), ")"])
