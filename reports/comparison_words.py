"""How the difference between two runs is told: values side by side, in which direction, and the whole in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from data.printable import brief
from reports.comparison import ABSENT, Change, Comparison, Parting, PriceChange, ReadingDifference, RowChange
from reports.numbers import MINUS, UNDEFINED, percent
from reports.saved_run import Bars, Decision, Fill

Write = Callable[[float, int], str]


def _percent(value: float, more: int) -> str:
    return percent(value, 1 + more)


def _share(value: float, more: int) -> str:
    return f"{100 * value:.{1 + more}f}%".replace("-", MINUS)


def _fixed(digits: int, sign: str = "") -> Write:
    return lambda value, more: f"{value:{sign},.{digits + more}f}".replace("-", MINUS)


def _plain(value: float, more: int) -> str:
    return f"{value:.{4 + more}g}".replace("-", MINUS)


# How a figure is written, with as many more digits than usual as it takes to tell two of them apart. What is a
# gain or a loss has its sign, above zero too.
CHANGES = ("total_return", "cagr", "max_drawdown", "alpha_annual", "return", "excess_benchmark")
WRITE: Mapping[str, Write] = {
    **dict.fromkeys(CHANGES, _percent),
    **dict.fromkeys(("volatility", "time_in_market"), _share),
    **dict.fromkeys(("sharpe", "sortino", "calmar", "turnover", "beta"), _fixed(2)),
    **dict.fromkeys(("costs", "cash", "debit", "borrow"), _fixed(0)),
    **dict.fromkeys(("d", "effect"), _fixed(3, "+")),
    **dict.fromkeys(("p", "p_family", "p_lower", "p_family_lower"), _fixed(3)),
}
MORE = range(10)
HEADINGS = {
    "total_return": "net return",
    "cagr": "CAGR",
    "sharpe": "Sharpe",
    "sortino": "Sortino",
    "max_drawdown": "worst drawdown",
    "calmar": "Calmar",
    "alpha_annual": "alpha a year",
    "time_in_market": "time in market",
    "costs": "costs, USD",
    "excess_benchmark": "excess",
    "p_family": "p, family-wise",
    "p_lower": "p of as badly",
    "p_family_lower": "p of as badly, family-wise",
    "interest.cash": "interest received, USD",
    "interest.debit": "interest paid, USD",
    "interest.borrow": "borrow fees, USD",
    "window.first": "first session",
    "window.last": "last session",
    "source.real": "real prices",
    "source.notices": "notices",
    "source": "prices from",
}
SHORTEST = 12  # signs of a SHA-256 that are shown
BRIEF = 100  # signs of an object that is shown, not only said to be there


def heading(name: str) -> str:
    """The name of a value as a person says it."""
    head, _, last = name.rpartition(".")
    if head.isdigit():
        return f"{HEADINGS.get(last, last)}, {head} sessions"
    return f"{name} sessions" if name.isdigit() else HEADINGS.get(name, brief(name))


def values(change: Change) -> tuple[str, str]:
    """Both values as texts: rounded as long as that tells them apart, else to the last digit."""
    write = _writer(change) or (_plain if isinstance(change.by, float) else None)
    if write is not None:
        return _apart(lambda value, more: _written(value, write, more), change.base, change.other)
    return _written(change.base), _written(change.other)


def _apart(write: Callable[[Any, int], str], base: Any, other: Any) -> tuple[str, str]:
    """Both in as few digits as tell them apart."""
    pairs = ((write(base, more), write(other, more)) for more in MORE)
    return next((pair for pair in pairs if pair[0] != pair[1]), (_written(base), _written(other)))


def by(change: Change) -> str:
    """How much more the other has, with its sign; empty where that is no number."""
    found = change.by
    if found is None:
        return ""
    write = _writer(change)
    written = (write(found, more) for more in MORE) if write is not None else iter(())
    text = next((text for text in written if any(sign in "123456789" for sign in text)), _number(found))
    return text if text[0] in f"+{MINUS}" else f"+{text}"


def direction(change: Change) -> str:
    """Better or worse; higher or lower where neither can be said; what else has happened to it."""
    if change.by is not None:
        return {1: "better", -1: "worse"}.get(change.direction) or ("higher" if change.by > 0 else "lower")
    if change.base is ABSENT or change.other is ABSENT:
        return "new" if change.base is ABSENT else "gone"
    if change.base is None or change.other is None:
        return "now defined" if change.base is None else "no longer defined"
    return "changed"


def bars(found: Bars | None) -> str:
    """Prices of one symbol in short."""
    if found is None:
        return UNDEFINED
    span = f", {found.first} to {found.last}" if found.first and found.last else ""
    return f"{found.rows:,} rows{span}, SHA-256 {brief(found.sha256[:SHORTEST])}"


def row(found: Fill | Decision | None, more: int = 0) -> str:
    """A fill or a decision in short: a weight, or shares with a sign, price and costs in USD."""
    if found is None:
        return "none"
    if isinstance(found, Decision):
        return f"weight {_percent(found.weight, more)}"
    commission, spread = (_fixed(2)(value, more) for value in (found.commission, found.spread_cost))
    return f"{traded(found, more)}, commission {commission}, spread {spread}"


def traded(found: Fill | Decision | None, more: int = 0) -> str:
    """Shares, bought or sold, and their price."""
    if not isinstance(found, Fill):
        return "none"
    whole = found.size == round(found.size)
    return f"{_fixed(0 if whole else 2, '+')(found.size, 0 if whole else more)} at {_fixed(2)(found.price, more)}"


def rows(change: RowChange, write: Callable[[Any, int], str] = row) -> tuple[str, str]:
    """A fill or a decision of both runs, in as few digits as tell them apart."""
    return _apart(write, change.base, change.other)


def curve(parting: Parting) -> str:
    """Where two curves part and the largest gap, in percent of the starting capital."""
    if not parting.gap:
        return f"apart from {parting.first}, in no session that both have"
    text = percent(parting.gap, 2)
    gap = text if any(sign in "123456789" for sign in text) else f"{_number(100 * parting.gap)}%"
    return f"apart from {parting.first}, farthest {gap} on {parting.on}"


def parts(comparison: Comparison) -> Iterator[str]:
    """What differs and counts, each in few words, in causal order."""
    if comparison.settings:
        yield _many(len(comparison.settings), "setting")
    if other := [change for change in comparison.prices if change.base and change.other]:
        yield f"prices of {_many(len(other), 'symbol')}"
    if alone := len(comparison.prices) - len(other):
        yield f"{_many(alone, 'symbol')} read by one only"
    if comparison.only_base or comparison.only_other:
        yield f"{_many(len(comparison.only_base) + len(comparison.only_other), 'reading')} in one only"
    if comparison.readings:
        yield f"results of {_many(len(comparison.readings), 'reading')}"
    if comparison.results:
        yield f"{_many(len(comparison.results), 'fact')} of the whole run"
    if comparison.benchmark:
        yield "the benchmark"


def verdict(comparison: Comparison) -> str:
    """The whole in a sentence."""
    if not comparison.equal:
        return f"Different: {', '.join(parts(comparison))}."
    count = len(comparison.base.readings)
    beside = [name for name, found in (("code", comparison.code), ("packages", comparison.versions)) if found]
    told = f"Equal: the same settings, prices and results of {_many(count, 'reading')}"
    return f"{told}, from other {' and '.join(beside)}." if beside else f"{told}."


def cause(comparison: Comparison) -> str | None:
    """What the results that differ may come from; None where none differ."""
    if not comparison.readings:
        return None
    inputs = {
        "settings": comparison.settings,
        "code": comparison.code,
        "packages": comparison.versions,
        "prices": [change for change in comparison.prices if change.base and change.other],
        "symbols read": [change for change in comparison.prices if not (change.base and change.other)],
    }
    if _is_ledger(comparison, inputs):
        return "Only the trials counted so far differ: deflated Sharpe ratios follow from them, and nothing else."
    found = [name for name, differs in inputs.items() if differs]
    if not found:
        altered = comparison.base.altered or comparison.other.altered
        return (
            "Nothing that went in differs: a file was changed after its run."
            if altered
            else "Nothing that went in differs: the same inputs have given other results."
        )
    if len(found) == 1:
        return f"Only the {found[0]} differ{'s' if found == ['code'] else ''} among what went in."
    return f"The {', '.join(found[:-1])} and {found[-1]} differ among what went in."


def _is_ledger(comparison: Comparison, inputs: Mapping[str, object]) -> bool:
    """Whether nothing but the number of trials went in otherwise."""
    trials = all(change.name in ("evidence.trials", "evidence.forgotten") for change in comparison.settings)
    return (
        bool(comparison.settings)
        and trials
        and not any(differs for name, differs in inputs.items() if name != "settings")
    )


def notes(comparison: Comparison) -> list[str]:
    """What has to be known of the folders."""
    window = [] if comparison.same_window else ["The windows are not the same: their figures are not better or worse"]
    return window + [
        f"{brief(run.folder)}: {name} is not as the run wrote it"
        for run in dict.fromkeys((comparison.base, comparison.other))
        for name in run.altered
    ]


def short(digest: object) -> str:
    """A SHA-256 as it is shown."""
    return brief(str(digest)[:SHORTEST])


def symbols(changes: Sequence[PriceChange]) -> list[tuple[str, list[str]]]:
    """Symbols whose prices differ, and those of one run only, with a heading each."""
    kinds = {
        "other prices": [change.symbol for change in changes if change.base and change.other],
        "in the base only": [change.symbol for change in changes if change.other is None],
        "in the other only": [change.symbol for change in changes if change.base is None],
    }
    return [(kind, list(map(brief, found))) for kind, found in kinds.items() if found]


def shown(found: ReadingDifference) -> list[Change]:
    """Facts and figures of the verdict: what is told of a reading besides its metrics."""
    return [*found.facts, *found.evidence]


def _writer(change: Change) -> Write | None:
    return WRITE.get(change.name.rpartition(".")[2])


def _written(value: object, write: Write | None = None, more: int = 0) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return write(float(value), more) if write else str(value).replace("-", MINUS)
    if isinstance(value, str):
        return brief(value) or "(empty)"
    if isinstance(value, list | dict):
        text = json.dumps(value, ensure_ascii=False)
        return brief(text) if isinstance(value, list) or len(text) <= BRIEF else "there"
    return "not there" if value is ABSENT else "none"


def _number(value: float) -> str:
    return f"{value:.12g}".replace("-", MINUS)


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def day(when: date) -> str:
    """A session as it is written."""
    return when.isoformat()


def grouped(found: Sequence[ReadingDifference], apart: Sequence[str]) -> list[tuple[Change, list[str]]]:
    """Facts of those names, each with the readings that changed alike."""
    groups: dict[tuple[str, str, str], tuple[Change, list[str]]] = {}
    for difference in found:
        for change in shown(difference):
            if change.name in apart:
                groups.setdefault((change.name, *values(change)), (change, []))[1].append(brief(difference.name))
    return list(groups.values())
