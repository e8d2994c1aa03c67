"""Killed workers: the culprit is named, nothing hangs, and other items lose nothing."""

from __future__ import annotations

import ast
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from runners.engine.execution.checkpoint import Checkpoint
from runners.engine.execution.executor import Serial, WorkerDiedError, isolated, map_surviving
from runners.engine.execution.processes import Processes
from runners.engine.sweep import resumable, sweep
from tests.resources import workers
from tests.resources.events import DEEPSEEK
from tests.resources.killing_commands import kill, wait
from tests.resources.machines import ROOT

pytestmark = [pytest.mark.thorough, pytest.mark.skipif(os.name != "posix", reason="SIGKILL")]

DEADLY = '''
import multiprocessing
import os
import signal

import backtrader as bt

from strategies.bad_news import BadNews


def die_in_a_worker():
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)


class Deadly(bt.Strategy):
    """Kills the process that runs it with a large share, except the command itself."""

    symbols = ("SPY",)
    params = (("share", 0.5),)

    def next(self):
        if self.p.share > 0.4:
            die_in_a_worker()
        if not self.position:
            self.order_target_percent(target=self.p.share)


class DeadlyNews(BadNews):
    """A reading that kills its process as Deadly does."""

    def weights(self, past):
        die_in_a_worker()
        return super().weights(past)


class Lethal(BadNews):
    """Kills the process that runs it with a large share, even the command itself."""

    params = (("share", 0.5),)

    def weights(self, past):
        if self.p.share > 0.4:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().weights(past)
'''
SAID = "its worker process died: it was killed or ran out of memory"


