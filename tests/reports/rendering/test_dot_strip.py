"""Strips of dots, against positions by hand."""

from __future__ import annotations

import re

import pytest

from reports.rendering.dot_strip import HEIGHT, WIDTH, dot_strip, round_ticks


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", path)]


def test_dots_lie_on_one_axis_by_sign():
    # From -1 to 3 with a margin of 3 % of 4 on both sides: the axis is 4.24 long.
    strip = dot_strip([-1.0, 0.0, 3.0], own=1.0, mean=0.5, bounds=(0.25, 0.75))
    at = {value: round(WIDTH * (value + 1.12) / 4.24, 1) for value in (-1, 0, 0.25, 0.5, 0.75, 1, 3)}
    assert places(strip.down) == [(at[-1], HEIGHT / 2)]
    assert places(strip.flat) == [(at[0], HEIGHT / 2)]
    assert places(strip.up) == [(at[3], HEIGHT / 2)]
    assert places(strip.own) == [(at[1], HEIGHT / 2)]
    assert (strip.zero, strip.low, strip.mean, strip.high) == (at[0], at[0.25], at[0.5], at[0.75])


def test_equal_values_are_stacked_inside_the_box():
    rows = [y for _, y in places(dot_strip([0.01] * 40).up)]
    assert len(set(rows)) == 40 and min(rows) > 0 and max(rows) < HEIGHT


@pytest.mark.parametrize("value", [0.0, 0.2])
def test_a_single_value_has_an_axis(value):
    strip = dot_strip([value])
    assert 0 < places(strip.up + strip.flat)[0][0] < WIDTH
    assert strip.mean is None and strip.own == ""


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(-0.21, 0.2, [-0.2, -0.1, 0.0, 0.1, 0.2]), (-0.0018, 0.0008, [-0.001, 0.0]), (0.0, 5.0, [0, 1, 2, 3, 4, 5])],
)
def test_ticks_are_round(low, high, ticks):
    assert round_ticks(low, high) == pytest.approx(ticks)
