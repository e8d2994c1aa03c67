"""Studies, and how they are prepared from strategy classes."""

from __future__ import annotations

import backtrader as bt
import numpy as np
import pytest

from data.errors import RequestError, StrategyError
from runners.engine.backtest.frictions import Frictions
from runners.engine.study import PlainStudy, ReadingStudy, prepare
from strategies.base import BetaMatched, Cash, Fund, Reading
from tests.resources.rules import HalfMarket
from tests.resources.workers import Crossing

FREE = Frictions(0, 0, 0, 0)


class Pick(HalfMarket):
    """Picks.

    Claim: it picks.
    """

    chooses = ("M", "N")
    history = 7


def test_a_study_lists_required_symbols_and_choices():
    one = ReadingStudy("pick", Pick, ("M", "N"), Fund("N"))
    assert (one.required_symbols, one.chooses, one.history, one.required_closes) == (("M", "N"), ("M", "N"), 7, 7)
    assert ReadingStudy("pick", Pick, ("M",), BetaMatched("B"), universe=("U",)).required_symbols == ("M", "B")
    assert ReadingStudy("pick", Pick, ("M",), BetaMatched("B"), universe=("U",)).chooses == ("U",)
    assert ReadingStudy("pick", Pick, ("M",), BetaMatched("B")).required_closes == 67
    plain_one = PlainStudy("plain", bt.Strategy, ("M",), Cash())
    assert (plain_one.chooses, plain_one.history, plain_one.required_closes) == ((), 1, 1)
    with pytest.raises(RequestError, match="'<b>' cannot name a reading"):
        ReadingStudy("<b>", Pick, ("M",), Cash())


def test_the_same_strategy_with_the_same_parameters_is_one_variant():
    one = ReadingStudy("one", Pick, ("M",), Cash(), {"b": 1, "a": 2})
    assert one.variant == ReadingStudy("other", Pick, ("M",), Fund("N"), {"a": 2, "b": 1}).variant
    assert one.variant == (Pick, {"a": 2, "b": 1})
    assert one.variant != ReadingStudy("one", Pick, ("M",), Cash(), {"b": 1, "a": 3}).variant
    assert one.variant != ReadingStudy("one", HalfMarket, ("M",), Cash(), {"b": 1, "a": 2}).variant


def reading(**attributes: object) -> type[Reading]:
    return type("Own", (HalfMarket,), attributes)


def refusal(strategy: type, *words: object, **named: object) -> tuple[type, str]:
    with pytest.raises(RequestError) as caught:
        prepare("own", strategy, "SPY", *words, **named)
    return type(caught.value), str(caught.value)


def test_a_reading_is_prepared_as_it_declares_itself():
    own = reading(symbols=("M", "N", "M"), comparator=Fund("N"))
    study = prepare("folder.module:Own", own, "SPY")
    assert study.strategy is own
    assert (study.name, study.symbols, study.comparator, study.parameters) == ("Own", ("M", "N"), Fund("N"), {})
    given = prepare("own", reading(comparator=Cash()), "SPY", ("A",), {"share": 0.2})
    assert (given.name, given.symbols, given.comparator, given.parameters) == ("own", ("M",), Cash(), {"share": 0.2})


REMEDY = "write symbols = ('SPY', 'TLT') in class Own"


@pytest.mark.parametrize(
    ("symbols", "told"),
    [
        ("SPY", f"Own declares symbols = 'SPY', not a tuple of symbols; {REMEDY}"),
        (None, f"Own declares symbols = None, not a tuple of symbols; {REMEDY}"),
        ([], f"Own declares symbols = [], not a tuple of symbols; {REMEDY}"),
        ((), f"Own declares symbols = (), not a tuple of symbols; {REMEDY}"),
        ({"M"}, f"Own declares symbols = {{'M'}}, not a tuple of symbols; {REMEDY}"),
        (("M", 5), f"Own declares the symbol 5; {REMEDY}, in capitals"),
        (("M", "spy"), f"Own declares the symbol 'spy'; {REMEDY}, in capitals"),
        (("M", " SPY"), f"Own declares the symbol ' SPY'; {REMEDY}, in capitals"),
        (("M", ""), f"Own declares the symbol ''; {REMEDY}, in capitals"),
    ],
)
def test_invalid_symbols_of_a_reading_are_its_authors_error(symbols, told):
    assert refusal(reading(symbols=symbols, comparator=Cash())) == (StrategyError, told)


