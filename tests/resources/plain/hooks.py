"""Plain Backtrader strategies that use the other hooks, and what they are told of their account."""

from __future__ import annotations

import backtrader as bt


class OwnNextstart(bt.Strategy):
    """Its first bar is another one than the following."""

    symbols = ("SPY",)

    def __init__(self):
        self.mean = bt.ind.SMA(period=9)

    def nextstart(self):
        self.base = self.data.close[0]
        self.buy(size=1234)

    def next(self):
        if len(self) % 3 == 0:
            self.order_target_size(target=1234 if self.mean[0] > self.base else len(self))


class IdlePrenext(bt.Strategy):
    """Overrides prenext without trading in it."""

    symbols = ("SPY",)

    def __init__(self):
        self.mean, self.ready = bt.ind.EMA(period=14), False

    def prenext(self):
        self.ready = False

    def nextstart(self):
        self.ready = True
        self.next()

    def next(self):
        if self.ready and len(self) % 4 == 0:
            self.order_target_percent(target=0.5 if self.data.close[0] > self.mean[0] else 0.2)


class OwnNotices(bt.Strategy):
    """Decides by its notifications of orders, trades, cash and value."""

    symbols = ("SPY",)

    def __init__(self):
        self.paid = self.won = self.filled = self.cash = self.value = self.fund = 0.0

    def notify_order(self, order):
        if order.status == order.Completed:
            self.filled += order.executed.size
            self.paid += order.executed.comm + order.executed.pnl

    def notify_trade(self, trade):
        if trade.isclosed:
            self.won += trade.pnlcomm
        elif trade.justopened:
            self.paid += trade.commission

    def notify_cashvalue(self, cash, value):
        self.cash, self.value = cash, value

    def notify_fund(self, cash, value, fundvalue, shares):
        self.fund = fundvalue * shares

    def next(self):
        if len(self) % 3:
            return
        size = int(self.cash / self.value * 500) + int(abs(self.won)) % 100 + int(abs(self.paid)) % 50
        if self.filled > 0 and self.fund > 0:
            self.close()
        else:
            self.buy(size=size)


class OwnAccount(bt.Strategy):
    """Decides by what it reads of its broker and its position."""

    symbols = ("SPY",)

    def next(self):
        if len(self) % 3:
            return
        position, broker = self.position, self.broker
        gain = (self.data.close[0] - position.price) * position.size
        room = broker.get_cash() / broker.getvalue() - abs(gain) / broker.startingcash
        fund = broker.get_fundvalue() * broker.get_fundshares() / broker.get_value()
        leverage = broker.get_leverage() if position else 1.0
        self.order_target_percent(target=0.2 + 0.5 * room * fund / leverage * (len(self) % 2))


class OwnStatistics(bt.Strategy):
    """Decides by Backtrader's default observers."""

    symbols = ("SPY",)

    def next(self):
        if len(self) % 4 == 1:
            self.buy(size=1500)
        elif len(self) % 4 == 3:
            cash, value = self.stats.broker.cash[-1], self.stats.broker.value[-1]
            self.sell(size=int(1500 * cash / value) + (self.stats.buysell[0].buy[-1] > 0))


class OwnTrades(bt.Strategy):
    """Reads its own trades, their length and their gain."""

    symbols = ("SPY",)

    def next(self):
        trades = self._trades[self.data][0]
        if not trades or trades[-1].isclosed:
            lost = sum(trade.pnlcomm < 0 for trade in trades)
            self.buy(size=200 + 10 * lost)
        elif len(self) - trades[-1].baropen >= 3 or trades[-1].pnl < -500:
            self.close()


class OwnPositions(bt.Strategy):
    """Looks its positions up by name, its orders at the broker, and what it noted on them."""

    symbols = ("SPY", "IEF")

    def next(self):
        if len(self) % 3 == 0 and not any(order.info.why == "entry" for order in self.broker.get_orders_open()):
            name = "SPY" if len(self) % 2 else "IEF"
            if self.positionsbyname[name].size:
                self.close(self.getdatabyname(name))
            else:
                size = 100 + len(self.broker.orders)
                self.buy(self.getdatabyname(name), size=size, exectype=bt.Order.Limit, price=50, why="entry", valid=3.0)
                self.buy(self.getdatabyname(name), size=size)
        if sum(position.size for position in self.positions.values()) > 600:
            self.close()


class OwnDrawdown(bt.Strategy):
    """Has an observer of its own, and sells when it has lost too much."""

    symbols = ("SPY",)

    def __init__(self):
        self.drawdown = bt.observers.DrawDown()

    def next(self):
        if not self.position and len(self) % 3 == 0:
            self.order_target_percent(target=0.8)
        elif self.position and (self.drawdown.lines.drawdown[-1] > 2 or len(self) % 7 == 0):
            self.close()


class LastBars(bt.Strategy):
    """Closes its position at the last bar but one, by the length of the loaded prices."""

    symbols = ("SPY",)

    def next(self):
        if len(self.data) == self.data.buflen() - 1:
            self.close()
        elif len(self) % 8 == 1:
            self.buy(size=300)
        elif len(self) % 8 == 6:
            self.sell(size=200)


class ClassState(bt.Strategy):
    """Keeps state on its class, which would outlive a run."""

    symbols = ("SPY",)
    seen: list[float] = []  # noqa: RUF012 what this strategy is about
    calls = 0

    def next(self):
        type(self).calls += 1
        self.seen.append(self.data.close[0])
        if len(self.seen) > 3 and not self.position:
            self.buy(size=100 + len(self.seen) + type(self).calls)
        elif self.position and self.seen[-1] > self.seen[-2]:
            self.close()


class Costs(bt.Strategy):
    """Reads the commission that it will pay, and the size that it can afford."""

    symbols = ("SPY",)

    def next(self):
        costs = self.broker.getcommissioninfo(self.data)
        if not self.position:
            size = costs.getsize(self.data.close[0], self.broker.get_cash()) // 2
            self.buy(size=size - int(costs.getcommission(size, self.data.close[0])))
        elif len(self) % 3 == 0:
            self.close()


class StartAndStop(bt.Strategy):
    """Prepares itself in `start`, and has parameters, dates and data names to look at."""

    symbols = ("SPY", "IEF")
    params = (("names", ("SPY", "IEF")), ("every", 4))

    def start(self):
        self.order_of = {data._name: place for place, data in enumerate(self.datas)}

    def stop(self):
        self.order_of.clear()

    def next(self):
        day = self.data.datetime.date(0)
        assert day == self.datetime.date(0) and len(self) == len(self.data)
        name = self.p.names[day.month % 2]
        if len(self) % self.p.every == 0:
            place = self.order_of[name]
            self.order_target_value(self.dnames[name], target=100_000.0 * (place + 1) + 1_000.0 * day.day)
