"""A small synthetic run for the pages, and evidence on it: random walks, no prices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data import calendar
from reports.records.evidence import END, BreakEven, Description, Evidence, EvidenceReport, PastEntries, SharpeEvidence
from reports.records.result import HORIZONS, Horizon, Result, Run, Story
from reports.statistics.availability import Missing
from reports.statistics.bootstrap import Interval
from reports.statistics.event_study import EventSample
from reports.statistics.multiple_testing import Superiority
from reports.statistics.placebo import PlaceboRank, Power
from reports.statistics.regression import Coefficient, Regression
from reports.statistics.shock import ShockStudy, study_shock
from reports.statistics.verdict import Verdict


def make_result(name: str = "first", seed: int = 1, sessions: pd.DatetimeIndex | None = None, **changes) -> Result:
    rng = np.random.default_rng(seed)
    index = calendar.sessions_between("2025-01-30", "2026-02-03") if sessions is None else sessions
    returns = np.concatenate(([0.0], rng.normal(0.0005, 0.012, len(index) - 1)))
    equity = pd.Series(1e6 * np.cumprod(1 + returns), index, name=name)
    fills = pd.DataFrame(
        {
            "session": [index[1], index[-1]],
            "symbol": ["AAA", "AAA"],
            "size": [100.0, -100.0],
            "price": [50.0, 60.0],
            "commission": [0.5, 0.6],
            "spread_cost": [1.0, 1.2],
        }
    )
    made = {
        "name": name,
        "claims": ("C1", "C5"),
        "story": Story(f"Title of {name}", "A claim.", "A rule.", "At times.", "When it lost."),
        "parameters": {"gross": 1.0},
        "symbols": ("AAA",),
        "entry": index[1],
        "exit": index[-1],
        "d": float(np.log(equity.iloc[-1] / 1e6)),
        "equity": equity,
        "gross": pd.Series(np.where(np.arange(len(index)) > 0, 1.0, 0.0), index),
        "comparator": pd.Series(1.0, index),
        "comparator_name": "cash at zero",
        "fills": fills,
        "decisions": pd.DataFrame({"session": [index[0]], "symbol": ["AAA"], "weight": [0.5]}),
        "interest": {"cash": 120.0, "debit": 1.5, "borrow": 30.0},
        "horizons": {n: Horizon(0.01 * n, 0.001 * n, 0.002 * n) for n in HORIZONS if n < len(index)},
        "refuted": False,
        "outcome": "Made money.",
        **changes,
    }
    return Result(**made)


@pytest.fixture
def result_of():
    return make_result


@pytest.fixture(scope="session")
def run_of():
    """A run of the given results (two by default) with a benchmark of its own."""

    def make(*results: Result, **changes) -> Run:
        shown = results or (make_result("first", 1), make_result("second", 2, refuted=True))
        index = shown[0].equity.index[1:]
        rng = np.random.default_rng(99)
        made = {
            "results": tuple(shown),
            "benchmark_name": "SPY",
            "benchmark": pd.Series(rng.normal(0.0004, 0.01, len(index)), index),
            "risk_free": pd.Series(0.041, index),
            "origin": "made up",
            "real": True,
            "title": "A made-up shock",
            "notices": (),
            "marks": ((pd.Timestamp("2025-01-31"), "published", "event"),),
            "settings": {"Hold": "252 sessions"},
            "frictions": {"commission_bps": 1.0},
            "manifest": {"seed": None},
            **changes,
        }
        return Run(**made)

    return make


def make_rank(n: int = 64, effect: float = 0.05, **changes) -> PlaceboRank:
    """A rank of a test that was held: of 64 launches, 6 did at least as well."""
    made = {
        "mean": 0.01,
        "deviation": 0.04,
        "z": 1.0,
        "p": 7 / 65,
        "p_lower": 59 / 65,
        "p_family": 0.6,
        "p_family_lower": 1.0,
        "low": -0.03,
        "high": 0.12,
        **changes,
    }
    return PlaceboRank(n, effect, **made)


def make_shock(names: tuple[str, ...] = ("AAA", "BBB", "CCC", "DDD")) -> ShockStudy:
    """An event study of three names held and one sold short, on noise."""
    rng = np.random.default_rng(5)
    market = rng.normal(0, 0.01, (100, 1))
    returns = market + rng.normal(0, 0.02, (100, len(names)))
    sample = EventSample(returns[:78], market[:78, 0], returns[78:], market[78:, 0], 1)
    weights = dict(zip(names, (0.25, 0.15, 0.1, -0.5), strict=True))
    return study_shock(sample, names, weights, "2025-01-27", ("2024-09-03", "2024-12-24"), "SPY")


def make_launches() -> PastEntries:
    """Forty launches, two of which have no number; four do not overlap."""
    d = tuple(round(0.01 * (place % 9) - 0.04, 6) for place in range(38))
    return PastEntries(
        tuple(str(day.date()) for day in pd.bdate_range("2024-12-02", periods=40)),
        {str(n): (*d, None, None) for n in HORIZONS},
        {str(n): (35, 25, 15, 5) for n in HORIZONS},
    )


SHORT = "5 placebos that do not overlap; 19 are needed"


def make_evidence(name: str = "first", **changes) -> Evidence:
    """Evidence with every part there, on a reading that chooses names."""
    late = PlaceboRank(5, -0.1, reason=SHORT)
    line = Regression(
        Coefficient(0.1, 0.1, -0.1, 0.3, 0.3), {"SPY": Coefficient(1.2, 0.1, 1.0, 1.4, 0.00001)}, 0.5, 4, 253, 0.95
    )
    made = {
        "verdict": Verdict("not distinguishable from chance"),
        "d": 0.252,
        "occurred": False,
        "timing": {
            "5": make_rank(257),
            "20": make_rank(),
            "60": make_rank(21, -0.02, low=None, high=None),
            "120": late,
            "252": late,
        },
        "names": {key: make_rank(5000) for key in (*map(str, HORIZONS), END)},
        "launches": make_launches(),
        "drawn": tuple(np.round(np.random.default_rng(3).normal(0, 0.2, 500), 6).tolist()),
        "power": Power((0.02, 0.05, 0.1), (0.1, 0.53125, 0.9375), 0.1),
        "shock": make_shock(),
        "intervals": {
            "sharpe": Interval(1.0, -0.9, 2.7),
            "cagr": Interval(0.28, -0.17, 0.98),
            "alpha": Missing("returns: all 253 observations are the same; they must vary"),
        },
        "regressions": {"SPY": line, "QQQ": Missing("alpha: QQQ explain every return; some must be left to judge by")},
        "break_even": BreakEven(748.26, Missing("nothing is sold short"), 3.0, 0.003),
        "sharpe": SharpeEvidence(1.01, 0.847, 0.00001, 1.78, 2.6, 1.0, 12, 3),
        "described": (Description("decisions moved by days", "20", 16, -0.003, 0.004, 0.9375),),
        **changes,
    }
    return Evidence(name, **made)


GONE = Missing("a launch at another date failed: nothing left")


def make_empty(name: str = "first", **changes) -> Evidence:
    """Evidence of which nothing is available."""
    none = {str(n): PlaceboRank(0, None, reason=GONE.reason) for n in HORIZONS}
    made = {
        "verdict": Verdict(None, reason="timing: nothing left"),
        "d": float("-inf"),
        "occurred": None,
        "timing": none,
        "names": {**none, END: PlaceboRank(0, None, reason=GONE.reason)},
        "launches": GONE,
        "drawn": (),
        "power": GONE,
        "shock": Missing("the reading never takes a position, so that there are no legs"),
        "intervals": dict.fromkeys(("sharpe", "cagr", "alpha"), GONE),
        "regressions": {"SPY": GONE},
        "break_even": GONE,
        "sharpe": SharpeEvidence(GONE, GONE, GONE, GONE, GONE, 1.0, 1),
        "described": (),
        **changes,
    }
    return Evidence(name, **made)


def make_evidence_report(*evidence: Evidence, **changes) -> EvidenceReport:
    made = {
        "superiority": Superiority(0.168, 0.112, 0.2, (), {}, 0.05, 6, 2000),
        "confounders": (("2025-01-29", "the FOMC holds rates"),),
        "hindsight": False,
        "real": True,
        "origin": "made up",
        "draws": 5000,
        "resamples": 2000,
        "seed": 20250131,
        **changes,
    }
    return EvidenceReport({each.name: each for each in evidence}, **made)


@pytest.fixture
def evidence_of():
    return make_evidence


@pytest.fixture
def empty_evidence():
    return make_empty


@pytest.fixture
def rank_of():
    return make_rank


@pytest.fixture
def shock_of():
    return make_shock


@pytest.fixture
def judged(run_of):
    """A run of two readings with evidence: both have all evidence unless other is given."""

    def make(*evidence: Evidence, evidence_report: dict | None = None, **changes) -> Run:
        shown = evidence or (make_evidence("first"), make_evidence("second", names=None))
        results = [make_result(each.name, place, d=each.d) for place, each in enumerate(shown, 1)]
        return run_of(
            *results,
            with_evidence=True,
            evidence_report=make_evidence_report(*shown, **(evidence_report or {})),
            **changes,
        )

    return make
