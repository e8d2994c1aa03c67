"""Small multiverses made by hand: three entries (the last with hindsight), two horizons, three baskets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.records.multiverse import Choice, Dimension, Multiverse, MultiverseRun
from reports.records.result import Story
from reports.statistics.availability import Missing

ENTRY = Dimension(
    "entry",
    "When?",
    (
        Choice("published", "at once", 0, declared=True),
        Choice("next session", "a session later", 1),
        Choice("shock day", "too early", -4, hindsight=True, tested=False),
    ),
)
HORIZON = Dimension(
    "horizon",
    "How long?",
    (Choice("60 sessions", "", 60), Choice("252 sessions", "", 252, declared=True, tested=False)),
)
BASKET = Dimension(
    "basket",
    "Which names?",
    (Choice("declared", "as written", declared=True), Choice("without A", "not A"), Choice("without B", "not B")),
)


def multiverse_of(name: str = "first", seed: int = 1, launches: int = 19, **changes: object) -> Multiverse:
    """18 specifications, 6 of them tested, at the real entry and at `launches` placebo entries."""
    rng = np.random.default_rng(seed)
    d = np.round(rng.normal(0.05, 0.2, 18), 6)
    fields = {
        "name": name,
        "story": Story(f"Title of {name}.", "A claim.", "A rule.", "At times.", "When it lost."),
        "comparator": "the idle account",
        "dimensions": (ENTRY, HORIZON, BASKET),
        "fixed": (("borrow", "it is never short"),),
        "codes": np.indices((3, 2, 3)).reshape(3, -1).T,
        "d": d,
        "d_by_entry": np.zeros((0, 6)),
        "sessions": tuple(str(day.date()) for day in pd.bdate_range("2025-01-31", periods=launches + 1, freq="-67B")),
        "rolling": Missing("not asked for"),
        **changes,
    }
    bare = Multiverse(**fields)
    if "d_by_entry" in changes:
        return bare
    placebos = rng.normal(0, 0.2, (launches, bare.tested.sum()))
    return Multiverse(**{**fields, "d_by_entry": np.vstack((bare.d[bare.tested], placebos))})


def survey_of(*multiverses: Multiverse, **changes: object) -> MultiverseRun:
    """A run of the multiverses given, or of two readings."""
    fields = {
        "multiverses": multiverses or (multiverse_of("first"), multiverse_of("second", 2)),
        "dimensions": (ENTRY, HORIZON),
        "step": 67,
        "origin": "made up",
        "real": True,
        "manifest": {"command": "python -m runners.multiverse"},
        **changes,
    }
    return MultiverseRun(**fields)
