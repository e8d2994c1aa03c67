"""What strategies and shells do to the process of a command: the others run, and it ends with the right status."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from data import load_prices
from tests.resources.commands import ROOT, WIDTH

pytestmark = pytest.mark.thorough

STRATEGIES = """\
import multiprocessing
import os
import threading

import posix

from strategies.base import Reading


class Good(Reading):
    symbols = ("SPY",)

    def weights(self, past):
        self.misbehave()
        return {"SPY": 0.5}

    def misbehave(self):
        pass


class Exits(Good):
    def misbehave(self):
        os._exit(0)


class ExitsBelow(Good):
    def misbehave(self):
        posix._exit(0)


class Forks(Good):
    def misbehave(self):
        os.fork()


class Execs(Good):
    def misbehave(self):
        os.execlp("true", "true")


class Base(Good):
    def misbehave(self):
        raise BaseException("no Exception")


class Text(Good):
    @classmethod
    def refuted(cls, d, decisions):
        return "no"


class Moves(Good):
    def misbehave(self):
        os.chdir("/")


class Leaves(Good):
    def misbehave(self):
        if not any(thread.name == "left behind" for thread in threading.enumerate()):
            threading.Thread(target=threading.Event().wait, name="left behind").start()


class Shares(Good):
    def misbehave(self):
        with multiprocessing.get_context("fork").Pool(1) as pool:
            assert pool.map(abs, [-1]) == [1]
"""
FAILURES = {
    "Exits": "StrategyError: os._exit would end the whole command; raise an exception",
    "ExitsBelow": "StrategyError: os._exit would end the whole command; raise an exception",
    "Forks": "StrategyError: os.fork would copy the whole command; use subprocess or multiprocessing",
    "Execs": "StrategyError: os.execv would replace the whole command; use subprocess",
    "Base": "BaseException: no Exception",
    "Text": "Text: refuted(d, decisions) returned 'no'; return True or False",
}
RUN = (sys.executable, "-m", "runners.deepseek", "--source=prices", "--hold=20", "--no-evidence", "--jobs=1")


def environment(**variables: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": WIDTH, **variables}


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with the sample's prices of SPY and a file of strategies."""
    sample = load_prices(("SPY",), source="sample")
    bars = pd.DataFrame({name: getattr(sample, name.lower())[:, 0] for name in ("Open", "High", "Low", "Close")})
    bars = bars.assign(**{"Adj Close": bars["Close"], "Volume": 1000}).set_index(sample.sessions.rename("Date"))
    (tmp_path / "prices").mkdir()
    bars.to_csv(tmp_path / "prices" / "SPY.csv")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "faults.py").write_text(STRATEGIES)
    return tmp_path


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe that nobody reads, as after `| head`."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


def run(words: str, folder: Path, stdout: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", words],
        cwd=folder,
        env=environment(DEEPSEEK_TRIALS="trials.sqlite"),
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        timeout=600,
        check=False,
    )


def test_what_a_strategy_does_to_the_process_stops_only_itself(folder, unread):
    names = (*FAILURES, "Moves", "Leaves", "Shares", "Good")
    done = run(shlex.join([*RUN, *(f"work/faults.py:{name}" for name in names), "--out=out"]), folder, unread)
    # The working folder is that of the start: `Moves` leaves it.
    failed = json.loads((folder / "out" / "results.json").read_text())["failed"]
    assert {name: text.split("\n")[-1].removeprefix("data.errors.") for name, text in failed.items()} == FAILURES
    assert {path.stem for path in (folder / "out").glob("[A-Z]*.html")} == {"Moves", "Leaves", "Shares", "Good"}
    assert (folder / "trials.sqlite").exists()
    # Nobody reads the table, but the status is that of the failures, and the thread that is left is not waited for.
    assert done.returncode == 1
    assert done.stderr.endswith(
        f"error: {', '.join(FAILURES)} failed; everything else was run\n"
        "warning: a strategy left 'left behind' running; the command ends without waiting\n"
    )


def test_closed_descriptors_and_a_private_umask(folder, unread):
    words = shlex.join([*RUN, "work/faults.py:Good", "--out=out"])
    done = run(f"umask 077; {words} <&- 2>&-", folder, unread)
    assert (done.returncode, done.stderr) == (0, "")
    out = folder / "out"
    assert (out.stat().st_mode & 0o777, (out / "Good.html").stat().st_mode & 0o777) == (0o700, 0o600)
    assert {path.stat().st_mode & 0o777 for path in out.iterdir()} == {0o600}
    done = run(f"{shlex.join(RUN[:3])} --list >&- 2>&-", folder, subprocess.DEVNULL)
    assert done.returncode == 0


LIMITED = """\
import os, resource, sys
stack = 2**34
resource.setrlimit(resource.RLIMIT_STACK, (stack, stack))  # as much as a new thread asks for
resource.setrlimit(resource.RLIMIT_AS, (stack // 2, stack // 2))
os.execv(sys.executable, [sys.executable, "-m", "runners.trials"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads take the size of the stack's limit on Linux")
def test_no_thread_is_one_line():
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], env=environment(), capture_output=True, text=True, timeout=600, check=False
    )
    line = "error: the system starts no more threads or processes; end other programs, or raise the limit (ulimit -u)\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)


SMALL = """\
import os, resource, runpy, sys, threading
threading.stack_size(2**18)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 2**24  # too little for NumPy's library of linear algebra
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
sys.argv = ["deepseek", "--list"]
runpy.run_module("runners.deepseek", run_name="__main__", alter_sys=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_no_room_for_a_library_is_one_line():
    done = subprocess.run(
        [sys.executable, "-c", SMALL], env=environment(), capture_output=True, text=True, timeout=600, check=False
    )
    line = "error: out of memory (no room for a library); request less at once or use fewer --jobs\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", line)


FEW = """\
import math, sys
from data.errors import WorkError
from runners.engine.execution.processes import Processes
try:
    print(Processes(1).map(math.sqrt, (), [4.0, 9.0]))
except WorkError as error:
    sys.exit(f"error: {error}")
"""
# For another user, who has no other processes and may read the same files.
AS_USER = "setpriv --reuid={} --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override prlimit --nproc={}"


@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0 or not shutil.which("setpriv"), reason="only root can be another user"
)
def test_a_pool_that_is_refused_threads_or_processes_ends_in_one_line():
    outcomes = []
    for limit in (1, 2, 3, 5, 11):
        command = [*AS_USER.format(10**6 + 16 * os.getpid() + limit, limit).split(), sys.executable, "-c", FEW]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=600, check=False)
        outcomes.append(done.returncode)
        if done.returncode:
            assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, (limit, done.stderr)
        else:
            assert (done.stdout, done.stderr) == ("[2.0, 3.0]\n", ""), limit
    assert set(outcomes) == {0, 1} and outcomes == sorted(outcomes, reverse=True)
