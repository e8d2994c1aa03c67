"""Executors: equal results for any number of workers, deaths with names, interrupts in peace."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from data.errors import RequestError, WorkError
from reports import pool
from runners.engine.pool import Processes, Serial
from tests.resources import workers

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("executor", [Serial(), Processes(1), Processes(2), Processes(5), Processes()])
def test_results_come_in_the_order_of_the_specs_whatever_the_workers(executor):
    told: list[str] = []
    numbers = [5.0, 1.0, 4.0, 1.0, 3.0]
    assert executor.map(workers.shifted, (10.0,), numbers, told.append) == [15.0, 11.0, 14.0, 11.0, 13.0]
    assert sorted(told) == ["1.0", "1.0", "3.0", "4.0", "5.0"]


def test_nothing_to_do_is_done():
    assert Processes(2).map(workers.square, (), []) == Serial().map(workers.square, (), []) == []


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [("fatal", "fatal: its worker process died"), ("wrong", "wrong failed: ZeroDivisionError: division by zero")],
)
def test_a_death_and_a_failure_are_told_with_their_own_spec(spec, complaint):
    with pytest.raises(WorkError, match=complaint):
        Processes(3).map(workers.fragile, (), ["one", "two", spec, "three", "four"])


@pytest.mark.parametrize("specs", [["one", "two", "three"], ["wrong", "one"], ["fatal", "one"], ["unread"] * 4])
def test_no_worker_and_no_thread_outlives_the_work(specs):
    results = pool.outcomes(workers.fragile, {place: (spec,) for place, spec in enumerate(specs)}, 2)
    with suppress(WorkError), closing(results):
        for _ in results:
            if "unread" in specs:
                break
    assert multiprocessing.active_children() == []
    assert not [each for each in threading.enumerate() if "Executor" in type(each).__name__]


def test_a_thread_that_a_task_has_left_is_not_waited_for():
    began = time.monotonic()
    assert Processes(2).map(workers.restless, (), [1.0, 2.0]) == [1.0, 2.0]
    assert time.monotonic() - began < 600, "the thread runs for an hour"
    assert multiprocessing.active_children() == []


def test_what_workers_cannot_import_is_refused_before_they_start():
    with pytest.raises(RequestError, match="importable module"):
        Processes(1).map(lambda spec: spec, (), [1])


@pytest.mark.parametrize("jobs", [0, -1, 1.5, True])
def test_a_wrong_number_of_jobs_is_refused(jobs):
    with pytest.raises(ValueError, match="jobs is"):
        Processes(jobs)


def test_ctrl_c_ends_everything_in_peace(tmp_path):
    script = (
        "from runners.engine.pool import Processes\nfrom tests.resources import workers\n\n"
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
    told, errors = process.communicate(timeout=300)
    *finished, last = told.splitlines()
    assert (last, errors) == ("interrupted", "")
    assert len(finished) < 199, "what waits is dropped"
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
