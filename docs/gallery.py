"""Regenerate the gallery and README's picture from real prices: derived figures only, never the prices.

    python docs/gallery.py PRICES [--browser chromium]

PRICES is a folder of CSVs in Yahoo's format. The script runs the commands that the page names and takes screenshots of
their pages with a browser of the Chromium family. The page of base rates is that of the bundled result.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from math import expm1
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import click

from reports.pages.base_rates import render
from reports.records.base_rates import BaseRate
from runners.engine.base_rates.bundled import bundled_base_rates

DOCS = Path(__file__).parent
RUNS = {
    "readings": ("deepseek",),
    "choices": ("multiverse",),
    "settings": ("sweep", "gpu_bubble", "-p", "hold=20,60,120,252", "-p", "rebalance=5,10,20,40,60,never"),
}


class Shot(NamedTuple):
    """A picture: a page, its height from the top and its width in CSS pixels, and readings whose curves are hidden."""

    page: str
    height: int
    width: int = 1100
    hidden: tuple[str, ...] = ()


# Prices may not be published, and the curve of a reading that holds one stock gives them away.
SHOTS = {
    "comparison.png": Shot("readings/index.html", 2080, 1400, hidden=("nvda_comeback", "nvda_holder")),
    "pictures/index.webp": Shot("readings/index.html", 1400, 1250),
    "pictures/tearsheet.webp": Shot("readings/gpu_bubble.html", 1630),
    "pictures/evidence.webp": Shot("readings/high_end_demand-evidence.html", 1745),
    "pictures/base-rates.webp": Shot("base-rates.html", 1066),
    "pictures/multiverse.webp": Shot("choices/gpu_bubble.html", 1500),
    "pictures/heatmap.webp": Shot("settings/index.html", 2000),
}
UNDEFINED, MINUS = "\u2013", "\u2212"
WORDS = {None: UNDEFINED, "not distinguishable from chance": "chance"}


@click.command()
@click.argument("prices", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--browser", default="chromium", metavar="NAME", help="Command of the browser.  [chromium]")
def main(prices: Path, browser: str) -> None:
    """Run everything that the gallery shows, and put it into docs/."""
    with TemporaryDirectory() as scratch:
        made = Path(scratch)
        for name in RUNS:
            run(name, prices.resolve(), made)
        (made / "base-rates.html").write_text(render(bundled_base_rates()), encoding="utf-8")
        for name, shot in SHOTS.items():
            photograph(browser, shot, made, DOCS / name)
        page = DOCS / "gallery.md"
        page.write_text(filled(page.read_text(encoding="utf-8"), tables(made)), encoding="utf-8")


def run(name: str, prices: Path, made: Path) -> None:
    """Run one of RUNS on a folder of prices, into a folder of its name; nothing is counted as a trial of the user's."""
    runner, *words = RUNS[name]
    command = [sys.executable, "-m", f"runners.{runner}", *words, "--source", str(prices), "--out", str(made / name)]
    environment = {**os.environ, "DEEPSEEK_TRIALS": str(made / f"{name}-trials.txt")}
    subprocess.run(command, cwd=DOCS.parent, env=environment, check=True, stdout=subprocess.DEVNULL)


def photograph(browser: str, shot: Shot, made: Path, picture: Path) -> None:
    """The upper part of a page as PNG or WebP, by the name of the picture."""
    from PIL import Image

    page, screenshot = made / shot.page, made / "screenshot.png"
    if shot.hidden:
        page = without_curves(page, shot.hidden)
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    options = [f"--screenshot={screenshot}", "--virtual-time-budget=3000", f"--window-size={shot.width},{shot.height}"]
    subprocess.run([*command, *options, page.as_uri()], check=True, capture_output=True)
    with Image.open(screenshot) as image:
        image.convert("RGB").save(picture, quality=70, method=6, optimize=True)


def without_curves(page: Path, readings: tuple[str, ...]) -> Path:
    """A copy of the page in which the names of readings in the legend were clicked, which hides their curves."""
    clicks = "".join(f"document.querySelector('[data-line={name}]').click();\n" for name in readings)
    page.with_name("clicks.js").write_text(clicks, encoding="utf-8")  # the page permits scripts of its own folder
    copy = page.with_name("without-curves.html")
    copy.write_text(page.read_text(encoding="utf-8") + '<script src="clicks.js"></script>', encoding="utf-8")
    return copy


def tables(made: Path) -> dict[str, str]:
    """The tables of the page by name, from the folders of RUNS."""
    found = {name: json.loads((made / name / "results.json").read_text(encoding="utf-8")) for name in RUNS}
    return {
        "readings": table(
            "reading|net|excess|max. drawdown|costs|Sharpe", map(_reading, found["readings"]["readings"].items())
        ),
        "verdicts": table(
            "reading|excess, 20 trading days|p, timing|adjusted p|power|p, stocks|adjusted p|verdict",
            map(_verdict, found["readings"]["readings"].items()),
        ),
        "base-rates": base_rate_table(),
        "shock": table("leg|day 0|[0,+1]|[0,+5]|[0,+20]", _shock(found["readings"]["readings"])),
        "choices": table(
            "reading|specifications|median excess|same sign|p|main driver",
            map(_curve, found["choices"]["readings"].items()),
        ),
        "settings": table("hold|rebalance|net|excess|Sharpe", map(_variant, found["settings"]["best"])),
    }


