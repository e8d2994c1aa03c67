"""`runners.sweep`: outputs, determinism, resumption, a full disk, exit statuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from reports.folders.atomic import with_manifest, write_folder
from runners import sweep
from runners.cli import console
from runners.engine.execution import dask
from runners.engine.execution.checkpoint import Checkpoint
from tests.resources.commands import within
from tests.resources.killing_commands import kill
from tests.resources.slow_strategy import SLOW

ROOT = Path(__file__).parents[2]
WORDS = ("gpu_bubble", "-p", "hold=20,60,252", "-p", "rebalance=5,20", "--source", "sample")
UNIX = pytest.mark.skipif(os.name != "posix", reason="signals and limits of POSIX")


def started(*words: object, cwd: Path = ROOT, limit: int | None = None, **variables: str) -> subprocess.Popen[str]:
    def limited() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "runners.sweep", *map(str, words)],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=None if limit is None else limited,  # noqa: PLW1509  (no threads here)
    )


def command(*words: object, cwd: Path = ROOT, limit: int | None = None, **variables: str) -> tuple[int, str, str]:
    process = started(*words, cwd=cwd, limit=limit, **variables)
    out, err = process.communicate(timeout=600)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def folder(run_once):
    """A sweep on the bundled sample that includes the declared setting."""
    place, printed = run_once("sweep", *WORDS)
    return place / "reports" / "sweep", printed


def test_the_folder_holds_page_tables_and_manifest_and_nothing_else_is_written(folder):
    out, _ = folder
    assert {path.name for path in out.iterdir()} == {"index.html", "results.json", "sweep.csv", "manifest.json"}
    assert list(out.parent.iterdir()) == [out]
    table = pd.read_csv(out / "sweep.csv")
    pairs = [(hold, rebalance) for hold in (20, 60, 252) for rebalance in (5, 20)]
    assert list(zip(table["hold"], table["rebalance"], strict=True)) == pairs
    assert table["spec"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["sessions"].tolist() == [21, 21, 61, 61, 253, 253]


def test_results_agree_with_the_table(folder):
    out, _ = folder
    results, table = json.loads((out / "results.json").read_text()), pd.read_csv(out / "sweep.csv")
    assert (results["schema"], results["kind"], results["reading"], results["specs"]) == (1, "sweep", "gpu_bubble", 6)
    ranked = table.sort_values("d", ascending=False)
    assert [spec["spec"] for spec in results["best"]] == ranked["spec"].tolist()
    assert [spec["spec"] for spec in results["worst"]] == ranked["spec"].tolist()[::-1]
    assert results["best"][0]["d"] == ranked["d"].iloc[0]
    assert results["best"][0]["knobs"] == {name: str(ranked[name].iloc[0]) for name in ("hold", "rebalance")}
    assert results["declared"]["spec"] == 6
    assert results["declared"]["rank"] == ranked["spec"].tolist().index(6) + 1
    means = table.groupby("hold")["d"].mean()
    shown = results["effects"]["hold"]["levels"]
    assert [level["mean"] for level in shown] == pytest.approx(means.tolist(), abs=1e-12)
    # Sixteen blocks of ten sessions: only the two variants held for 252 are long enough.
    assert results["overfitting"]["specs"] == 2 and results["overfitting"]["sessions"] == 253


def test_the_terminal_fits_and_warns(folder):
    out, printed = folder
    lines = printed.splitlines()
    assert max(len(line.rstrip()) for line in lines if str(out.parent) not in line and "http" not in line) <= 80
    words = " ".join(printed.split())
    assert "real closes on 46 dates, simulated in between" in words
    assert "The best of many variants, chosen after the fact, looks good by luck alone: it is no evidence" in words
    assert "the declared variant ranks" in words
    assert "reports/sweep/index.html" in printed


def test_the_same_inputs_give_the_same_bytes_and_json_is_the_file(folder, tmp_path, monkeypatch):
    out, _ = folder
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.sqlite"))  # what other tests try would be counted
    again = within("sweep", *WORDS, "--out", tmp_path / "again", "--jobs", 1, "--json")
    assert again.returncode == 0
    for path in out.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
    assert again.stdout == (out / "results.json").read_text()


def test_an_earlier_sweep_is_replaced_and_anything_else_is_not(tmp_path):
    for knob in ("hold=5,10", "hold=10,20"):
        done = within("sweep", "bad_news", "-p", knob, "--source", "sample", "--out", tmp_path / "out")
        assert done.returncode == 0
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["request"]["knobs"] == ["hold=10,20"]
    (tmp_path / "out" / "mine.txt").write_text("mine")
    done = within("sweep", "bad_news", "-p", "hold=5", "--source", "sample", "--out", tmp_path / "out")
    assert done.returncode == 2 and "mine.txt, which no run wrote" in done.stderr
    assert (tmp_path / "out" / "mine.txt").exists()


def runs(tmp_path: Path) -> list[str]:
    return (tmp_path / "runs").read_text().split() if (tmp_path / "runs").exists() else []


def slow_words(tmp_path: Path) -> tuple[object, ...]:
    file = tmp_path / f"{tmp_path.name}.py"  # a module's name is part of what a saved variant depends on
    file.write_text(SLOW)
    shares = ",".join(f"0.{n}" for n in range(10, 50, 2))
    words = (f"{file}:Slow", "--symbols", "SPY", "-p", f"share={shares}", "-p", "hold=5")
    window = ("--source", "sample", "--start", "2025-01-02", "--end", "2025-03-03")
    return (*words, *window, "--no-foresight-check")  # which would be two runs more


@UNIX
@pytest.mark.parametrize("how", ["SIGKILL", pytest.param("SIGINT", marks=pytest.mark.slow)])
def test_an_interrupted_sweep_resumes(tmp_path, how):
    words = slow_words(tmp_path)
    process = started(*words, "--out", "out", "--jobs", 2, cwd=tmp_path, PAUSE="1")
    kept = tmp_path / ".out.sweep"
    until = time.monotonic() + 600
    while time.monotonic() < until and len(Checkpoint(kept).contents) < 3:
        time.sleep(0.02)
    if how == "SIGINT":
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=600)
        assert (process.returncode, err) == (130, "error: interrupted\n")
    else:
        kill(process, "parent")  # and no worker stays
        assert process.returncode == -9
    assert not (tmp_path / "out").exists()
    finished = len(Checkpoint(kept).contents)
    assert 3 <= finished < 20
    first = runs(tmp_path)
    (tmp_path / "runs").unlink()
    done = within("sweep", *words, "--out", "out", "--jobs", 2, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    second = runs(tmp_path)
    assert len(second) == 20 - finished, "only what was not finished"
    assert {*first, *second} == {str(float(f"0.{n}")) for n in range(10, 50, 2)}
    assert not kept.exists()
    if how == "SIGINT":
        return
    assert within("sweep", *words, "--out", "whole", "--jobs", 1, cwd=tmp_path).returncode == 0
    for path in (tmp_path / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes(), path.name


@UNIX
@pytest.mark.slow
def test_each_variant_is_saved_as_soon_as_it_is_finished(tmp_path):
    words, kept = slow_words(tmp_path), tmp_path / ".out.sweep"
    process = started(*words, "--out", "out", "--jobs", 1, cwd=tmp_path, PAUSE="0.5")
    until = time.monotonic() + 600
    while time.monotonic() < until and not Checkpoint(kept).contents:
        time.sleep(0.02)
    process.kill()
    process.communicate(timeout=60)
    assert len(runs(tmp_path)) <= 3, "of twenty: what is kept did not wait for the others"
    assert Checkpoint(kept).contents


@UNIX
@pytest.mark.slow
def test_a_disk_that_fills_up_keeps_the_variants_saved_so_far(tmp_path):
    words = slow_words(tmp_path)
    status, _, err = command(*words, "--out", "out", "--jobs", 1, cwd=tmp_path, limit=18_000)
    assert status == 1
    assert err.startswith(f"error: results cannot be saved in {tmp_path / '.out.sweep'} (disk I/O error)")
    finished = len(Checkpoint(tmp_path / ".out.sweep").contents)
    assert 0 < finished < 20
    assert f"): {finished} finished parts are in it; free disk space and run the same command again" in err
    assert err.count("\n") == 1
    (tmp_path / "runs").unlink()
    assert within("sweep", *words, "--out", "out", cwd=tmp_path).returncode == 0
    assert len(runs(tmp_path)) == 20 - finished


@UNIX
def test_a_disk_that_fills_up_while_the_folder_is_written_loses_no_result(tmp_path):
    words = slow_words(tmp_path)
    status, _, err = command(*words, "--out", "out", cwd=tmp_path, limit=28_000)
    assert status == 1
    kept = tmp_path / ".out.sweep"
    assert err == (
        f"error: --out {tmp_path / 'out'} cannot be written (File too large), nothing was written: make room there, or "
        f"name another; all results are saved in {kept}: the same command writes them without running again\n"
    )
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.glob(".out*")) == [".out.sweep"]
    (tmp_path / "runs").unlink()
    assert within("sweep", *words, "--out", "out", cwd=tmp_path).returncode == 0
    assert runs(tmp_path) == []
    assert not kept.exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "Missing argument 'READING'"),
        (("gpu_bubble",), "an empty grid"),
        (("gpu_bubbel", "-p", "hold=20"), "did you mean gpu_bubble"),
        (("gpu_bubble", "-p", "gros=1"), "did you mean gross?"),
        (("gpu_bubble", "-p", "gross=x"), "'x' is no value for gross; expected: a number"),
        (("gpu_bubble", "-p", "hold=20", "--symbols", "A"), "--symbols is for a plain bt.Strategy"),
        (("gpu_bubble", "-p", "hold=20", "--entry", "2025-02-01"), "2025-02-01 (Saturday) is not a session"),
        (("gpu_bubble", "-p", "gross=0.1..1"), "add --search optuna"),
        (("gpu_bubble", "-p", "hold=20", "--objective", "luck"), "choose from d, net"),
        (("gpu_bubble", "-p", "hold=20", "--jobs", "0"), "0 is not in the range"),
        (("gpu_bubble", "-p", f"hold={','.join(map(str, range(1, 1002)))}", "-p",
          f"gross={','.join(str(n) for n in range(1000))}"),
         "1,001,000 variants are more than 1,000,000; give fewer values, --search optuna with a --budget, or confirm"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_status_2_in_one_line(tmp_path, monkeypatch, capsys, words, complaint):
    more = ("--source", "sample", "--out", str(tmp_path / "out")) if words else ()
    monkeypatch.setattr(sys, "argv", ["sweep", *words, *more])
    with pytest.raises(SystemExit) as left:
        console.run_command(sweep.sweep)
    out, err = capsys.readouterr()
    assert (left.value.code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1
    assert complaint in err
    assert list(tmp_path.iterdir()) == []


def test_help_is_quick_and_fits():
    code = (
        "import sys; import runners.sweep; "
        "print(sorted({'numpy', 'pandas', 'backtrader', 'rich', 'optuna', 'distributed'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    out = within("sweep", "--help").stdout
    assert max(map(len, out.splitlines())) <= 80
    assert "python -m runners.sweep gpu_bubble -p hold=20,60,120 -p rebalance=5,20" in out


def test_an_unreachable_scheduler_is_an_error_for_a_small_grid_too(tmp_path, monkeypatch):
    monkeypatch.setattr(dask, "Cluster", partial(dask.Cluster, timeout=0.5))
    words = ("gpu_bubble", "-p", "hold=20,60", "--source", "sample", "--out", tmp_path / "out")
    done = within("sweep", *words, "--dask", "tcp://127.0.0.1:1")
    assert done.returncode == 1 and "tcp://127.0.0.1:1" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_sweeps_into_different_folders_run_at_once(tmp_path):
    with Checkpoint.next_to(tmp_path / "x"):
        write_folder(with_manifest({"results.json": b"{}"}, {}), tmp_path / "x.sweep")
    assert (tmp_path / "x.sweep" / "results.json").exists()
