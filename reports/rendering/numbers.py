"""Numbers as texts for pages: with a real minus sign, and a dash for undefined values."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, expm1, isfinite, isnan

UNDEFINED = "\u2013"
MINUS = "\u2212"


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as a signed percentage."""
    return _format(value, lambda number: f"{100 * number:+.{digits}f}%")


def excess_percent(d: float | None) -> str:
    """A log excess return `d` as a percentage of wealth, exp(d) - 1."""
    return percent(None if d is None or not isfinite(d) else expm1(d))


def share(value: float | None) -> str:
    """A non-negative fraction as a percentage."""
    return _format(value, lambda number: f"{100 * number:.1f}%")


def points(value: float | None) -> str:
    """A fraction as a signed percentage without the sign %, for columns whose heading has it."""
    return _format(value, lambda number: f"{100 * number:+.1f}")


def strength(value: float | None, full: float) -> str:
    """Tint of a table cell: value / full, clipped to [-1, 1]; 0 for undefined values."""
    if value is None or isnan(value):
        return "0"
    return f"{max(-1.0, min(1.0, value / full)):.2g}"


def ratio(value: float | None) -> str:
    """A number with two decimals."""
    return _format(value, lambda number: f"{number:.2f}")


def log_ratio(value: float | None) -> str:
    """A signed difference of logs with three decimals."""
    return _format(value, lambda number: f"{number:+.3f}")


def usd(value: float | None) -> str:
    """Whole dollars."""
    return _format(value, lambda number: f"{number:,.0f}")


def yes_no(value: float | None) -> str:
    """A truth value as a word."""
    return UNDEFINED if value is None else "yes" if value else "no"


def probability(value: float | None) -> str:
    """A probability with three decimals, four below 0.001; never a bare zero."""
    if value is None or not isfinite(value):
        return UNDEFINED
    if 0 <= value < 0.0001:
        return "<0.0001"
    return f"{value:.4f}" if value < 0.001 else f"{value:.3f}"


def wealth(d: float, comparator: str) -> str:
    """A finite log excess return `d` in words: how much more or less wealth than the comparator."""
    difference = f"{100 * abs(exp(d) - 1):.1f}%"
    if difference == "0.0%":
        return f"as much wealth as {comparator}"
    return f"{difference} {'more' if d > 0 else 'less'} wealth than {comparator}"


def bounds(low: float | None, high: float | None, write: Callable[[float | None], str]) -> str:
    """An interval, each end written by `write`; a dash where there is none."""
    return UNDEFINED if low is None or high is None else f"{write(low)} to {write(high)}"


def sort_key(value: float | None) -> str:
    """The value of `data-sort`, by which scripts sort; empty for undefined values."""
    return f"{value:.9g}" if value is not None and isfinite(value) else ""


def _format(value: float | None, write: Callable[[float], str]) -> str:
    """The value written by `write`, without a sign if it rounds to zero."""
    if value is None or not isfinite(value):
        return UNDEFINED
    text = write(value)
    return text.replace("-", MINUS) if any(sign in "123456789" for sign in text) else text.lstrip("+-")
