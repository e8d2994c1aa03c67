"""The story of a strategy from its docstring: title, claim, rule, trades and refutation."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from typing import Any

from data.events.event import EventReading
from data.text import escape_unprintable, shorten
from reports.records.result import Story
from runners.engine.study import Study

SECTIONS = ("Claim", "Rule", "Trades", "Refuted")
LONGEST_SECTION = 2000  # characters


def story_of(study: Study) -> Story:
    """The story of a study's strategy; the study's title and claim take precedence."""
    return with_titles(docstring_story(study.strategy), study)


def with_titles(story: Story, source: Study | EventReading | None) -> Story:
    """The story with the title and claim of a study or an event's reading, unless empty."""
    if source is None:
        return story
    return replace(story, title=source.title or story.title, claim=source.claim or story.claim)


def docstring_story(strategy: type[Any]) -> Story:
    """The sections of the docstring of a strategy's class, or of its module if only that has sections."""
    module = inspect.getmodule(strategy)
    if not hasattr(module, "__file__"):
        module = None  # a notebook, whose docstring is not about the strategy
    texts = [inspect.cleandoc(text) for text in (strategy.__doc__, module and module.__doc__) if text]
    with_sections = [text for text in texts if any(f"\n{section}:" in text for section in SECTIONS)]
    text = escape_unprintable((with_sections or texts or [strategy.__name__])[0])
    parts = re.split(rf"^({'|'.join((*SECTIONS, 'Parameters'))}):", text, flags=re.MULTILINE)
    sections = {
        key: shorten(" ".join(value.split()), LONGEST_SECTION)
        for key, value in zip(parts[1::2], parts[2::2], strict=True)
    }
    return Story(shorten(parts[0].strip().split("\n")[0]), *(sections.get(key, "") for key in SECTIONS))
