"""Plain Backtrader strategies, one for each kind of order."""

from __future__ import annotations

from datetime import timedelta

import backtrader as bt

DAY = timedelta()  # Backtrader's sign for an order that is valid until the end of the day


class Alternating(bt.Strategy):
    """Enters every `every` bars with one kind of order and leaves half way with another."""

    symbols = ("SPY",)
    params = (("every", 8), ("size", 1000))

    def enter(self):
        self.buy(size=self.p.size)

    def leave(self):
        self.close()

    def next(self):
        phase = len(self) % self.p.every
        if phase == 0 and not self.position:
            self.enter()
        elif phase == self.p.every // 2 and self.position:
            self.leave()


class Market(Alternating):
    """Buys and sells at the next open."""


class MarketShort(Alternating):
    """Sells short and covers at the next open."""

    def enter(self):
        self.sell(size=self.p.size)


class AtClose(Alternating):
    """Buys and sells at the next close."""

    def enter(self):
        self.buy(size=self.p.size, exectype=bt.Order.Close)

    def leave(self):
        self.sell(size=self.position.size, exectype=bt.Order.Close)


class Limits(Alternating):
    """Buys below and sells above the last close, each within three days."""

    def enter(self):
        self.buy(size=self.p.size, exectype=bt.Order.Limit, price=self.data.close[0] * 0.995, valid=timedelta(days=3))

    def leave(self):
        price = self.data.close[0] * 1.005
        self.sell(size=self.position.size, exectype=bt.Order.Limit, price=price, valid=timedelta(days=3))


class UntilDate(Alternating):
    """Limits that are valid until a date."""

    def until(self, days):
        return self.data.datetime.date(0) + timedelta(days=days)

    def enter(self):
        self.buy(size=self.p.size, exectype=bt.Order.Limit, price=self.data.close[0] * 0.99, valid=self.until(2))

    def leave(self):
        price = self.data.close[0] * 1.01
        self.sell(size=self.position.size, exectype=bt.Order.Limit, price=price, valid=self.until(4))


class DayOrders(bt.Strategy):
    """Sends a limit order each day that is valid for that day only."""

    symbols = ("SPY",)

    def next(self):
        if not self.position:
            self.buy(size=500, exectype=bt.Order.Limit, price=self.data.close[0] * 0.98, valid=DAY)
            self.buy(size=200, exectype=bt.Order.Limit, price=self.data.close[0] * 0.99, valid=timedelta(days=1))
        else:
            self.close()


class NumericExpiry(bt.Strategy):
    """Gives the expiry as a number: days from now, or zero, which never expires."""

    symbols = ("SPY",)

    def next(self):
        if len(self) % 6 == 0:
            valid = 0 if len(self) % 12 else float(self.data.datetime[0] + 2)
            sign = self.sell if self.position.size > 0 else self.buy
            factor = 1.02 if self.position.size > 0 else 0.98
            sign(size=400, exectype=bt.Order.Limit, price=self.data.close[0] * factor, valid=valid)


class Stops(bt.Strategy):
    """Buys when the last high is exceeded, sells below the last low; both are renewed every day."""

    symbols = ("SPY",)

    def __init__(self):
        self.waiting = None

    def next(self):
        if self.waiting is not None and self.waiting.alive():
            self.cancel(self.waiting)
        if self.position:
            self.waiting = self.sell(size=self.position.size, exectype=bt.Order.Stop, price=self.data.low[0])
        else:
            self.waiting = self.buy(size=700, exectype=bt.Order.Stop, price=self.data.high[0])


class StopLimits(bt.Strategy):
    """Stop-limit orders both ways, with limits on either side of the stop."""

    symbols = ("SPY",)

    def next(self):
        if self.broker.get_orders_open():
            return
        close, wide = self.data.close[0], 1.01 if len(self) % 2 else 0.995
        order = {"size": 600, "exectype": bt.Order.StopLimit, "valid": timedelta(days=5)}
        if self.position.size > 0:
            self.sell(price=close * 0.99, plimit=close * 0.99 / wide, **order)
        else:
            self.buy(price=close * 1.01, plimit=close * 1.01 * wide, **order)


class TrailingAmount(Alternating):
    """Follows the price with a stop at a fixed distance."""

    def leave(self):
        if not self.broker.get_orders_open():
            self.sell(size=self.position.size, exectype=bt.Order.StopTrail, trailamount=0.04 * self.data.close[0])


class TrailingPercent(Alternating):
    """Follows the price of a short with a stop at a distance in percent, from a price other than the close."""

    def enter(self):
        self.sell(size=self.p.size)

    def leave(self):
        if not self.broker.get_orders_open():
            price = self.data.high[0]
            self.buy(size=-self.position.size, exectype=bt.Order.StopTrail, price=price, trailpercent=0.03)


