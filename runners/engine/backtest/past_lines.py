"""Lines that give access to the past only, and the refusal of indicators that look ahead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import backtrader as bt
from backtrader.linebuffer import LineActions, LineBuffer, _LineForward

from data.errors import StrategyError


class BeforeFirstBarError(StrategyError):
    """A read of a bar before the first one; `bars` is how many bars before it."""

    def __init__(self, ago: int, bars: int) -> None:
        super().__init__(
            f"line[{ago}] lies before the first bar of the prices; check len(data) first, or load earlier prices"
        )
        self.bars = bars


class PastLine:
    """A line that gives access to the past only.

    All bars are loaded from the start, so `close[1]` would be tomorrow's close, and before the first bar `close[0]`
    would be the very last one, since Python counts negative indices from the end.
    """

    array: Any
    _idx: int

    def __getitem__(self, ago: int) -> float:
        index = self._idx + ago
        if ago > 0:
            raise _in_the_future(ago)
        if index < 0:
            raise BeforeFirstBarError(ago, -index)
        value: float = self.array[index]
        return value

    def get(self, ago: int = 0, size: int = 1) -> Any:
        if ago > 0:
            raise _in_the_future(ago)
        stop = self._idx + ago + 1
        return self.array[max(0, stop - size) : max(0, stop)]


class FutureLine(PastLine):
    """A line computed from values of `ahead` bars later, such as `close(5)`; it can be read that far back."""

    ahead: int

    def __getitem__(self, ago: int) -> float:
        self._require_past(ago)
        return super().__getitem__(ago)

    def get(self, ago: int = 0, size: int = 1) -> Any:
        self._require_past(ago)
        return super().get(ago, size)

    def _require_past(self, ago: int) -> None:
        if ago + self.ahead > 0:
            raise StrategyError(
                "a line such as close(5) is computed from future values; use past ones, as in close(-5)"
            )


def _in_the_future(ago: int) -> StrategyError:
    return StrategyError(f"line[{ago}] lies in the future: [0] is this bar and [-{ago}] {ago} back; look back only")


@cache
def past_only(kind: Any, past: Any = PastLine) -> Any:
    """The class of line `kind`, restricted to the past."""
    return kind if issubclass(kind, past) else type(kind)(kind.__name__, (past, kind), {"__module__": kind.__module__})


def block_future_lines(strategy: Any) -> None:
    """Restrict every line of a strategy's indicators, and of their indicators, to the past.

    Backtrader computes them in advance. A line computed from the future, such as `close(5)` or Ichimoku's chikou span,
    may exist and be read as far back as its values are known. Raises StrategyError if another line is computed from it.
    """
    indicators = list(_indicators(strategy))
    ahead = _lines_ahead(indicators)
    for indicator in indicators:
        for line in _inputs(indicator):
            if id(line) in ahead:
                raise StrategyError(
                    f"{_name(strategy, indicator)} is computed from {_description(ahead[id(line)], line)}, which lies "
                    f"in the future; use past values, as in close(-5)"
                )
    for line in (line for indicator in indicators for line in _lines(indicator)):
        if isinstance(line, LineBuffer):
            line.__class__ = past_only(line.__class__, FutureLine if id(line) in ahead else PastLine)
            if id(line) in ahead:
                line.ahead = ahead[id(line)].ago


def _indicators(owner: Any) -> Iterator[Any]:
    """The indicators and line operations of `owner`, and theirs, recursively."""
    for indicator in getattr(owner, "_lineiterators", {}).get(bt.LineIterator.IndType, ()):
        yield indicator
        yield from _indicators(indicator)


def _lines(indicator: Any) -> tuple[Any, ...]:
    """The lines of an indicator, or the line operation itself."""
    return tuple(indicator.lines)


def _inputs(indicator: Any) -> Iterator[Any]:
    """The lines from which an indicator or a line operation is computed: of an input with several, the first."""
    for source in (*getattr(indicator, "_datas", ()), *getattr(indicator, "datas", ())):
        yield source if isinstance(source, LineBuffer) else source.lines[0]


def _lines_ahead(indicators: list[Any]) -> Mapping[int, Any]:
    """The operation, such as `close(5)`, from which a line that looks ahead gets its values, by the line's `id`."""
    ahead: dict[int, Any] = {}
    for indicator in indicators:
        if isinstance(indicator, _LineForward):
            waiting = [*_lines(indicator)]
            while waiting:
                line = waiting.pop()
                if id(line) not in ahead:
                    ahead[id(line)] = indicator
                    waiting += line.bindings
    return ahead


def _description(forward: Any, line: Any) -> str:
    """A line that looks ahead in words: `close(5)`, or an alias of an indicator's line bound to it."""
    owner = getattr(line, "_owner", None)
    for alias, own in _aliases(owner):
        if own is line and line is not forward:
            return f"{alias} of {type(owner).__name__}"
    source = next((alias for alias, own in _aliases(getattr(forward.a, "_owner", None)) if own is forward.a), "line")
    return f"{source}({forward.ago})"


def _aliases(owner: Any) -> Iterator[tuple[str, Any]]:
    lines: Any = getattr(owner, "lines", None)
    if hasattr(lines, "getlinealiases"):
        yield from zip(lines.getlinealiases(), lines, strict=False)


def _name(strategy: Any, indicator: Any) -> str:
    """Name of an indicator for people: the strategy's attribute that holds it, or else its class."""
    named = (f"self.{name}" for name, value in vars(strategy).items() if value is indicator)
    return next(named, "an expression" if isinstance(indicator, LineActions) else type(indicator).__name__)
