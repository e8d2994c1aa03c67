"""Superiority tests against arch and simulated nulls."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import StepM

from reports.statistics.availability import Unavailable
from reports.statistics.bootstrap import block_length, resample_positions
from reports.statistics.multiple_testing import superiority_test


def readings(edges, sessions=253, seed=1):
    rng = np.random.default_rng(seed)
    return {f"reading_{i}": edge + rng.normal(0, 0.01, sessions) for i, edge in enumerate(edges)}


def unit(values):
    return values / np.std(values, ddof=1)


def test_a_single_reading_by_hand():
    excess = readings([0.001])
    result = superiority_test(excess, seed=7, count=400, block=3)
    scaled = unit(excess["reading_0"])
    means = scaled[resample_positions(253, 3, seed=7, count=400)].mean(axis=1)
    assert result.p == pytest.approx(np.mean(means - scaled.mean() > scaled.mean()))
    assert result.superior == (("reading_0",) if result.p < 0.05 else ())
    assert (result.block, result.size, result.resamples) == (3, 0.05, 400)
    longer = superiority_test(excess, seed=7, count=50, block=11)
    assert longer.block == 11 != superiority_test(excess, seed=7, count=50).block


@pytest.mark.parametrize("seed", range(5))
def test_the_superior_set_equals_that_of_arch(seed):
    excess = readings([0, 0.002, 0, 0.003, -0.002, 0.0015], seed=seed)
    result = superiority_test(excess, seed=3, count=300, block=2)
    models = np.column_stack([-unit(values) for values in excess.values()])
    step = StepM(np.zeros(253), models, size=0.05, block_size=2, reps=300, seed=3)
    step.compute()
    assert result.superior == tuple(f"reading_{i}" for i in step.superior_models)


def test_all_superior_readings_are_found_step_by_step():
    # The second is found only after the first was removed, which leaves none.
    rng = np.random.default_rng(0)
    draws = resample_positions(253, 1, seed=3, count=500)
    for _ in range(200):
        pair = {"first": unit(rng.normal(0, 1, 253)) + 0.5, "second": unit(rng.normal(0, 1, 253)) + 0.115}
        means = np.column_stack([unit(v)[draws].mean(axis=1) - unit(v).mean() for v in pair.values()])
        jointly, alone = np.quantile(means.max(axis=1), 0.95), np.quantile(means[:, 1], 0.95)
        if alone < unit(pair["second"]).mean() < jointly:
            break
    else:
        pytest.fail("no such pair in 200 draws")
    assert superiority_test(pair, seed=3, count=500, block=1).superior == ("first", "second")


def test_a_superior_reading_is_found():
    result = superiority_test(readings([0, 0, 0.004, 0, 0]), seed=1, count=500)
    assert result.superior == ("reading_2",)
    assert result.p < 0.01
    assert result.p_lower <= result.p <= result.p_upper


def test_the_block_is_the_longest_optimal_one():
    excess = readings([0, 0, 0])
    result = superiority_test(excess, seed=1, count=100)
    assert result.block == max(block_length(values) for values in excess.values())
    assert result.resamples == 100


def test_volatility_and_order_do_not_matter():
    excess = readings([0, 0.0012, 0.0005])
    plain = superiority_test(excess, seed=1, count=300, block=2)
    levered = superiority_test(
        {name: 10**i * values for i, (name, values) in enumerate(excess.items())}, 1, 0.05, 300, 2
    )
    assert (levered.p, levered.superior) == (plain.p, plain.superior)
    turned = superiority_test(dict(reversed(excess.items())), seed=1, count=300, block=2)
    assert (turned.p, set(turned.superior)) == (plain.p, set(plain.superior))


@pytest.mark.parametrize("sets", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_family_wise_error_rate_is_near_its_size(sets):
    result = [superiority_test(readings([0] * 6, 100, seed), seed=seed, count=200, block=1) for seed in range(sets)]
    allowed = 0.05 + 3 * np.sqrt(0.05 * 0.95 / sets)
    assert np.mean([bool(one.superior) for one in result]) < allowed
    assert np.mean([one.p < 0.05 for one in result]) < allowed


def test_a_reading_that_cannot_be_tested_is_left_out_with_its_reason():
    excess = readings([0, 0.004]) | {"idle": np.zeros(253), "gap": np.append(np.zeros(252), np.nan)}
    result = superiority_test(excess, seed=1, count=100)
    assert result.superior == ("reading_1",)
    assert result.left_out == {
        "idle": "excess returns: all 253 observations are the same; they must vary",
        "gap": "excess returns: 1 of 253 observations are missing or infinite; none may be",
    }


def test_unavailable_results_give_a_reason():
    with pytest.raises(Unavailable, match="none of 1 readings can be tested"):
        superiority_test({"idle": np.zeros(253)}, seed=1)
    with pytest.raises(Unavailable, match="none of 0 readings"):
        superiority_test({}, seed=1)
    with pytest.raises(Unavailable, match="none of 2 readings"):
        superiority_test(readings([0, 0], sessions=19), seed=1)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="readings of 30 to 31 sessions"):
        superiority_test({"a": np.zeros(30), "b": np.zeros(31)}, seed=1)
    for size in (0, 1, 1.5, 5, np.nan):
        with pytest.raises(ValueError, match=rf"^size {size} is not between 0 and 1; 0\.05 is usual$"):
            superiority_test(readings([0]), seed=1, size=size)
    with pytest.raises(ValueError, match="block of 0 sessions"):
        superiority_test(readings([0]), seed=1, block=0)