class TrailingLimit(Alternating):
    """Follows the price with a stop and a limit below it."""

    def leave(self):
        if not self.broker.get_orders_open():
            close = self.data.close[0]
            self.sell(
                size=self.position.size,
                exectype=bt.Order.StopTrailLimit,
                price=close,
                plimit=close * 0.995,
                trailpercent=0.02,
            )


class Bracket(Alternating):
    """Buys with a limit between a stop and a target; what is left at the end of the phase is closed."""

    def enter(self):
        close = self.data.close[0]
        self.buy_bracket(
            size=self.p.size,
            price=close * 0.995,
            stopprice=close * 0.96,
            limitprice=close * 1.04,
            valid=timedelta(days=4),
        )

    def leave(self):
        for order in self.broker.get_orders_open(safe=True):
            self.cancel(order)
        self.close()


class ShortBracket(bt.Strategy):
    """Sells short at the market, with a trailing stop above and a target below."""

    symbols = ("SPY",)

    def next(self):
        if not self.position and not self.broker.get_orders_open():
            self.sell_bracket(
                size=800,
                exectype=bt.Order.Market,
                stopexec=bt.Order.StopTrail,
                stopargs={"trailpercent": 0.04},
                limitprice=self.data.close[0] * 0.96,
            )


class CancelledBracket(bt.Strategy):
    """Cancels the main order of a bracket that was not filled in two days, and with it the others."""

    symbols = ("SPY",)

    def __init__(self):
        self.main, self.since, self.cancelled = None, 0, 0

    def notify_order(self, order):
        self.cancelled += order.status == order.Canceled

    def next(self):
        if self.main is not None and self.main.alive() and len(self) - self.since == 2:
            self.cancel(self.main)
        elif not self.position and (self.main is None or not self.main.alive()):
            close, self.since = self.data.close[0], len(self)
            self.main, *_ = self.buy_bracket(
                size=100 + self.cancelled, price=close * 0.98, stopprice=close * 0.95, limitprice=close * 1.02
            )


class Chain(bt.Strategy):
    """Parent and children sent by hand: the last one transmits them all."""

    symbols = ("SPY",)

    def next(self):
        if self.position or self.broker.get_orders_open():
            return
        close = self.data.close[0]
        parent = self.buy(size=500, exectype=bt.Order.Limit, price=close, transmit=False)
        self.sell(size=500, exectype=bt.Order.Stop, price=close * 0.97, parent=parent, transmit=False)
        self.sell(size=500, exectype=bt.Order.Limit, price=close * 1.03, parent=parent, transmit=True)


class OneCancelsOther(bt.Strategy):
    """Three orders of which the first that is filled cancels the others."""

    symbols = ("SPY",)

    def next(self):
        if self.broker.get_orders_open():
            return
        close = self.data.close[0]
        if self.position:
            stop = self.sell(size=self.position.size, exectype=bt.Order.Stop, price=close * 0.97)
            self.sell(size=self.position.size, exectype=bt.Order.Limit, price=close * 1.02, oco=stop)
        else:
            first = self.buy(size=300, exectype=bt.Order.Limit, price=close * 0.985)
            self.buy(size=200, exectype=bt.Order.Limit, price=close * 0.99, oco=first)
            self.buy(size=100, exectype=bt.Order.Stop, price=close * 1.015, oco=first)


class OcoWithExpiry(bt.Strategy):
    """Two orders that cancel each other; the leader expires first and takes the other along."""

    symbols = ("SPY",)

    def next(self):
        if self.position:
            self.close()
        elif not self.broker.get_orders_open():
            close = self.data.close[0]
            leader = self.buy(size=300, exectype=bt.Order.Limit, price=close * 0.98, valid=timedelta(days=2))
            self.buy(size=200, exectype=bt.Order.Stop, price=close * 1.03, oco=leader)


class StaleOrders(bt.Strategy):
    """Cancels limit orders that have waited for four bars, and sends new ones nearer to the price."""

    symbols = ("SPY",)

    def __init__(self):
        self.waiting = {}

    def notify_order(self, order):
        if not order.alive():
            self.waiting.pop(order.ref, None)

    def next(self):
        for order, since in list(self.waiting.values()):
            if len(self) - since >= 4:
                self.cancel(order)
        if not self.waiting:
            side, factor = (self.sell, 1.02) if self.position.size > 0 else (self.buy, 0.98)
            order = side(size=300, exectype=bt.Order.Limit, price=self.data.close[0] * factor)
            self.waiting[order.ref] = (order, len(self))


class Replaced(bt.Strategy):
    """Moves a limit order along with the price: cancels it and sends another every day."""

    symbols = ("SPY",)

    def __init__(self):
        self.order = None

    def notify_order(self, order):
        if order.status in (order.Completed, order.Canceled) and order == self.order:
            self.order = None

    def next(self):
        if self.order is not None:
            self.broker.cancel(self.order)
        if self.position.size >= 900:
            self.order = self.close(exectype=bt.Order.Limit, price=self.data.close[0] * 1.001)
        else:
            self.order = self.buy(size=300, exectype=bt.Order.Limit, price=self.data.close[0] * 0.999)


