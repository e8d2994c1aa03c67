"""Folder of a calibration: page, results and manifest."""

from __future__ import annotations

from pathlib import Path

from reports.folders import atomic
from reports.pages.calibration import render
from reports.records.calibration import SCHEMA, SIDES, TESTS, Calibration
from reports.statistics.bootstrap import LEVEL
from reports.statistics.error_rates import PowerPoint

PAGE, TABLE = "index.html", "results.json"


def calibration_results(calibration: Calibration) -> dict[str, object]:
    """Content of results.json; shares are fractions."""
    return {
        "schema": SCHEMA,
        "kind": "calibration",
        "markets": calibration.markets,
        "seed": calibration.seed,
        "draws": calibration.draws,
        "placebos": calibration.placebos,
        "level": LEVEL,
        "promised": calibration.promised,
        "families": [list(family) for family in calibration.families],
        "kept": calibration.holds,
        "false_positives": {
            test: {
                side: {
                    "any": calibration.any(test, side).as_dict(),
                    "readings": {name: rate.as_dict() for name, rate in calibration.each(test, side).items()},
                }
                for side in SIDES
            }
            for test in TESTS
        },
        "power": {
            test: {
                "sessions": curve.sessions,
                "markets": curve.markets,
                "readings": {
                    name: [_point(point) for point in points] for name, points in calibration.power(test).items()
                },
            }
            for test, curve in (("timing", calibration.timing), ("stocks", calibration.stocks))
        },
        "intervals": {
            name: coverage.as_dict() | dict(zip(("true_below", "true_above"), calibration.missed(name), strict=True))
            for name, coverage in calibration.covered.items()
        },
        "resampled": dict(zip(("name", "benchmark", "sessions", "resamples"), calibration.resampled, strict=True)),
        "notes": dict(calibration.notes),
        "left_out": list(calibration.left_out),
    }


def _point(point: PowerPoint) -> dict[str, object]:
    return {"effect": point.effect, **point.rate.as_dict(), "gained": point.gained}


def write(calibration: Calibration, out: Path) -> None:
    """Write the folder of a calibration: built beside `out`, then exchanged with it.

    An earlier calibration in `out` is replaced and stays unchanged until the exchange. Raises RequestError if `out`
    holds something else or another run is writing it, WorkError if it cannot be written (disk full).
    """
    files = {PAGE: render(calibration).encode(), TABLE: atomic.to_json(calibration_results(calibration))}
    settings = {
        "event": calibration.event,
        "markets": calibration.markets,
        "draws": calibration.draws,
        "seed": calibration.seed,
    }
    atomic.write_folder(atomic.with_manifest(files, {"calibration": settings}), out)