def test_an_invalid_comparator_is_its_authors_error():
    assert refusal(reading(comparator="SPY")) == (
        StrategyError,
        "Own declares comparator = 'SPY'; use Cash(), Fund('SPY') or another comparator of strategies.base",
    )


def test_a_reading_that_takes_its_symbols_from_parameters_needs_them():
    empty = reading(symbols=property(lambda self: ()), comparator=Cash())
    assert refusal(empty) == (
        RequestError,
        "own has no symbols of its own; give them as parameters, in an event file or in a subclass",
    )


def test_a_plain_strategy_declares_its_symbols_or_is_given_them():
    class Plain(bt.Strategy):
        pass

    class Declared(bt.Strategy):
        symbols = ("B", "A", "B")

    study = prepare("own", Declared, "SPY", ("C",), {"x": 1})
    assert study.strategy is Declared
    assert (study.name, study.symbols, study.comparator, study.parameters) == ("own", ("B", "A"), Fund("SPY"), {"x": 1})
    message = "own declares no symbols; give --symbols A,B or a class attribute `symbols`, a tuple of strings"
    assert refusal(Plain) == (RequestError, message)
    for wrong in ("SPY", (5,), ("A", None)):
        assert refusal(type("Wrong", (bt.Strategy,), {"symbols": wrong})) == (RequestError, message)


def test_a_plain_strategy_needs_symbols_and_is_compared_with_the_benchmark():
    class Plain(bt.Strategy):
        pass

    with pytest.raises(RequestError, match="--symbols A,B"):
        prepare("mine:Plain", Plain, "SPY")
    study = prepare("mine:Plain", Plain, "SPY", ("SPY", "TLT"))
    assert (study.name, study.required_symbols, study.comparator) == ("Plain", ("SPY", "TLT"), Fund("SPY"))


class Leg(HalfMarket):
    """Symbol and comparator follow from its parameters."""

    params = (("leg", "M"),)

    @property
    def symbols(self):
        return (self.p.leg,)

    @property
    def comparator(self):
        return Fund(self.p.leg)


def test_changed_parameters_change_symbols_and_comparator():
    changed = prepare("leg", Leg, "SPY").with_parameters({"leg": "N"})
    assert (changed.symbols, changed.comparator, changed.parameters) == (("N",), Fund("N"), {"leg": "N"})
    assert changed.all_parameters == {"share": 0.5, "leg": "N"} and changed.has_rule
    assert changed.rule().symbols == ("N",)
    plain = PlainStudy("plain", Crossing, ("A",), Fund("SPY")).with_parameters({"period": 3})
    assert (plain.symbols, plain.comparator, plain.all_parameters) == (("A",), Fund("SPY"), {"period": 3})
    assert not plain.has_rule and set(plain.ignores) == {"rebalance", "lag", "shock"}


def test_only_a_reading_has_a_refutation_criterion():
    assert ReadingStudy("half", HalfMarket, ("M",), Cash()).refuted(-0.1, ()) is True
    assert PlainStudy("plain", Crossing, ("A",), Cash()).refuted(-0.1, ()) is None


def test_a_plain_strategy_cannot_be_beta_matched():
    with pytest.raises(RequestError, match=r"^crossing has no rule whose earlier returns could be matched; use"):
        PlainStudy("crossing", Crossing, ("N",), BetaMatched("M", 9))


@pytest.mark.parametrize("refuted", [True, False, np.True_], ids=["true", "false", "numpy"])
def test_a_criterion_is_true_or_false(refuted):
    kind = type("Claimed", (Reading,), {"symbols": ("SPY",), "refuted": classmethod(lambda *_: refuted)})
    study = prepare("claimed", kind, "SPY")
    assert study.refuted(0.1, ()) is bool(refuted)


@pytest.mark.parametrize("refuted", ["no", 1, None, np.array([True])], ids=["text", "number", "nothing", "array"])
def test_a_criterion_that_is_neither_true_nor_false_is_named(refuted):
    kind = type("Claimed", (Reading,), {"symbols": ("SPY",), "refuted": classmethod(lambda *_: refuted)})
    with pytest.raises(StrategyError, match=r"claimed: refuted\(d, decisions\) returned .*; return True or False"):
        prepare("claimed", kind, "SPY").refuted(0.1, ())