class TargetSize(bt.Strategy):
    """Targets in shares, from short to long."""

    symbols = ("SPY",)

    def next(self):
        if len(self) % 4 == 0:
            self.order_target_size(target=(len(self) // 4 % 5 - 2) * 700)


class TargetValue(bt.Strategy):
    """Targets in USD, from short to long."""

    symbols = ("SPY",)

    def next(self):
        if len(self) % 4 == 0:
            self.order_target_value(target=(len(self) // 4 % 5 - 2) * 150_000.0)


class TargetPercent(bt.Strategy):
    """Targets as fractions of equity, from short to long."""

    symbols = ("SPY",)

    def next(self):
        if len(self) % 4 == 0:
            self.order_target_percent(target=(len(self) // 4 % 5 - 2) * 0.45)


class TargetWithLimit(bt.Strategy):
    """A target reached by limit orders only."""

    symbols = ("SPY",)

    def next(self):
        for order in self.broker.get_orders_open(safe=True):
            self.cancel(order)
        target, price = (0.6, 0.99) if self.data.close[0] < self.data.open[0] else (-0.2, 1.01)
        self.order_target_percent(target=target, exectype=bt.Order.Limit, price=self.data.close[0] * price)


class Reversing(bt.Strategy):
    """Turns from long to short and back with one order of twice the size."""

    symbols = ("SPY",)

    def next(self):
        if not self.position:
            self.buy(size=2000)
        elif len(self) % 5 == 0:
            (self.sell if self.position.size > 0 else self.buy)(size=2 * abs(self.position.size))


class Pyramid(bt.Strategy):
    """Adds to a position in steps, and sells it in thirds."""

    symbols = ("SPY",)

    def next(self):
        step = len(self) % 12
        if step in (0, 2, 4):
            self.buy(size=100 * (step + 1))
        elif step in (6, 8):
            self.sell(size=self.position.size // 3)
        elif step == 10:
            self.close()


class Fractional(bt.Strategy):
    """Holds a share of the cash in fractions of a share."""

    symbols = ("SPY",)

    def next(self):
        if len(self) % 7 == 1:
            self.buy(size=self.broker.cash * 0.3 / self.data.close)
        elif len(self) % 7 == 5:
            self.sell(size=self.position.size * 0.9)


class TradeIds(bt.Strategy):
    """Two layers of trades in one stock, told apart by their tradeid."""

    symbols = ("SPY",)

    def __init__(self):
        self.won = {1: 0, 2: 0}

    def notify_trade(self, trade):
        if trade.isclosed:
            self.won[trade.tradeid] += 1 if trade.pnlcomm > 0 else -1

    def next(self):
        phase = len(self) % 10
        size = {1: 200 + 50 * max(0, self.won[1]), 2: 100 + 30 * max(0, self.won[2])}
        if phase in (1, 3):
            self.bought = {**getattr(self, "bought", {}), (phase + 1) // 2: size[(phase + 1) // 2]}
            self.buy(size=size[(phase + 1) // 2], tradeid=(phase + 1) // 2)
        elif phase in (5, 8):
            tradeid = 1 if phase == 5 else 2
            self.sell(size=getattr(self, "bought", {}).pop(tradeid, 0), tradeid=tradeid)


class Refused(bt.Strategy):
    """Asks for more than it can pay, and asks for less each time that it is refused."""

    symbols = ("SPY",)

    def __init__(self):
        self.share, self.refusals = 1.6, 0

    def notify_order(self, order):
        if order.status == order.Margin:
            self.refusals += 1
            self.share -= 0.2
        elif order.status == order.Completed and order.issell():
            self.share = 1.6

    def next(self):
        if not self.position:
            self.buy(size=int(self.broker.getcash() * self.share / self.data.close[0]))
        elif len(self) % 3 == 0:
            self.close()


class RefusedBracket(bt.Strategy):
    """A bracket that cannot be paid, whose children go with it; then one that can."""

    symbols = ("SPY",)

    def next(self):
        if not self.position and not self.broker.get_orders_open():
            close, share = self.data.close[0], 1.5 if len(self) % 3 else 0.5
            size = int(share * self.broker.getcash() / close)
            self.buy_bracket(size=size, price=close, stopprice=close * 0.98, limitprice=close * 1.02)


class HalfRefused(bt.Strategy):
    """Would turn a short into a long that it cannot pay: the short is covered, and the rest of the order refused.

    The broker accepts the order at the price of its stop, and fills it at the open, which is far above.
    """

    symbols = ("SPY",)

    def next(self):
        close = self.data.close[0]
        if not self.position:
            self.sell(size=2000)
        elif len(self) % 4 == 0:
            wanted = 2000 + int(1.2 * self.broker.getcash() / close)
            self.buy(size=wanted, exectype=bt.Order.Stop, price=close * 0.5)
