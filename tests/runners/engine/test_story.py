"""The story of a strategy, read from its docstring."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType

import backtrader as bt

import strategies
from reports.records.result import Story
from runners.engine.backtest.frictions import Frictions
from runners.engine.story import docstring_story, story_of, with_titles
from runners.engine.study import ReadingStudy
from strategies.base import Cash
from tests.resources.rules import HalfMarket

FREE = Frictions(0, 0, 0, 0)


def test_the_story_is_read_from_the_docstring():
    story = docstring_story(HalfMarket)
    assert (story.title, story.claim, story.refuted) == ("Half in M, half in cash.", "half is enough.", "never.")
    assert (
        docstring_story(strategies.load("bad_news")).title
        == "Short chips, long the market: the market's own first reading."
    )


def test_sections_of_a_docstring_become_one_line_each():
    class Told(bt.Strategy):
        """Title of it
        and more.

        Claim: one
            two.
        Rule:
            three:  four.
        Trades: five.
        Parameters:
            gross: Refuted: not here
        Refuted: six.
        """

    assert docstring_story(Told) == Story("Title of it", "one two.", "three: four.", "five.", "six.")


def test_the_docstring_with_sections_is_used(monkeypatch):
    module = ModuleType("own_module", "Of the file.\n\nClaim: of the file.\n")
    module.__file__ = "own_module.py"
    monkeypatch.setitem(sys.modules, "own_module", module)
    own = type("Own", (bt.Strategy,), {"__module__": "own_module", "__doc__": "Of the class."})
    assert docstring_story(own) == Story("Of the file.", "of the file.", "", "", "")
    both = type("Both", (bt.Strategy,), {"__module__": "own_module", "__doc__": "Of the class.\n\nRule: its own.\n"})
    assert docstring_story(both) == Story("Of the class.", "", "its own.", "", "")
    module.__doc__ = "Of the file."
    assert docstring_story(own).title == "Of the class."
    own.__doc__ = None
    assert docstring_story(own).title == "Of the file."
    del module.__file__
    assert docstring_story(own).title == "Own"


def test_long_sections_are_shortened():
    story = docstring_story(type("Long", (bt.Strategy,), {"__doc__": f"{'t' * 301}\n\nClaim: {'w' * 2001}\n"}))
    assert (story.title, story.claim) == ("t" * 300 + "\u2026", "w" * 2000 + "\u2026")


def test_an_event_may_replace_title_and_claim():
    own = Story("a", "b", "c", "d", "e")
    assert with_titles(own, None) is own
    assert with_titles(own, ReadingStudy("x", HalfMarket, ("M",), Cash())) == own
    assert with_titles(own, ReadingStudy("x", HalfMarket, ("M",), Cash(), title="T")) == replace(own, title="T")
    assert with_titles(own, ReadingStudy("x", HalfMarket, ("M",), Cash(), claim="C")) == replace(own, claim="C")
    assert story_of(ReadingStudy("x", HalfMarket, ("M",), Cash(), claim="C")) == replace(
        docstring_story(HalfMarket), claim="C"
    )
