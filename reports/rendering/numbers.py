"""How pages write numbers: with a real minus sign, and a dash for what is not defined."""

from __future__ import annotations

from collections.abc import Callable
from math import exp, isfinite, isnan

UNDEFINED = "\u2013"
MINUS = "\u2212"


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as a percentage with its sign."""
    return _written(value, lambda known: f"{100 * known:+.{digits}f}%")


def share(value: float | None) -> str:
    """A fraction that is never negative, as a percentage."""
    return _written(value, lambda known: f"{100 * known:.1f}%")


def points(value: float | None) -> str:
    """A fraction in percent with its sign, where the column says that it is percent."""
    return _written(value, lambda known: f"{100 * known:+.1f}")


def strength(value: float | None, full: float) -> str:
    """How strongly a cell is tinted: value over `full`, in [-1, 1]; 0 for what is undefined."""
    if value is None or isnan(value):
        return "0"
    return f"{max(-1.0, min(1.0, value / full)):.2g}"


def ratio(value: float | None) -> str:
    """A ratio, two digits."""
    return _written(value, lambda known: f"{known:.2f}")


def log_ratio(value: float | None) -> str:
    """A difference of logs with its sign, three digits."""
    return _written(value, lambda known: f"{known:+.3f}")


def usd(value: float | None) -> str:
    """Whole dollars."""
    return _written(value, lambda known: f"{known:,.0f}")


def yes_no(value: float | None) -> str:
    """Whether something is so."""
    return UNDEFINED if value is None else "yes" if value else "no"


def probability(value: float | None) -> str:
    """A p-value or another probability: three digits, a fourth where it is small, never a bare zero."""
    if value is None or not isfinite(value):
        return UNDEFINED
    if 0 <= value < 0.0001:
        return "<0.0001"
    return f"{value:.4f}" if value < 0.001 else f"{value:.3f}"


def wealth(d: float, than: str) -> str:
    """A finite difference of logs as wealth: how much more or less than the comparator's."""
    apart = f"{100 * abs(exp(d) - 1):.1f}%"
    return (
        f"as much wealth as {than}" if apart == "0.0%" else f"{apart} {'more' if d > 0 else 'less'} wealth than {than}"
    )


def bounds(low: float | None, high: float | None, write: Callable[[float | None], str]) -> str:
    """An interval; a dash where there is none."""
    return UNDEFINED if low is None or high is None else f"{write(low)} to {write(high)}"


def sort_key(value: float | None) -> str:
    """What a script sorts by; empty for what is undefined."""
    return f"{value:.9g}" if value is not None and isfinite(value) else ""


def _written(value: float | None, write: Callable[[float], str]) -> str:
    """Without a sign where rounding leaves nothing."""
    if value is None or not isfinite(value):
        return UNDEFINED
    text = write(value)
    return text.replace("-", MINUS) if any(sign in "123456789" for sign in text) else text.lstrip("+-")
