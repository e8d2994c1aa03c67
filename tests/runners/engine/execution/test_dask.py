"""The Dask executor gives the results of Serial whatever happens to workers, and refuses wrong requests."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from distributed.versions import get_versions

import strategies
from data.errors import RequestError, WorkError
from runners.engine.dependencies import OURS
from runners.engine.execution import dask as module
from runners.engine.execution.dask import Cluster, choose_executor
from runners.engine.execution.executor import Serial
from runners.engine.execution.processes import Processes
from runners.engine.study import prepare
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenarios, TradingConditions
from tests.resources import workers
from tests.resources.commands import within
from tests.resources.machines import ROOT, Machines

pytestmark = pytest.mark.thorough

READINGS = ("gpu_bubble", "fomc_tilt", "two_shocks")
NUMBERS = [float(number) for number in range(40)]


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """A scheduler and two workers."""
    own = Machines(tmp_path_factory.mktemp("machines"), workers=2)
    yield own
    own.stop()


@pytest.fixture
def cluster(machines):
    """An executor with both workers running."""
    machines.wait(2)
    own = Cluster(machines.address)
    yield own
    own.close()


@pytest.fixture
def few(tmp_path):
    """A scheduler and one worker that a test may kill."""
    own = Machines(tmp_path, workers=1, nannies=False)
    own.wait(1)
    yield own
    own.stop()


@pytest.fixture
def readings_prices(random_prices):
    """Random prices for some readings and their comparators, and the readings at several rows."""
    studies = [prepare(name, strategies.load(name), "SPY") for name in READINGS]
    symbols = tuple(dict.fromkeys(symbol for study in studies for symbol in (*study.required_symbols, "SPY")))
    rows = range(max(study.required_closes for study in studies), 300, 29)
    return random_prices(symbols, sessions=620), [(study, row) for study in studies for row in rows]


@pytest.mark.parametrize("chunk", [None, 2])
def test_results_keep_the_order_of_the_items_for_any_chunk(cluster, machines, chunk):
    result: list[str] = []
    numbers = [5.0, 1.0, 4.0, 1.0, 3.0]
    own = Cluster(machines.address, chunk=chunk)
    assert own.map(workers.shifted, (10.0,), numbers, result.append) == [15.0, 11.0, 14.0, 11.0, 13.0]
    assert sorted(result) == ["1.0", "1.0", "3.0", "4.0", "5.0"]
    own.close()


def test_no_items_need_no_scheduler():
    assert Cluster("tcp://127.0.0.1:1").map(workers.square, (), []) == []


def test_readings_have_the_same_d_to_the_bit(cluster, readings_prices):
    prices, specs = readings_prices
    ours = cluster.map(workers.distance, (prices, TradingConditions()), specs)
    expected = Serial().map(workers.distance, (prices, TradingConditions()), specs)
    assert [d.tobytes() for d in ours] == [d.tobytes() for d in expected]
    assert all(d.flags.writeable for d in ours)


def test_plain_strategies_have_the_same_batch_to_the_bit(cluster, random_prices):
    prices = random_prices(("AAA",), sessions=200)
    scenarios = Scenarios.product(prices.sessions[20:120:9], (20, 60), parameters=({"period": 5}, {"period": 15}))
    ours = run_batch(workers.Crossing, prices, scenarios, executor=cluster)
    expected = run_batch(workers.Crossing, prices, scenarios, executor=Serial())
    for column in fields(ours):
        one, other = getattr(ours, column.name), getattr(expected, column.name)
        assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes()), column.name


def test_a_machine_that_dies_during_a_run_changes_nothing(cluster, machines, readings_prices):
    prices, specs = readings_prices
    doomed, records = machines.workers.pop(), []

    def done(spec: str) -> None:
        records.append(spec)
        if len(records) == 3:
            machines.kill(doomed)

    ours = Cluster(machines.address, chunk=1).map(workers.distance, (prices, TradingConditions()), specs, done)
    machines.workers.append(machines.worker())
    expected = Serial().map(workers.distance, (prices, TradingConditions()), specs)
    assert [d.tobytes() for d in ours] == [d.tobytes() for d in expected]
    assert len(records) == len(specs)


def test_shared_arguments_survive_every_worker_that_held_them(few):
    big, records = np.random.default_rng(1).normal(size=100_000), []

    def done(spec: str) -> None:
        records.append(spec)
        if len(records) == 1:
            few.kill(few.workers[0])
            few.worker()

    own = Cluster(few.address, chunk=1)
    assert own.map(np.dot, (big,), [1.0, 2.0, 3.0, 4.0] * 20, done)[3].tobytes() == (4.0 * big).tobytes()
    own.close()


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


@pytest.mark.parametrize(
    ("work", "specs", "kind", "complaint"),
    [
        (workers.fragile, ["one", "wrong", "two"], WorkError, "^wrong failed: ZeroDivisionError: division by zero$"),
        (workers.refused, [7.0], RequestError, "^7.0 is too much; give less$"),
        (workers.left, [7.0], WorkError, "^7.0 failed: SystemExit: 7.0 left$"),
    ],
)
def test_a_failure_names_its_item(cluster, work, specs, kind, complaint):
    with pytest.raises(kind, match=complaint):
        cluster.map(work, (), specs)


@pytest.mark.slow
def test_the_item_that_kills_is_named(machines, cluster):
    own = Cluster(machines.address, chunk=3)
    with pytest.raises(WorkError, match=r"^fatal: every worker that ran it died, 2 in turn, the last one tcp:"):
        own.map(workers.fragile, (), [*"abcd", "fatal", *"efgh"])
    own.close()


def test_unpicklable_arguments_are_refused(cluster):
    with pytest.raises(RequestError, match="functions at the top level of an importable module"):
        cluster.map(workers.square, (), [lambda: 1])


def test_a_module_that_workers_do_not_have_is_named(cluster, tmp_path, monkeypatch):
    (tmp_path / "elsewhere.py").write_text("class Number(float):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    spec = importlib.import_module("elsewhere").Number(3)
    message = r"module elsewhere is not importable \(No module.*\), not \w{12}; put the same file on that worker"
    with pytest.raises(RequestError, match=message):
        cluster.map(workers.square, (), [spec])


def changed_copy(folder: Path) -> Path:
    """A copy of this project with one more line."""
    for room in OURS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", "latest"))
    with (folder / "strategies" / "gpu_bubble.py").open("a") as file:
        file.write("# changed\n")
    (folder / "tests").symlink_to(ROOT / "tests")
    return folder


def test_a_worker_with_other_code_is_refused_before_and_during_work(cluster, machines, tmp_path):
    started = []

    def done(spec: str) -> None:
        if not started:
            started.append(machines.worker(changed_copy(tmp_path), "--no-nanny"))

    try:
        own = Cluster(machines.address, chunk=1)
        with pytest.raises(
            RequestError, match=r"joined later, differs from here: our code is \w{12}, not \w{12}; give it"
        ):
            own.map(workers.slow, (), list(range(200)), done)
        with pytest.raises(
            RequestError, match=r"^the worker at tcp://127.0.0.1:\d+ differs from here: our code is \w{12}, not"
        ):
            own.map(workers.square, (), [1.0])
        own.close()
    finally:
        machines.kill(started[0])


@pytest.mark.slow
def test_a_worker_with_an_older_helper_module_is_refused(few, tmp_path):
    rule = "def signed(x):\n    from its_helper import SIGN\n\n    return SIGN * x\n"
    (tmp_path / "its_rule.py").write_text(rule)
    (tmp_path / "its_helper.py").write_text("SIGN = 1.0\n")
    few.kill(few.workers[0])
    few.worker(Path(f"{ROOT}{os.pathsep}{tmp_path}"))
    few.wait(1)
    message = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path)!r}]
import its_rule
from runners.engine.execution.dask import Cluster
own = Cluster({few.address!r})
print(own.map(its_rule.signed, (), [2.0]))
own.close()
"""
    first = subprocess.run([sys.executable, "-c", message], capture_output=True, text=True, check=False, timeout=600)
    assert first.stdout == "[2.0]\n", first.stderr
    (tmp_path / "its_helper.py").write_text("SIGN = -1.0\n")
    second = subprocess.run([sys.executable, "-c", message], capture_output=True, text=True, check=False, timeout=600)
    assert "differs from here: module its_helper is" in second.stderr


