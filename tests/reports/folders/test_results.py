"""results.json and tables of sweeps, multiverses and calibrations, recomputed from the arrays by plain pandas."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pandas as pd
import pytest

from reports.folders.calibration import calibration_results
from reports.folders.multiverse import multiverse_files
from reports.folders.sweep import sweep_files
from reports.records.calibration import TESTS, Calibration, PowerCurve
from reports.records.sweep import FIGURES
from tests.reports.pages.test_sweep import make
from tests.resources.multiverses import survey_of


@pytest.fixture(scope="module")
def sweep():
    """Twelve variants; every figure, day and label of one differs from those of the others."""
    swept = make()
    size, rng = len(swept), np.random.default_rng(5)
    figures = {name: rng.normal(0, 0.1, size) for name in FIGURES}
    figures |= {name: (np.arange(size) % divisor == 0) * 1.0 for name, divisor in (("truncated", 2), ("ruined", 5))}
    figures |= {"hindsight": (np.arange(size) == 3) * 1.0, "refused": np.arange(12.0), "sessions": 40.0 + np.arange(12)}
    figures = {name: np.where(np.arange(size) == 7, np.nan, values) for name, values in figures.items()}
    firsts, lasts = (pd.bdate_range(day, periods=size).strftime("%Y-%m-%d") for day in ("2025-01-31", "2025-06-02"))
    days = np.column_stack([firsts, lasts])
    return replace(swept, figures=figures, days=days, failed={7: "it failed"})


@pytest.fixture(scope="module")
def swept_files(sweep):
    files = sweep_files(sweep)
    return json.loads(files["results.json"]), pd.read_csv(BytesIO(files["sweep.csv"]), dtype={"hold": str})


def test_the_table_of_a_sweep_has_each_figure_in_its_column(sweep, swept_files):
    table = swept_files[1]
    assert list(table["spec"]) == list(range(1, 13))
    assert list(table["first_session"]) == list(sweep.days[:, 0])
    assert list(table["last_session"]) == list(sweep.days[:, 1])
    for column, parameter in enumerate(sweep.parameters):
        assert list(map(str, table[parameter.name])) == [parameter.labels[code] for code in sweep.codes[:, column]]
    for name in FIGURES:
        np.testing.assert_array_equal(table[name].to_numpy(dtype=float), sweep.figures[name], err_msg=name)
    assert table["failed"].dropna().to_dict() == {7: "it failed"}


def test_the_variants_of_a_sweep_are_written_best_and_worst_first(sweep, swept_files):
    results, table = swept_files
    ranked = table.dropna(subset="d").sort_values("d", ascending=False)
    assert [each["spec"] for each in results["best"]] == list(ranked["spec"][:10])
    assert [each["spec"] for each in results["worst"]] == list(ranked["spec"][::-1][:10])
    declared = {"hold": "252", "rebalance": "20", "hedge": "yes"}  # the last variant
    assert results["declared"]["rank"] == list(ranked["spec"]).index(12) + 1
    for variant in (*results["best"], *results["worst"], results["declared"]):
        row = table[table["spec"] == variant["spec"]].iloc[0]
        assert (variant["first"], variant["last"]) == (row["first_session"], row["last_session"])
        assert variant["knobs"] == {name: str(row[name]) for name in declared}
        assert [float(variant[name]) for name in FIGURES] == [float(row[name]) for name in FIGURES]
    assert results["declared"]["knobs"] == declared
    assert (results["specs"], results["failed"]) == (12, {"count": 1, "first": "it failed"})


def test_effects_of_a_sweep_are_group_means(sweep, swept_files):
    results, table = swept_files
    total = ((table["d"] - table["d"].mean()) ** 2).sum()
    for name, effect in results["effects"].items():
        groups = table.groupby(name)["d"]
        between = (groups.count() * (groups.mean() - table["d"].mean()) ** 2).sum()
        assert effect["variance_share"] == pytest.approx(between / total)
        for level in effect["levels"]:
            own = table[table[name].astype(str) == level["values"]]["d"].dropna()
            assert [level[key] for key in ("specs", "mean", "low", "high")] == pytest.approx(
                [len(own), own.mean(), own.min(), own.max()]
            )


def test_evidence_of_a_sweep_is_written_under_its_own_names(swept_files):
    results = swept_files[0]
    assert list(results["overfitting"].values()) == [0.25, 8, 12, 61, "2025-01-31", "2025-04-29"]
    assert list(results["overfitting"]) == ["probability", "specs", "sampled", "sessions", "first", "last"]
    sharpe = ("annual", "probabilistic", "deflated", "expected_best", "years_needed", "years", "trials", "forgotten")
    assert dict(results["sharpe_of_the_best"]) == dict(zip(sharpe, (1.5, 0.9, 0.4, 1.7, 2.0, 0.24, 12, 3), strict=True))


def summary(values):
    """A set of specifications by its definition."""
    values = pd.Series(values).dropna()
    return {
        "n": len(values),
        "median": values.median(),
        "same_sign": (np.sign(values) == np.sign(values.median())).mean(),
        "above": (values > 0).mean(),
        "low": values.min(),
        "high": values.max(),
    }


def test_a_multiverse_is_its_table_of_specifications():
    """Entry, horizon and basket: the shock day has hindsight, and only 60 sessions are tested."""
    survey = survey_of()
    files = multiverse_files(survey)
    results, table = json.loads(files["results.json"]), pd.read_csv(BytesIO(files["specs.csv"]), dtype={"entry": str})
    for multiverse in survey.multiverses:
        written, own = results["readings"][multiverse.name], table[table["reading"] == multiverse.name]
        assert own["d"].to_numpy() == pytest.approx(multiverse.d)
        honest, tested = own["entry"] != "-4", (own["entry"] != "-4") & (own["horizon"] == 60)
        assert list(own["used"]) == [
            "tested" if one else "described" if other else "hindsight"
            for one, other in zip(tested, honest, strict=True)
        ]
        assert written["specs"] == {"all": 18, "honest": 12, "tested": 6, "without_d": 0}
        assert written["tested"] == pytest.approx(summary(own["d"][tested]))
        assert written["honest"] == pytest.approx(summary(own["d"][honest]))
        declared = own[(own["entry"] == "0") & (own["horizon"] == 252) & (own["basket"] == "declared")]["d"].item()
        assert written["declared"] == {"d": declared, "rank": 1 + (own["d"][honest] > declared).sum()}
        spread = own["d"][honest] - own["d"][honest].mean()
        for name, labels in (("entry", ("0", "1")), ("horizon", (60, 252)), ("basket", None)):
            groups = own[honest].groupby(name)["d"]
            share = (groups.count() * (groups.mean() - own["d"][honest].mean()) ** 2).sum() / (spread**2).sum()
            assert written["variance_shares"][name] == pytest.approx(share)
            if labels:
                texts = list(written["choices"][name])
                for text, value in zip(texts, labels, strict=False):
                    assert written["choices"][name][text] == pytest.approx(
                        summary(own["d"][honest & (own[name] == value)])
                    )
        assert written["choices"]["entry"]["shock day"] == pytest.approx(summary(own["d"][~honest]))
        curves = pd.DataFrame(multiverse.d_by_entry)
        assert written["launches"]["medians"] == pytest.approx(list(curves.median(axis=1)))
        signs = np.sign(curves).eq(np.sign(curves.median(axis=1)), axis=0).mean(axis=1)
        assert written["launches"]["shares"] == pytest.approx(list(signs))
        for name, values in (("median", curves.median(axis=1)), ("share", signs)):
            rank = written["joint"][name]
            assert (rank["n"], rank["effect"]) == (19, pytest.approx(values[0]))
            assert rank["p"] == pytest.approx((values.round(6) >= round(values[0], 6)).mean())
            assert rank["p_lower"] == pytest.approx((values.round(6) <= round(values[0], 6)).mean())
    assert results["launches"]["sessions"] == list(survey.multiverses[0].sessions)
    assert (results["launches"]["step"], results["launches"]["placebos"]) == (67, 19)


def test_a_calibration_counts_its_markets():
    rng = np.random.default_rng(8)
    readings, chosen = ("one", "two", "three"), ("three", "one")
    words = rng.choice([-1, 0, 1], (80, len(TESTS), 3), p=[0.1, 0.7, 0.2]).astype(np.int8)
    timing = PowerCurve(readings, (0.1, 0.4), 20, rng.random((30, 2, 3)) < 0.6, rng.normal(0, 1, (30, 2, 3)))
    stocks = PowerCurve(chosen, (0.2, 0.8), 252, rng.random((20, 2, 2)) < 0.3, rng.normal(0, 1, (20, 2, 2)))
    sides = rng.choice([-1, 0, 1], (40, 3), p=[0.1, 0.6, 0.3]).astype(np.int8)
    years = ("2019-05-29", "2025-03-03")
    results = calibration_results(
        Calibration(
            *(readings, (("one",), ("two", "three")), 7, 499, 64, words, timing, stocks, sides),
            *(("NVDA", "SPY", 252, 2000), years),
        )
    )
    for place, test in enumerate(TESTS):
        for side, sign in (("supported", 1), ("refuted", -1)):
            written, found = (
                results["false_positives"][test][side],
                pd.DataFrame(words[:, place] == sign, columns=readings),
            )
            assert (written["any"]["count"], written["any"]["of"]) == (found.any(axis=1).sum(), 80)
            tested = chosen if test in ("stocks", "equal", "former") else readings
            assert {name: rate["count"] for name, rate in written["readings"].items()} == found[
                [*tested]
            ].sum().to_dict()
    for test, curve in (("timing", timing), ("stocks", stocks)):
        place = TESTS.index(test)
        written = results["power"][test]
        assert (written["sessions"], written["markets"]) == (curve.sessions, len(curve.detected))
        for column, name in enumerate(curve.readings):
            none, *points = written["readings"][name]
            assert none["count"] == (words[:, place, readings.index(name)] == 1).sum()
            assert [point["effect"] for point in points] == list(curve.effects)
            assert [point["count"] for point in points] == list(curve.detected[:, :, column].sum(axis=0))
            assert [point["gained"] for point in points] == pytest.approx(list(curve.gained[:, :, column].mean(axis=0)))
    for column, name in enumerate(("Sharpe ratio", "CAGR", "alpha")):
        written = results["intervals"][name]
        counts = [int((sides[:, column] == side).sum()) for side in (0, -1, 1)]
        assert [written[key] for key in ("count", "true_below", "true_above")] == counts
    assert results["resampled"] == {"name": "NVDA", "benchmark": "SPY", "sessions": 252, "resamples": 2000}
    assert (results["markets"], results["seed"], results["draws"], results["placebos"]) == (80, 7, 499, 64)
