"""Executors on this machine: equal results for any number of workers, errors with names, interrupts in peace."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from data.errors import RequestError, WorkError
from runners.engine.execution.executor import Serial
from runners.engine.execution.processes import Processes
from tests.resources import workers

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("executor", [Serial(), Processes(1), Processes(2), Processes()])
def test_results_come_in_the_order_of_the_specs_whatever_the_workers(executor):
    finished: list[str] = []
    numbers = [5.0, 1.0, 4.0, 1.0, 3.0]
    assert executor.map(workers.shifted, (10.0,), numbers, finished.append) == [15.0, 11.0, 14.0, 11.0, 13.0]
    assert sorted(finished) == ["1.0", "1.0", "3.0", "4.0", "5.0"]
    assert executor.map(workers.square, (), []) == []


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [("fatal", "^fatal: its worker process died"), ("wrong", "^wrong failed: ZeroDivisionError: division by zero$")],
)
def test_an_error_names_its_spec_and_what_is_in_progress_is_finished_and_handed_over(spec, complaint):
    results: dict[int, str] = {}
    with pytest.raises(WorkError, match=complaint):
        Processes(2).map(workers.fragile, (), ["one", spec, "two", "three"], on_result=results.__setitem__)
    assert results[0] == "one" and 1 not in results


@pytest.mark.parametrize("specs", [["one", "two", "three"], ["wrong", "one"], ["fatal", "one"], ["unstored"] * 4])
def test_no_worker_and_no_thread_outlives_the_work(specs):
    def store(place: int, result: str) -> None:
        if result == "unstored":
            raise WorkError("the disk is full")

    with suppress(WorkError):
        Processes(2).map(workers.fragile, (), specs, on_result=store)
    assert multiprocessing.active_children() == []
    assert not [each for each in threading.enumerate() if "Executor" in type(each).__name__]


def test_a_thread_that_a_task_has_left_is_not_waited_for():
    assert Processes(2).map(workers.restless, (), [1.0, 2.0]) == [1.0, 2.0]
    assert multiprocessing.active_children() == []


def test_what_workers_cannot_import_is_refused_before_they_start():
    with pytest.raises(RequestError, match="importable module"):
        Processes(1).map(lambda spec: spec, (), [1])


@pytest.mark.parametrize("jobs", [0, 1.5, True])
def test_a_wrong_number_of_jobs_is_refused(jobs):
    with pytest.raises(ValueError, match="jobs is"):
        Processes(jobs)


def test_ctrl_c_ends_everything_in_peace(tmp_path):
    script = (
        "from runners.engine.execution.processes import Processes\nfrom tests.resources import workers\n\n"
        "if __name__ == '__main__':\n"
        "    try:\n"
        "        Processes(2).map(workers.slow, (), list(range(200)), lambda part: print(part, flush=True))\n"
        "    except KeyboardInterrupt:\n"
        "        print('interrupted', flush=True)\n"
    )
    (tmp_path / "script.py").write_text(script)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()  # the first spec is finished
    os.killpg(process.pid, signal.SIGINT)
    printed, errors = process.communicate()
    assert (printed.splitlines()[-1], errors) == ("interrupted", "")
    assert len(printed.splitlines()) < 199, "what waits is dropped"
    assert ended(process.pid), "no worker stays behind"


def ended(group: int) -> bool:
    """Whether a group of processes is gone within two minutes; the server that forks workers leaves last."""
    for _ in range(1200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