def test_other_versions_are_refused_by_name(cluster, monkeypatch):
    def with_other(package: str) -> None:
        own = get_versions(module.PACKAGES)
        own["packages"][package] = "1.0"
        monkeypatch.setattr("distributed.versions.get_versions", lambda packages=None: own)

    with_other("statsmodels")
    with pytest.raises(RequestError, match=r"^the worker at tcp:\S+ differs from here: statsmodels is \S+, not 1\.0;"):
        cluster.map(workers.square, (), [1.0])
    with_other("dask")
    with pytest.raises(RequestError, match=r"^the scheduler at tcp:\S+ differs from here: dask is \S+, not 1\.0;"):
        cluster.map(workers.square, (), [1.0])


def test_every_package_that_computes_is_compared():
    """Found by the imports of what workers run; the rest writes files or runs in the client."""
    aside = {"dask", "distributed", "filelock", "jinja2", "optuna", "platformdirs"}
    rooms = [ROOT / room for room in ("strategies", "runners/engine", "reports/statistics", "reports/figures")]
    paths = [*(ROOT / "data").glob("*.py"), *(path for room in rooms for path in room.rglob("*.py"))]
    nodes = [node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    imported = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    imported += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    packages = {name.partition(".")[0] for name in imported} - {*OURS, *sys.stdlib_module_names} - aside
    assert len(packages) > 5
    compared = module.fingerprint(())
    assert packages <= compared.keys() and packages == set(module.PACKAGES)
    assert {name: compared[name] for name in packages} == {name: version(name) for name in packages}


@pytest.mark.parametrize("package", ["python", *module.PACKAGES])
def test_a_difference_in_any_package_is_refused(package):
    here = module.fingerprint(())
    with pytest.raises(RequestError, match=f"there differs from here: {package} is 0.0.1, not "):
        module._require_equal("there", here, {**here, package: "0.0.1"})


def test_a_worker_without_this_project_is_refused(cluster, machines, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "runners.py").touch()  # hides this project's package
    other = machines.worker(tmp_path / "other", "--no-nanny")
    try:
        machines.wait(3)
        with pytest.raises(
            RequestError, match=r"^the worker at \S+ cannot import this project's packages \(.*No module .*\); give it"
        ):
            cluster.map(workers.square, (), [1.0])
    finally:
        machines.kill(other)


def test_a_missing_scheduler_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as mute:  # accepts connections but does not answer
        port = mute.getsockname()[1]
        for address in (f"tcp://127.0.0.1:{port}", "tcp://127.0.0.1:1"):
            with pytest.raises(WorkError, match=f"^no scheduler answers at {address} within 0.5 s; start one"):
                Cluster(address, timeout=0.5).map(workers.square, (), [1.0])


def test_lost_workers_and_a_lost_scheduler_are_reported(few, monkeypatch):
    monkeypatch.setattr(module, "WORKER_TIMEOUT", 1.0)
    own = Cluster(few.address, timeout=60, chunk=1)
    with pytest.raises(WorkError, match=f"^the scheduler at {few.address} has had no workers for 1 s; start some"):
        own.map(workers.slow, (), list(range(200)), lambda spec: few.kill(few.workers[0]))
    own.close()
    with pytest.raises(WorkError, match=r"has no workers after 0.5 s; start some: dask worker tcp"):
        Cluster(few.address, timeout=0.5).map(workers.square, (), [1.0])
    few.worker()
    few.wait(1)
    own = Cluster(few.address, timeout=60, chunk=1)
    with pytest.raises(WorkError, match="stopped or dropped the work"):
        own.map(workers.slow, (), list(range(200)), lambda spec: few.kill(few.scheduler))
    with pytest.raises(WorkError, match="no scheduler answers"):
        Cluster(few.address, timeout=0.5).map(workers.square, (), [1.0])


def test_ctrl_c_drops_pending_items(cluster, machines, tmp_path):
    script = (
        "import sys\n\nfrom runners.engine.execution.dask import Cluster\nfrom tests.resources import workers\n\n"
        "try:\n"
        "    cluster, numbers = Cluster(sys.argv[1], chunk=1), list(range(2000))\n"
        "    cluster.map(workers.noted, (sys.argv[2],), numbers, lambda part: print(part, flush=True))\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    (tmp_path / "script.py").write_text(script)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py"), machines.address, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()  # the first item is finished
    os.killpg(process.pid, signal.SIGINT)
    stderr, errors = process.communicate()
    assert (stderr.splitlines()[-1], errors) == ("interrupted", "")
    assert cluster.map(workers.square, (), NUMBERS) == [number * number for number in NUMBERS]
    assert calls(tmp_path) < 2000, "what waits is dropped: it would have been done before these"


def test_dask_is_not_imported_before_it_is_used():
    script = (
        "import sys\nimport runners.engine.execution.dask as own\nown.Cluster('tcp://127.0.0.1:1')\n"
        "print([name for name in sys.modules if name in ('dask', 'distributed')])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_without_the_extra_its_name_is_shown(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RequestError, match=r"pip install '\.\[cluster\]'"):
        Cluster("tcp://127.0.0.1:1")


@pytest.mark.parametrize("address", ["host:8786", "http://host:1", "tcp://:1", None, "tcp://a b:1"])
def test_a_wrong_address_is_refused(address):
    with pytest.raises(RequestError, match=r"is not the address of a scheduler; write tcp://HOST:PORT"):
        Cluster(address)


@pytest.mark.parametrize("timeout", [0, float("nan"), True, "10"])
def test_a_wrong_timeout_is_refused(timeout):
    with pytest.raises(RequestError, match="timeout is"):
        Cluster("tcp://127.0.0.1:1", timeout=timeout)


@pytest.mark.parametrize("chunk", [0, 1.5, True])
def test_a_wrong_chunk_is_refused(chunk):
    with pytest.raises(RequestError, match="chunk is"):
        Cluster("tcp://127.0.0.1:1", chunk=chunk)


@pytest.mark.parametrize(
    ("count", "threads", "size"), [(1, 1, 1), (8, 1, 1), (9, 1, 2), (12, 100, 1), (1000, 2, 63), (1_000_000, 2, 256)]
)
def test_each_thread_gets_up_to_eight_tasks_of_at_most_256_items(count, threads, size):
    assert module._chunk_size(count, threads) == size


def test_commands_take_one_of_jobs_and_dask():
    assert choose_executor() == Processes()
    assert choose_executor(3) == Processes(3)
    assert choose_executor(dask="tcp://127.0.0.1:1") == Cluster("tcp://127.0.0.1:1")
    with pytest.raises(RequestError, match="--jobs 3 is for this machine and --dask tcp://host:1 for others"):
        choose_executor(3, "tcp://host:1")


@pytest.mark.parametrize(
    "words",
    [
        ["sweep", "gpu_bubble", "-p", "hold=5,20", "-p", "rebalance=5,20", "--source", "sample"],
        pytest.param(["multiverse", "bad_news", "--source", "sample"], marks=pytest.mark.slow),
        pytest.param(["calibrate", "--markets", "2"], marks=pytest.mark.slow),
    ],
    ids=lambda words: words[0],
)
def test_commands_give_the_same_bytes_on_a_cluster(machines, tmp_path, words):
    machines.wait(2)
    for out, where in (("here", []), ("there", ["--dask", machines.address])):
        done = within(*words, "--out", tmp_path / out, *where)
        assert (done.returncode, done.stderr) == (0, "")
    here, there = ({path.name: path.read_bytes() for path in (tmp_path / out).iterdir()} for out in ("here", "there"))
    assert here == there and "index.html" in here
