"""Page of a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.records.calibration import SIDES, TESTS, Calibration
from reports.rendering.numbers import log_ratio, share
from reports.rendering.template import template
from reports.statistics.bootstrap import LEVEL
from reports.statistics.error_rates import PROMISED, ErrorRate, PowerPoint, attainable_size, detectable_effect
from reports.statistics.placebo import POWER, SIZE
from reports.statistics.verdict import HORIZON

VAGUE = 2 * PROMISED  # an interval that reaches this far says little
# Of a chart, in the units of its drawing.
LEFT, RIGHT, TOP, BOTTOM = 38.0, 312.0, 10.0, 132.0


@dataclass(frozen=True)
class PowerDrawing:
    """A power curve in the units of the chart."""

    name: str
    line: str
    band: str
    dots: tuple[tuple[str, str, str], ...]
    told: str


def draw_power_curve(name: str, points: Sequence[PowerPoint]) -> PowerDrawing:
    """Where a power curve runs, with its interval."""
    widest = points[-1].effect
    across = [f"{LEFT + (RIGHT - LEFT) * point.effect / widest:.1f}" for point in points]
    low, high = zip(*(point.rate.bounds for point in points), strict=True)
    upper = [f"{x},{chart_height(value)}" for x, value in zip(across, high, strict=True)]
    lower = [f"{x},{chart_height(value)}" for x, value in zip(across, low, strict=True)]
    dots = tuple(
        (x, chart_height(point.rate.share), f"{effect_text(point.effect)}: {rate_text(point.rate)}")
        for x, point in zip(across, points, strict=True)
    )
    found = detectable_effect(points)
    told = "below 80% throughout" if found is None else f"80% from {effect_text(found)}"
    return PowerDrawing(name, " ".join(f"{x},{y}" for x, y, _ in dots), " ".join((*upper, *lower[::-1])), dots, told)


def effect_text(effect: float) -> str:
    """A planted effect as it is written."""
    return f"{effect:+.2f}"


def chart_height(fraction: float) -> str:
    """Where a share lies in a chart."""
    return f"{BOTTOM - (BOTTOM - TOP) * fraction:.1f}"


def effect_ticks(effects: Sequence[float]) -> list[tuple[str, str]]:
    """Where the marks below a chart lie, and what they say: quarters of its width."""
    return [(f"{LEFT + (RIGHT - LEFT) * part / 4:.1f}", f"{effects[-1] * part / 4:.1f}") for part in range(5)]


def render(calibration: Calibration) -> str:
    """The page. Equal inputs give equal bytes."""
    power = {test: calibration.power(test) for test in ("timing", "names")}
    return template("calibration.html", rate_text=rate_text, share=share, log=log_ratio, effect=effect_text).render(
        calibration=calibration,
        conclusion=calibration_conclusion(calibration),
        tests=TESTS,
        sides=list(SIDES),
        power=power,
        drawings={test: [draw_power_curve(*each) for each in curves.items()] for test, curves in power.items()},
        curves={"timing": calibration.timing, "names": calibration.names},
        ticks=effect_ticks,
        marks=[(chart_height(value), f"{value:.0%}") for value in (0.0, 0.5, POWER, 1.0)],
        frame={"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM},
        possible={"timing": attainable_size(calibration.placebos), "names": attainable_size(calibration.draws)},
        size=SIZE,
        promised=PROMISED,
        level=LEVEL,
        horizon=HORIZON,
    )


def rate_text(rate: ErrorRate) -> str:
    """A rate with its interval, in per cent."""
    low, high = rate.bounds
    return f"{share(rate.share)} ({share(low)} to {share(high)})"


def calibration_conclusion(calibration: Calibration) -> str:
    """What the false positives say, in a sentence or two."""
    found = {side: calibration.any("verdict", side) for side in SIDES}
    told = " and ".join(f"{side} in {rate_text(rate)}" for side, rate in found.items())
    promise = f"at most {PROMISED:.0%} was promised for each"
    kept = "which these markets do not contradict" if calibration.holds else "which is NOT kept"
    vague = max(rate.bounds[1] for rate in found.values()) > VAGUE
    few = " So few markets say little; simulate more." if vague and calibration.holds else ""
    return f"Where nothing is to be found, some reading was called {told} of markets; {promise}, {kept}.{few}"
