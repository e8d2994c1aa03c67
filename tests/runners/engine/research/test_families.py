"""Families: who is in which, and that p-values are adjusted within a family only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from runners.engine.research.families import AS_DECLARED, grouped, ranks_by_family, reading_families
from tests.resources.events import DEEPSEEK

NAMES = ("bad_news", "gpu_bubble", "us_over_china", "fomc_tilt", "my_own", "ai_software")


def test_primary_readings_come_first_and_a_users_own_is_with_the_others():
    families = reading_families(DEEPSEEK, NAMES, {"us_over_china"})
    assert families == (("gpu_bubble", "fomc_tilt", "ai_software"), ("bad_news", "my_own"))


def test_an_event_without_primary_readings_has_one_family():
    assert reading_families(replace(DEEPSEEK, primary=()), NAMES, ()) == (NAMES,)
    assert reading_families(DEEPSEEK, ("bad_news", "my_own"), ()) == (("bad_news", "my_own"),)
    assert reading_families(DEEPSEEK, ("gpu_bubble",), ()) == (("gpu_bubble",),)
    assert reading_families(DEEPSEEK, ("us_over_china",), {"us_over_china"}) == ()


def test_the_declared_variant_of_a_primary_reading_is_primary_too():
    names = ("gpu_bubble", f"gpu_bubble{AS_DECLARED}", "bad_news")
    assert reading_families(DEEPSEEK, names, ()) == (names[:2], names[2:])


def test_a_reading_in_no_family_is_one_of_its_own():
    families = (("gpu_bubble", "fomc_tilt"), ("bad_news", "absent"))
    assert grouped(("bad_news", "us_over_china", "gpu_bubble"), families) == (
        ("gpu_bubble",),
        ("bad_news",),
        ("us_over_china",),
    )


@pytest.mark.parametrize("seed", range(3))
def test_p_is_adjusted_within_the_family_only(seed):
    families = (("a", "d"), ("b", "c", "e"))
    names = [*"abcdef"]  # f is in none
    values = np.random.default_rng(seed).standard_t(4, (65, 6)) * [1, 5, 0.1, 2, 9, 3] + 0.3
    ranks = ranks_by_family(values, names, families)
    z = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    for family in (*families, ("f",)):
        columns = [names.index(name) for name in family]
        highest, lowest = z[:, columns].max(axis=1), z[:, columns].min(axis=1)
        for name, column in zip(family, columns, strict=True):
            assert ranks[name].p == np.mean(z[:, column] >= z[0, column])
            assert ranks[name].p_family == np.mean(highest >= z[0, column])
            assert ranks[name].p_family_lower == np.mean(lowest <= z[0, column])
    assert ranks["f"].p_family == ranks["f"].p


def test_what_happens_in_one_family_changes_nothing_in_another():
    values = np.random.default_rng(7).normal(size=(65, 4))
    families = (("a", "b"), ("c", "d"))
    before = ranks_by_family(values, [*"abcd"], families)
    values[:, 0] = np.where(np.arange(65) % 2, 9.0, -9.0)
    after = ranks_by_family(values, [*"abcd"], families)
    assert (after["c"], after["d"]) == (before["c"], before["d"]) and after["b"] != before["b"]