def base_rate_table() -> str:
    """The pooled results of the bundled base rates over 20 trading days."""
    return table(
        "reading|in general|n|mean excess|95 % interval|ahead|adjusted p",
        map(_base_rate, bundled_base_rates().readings.values()),
    )


def table(head: str, rows: Any) -> str:
    """Markdown; numbers to the right."""
    names = head.split("|")
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def filled(text: str, made: dict[str, str]) -> str:
    """The page with its tables replaced, each between its mark and the next empty line."""
    for name, content in made.items():
        mark = f"<!-- table: {name} -->\n\n"
        text = re.sub(re.escape(mark) + r"(?:\|.*\n)*", lambda _, new=mark + content: f"{new}\n", text)
    return text


def _reading(item: tuple[str, Any]) -> list[str]:
    name, reading = item
    figures = reading["metrics"]
    return [
        f"`{name}`",
        _percent(figures["total_return"]),
        _excess(figures["d"]),
        _percent(figures["max_drawdown"]),
        f"{figures['costs']:,.0f} USD",
        _number(figures["sharpe"], ".2f"),
    ]


def _verdict(item: tuple[str, Any]) -> list[str]:
    name, evidence = item[0], item[1]["evidence"]
    stocks, details = evidence["selection"] or {}, evidence["details"]
    upper = evidence["effect"] > 0
    better = upper if not stocks else stocks["effect"] > 0
    return [
        f"`{name}`",
        _excess(evidence["effect"]),
        _number(evidence["p" if upper else "p_lower"], ".3f"),
        _number(evidence["p_family" if upper else "p_family_lower"], ".3f"),
        f"{_detectable(details['power_down'], -1)} / {_detectable(details['power'], 1)}",
        _number(stocks.get("p" if better else "p_lower"), ".3f"),
        _number(stocks.get("p_family" if better else "p_family_lower"), ".3f"),
        WORDS.get(evidence["verdict"], evidence["verdict"]),
    ]


def _detectable(power: dict[str, Any], side: int) -> str:
    """The smallest effect found on the side of this sign."""
    if "effects" not in power:
        return UNDEFINED
    if power["detectable"] is None:
        return f"beyond {_excess(side * power['effects'][-1])}"
    return _excess(side * power["detectable"])


def _base_rate(rate: BaseRate) -> list[str]:
    pooled = rate.headline
    p = pooled.rank.p_family if pooled.mean is not None and pooled.mean > 0 else pooled.rank.p_family_lower
    return [
        f"`{rate.name}`",
        rate.form.replace("-", MINUS),
        str(pooled.n),
        _percent(pooled.mean),
        f"{_percent(pooled.low)} to {_percent(pooled.high)}",
        f"{pooled.positive:.0%}",
        _number(p, ".3f"),
    ]


def _shock(readings: dict[str, Any]) -> list[list[str]]:
    legs = {
        f"`{name}`, {leg['name']}": leg["car"]
        for name in ("gpu_bubble", "ai_software", "midrange_challengers")
        for leg in readings[name]["evidence"]["details"]["shock"]["legs"]
        if leg["model"] == "market model"
    }
    return [
        [name, *(_percent(car[window]) for window in ("[0]", "[0,+1]", "[0,+5]", "[0,+20]"))]
        for name, car in legs.items()
    ]


def _curve(item: tuple[str, Any]) -> list[str]:
    name, curve = item
    most = max(curve["variance_shares"], key=lambda part: curve["variance_shares"][part] or 0.0)
    return [
        f"`{name}`",
        f"{curve['tested']['n']:,}",
        _excess(curve["tested"]["median"]),
        f"{curve['tested']['same_sign']:.0%}",
        _number(curve["joint"]["median"]["p"], ".2f"),
        f"{most} {curve['variance_shares'][most]:.0%}",
    ]


def _variant(variant: dict[str, Any]) -> list[str]:
    parameters = variant["knobs"]
    return [
        parameters["hold"],
        parameters["rebalance"],
        _percent(variant["net"]),
        _excess(variant["d"]),
        _number(variant["sharpe"], ".2f"),
    ]


def _excess(d: float | None) -> str:
    return _percent(None if d is None else expm1(d))


def _percent(value: float | None) -> str:
    return _number(None if value is None else 100 * value, "+.1f", " %")


def _number(value: float | None, form: str, unit: str = "") -> str:
    return UNDEFINED if value is None else f"{value:{form}}{unit}".replace("-", MINUS)


if __name__ == "__main__":
    main()
