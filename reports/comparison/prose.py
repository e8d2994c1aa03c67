"""Differences between two runs as text: values, better or worse, and a sentence on the whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from data.text import shorten
from reports.comparison.diff import ABSENT, Change, Changes, Comparison, Divergence, ReadingDifference
from reports.comparison.run_reader import DecisionRow, PriceSpan
from reports.rendering.numbers import MINUS, UNDEFINED, percent

Writer = Callable[[float, int], str]  # formats a number with a number of extra digits


def _fixed(digits: int, sign: str = "", scale: float = 1, unit: str = "") -> Writer:
    return lambda value, more: f"{scale * value:{sign},.{digits + more}f}{unit}".replace("-", MINUS)


def _signed_percent(value: float, more: int) -> str:
    return percent(value, 1 + more)


def _significant(value: float, more: int) -> str:
    return f"{value:.{4 + more}g}".replace("-", MINUS)


class Meaning(NamedTuple):
    """Heading and format of a figure, and whether a higher value is better (1), worse (-1) or neither (0)."""

    heading: str
    write: Writer
    better: int = 0


SHARE, RATIO, LOG, USD, PROBABILITY = _fixed(1, "", 100, "%"), _fixed(2), _fixed(3, "+"), _fixed(0), _fixed(3)
MEANINGS = {
    "total_return": Meaning("net return", _signed_percent, 1),
    "cagr": Meaning("CAGR", _signed_percent, 1),
    "volatility": Meaning("volatility", SHARE),
    "sharpe": Meaning("Sharpe", RATIO, 1),
    "sortino": Meaning("Sortino", RATIO, 1),
    "max_drawdown": Meaning("maximum drawdown", _signed_percent, 1),  # zero or below: more is shallower
    "calmar": Meaning("Calmar", RATIO, 1),
    "time_in_market": Meaning("time in market", SHARE),
    "turnover": Meaning("turnover", RATIO),
    "costs": Meaning("costs, USD", USD, -1),
    "beta": Meaning("beta", RATIO),
    "alpha_annual": Meaning("alpha a year", _signed_percent, 1),
    "d": Meaning("d", LOG, 1),
    "return": Meaning("return", _signed_percent, 1),
    "excess_benchmark": Meaning("excess return", _signed_percent, 1),
    "effect": Meaning("effect", LOG),
    "p": Meaning("p", PROBABILITY),
    "p_family": Meaning("adjusted p", PROBABILITY),
    "p_lower": Meaning("p of a result as bad", PROBABILITY),
    "p_family_lower": Meaning("adjusted p of a result as bad", PROBABILITY),
    "interest.cash": Meaning("interest received, USD", USD),
    "interest.debit": Meaning("interest paid, USD", USD),
    "interest.borrow": Meaning("borrow fees, USD", USD),
}
HEADINGS = {
    **{name: meaning.heading for name, meaning in MEANINGS.items()},
    "window.first": "first day",
    "window.last": "last day",
    "source.real": "real prices",
    "source.notices": "notices",
    "source": "prices from",
}
EXTRA_DIGITS = range(10)
SHORT_DIGEST = 12  # characters
SHORT_OBJECT = 100  # characters; longer objects are not shown
TRIALS = {("evidence", "trials"), ("evidence", "forgotten")}  # settings that come from the trial ledger


def label(change: Change) -> str:
    """Heading of a value."""
    sessions, _, figure = change.name.partition(".")
    if change.path[0] == "horizons":
        return f"{HEADINGS.get(figure, shorten(figure))}, {shorten(sessions)} trading days"
    return HEADINGS.get(change.name, shorten(change.name))


def value_texts(change: Change) -> tuple[str, str]:
    """Both values, with as few digits as show the difference."""
    meaning = _meaning(change)
    write = meaning.write if meaning else _significant if isinstance(change.by, float) else None
    if change.path[0] == "code":
        return short_digest(change.base), short_digest(change.other)
    if change.by is None:
        return _value_text(change.base, write), _value_text(change.other, write)
    return _distinct_texts(lambda value, more: _value_text(value, write, more), change.base, change.other)


def difference(change: Change) -> str:
    """The other value minus the base value, with its sign; empty if that is not a number."""
    if change.by is None:
        return ""
    meaning = _meaning(change)
    texts = (meaning.write(change.by, more) for more in EXTRA_DIGITS) if meaning else iter(())
    text = next(filter(_has_digits, texts), _exact(change.by))
    return text if text[0] in f"+{MINUS}" else f"+{text}"


def direction(change: Change, same_window: bool = True) -> str:
    """Direction of a change: better or worse, higher or lower, new or gone, defined or not, or changed.

    Metrics of runs over different windows are neither better nor worse.
    """
    if change.by is not None:
        meaning = _meaning(change)
        comparable = same_window or change.path[0] != "metrics"
        sign = meaning.better * change.by if meaning and comparable else 0
        return ("better" if sign > 0 else "worse") if sign else ("higher" if change.by > 0 else "lower")
    if change.one_sided:
        return "new" if change.base is ABSENT else "gone"
    if change.base is None or change.other is None:
        return "now defined" if change.base is None else "no longer defined"
    return "changed"


def price_texts(change: Change) -> tuple[str, str]:
    """Prices of a symbol in both runs."""
    return _price_span(change.base), _price_span(change.other)


def _price_span(prices: PriceSpan | Any) -> str:
    if prices is ABSENT:
        return UNDEFINED
    span = f", {prices.first} to {prices.last}" if prices.first and prices.last else ""
    return f"{prices.rows:,} rows{span}, SHA-256 {short_digest(prices.sha256)}"


def day_and_symbol(change: Change) -> str:
    """Date and symbol of a fill or a decision."""
    return f"{change.path[1][0]} {shorten(change.path[1][1])}"


def row_texts(change: Change) -> tuple[str, str]:
    """A decision (target weight) or a fill (signed shares and price in USD) of both runs.

    Costs of a fill are added if nothing else differs.
    """
    base, other = _distinct_texts(_row, change.base, change.other)
    return (base, other) if base != other else _distinct_texts(_costs, change.base, change.other)


def _row(row: Any, more: int) -> str:
    if row is ABSENT:
        return "none"
    if isinstance(row, DecisionRow):
        return f"weight {percent(row.weight, 1 + more)}"
    digits = 0 if row.size == round(row.size) else 2 + more
    return f"{_fixed(digits, '+')(row.size, 0)} at {RATIO(row.price, more)}"


def _costs(row: Any, more: int) -> str:
    return f"{_row(row, 0)}, commission {RATIO(row.commission, more)}, spread {RATIO(row.spread_cost, more)}"


def describe_curve(divergence: Divergence) -> str:
    """First date of a divergence and its largest gap, as a percentage of the starting capital."""
    if not divergence.gap:
        return f"differs from {divergence.first} on; no gap on days that both runs have"
    text = percent(divergence.gap, 2)
    gap = text if _has_digits(text) else f"{_exact(100 * divergence.gap)}%"
    return f"differs from {divergence.first} on, largest gap {gap} on {divergence.on}"


def verdict_sentence(comparison: Comparison) -> str:
    """One sentence: equal, or what differs."""
    if not comparison.equal:
        return f"Different: {', '.join(_parts(comparison))}."
    equal = f"Equal: the same settings, prices and results of {_count(len(comparison.base.readings), 'reading')}"
    ignored = [name for name, changes in (("code", comparison.code), ("packages", comparison.versions)) if changes]
    return f"{equal}, with different {' and '.join(ignored)}." if ignored else f"{equal}."


def _parts(comparison: Comparison) -> Iterator[str]:
    """Differences that count for equality, causes first."""
    if comparison.settings:
        yield _count(len(comparison.settings), "setting")
    shared, alone = _split(comparison.prices)
    if shared:
        yield f"prices of {_count(len(shared), 'symbol')}"
    if alone:
        yield f"{_count(len(alone), 'symbol')} that only one run read"
    if in_one := len(comparison.only_base) + len(comparison.only_other):
        yield f"{_count(in_one, 'reading')} in one run only"
    if comparison.readings:
        yield f"results of {_count(len(comparison.readings), 'reading')}"
    if comparison.benchmark:
        yield "the benchmark"
    if comparison.results:
        yield _count(len(comparison.results), "other result")


def cause(comparison: Comparison) -> str | None:
    """Why results differ although code, packages and prices are the same; None if other inputs differ."""
    if not comparison.readings or comparison.code or comparison.versions or comparison.prices:
        return None
    if not comparison.settings:
        altered = comparison.base.altered or comparison.other.altered
        reason = "a file was changed after its run" if altered else "the same inputs gave different results"
        return f"No input differs: {reason}."
    if {change.path[1:] for change in comparison.settings} <= TRIALS:
        return "Of the inputs, only the number of trials differs; deflated Sharpe ratios depend on it."
    return None


def folder_notes(comparison: Comparison) -> list[str]:
    """Notes on the folders: different windows, files that were changed after the run."""
    window = [] if comparison.same_window else ["The runs cover different windows: no metric is better or worse."]
    return window + [
        f"{shorten(run.folder)}: {name} was changed after the run"
        for run in dict.fromkeys((comparison.base, comparison.other))
        for name in run.altered
    ]


def symbols_by_kind(changes: Changes) -> list[tuple[str, list[str]]]:
    """Symbols by kind of difference between their prices."""
    kinds = {
        "with different prices": _split(changes)[0],
        "in the base only": [change for change in changes if change.other is ABSENT],
        "in the other only": [change for change in changes if change.base is ABSENT],
    }
    return [(kind, [shorten(change.name) for change in group]) for kind, group in kinds.items() if group]


def outcome_changes(reading: ReadingDifference) -> list[Change]:
    """Changes of a reading besides its metrics: facts and the verdict."""
    return [*reading.facts, *reading.verdict]


def group_outcomes(readings: Sequence[ReadingDifference], names: Sequence[str]) -> list[tuple[Change, list[str]]]:
    """Changes of the outcomes `names`, each with the readings that have the same change."""
    groups: dict[tuple[str, ...], tuple[Change, list[str]]] = {}
    for reading in readings:
        for change in outcome_changes(reading):
            if change.name in names:
                groups.setdefault((change.name, *value_texts(change)), (change, []))[1].append(shorten(reading.name))
    return list(groups.values())


def short_digest(digest: str) -> str:
    """The beginning of a SHA-256."""
    return shorten(digest[:SHORT_DIGEST])


def _meaning(change: Change) -> Meaning | None:
    return MEANINGS.get(change.name) or MEANINGS.get(str(change.path[-1]))


def _distinct_texts(write: Callable[[Any, int], str], base: Any, other: Any) -> tuple[str, str]:
    """Texts of both values with as few digits as make them differ."""
    pairs = ((write(base, more), write(other, more)) for more in EXTRA_DIGITS)
    return next((pair for pair in pairs if pair[0] != pair[1]), (_value_text(base), _value_text(other)))


def _value_text(value: object, write: Writer | None = None, more: int = 0) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return write(float(value), more) if write else str(value).replace("-", MINUS)
        case str():
            return _line(value) or "(empty)"
        case list() | Mapping():
            text = json.dumps(value, ensure_ascii=False)
            return shorten(text) if isinstance(value, list) or len(text) <= SHORT_OBJECT else "there"
    return "not there" if value is ABSENT else "none"


def _line(text: str) -> str:
    """A text on one line; for a traceback its last line, which has the message."""
    return shorten(text.strip().rpartition("\n")[2] if text.startswith("Traceback") else text)


def _has_digits(text: str) -> bool:
    """Whether any digit but zero is left after rounding."""
    return any(digit in "123456789" for digit in text)


def _exact(value: float) -> str:
    return f"{value:.12g}".replace("-", MINUS)


def _split(changes: Changes) -> tuple[Changes, Changes]:
    """Changes of values that both runs have, and of values that only one has."""
    shared = tuple(change for change in changes if not change.one_sided)
    return shared, tuple(change for change in changes if change.one_sided)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
