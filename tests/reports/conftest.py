"""A small synthetic run of random walks, with evidence."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from data import calendar
from reports.records.evidence import BreakEven, Description, Evidence, EvidenceReport, PastEntries, SharpeEvidence
from reports.records.result import HORIZONS, Horizon, Result, Run, Story
from reports.statistics.availability import Missing
from reports.statistics.bootstrap import Interval
from reports.statistics.event_study import EventSample
from reports.statistics.multiple_testing import Superiority
from reports.statistics.placebo import PlaceboRank, Power
from reports.statistics.regression import Coefficient, Regression
from reports.statistics.shock import ShockStudy, study_shock
from reports.statistics.verdict import Verdict
from reports.statistics.year_timing import YearTiming


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
    values = {
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
        "comparator_name": "the idle account",
        "fills": fills,
        "decisions": pd.DataFrame({"session": [index[0]], "symbol": ["AAA"], "weight": [0.5]}),
        "interest": {"cash": 120.0, "debit": 1.5, "borrow": 30.0},
        "horizons": {n: Horizon(0.01 * n, 0.001 * n, 0.002 * n) for n in HORIZONS if n < len(index)},
        "refuted": False,
        "outcome": "Made money.",
        **changes,
    }
    return Result(**values)


@pytest.fixture
def result_of():
    return make_result


@pytest.fixture(scope="session")
def run_of():
    """A run of the given results (two by default) and a random benchmark."""

    def make(*results: Result, **changes) -> Run:
        results = results or (make_result("first", 1), make_result("second", 2, refuted=True))
        index = results[0].equity.index[1:]
        rng = np.random.default_rng(99)
        values = {
            "results": results,
            "benchmark_name": "SPY",
            "benchmark": pd.Series(rng.normal(0.0004, 0.01, len(index)), index),
            "risk_free": pd.Series(0.041, index),
            "origin": "made up",
            "real": True,
            "title": "A values-up shock",
            "notices": (),
            "marks": ((pd.Timestamp("2025-01-31"), "published", "event"),),
            "settings": {"Hold": "252 sessions"},
            "frictions": {"commission_bps": 1.0},
            "manifest": {"seed": None},
            **changes,
        }
        return Run(**values)

    return make


def make_rank(n: int = 64, effect: float = 0.05, **changes) -> PlaceboRank:
    """A rank with p-values: 6 of 64 placebos are at least as high."""
    values = {
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
    return PlaceboRank(n, effect, **values)


def make_year(**changes) -> YearTiming:
    """A test over the year: 200 of 10,000 permutations and 3 of 76 cyclic shifts are at least as high."""
    values = {
        "after": 0.02,
        "before": -0.01,
        "z": 2.1,
        "p": 0.02,
        "p_lower": 0.98,
        "p_family": 0.07,
        "p_family_lower": 1.0,
        "cyclic": 3 / 76,
        "cyclic_lower": 74 / 76,
        **changes,
    }
    return YearTiming(**values)


@cache
def make_shock(symbols: tuple[str, ...] = ("AAA", "BBB", "CCC", "DDD")) -> ShockStudy:
    """An event study of three stocks bought and one sold short, on noise."""
    rng = np.random.default_rng(5)
    market = rng.normal(0, 0.01, (100, 1))
    returns = market + rng.normal(0, 0.02, (100, len(symbols)))
    sample = EventSample(returns[:78], market[:78, 0], returns[78:], market[78:, 0], 1)
    weights = dict(zip(symbols, (0.25, 0.15, 0.1, -0.5), strict=True))
    return study_shock(sample, symbols, weights, "2025-01-27", ("2024-09-03", "2024-12-24"), "SPY")


def make_past_entries() -> PastEntries:
    """Forty past entries, the last two without d; the windows of four do not overlap."""
    d = tuple(round(0.01 * (index % 9) - 0.04, 6) for index in range(38))
    return PastEntries(
        tuple(str(day.date()) for day in pd.bdate_range("2024-12-02", periods=40)),
        {str(n): (*d, None, None) for n in HORIZONS},
        {str(n): (35, 25, 15, 5) for n in HORIZONS},
    )


SHORT = "5 placebos that do not overlap; 19 are needed"


def make_evidence(name: str = "first", **changes) -> Evidence:
    """Complete evidence on a reading that selects stocks."""
    late = PlaceboRank(5, -0.1, reason=SHORT)
    line = Regression(
        Coefficient(0.1, 0.1, -0.1, 0.3, 0.3), {"SPY": Coefficient(1.2, 0.1, 1.0, 1.4, 0.00001)}, 0.5, 4, 253, 0.95
    )
    values = {
        "verdict": Verdict("not distinguishable from chance"),
        "d": 0.252,
        "refuted": False,
        "long_run": False,
        "timing": {
            "5": make_rank(257),
            "20": make_rank(),
            "60": make_rank(21, -0.02, low=None, high=None),
            "120": late,
            "252": late,
        },
        "year": make_year(),
        "selection": make_rank(5000, 1.25, mean=0.1, deviation=1.1),
        "launches": make_past_entries(),
        "drawn": tuple(np.round(np.random.default_rng(3).normal(0, 1.1, 500), 6).tolist()),
        "power": Power((0.02, 0.05, 0.1), (0.1, 0.53125, 0.9375), 0.1),
        "power_down": Power((0.02, 0.05, 0.1), (0.0, 0.4, 0.84375), 0.1),
        "shock": make_shock(),
        "intervals": {
            "sharpe": Interval(1.0, -0.9, 2.7),
            "cagr": Interval(0.28, -0.17, 0.98),
            "alpha": Missing("returns: all 253 observations are the same; they must vary"),
        },
        "regressions": {"SPY": line, "QQQ": Missing("alpha: QQQ explain every return; use other benchmarks")},
        "break_even": BreakEven(748.26, Missing("nothing is sold short"), 3.0, 0.003),
        "sharpe": SharpeEvidence(1.01, 0.847, 0.00001, 1.78, 2.6, 1.0, 12, 3),
        "described": (Description("decisions moved by days", "20", 16, -0.003, 0.004, 0.9375),),
        **changes,
    }
    return Evidence(name, **values)


GONE = Missing("a launch at another date failed: nothing left")


def make_empty(name: str = "first", **changes) -> Evidence:
    """Evidence without any available number."""
    none = {str(n): PlaceboRank(0, None, reason=GONE.reason) for n in HORIZONS}
    values = {
        "verdict": Verdict(None, reason="timing: nothing left"),
        "d": float("-inf"),
        "refuted": None,
        "long_run": False,
        "timing": none,
        "year": YearTiming(reason=GONE.reason),
        "selection": PlaceboRank(0, None, reason=GONE.reason),
        "launches": GONE,
        "drawn": (),
        "power": GONE,
        "power_down": GONE,
        "shock": Missing("the reading never takes a position, so that there are no legs"),
        "intervals": dict.fromkeys(("sharpe", "cagr", "alpha"), GONE),
        "regressions": {"SPY": GONE},
        "break_even": GONE,
        "sharpe": SharpeEvidence(GONE, GONE, GONE, GONE, GONE, 1.0, 1),
        "described": (),
        **changes,
    }
    return Evidence(name, **values)


def make_evidence_report(*evidence: Evidence, **changes) -> EvidenceReport:
    values = {
        "superiority": Superiority(0.168, 0.112, 0.2, (), {}, 0.05, 6, 2000),
        "confounders": (("2025-01-29", "the FOMC holds rates"),),
        "hindsight": False,
        "real": True,
        "origin": "made up",
        "draws": 5000,
        "resamples": 2000,
        "seed": 20250131,
        "families": (tuple(each.name for each in evidence),),
        **changes,
    }
    return EvidenceReport({each.name: each for each in evidence}, **values)


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
def year_of():
    return make_year


@pytest.fixture
def shock_of():
    return make_shock


@pytest.fixture
def judged(run_of):
    """A run of two readings with complete evidence, unless other evidence is given."""

    def make(*evidence: Evidence, evidence_report: dict | None = None, **changes) -> Run:
        evidence = evidence or (make_evidence("first"), make_evidence("second", selection=None))
        results = [make_result(each.name, seed, d=each.d) for seed, each in enumerate(evidence, 1)]
        return run_of(
            *results,
            with_evidence=True,
            evidence_report=make_evidence_report(*evidence, **(evidence_report or {})),
            **changes,
        )

    return make
