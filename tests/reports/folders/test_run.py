"""Run folders: written whole or not at all, reproducible, without loss of other files."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest

from data.errors import RequestError, WorkError
from data.lock import hold_lock
from reports.folders import atomic
from reports.folders import multiverse as multiverse_folder
from reports.folders import run as run_folder
from reports.records.result import Horizon
from reports.statistics.placebo import PlaceboRank
from tests.reports.conftest import make_evidence
from tests.resources.multiverses import survey_of

SHEETS = {"first": b"<p>first", "second": b"<p>second"}


def snapshot(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_folder_has_pages_tables_and_a_manifest_with_their_digests(run_of, tmp_path):
    out = tmp_path / "new" / "out"
    run_folder.write(run_of(), SHEETS, out)
    assert set(snapshot(out)) == {
        *("index.html", "side-by-side.html", "uplot.js", "first.html", "second.html", "results.json"),
        *("returns.csv", "fills.csv", "decisions.csv", "manifest.json"),
    }
    digests = json.loads((out / "manifest.json").read_text())["files"]
    assert digests == {name: sha256(content).hexdigest() for name, content in snapshot(out).items() if name in digests}
    assert set(digests) == set(snapshot(out)) - {"manifest.json"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_the_same_run_gives_the_same_bytes(run_of, tmp_path):
    for name in ("a", "b"):
        run_folder.write(run_of(), SHEETS, tmp_path / name)
    assert snapshot(tmp_path / "a") == snapshot(tmp_path / "b")


def test_a_failure_while_building_leaves_the_earlier_run(run_of, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run_folder.write(run_of(), SHEETS, out)
    before = snapshot(out)
    with pytest.raises(WorkError, match=r"cannot be written \(File name too long\), the earlier run stays"):
        run_folder.write(run_of(title="other"), {**SHEETS, "n" * 300: b""}, out)
    assert snapshot(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_run_killed_in_the_exchange_is_recovered(run_of, tmp_path):
    out = tmp_path / "out"
    run_folder.write(run_of(), SHEETS, out)
    before = snapshot(out)
    out.rename(tmp_path / ".out.previous")
    (tmp_path / ".out.new-abandoned").mkdir()
    (tmp_path / ".out.new-abandoned" / ".unfinished").touch()
    atomic.recover_folder(out)
    assert snapshot(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_the_next_start_recovers_it_before_any_work(run_of, tmp_path):
    out = tmp_path / "out"
    run_folder.write(run_of(), SHEETS, out)
    before = snapshot(out)
    out.rename(tmp_path / ".out.previous")
    (tmp_path / ".out.lock").touch()  # of the killed one, too
    run_folder.require_writable(out)
    assert snapshot(out) == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_that_another_run_is_building_is_left_alone(tmp_path):
    (tmp_path / ".out.new-building").mkdir()
    (tmp_path / ".out.new-building" / ".unfinished").touch()
    with hold_lock(tmp_path / ".out.lock", 0):
        run_folder.require_writable(tmp_path / "out")
    assert (tmp_path / ".out.new-building").is_dir()


@pytest.mark.skipif(not Path("/proc").is_mount(), reason="no /proc here")
def test_a_mount_point_is_refused_before_any_work():
    with pytest.raises(RequestError, match="--out /proc cannot be replaced as a whole; name a folder inside it"):
        run_folder.require_writable(Path("/proc"))


def test_a_folder_of_other_files_is_refused_and_kept(run_of, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RequestError, match=r"holds thesis.txt, which no run wrote"):
        run_folder.write(run_of(), SHEETS, tmp_path)
    (tmp_path / "manifest.json").write_text('{"name": "somebody\'s web app"}')
    with pytest.raises(RequestError, match="which no run wrote"):
        run_folder.write(run_of(), SHEETS, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_note_added_to_a_run_is_not_lost(run_of, tmp_path):
    out = tmp_path / "out"
    run_folder.write(run_of(), SHEETS, out)
    (out / "notes.md").write_text("mine")
    with pytest.raises(RequestError, match=r"holds notes.md"):
        run_folder.write(run_of(), SHEETS, out)
    assert (out / "notes.md").read_text() == "mine"


def test_the_current_folder_is_refused(run_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match="cannot be replaced as a whole"):
        run_folder.write(run_of(), SHEETS, Path())


def test_recovery_leaves_other_folders_alone(tmp_path):
    for name in (".run1.new-inflight", ".run[1].new-dead"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".unfinished").touch()
    atomic.recover_folder(tmp_path / "run[1]")
    assert [path.name for path in tmp_path.iterdir()] == [".run1.new-inflight"]


def test_recovery_leaves_folders_that_no_run_made(run_of, tmp_path):
    for name in (".out.previous", ".out.new-ideas"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("years of work")
    atomic.recover_folder(tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.new-ideas", ".out.previous"]
    assert (tmp_path / ".out.previous" / "thesis.txt").exists()


def test_a_folder_of_another_command_is_refused_and_kept(run_of, tmp_path):
    multiverse_folder.write(survey_of(), tmp_path / "out")
    before = snapshot(tmp_path / "out")
    for refused in (
        lambda: run_folder.require_writable(tmp_path / "out"),
        lambda: run_folder.write(run_of(), SHEETS, tmp_path / "out"),
    ):
        with pytest.raises(RequestError, match=r"holds what runners\.multiverse wrote, and runners\.deepseek would"):
            refused()
    assert snapshot(tmp_path / "out") == before


def test_a_file_in_the_place_of_the_folder_is_refused(run_of, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(RequestError, match="is not a folder"):
        run_folder.write(run_of(), SHEETS, tmp_path / "out")
    with pytest.raises(RequestError, match="cannot write in"):
        run_folder.require_writable(tmp_path / "out" / "deeper")


def test_undefined_figures_are_null(run_of, result_of):
    ruined = result_of(
        "ruined",
        d=float("-inf"),
        exit=None,
        ruined=pd.Timestamp("2025-03-03"),
        horizons={5: Horizon(-1.2, -1.3, float("-inf"))},
    )
    outcome = json.loads(run_folder.run_files(run_of(ruined), {})["results.json"])["readings"]["ruined"]
    assert outcome["metrics"]["d"] is None and outcome["exit"] is None and outcome["ruined"] == "2025-03-03"
    assert outcome["horizons"]["5"] == {"return": -1.2, "excess_benchmark": -1.3, "d": None}
    assert outcome["horizons"]["252"] is None and outcome["evidence"] is None


def test_a_run_with_evidence_has_an_evidence_page_per_reading(judged, tmp_path):
    run, out = judged(), tmp_path / "out"
    run_folder.write(run, SHEETS, out)
    pages = {"first-evidence.html", "second-evidence.html"}
    assert pages <= set(snapshot(out)) and pages <= set(json.loads((out / "manifest.json").read_text())["files"])
    # Replaced as a whole by a run without.
    run_folder.write(replace(run, with_evidence=False, evidence_report=None), SHEETS, out)
    assert not pages & set(snapshot(out))


def test_results_have_the_evidence_and_reasons_for_missing_values(judged, evidence_of, empty_evidence):
    run = judged(evidence_of("first"), empty_evidence("second"))
    outcome = json.loads(run_folder.run_files(run, {})["results.json"])["readings"]
    first, second = (outcome[name]["evidence"] for name in ("first", "second"))
    assert first["verdict"] == "not distinguishable from chance"
    assert (first["n"], first["p"], first["effect"], first["interval"]) == (64, 7 / 65, 0.05, [-0.03, 0.12])
    assert first["selection"]["n"] == 5000 and first["source"] == "made up" and first["hindsight"] is False
    assert first["family"] == ["first", "second"] and first["year_declared"] is False
    assert first["year"]["after"] == first["details"]["year"]["after"] == 0.02 and second["year"]["after"] is None
    assert first["details"]["power_down"]["detectable"] == 0.1
    assert (first["details"]["refuted"], first["details"]["long_run"]) == (False, False)
    assert first["details"]["break_even"]["borrow_rate"] == {"not_available": "nothing is sold short"}
    assert second["verdict"] is None and second["reason"] == "timing: nothing left"
    assert second["details"]["shock"]["not_available"].startswith("the reading never takes a position")
    assert second["details"]["timing"]["20"]["reason"] and second["p"] is None


def test_tables_agree_with_the_run(run_of, tmp_path):
    run = run_of()
    run_folder.write(run, SHEETS, tmp_path / "out")
    returns = pd.read_csv(tmp_path / "out" / "returns.csv", index_col="date", parse_dates=True)
    assert list(returns) == ["first", "second", "SPY"]
    assert returns["first"].to_numpy() == pytest.approx(run.results[0].returns.to_numpy(), abs=1e-15)
    fills = pd.read_csv(tmp_path / "out" / "fills.csv")
    assert list(fills) == ["reading", "session", "symbol", "size", "price", "commission", "spread_cost"]
    assert fills["reading"].tolist() == ["first", "first", "second", "second"]


def test_a_reading_without_fills_has_no_rows(run_of, result_of):
    idle = result_of("idle", fills=result_of().fills.iloc[:0])
    lines = run_folder.run_files(run_of(idle), {})["fills.csv"].decode().splitlines()
    assert lines == ["reading,session,symbol,size,price,commission,spread_cost"]


@pytest.mark.parametrize("kind", ["deep", "pipe", "list"])
def test_an_invalid_manifest_counts_as_a_foreign_file(run_of, tmp_path, kind):
    out = tmp_path / "out"
    out.mkdir()
    if kind == "pipe":
        os.mkfifo(out / "manifest.json")
    else:
        (out / "manifest.json").write_text("[" * 200_000 if kind == "deep" else '{"files": ["results.json"]}')
    with pytest.raises(RequestError, match=r"holds manifest\.json, which no run wrote"):
        run_folder.write(run_of(), SHEETS, out)


def test_each_figure_of_the_evidence_is_written_under_its_own_name(judged):
    """Every number of a rank differs from the others, so that none can stand in the place of another."""
    names = ("mean", "deviation", "z", "p", "p_lower", "p_family", "p_family_lower", "low", "high")
    numbers = {name: round(0.01 * place, 2) for place, name in enumerate(names, 1)}
    rank, other = PlaceboRank(64, 0.5, **numbers), PlaceboRank(5000, 0.7, **{**numbers, "p_family_lower": 0.9})
    evidence = make_evidence("first", timing={**make_evidence().timing, "20": rank}, selection=other)
    written = json.loads(run_folder.run_files(judged(evidence), {})["results.json"])["readings"]["first"]["evidence"]
    expected = {"n": 64, "effect": 0.5, "reason": "", **numbers}
    assert written["details"]["timing"]["20"] == expected
    assert written["selection"] == {**expected, "n": 5000, "effect": 0.7, "p_family_lower": 0.9}
    for key in ("p", "p_lower", "p_family", "p_family_lower", "n", "effect"):
        assert written[key] == expected[key], key
    assert (written["interval"], written["horizon"]) == ([numbers["low"], numbers["high"]], 20)
    assert (written["draws"], written["resamples"], written["seed"]) == (5000, 2000, 20250131)
    intervals = written["details"]["intervals"]
    assert intervals["sharpe"] == {"estimate": 1.0, "low": -0.9, "high": 2.7, "level": 0.95}
    assert intervals["cagr"] == {"estimate": 0.28, "low": -0.17, "high": 0.98, "level": 0.95}
    sharpe = written["details"]["sharpe"]
    assert list(sharpe.values()) == [1.01, 0.847, 0.00001, 1.78, 2.6, 1.0, 12, 3]
    assert list(sharpe) == [
        *("annual", "probabilistic", "deflated", "expected_best", "years_needed", "years", "trials", "forgotten")
    ]