def command(folder: Path, module: str, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "deadly.py").write_text(DEADLY)
    return subprocess.run(
        [sys.executable, "-m", f"runners.{module}", *map(str, words), "--out", "out", "--jobs", "1"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **variables},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_a_death_is_reported_once_however_often_it_is_raised():
    error = WorkerDiedError("Tsmc")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  (our own)
    assert str(again) == str(error) and str(error).count(SAID) == 1


def test_other_items_survive_one_that_kills_its_worker():
    values: list[str] = []
    specs = ["one", "fatal", "two", "three"]
    result = map_surviving(Processes(2), workers.fragile, (), specs, lambda spec, _: (spec, "killed"), values.append)
    assert result == ["one", ("fatal", "killed"), "two", "three"]
    assert sorted(values) == sorted(specs)


def test_workers_that_cannot_start_are_not_started_for_each_item():
    lost: list[str] = []
    with pytest.raises(WorkerDiedError, match="fatal: its worker process died"):
        map_surviving(Processes(1), workers.fragile, (), ["fatal"] * 9, lambda spec, error: lost.append(spec))
    assert lost == ["fatal"]


def test_the_item_of_a_chunk_that_kills_is_isolated():
    tried: list[range] = []

    def run(chunk: range) -> list[int]:
        tried.append(chunk)
        if 5 in chunk:
            raise WorkerDiedError(str(chunk))
        return list(chunk)

    def halves(chunk: range) -> list[range]:
        middle = len(chunk) // 2
        return [half for half in (chunk[:middle], chunk[middle:]) if half]

    result = isolated(range(8), run, halves, lambda chunk, error: [-1])
    assert list(result) == [(range(4), [0, 1, 2, 3]), (range(4, 5), [4]), (range(5, 6), [-1]), (range(6, 8), [6, 7])]
    assert len(tried) == 7, "nothing that has lived is run again"


def test_a_worker_that_is_killed_between_two_tasks_costs_nothing():
    def kill(place: int, process: int) -> None:
        os.kill(process, signal.SIGKILL)
        while any("Executor" in type(each).__name__ for each in threading.enumerate()):
            time.sleep(0.01)  # until its death is noticed

    assert len(Processes(1).map(workers.own_process, (), [0, 1, 2], on_result=kill)) == 3


def test_lack_of_memory_in_the_command_is_one_line():
    code = "import click, numpy\nfrom runners.cli import console\n@click.command()\ndef much(): numpy.empty(10**17)\n"
    words = [sys.executable, "-c", f"{code}console.run_command(much)"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: out of memory (Unable to allocate 711. PiB for an array")


@pytest.mark.slow
@pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="no fork server here")
def test_the_server_of_all_workers_may_be_killed_too():
    code = (
        "import os, signal\nfrom multiprocessing import forkserver\n"
        "from runners.engine.execution.executor import map_surviving\nfrom tests.resources import workers\n"
        "from runners.engine.execution.processes import Processes\n"
        "def kill(_):\n"
        "    if not killed:\n"
        "        killed.append(forkserver._forkserver._forkserver_pid)\n"
        "        os.kill(killed[0], signal.SIGKILL)\n"
        "killed = []\n"
        "print(map_surviving(Processes(2), workers.slow, (), list(range(9)), lambda spec, _: 'killed', kill))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    stdout = ast.literal_eval(done.stdout)
    assert len(stdout) == 9 and all(one in (number, "killed") for number, one in enumerate(stdout))
    assert stdout.count("killed") <= 2, "those that were worked on, at most"


@pytest.mark.slow
def test_a_reading_whose_worker_dies_is_reported_and_the_others_are_written(tmp_path):
    done = command(tmp_path, "deepseek", "bad_news", "deadly:Deadly", "--source", "sample")
    assert done.returncode == 1
    assert done.stderr == f"Deadly\n{SAID}\n\nerror: Deadly failed; everything else was run\n"
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(results["readings"]) == ["bad_news"] and results["failed"] == {"Deadly": SAID}
    assert not (tmp_path / "out" / "Deadly.html").exists()
    assert SAID in (tmp_path / "out" / "index.html").read_text()
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["request"]["readings"] == ["bad_news"]


@pytest.mark.slow
def test_if_no_reading_is_left_nothing_is_written(tmp_path):
    done = command(tmp_path, "deepseek", "deadly:Deadly", "--source", "sample")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: Deadly: {SAID}") and done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) in (["__pycache__"], [])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a limit of memory is none elsewhere")
def test_a_reading_that_runs_out_of_memory_is_reported_and_the_others_are_written(tmp_path):
    (tmp_path / "greedy.py").write_text(
        "import backtrader as bt\nimport numpy as np\n\n\nclass Greedy(bt.Strategy):\n    def next(self):\n"
        "        self.held = [np.ones(2**28) for _ in range(16)]\n"
    )
    words = "greedy:Greedy bad_news --symbols SPY --source sample --no-evidence --out out"
    limited = f"ulimit -v 6000000 && exec {sys.executable} -m runners.deepseek {words}"  # 6 GB, while 34 are needed
    done = subprocess.run(
        ["/bin/sh", "-c", limited],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stderr.endswith("error: Greedy failed; everything else was run\n")
    assert 'File "greedy.py", line 7, in next' in done.stderr and "Unable to allocate 2.00 GiB" in done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(results["readings"]) == ["bad_news"] and list(results["failed"]) == ["Greedy"]


@pytest.mark.slow
def test_a_multiverse_is_written_without_the_reading_whose_worker_dies(tmp_path):
    done = command(tmp_path, "multiverse", "bad_news", "deadly:DeadlyNews", "--source", "sample")
    assert done.returncode == 1
    assert done.stderr == f"DeadlyNews\n{SAID}\n\nerror: DeadlyNews failed; everything else was run\n"
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(results["readings"]) == ["bad_news"] and results["failed"] == {"DeadlyNews": SAID}


@pytest.mark.slow
def test_a_sweep_reports_a_variant_whose_worker_dies_and_runs_the_others(tmp_path):
    words = ("sweep", "deadly:Deadly", "-p", "share=0.1,0.2,0.5,0.3", "--source", "sample")
    done = command(tmp_path, *words)
    assert done.returncode == 1
    assert done.stderr == (
        "error: 1 of 4 variants were not run, since their worker processes died; everything else is written, and the "
        "same command tries them again\n"
    )
    assert len(Checkpoint(tmp_path / ".out.sweep").contents) == 3
    assert f"1 of 4 specs could not be run, the first (share=0.5): {SAID}" in " ".join(done.stdout.split())
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["failed"] == {"count": 1, "first": SAID}
    assert {spec["knobs"]["share"]: spec["net"] is None for spec in [*results["best"], results["declared"]]} == {
        **dict.fromkeys(("0.1", "0.2", "0.3"), False),
        "0.5": True,
    }
    done = command(tmp_path, "sweep", "deadly:Deadly", "-p", "share=0.5", "--source", "sample")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: none of 1 variants could be run; the first failed: {SAID}\n"


@pytest.mark.slow
def test_a_small_sweep_that_was_killed_resumes_in_workers(tmp_path):
    words = ("sweep", "deadly:Lethal", "-p", "share=0.1,0.5,0.2", "--source", "sample")
    assert command(tmp_path, *words).returncode == -signal.SIGKILL
    for _ in range(2):
        done = command(tmp_path, *words)
        assert done.returncode == 1
        assert done.stderr.startswith("error: 1 of 3 variants were not run, since their worker processes died;")
        results = json.loads((tmp_path / "out" / "results.json").read_text())
        assert results["failed"] == {"count": 1, "first": SAID}


SHARES = "share=0.7,0.1,0.2,0.3,0.4,0.5,0.6,0.8,0.9"  # the deadly one first, so that most parts run after the death


@pytest.fixture
def small_parts(monkeypatch):
    """Chunks of four variants, all run by workers."""
    monkeypatch.setattr(resumable, "PART", 4)
    monkeypatch.setattr(resumable, "FEW", 0)


def swept(prices, out, *knobs, executor):
    """The outcome of a sweep of Fatal, and its checkpoint."""
    wanted = sweep.SweepRequest(DEEPSEEK, "tests.resources.rules:Fatal", knobs)
    space = sweep.prepare_space(wanted)
    with Checkpoint.next_to(out) as kept:
        result, _ = sweep.run_sweep(wanted, space, prices, executor, kept)
    with Checkpoint.next_to(out) as kept:
        return result, kept.contents


@pytest.mark.slow
def test_a_variant_that_kills_workers_costs_a_sweep_only_that_variant(real_prices, tmp_path, small_parts):
    knobs = (SHARES, "hold=5")
    whole, _ = swept(real_prices, tmp_path / "whole", *knobs, executor=Serial())
    result, kept = swept(real_prices, tmp_path / "out", *knobs, executor=Processes(2))
    deadly = [place for place, spec in enumerate(result.specs) if spec[0] == 0.7]
    assert result.dead == set(deadly) and dict(result.failed) == dict.fromkeys(deadly, SAID)
    alive = [place for place in range(len(result.specs)) if place not in result.dead]
    np.testing.assert_array_equal(result.table[alive], whole.table[alive])
    assert np.isnan(result.table[deadly]).all()
    # Survivors are saved under their keys: resuming gives the same result and dies of the same variants only.
    again, more = swept(real_prices, tmp_path / "out", *knobs, executor=Processes(2))
    np.testing.assert_array_equal(again.table, result.table)
    assert more == kept and again.dead == result.dead


@pytest.mark.slow
def test_a_worker_that_is_killed_once_costs_a_sweep_of_a_reading_nothing(real_prices, tmp_path, small_parts):
    knobs = (SHARES, "hold=5,10", f"mark={tmp_path / 'mark'}")
    result, kept = swept(real_prices, tmp_path / "out", *knobs, executor=Processes(2))
    assert (tmp_path / "mark").is_file() and not result.failed
    whole, serial = swept(real_prices, tmp_path / "whole", *knobs, executor=Serial())
    np.testing.assert_array_equal(result.table, whole.table)
    assert serial.items() <= kept.items(), "each part under its own key, and halves beside it"


@pytest.mark.slow
def test_a_reading_whose_workers_always_die_is_given_up_soon(real_prices, tmp_path, small_parts):
    with pytest.raises(WorkerDiedError, match="its worker process died"):
        swept(
            real_prices,
            tmp_path / "out",
            "share=0.7",
            "hold=" + ",".join(map(str, range(5, 30))),
            executor=Processes(2),
        )


@pytest.mark.slow
def test_a_subprocess_ends_with_the_script_that_started_it(tmp_path):
    code = (
        "import pathlib\nfrom runners.engine.execution.processes import run_in_subprocess\n"
        "from tests.resources import workers\n"
        f"run_in_subprocess(workers.mark_and_wait, pathlib.Path({str(tmp_path / 'mark')!r}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    wait(process, (tmp_path / "mark").exists)
    kill(process, "parent")


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="no /proc here")
def test_a_calibration_ends_when_one_of_its_workers_is_killed(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "runners.calibrate", "--markets", "2000", "--out", tmp_path / "out", "--jobs", "2"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        os.kill(working(process.pid), signal.SIGKILL)
        printed, stderr = process.communicate(timeout=900)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, printed) == (1, "")
    assert SAID in stderr and stderr.startswith("error: ") and stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def working(group: int) -> int:
    """A worker of the command, which is a child of its fork server, once it has computed for four seconds.

    One that dies while it starts, which can take two, is replaced, and the command goes on.
    """
    until = time.monotonic() + 600
    while time.monotonic() < until:
        processes = {process: stat for process, stat in stats().items() if int(stat[2]) == group}
        for process, stat in processes.items():
            parent = processes.get(int(stat[1]), stat)
            if int(parent[1]) == group and int(stat[11]) > 4 * os.sysconf("SC_CLK_TCK"):
                return process
        time.sleep(0.05)
    raise AssertionError("no worker within ten minutes")


def stats() -> dict[int, list[str]]:
    """Fields of /proc/PID/stat after the name, by process: state, parent, group, ..., ticks of user time."""
    values = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            values[int(path.parent.name)] = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
    return values
