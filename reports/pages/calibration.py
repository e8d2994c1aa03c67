"""Page of a calibration: error rates of the tests, power curves and coverage of the intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import expm1

from reports.records.calibration import SIDES, Calibration
from reports.rendering.numbers import excess_percent, percent, share
from reports.rendering.template import template
from reports.statistics.bootstrap import LEVEL
from reports.statistics.error_rates import ErrorRate, PowerPoint, attainable_size, detectable_effect
from reports.statistics.placebo import POWER, SIZE
from reports.statistics.verdict import HORIZON

VAGUE = 2  # times the promise: an interval that reaches this far says little
TEST_NAMES = {  # of TESTS, for readers
    "timing": "timing over a month",
    "year": "timing over the year",
    "stocks": "stock selection, own loadings",
    "equal": "stock selection, equal loadings",
    "former": "former stock test, own loadings",
    "verdict": "verdict",
}

LEFT, RIGHT, TOP, BOTTOM = 38.0, 312.0, 10.0, 132.0  # edges of a chart, in units of its drawing


@dataclass(frozen=True)
class PowerDrawing:
    """A power curve in units of its chart: SVG points of line and band, dots (x, y, text), and a summary."""

    name: str
    line: str
    band: str
    dots: tuple[tuple[str, str, str], ...]
    summary: str


def draw_power_curve(name: str, points: Sequence[PowerPoint]) -> PowerDrawing:
    """The drawing of a power curve with its confidence band."""
    largest = points[-1].effect
    xs = [f"{LEFT + (RIGHT - LEFT) * point.effect / largest:.1f}" for point in points]
    low, high = zip(*(point.rate.bounds for point in points), strict=True)
    upper = [f"{x},{chart_height(value)}" for x, value in zip(xs, high, strict=True)]
    lower = [f"{x},{chart_height(value)}" for x, value in zip(xs, low, strict=True)]
    dots = tuple(
        (x, chart_height(point.rate.share), f"{effect_text(point.effect)}: {rate_text(point.rate)}")
        for x, point in zip(xs, points, strict=True)
    )
    detectable = detectable_effect(points)
    summary = "below 80% throughout" if detectable is None else f"80% from {effect_text(detectable)}"
    line = " ".join(f"{x},{y}" for x, y, _ in dots)
    return PowerDrawing(name, line, " ".join((*upper, *lower[::-1])), dots, summary)


def effect_text(effect: float) -> str:
    """An injected log return as a percentage of wealth."""
    return percent(expm1(effect), 0)


def chart_height(fraction: float) -> str:
    """The y coordinate of a share."""
    return f"{BOTTOM - (BOTTOM - TOP) * fraction:.1f}"


def effect_ticks(effects: Sequence[float]) -> list[tuple[str, str]]:
    """Ticks below a chart at quarters of its width: x coordinate and label."""
    return [
        (f"{LEFT + (RIGHT - LEFT) * quarter / 4:.1f}", effect_text(effects[-1] * quarter / 4)) for quarter in range(5)
    ]


def render(calibration: Calibration) -> str:
    """The page. Equal inputs give equal bytes."""
    power = {test: calibration.power(test) for test in ("timing", "stocks")}
    page = template("calibration.html", rate_text=rate_text, share=share, excess=excess_percent, effect=effect_text)
    return page.render(
        calibration=calibration,
        conclusion=calibration_conclusion(calibration),
        tests=TEST_NAMES,
        sides=list(SIDES),
        power=power,
        drawings={test: [draw_power_curve(*curve) for curve in curves.items()] for test, curves in power.items()},
        curves={"timing": calibration.timing, "stocks": calibration.stocks},
        ticks=effect_ticks,
        marks=[(chart_height(value), f"{value:.0%}") for value in (0.0, 0.5, POWER, 1.0)],
        frame={"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM},
        attainable={"timing": attainable_size(calibration.placebos), "stocks": attainable_size(calibration.draws)},
        size=SIZE,
        rows=headline_rows(calibration),
        level=LEVEL,
        horizon=HORIZON,
    )


def rate_text(rate: ErrorRate) -> str:
    """A rate with its confidence interval, in per cent."""
    low, high = rate.bounds
    return f"{share(rate.share)} ({share(low)} to {share(high)})"


@dataclass(frozen=True)
class HeadlineRow:
    """A row of the table of false positives; `promised` is None for the former test, which promises nothing."""

    label: str
    rate: ErrorRate
    promised: float | None


def headline_rows(calibration: Calibration) -> list[HeadlineRow]:
    """False positives of each test in each family, of the former test, and of the verdict, on both sides."""
    rows = []
    for test, label in TEST_NAMES.items():
        together = test in ("former", "verdict")
        families = {"": ()} if together else dict(zip(family_names(calibration), calibration.families, strict=True))
        promised = {"former": None, "verdict": calibration.promised}.get(test, SIZE)
        rows += [
            HeadlineRow(
                ", ".join(filter(None, (label, family))) + f": {side}", calibration.any(test, side, members), promised
            )
            for family, members in families.items()
            for side in SIDES
        ]
    return rows


def family_names(calibration: Calibration) -> tuple[str, ...]:
    """Names of the families for people."""
    return ("primary family", "other readings") if len(calibration.families) > 1 else ("all readings",)


def calibration_conclusion(calibration: Calibration) -> str:
    """The rate of false positives against the rate that the design allows."""
    rates = {side: calibration.any("verdict", side) for side in SIDES}
    text = " and ".join(f"{side} in {rate_text(rate)}" for side, rate in rates.items())
    kept = "these markets do not contradict that" if calibration.holds else "that is NOT kept"
    vague = max(rate.bounds[1] for rate in rates.values()) > VAGUE * calibration.promised
    few = " So few markets say little; simulate more." if vague and calibration.holds else ""
    former = " and ".join(f"{side} in {share(calibration.any('former', side).share)}" for side in SIDES)
    return (
        f"In markets without any effect, some reading was called {text} of the markets. The design allows at most "
        f"{share(calibration.promised)} each, and {SIZE:.1%} for each test in each family; {kept}.{few} The former "
        f"test of stock selection, which left market and sector moves in, calls some reading {former} of them."
    )
