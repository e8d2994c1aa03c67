"""The example package of the documentation, built, installed into a folder and run, and the example file."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.resources.commands import ROOT, python, within

pytestmark = pytest.mark.thorough

EXAMPLES = ROOT / "docs" / "examples"
PAGE = (ROOT / "docs" / "plug-in.md").read_text(encoding="utf-8")


def install(source: Path, site: Path) -> None:
    arguments = ["install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--target", site, source]
    done = python("-m", "pip", *arguments, cwd=source)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    pytest.importorskip("setuptools", minversion="77.0.3", reason="builds the package without downloads")
    return shutil.copytree(EXAMPLES / "outside_package", tmp_path_factory.mktemp("source") / "package")


@pytest.fixture(scope="module")
def site(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    install(source, folder)
    return folder


def test_both_strategies_of_an_installed_package_run_by_name(site, tmp_path):
    (line,) = re.findall("^python (-m runners.deepseek calm_semis .*)$", PAGE, re.MULTILINE)
    done = python(*line.split(), "--out", tmp_path / "out", PYTHONPATH=str(site))
    assert (done.returncode, done.stderr) == (0, "")
    readings = json.loads((tmp_path / "out" / "results.json").read_text())["readings"]
    assert {name: reading["symbols"] for name, reading in readings.items()} == {
        "calm_semis": ["SMH", "IEF"],
        "spy_dips": ["SPY"],
    }


def test_they_are_listed_after_the_bundled_readings(site, monkeypatch):
    monkeypatch.syspath_prepend(site)
    listed = json.loads(within("deepseek", "--list", "--json").stdout)
    assert [row["name"] for row in listed][-2:] == ["calm_semis", "spy_dips"]


def test_a_name_conflict_names_both_origins(site, tmp_path, monkeypatch):
    twin = shutil.copytree(site, tmp_path / "twin")
    (offered,) = twin.glob("*.dist-info/entry_points.txt")
    offered.write_text(offered.read_text().replace("calm_semis =", "gpu_bubble ="))
    monkeypatch.syspath_prepend(twin)
    done = within("deepseek", "calm_semis", "--source", "sample")
    assert done.returncode == 2
    origins = "strategies/gpu_bubble.py and outside_readings:CalmSemis of the package outside-readings"
    assert f"the reading 'gpu_bubble' exists twice: {origins}" in done.stderr


@pytest.mark.slow
def test_the_example_file_runs_with_evidence_from_worker_processes(tmp_path, market_data):
    path = f"{EXAMPLES}/sma_crossover.py:SmaCross"
    arguments = ["-m", "runners.deepseek", path, "--symbols", "SPY", "--source", market_data, "--out", "out"]
    done = python(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    reading = json.loads((tmp_path / "out" / "results.json").read_text())["readings"]["SmaCross"]
    assert reading["evidence"]["n"] > 20
