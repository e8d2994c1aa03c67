"""The executor for many machines: the workers of a running Dask scheduler.

Dask finds workers, repeats the tasks of lost ones, and reports versions of packages. This module adds the comparison of
code, the search for an item that kills workers, and one-line errors.

For trusted networks only: data are sent as pickles, and anyone who reaches the scheduler can run any code on its
workers. For `tls://` addresses Dask takes certificates from its configuration (`distributed.comm.tls`). Dask is
imported at first use.
"""

from __future__ import annotations

import logging
import math
import pickle
import re
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future as Promise
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import DataError, RequestError, WorkError
from runners.engine.dependencies import modules_reached
from runners.engine.execution.executor import (
    Executor,
    OnResult,
    Progress,
    Work,
    WorkerDiedError,
    isolated,
    no_action,
    no_progress,
    pickled,
)
from runners.engine.execution.processes import Processes
from strategies.author_imports import OURS

if TYPE_CHECKING:
    from distributed import Client, Future

ADDRESS = re.compile(r"(tcp|tls)://[\w.:%\[\]-]{1,253}:\d{1,5}")
TASKS_PER_THREAD = 8  # at most, and at least half as many, so that workers finish at about the same time
MAX_CHUNK = 256  # items per task, so that progress is visible and a lost worker costs little
WORKER_TIMEOUT = 60.0  # seconds without any worker until an error
POLL_INTERVAL = 1.0  # seconds between checks for workers
# Packages that results depend on, besides those that Dask compares.
PACKAGES = ("arch", "backtrader", "exchange_calendars", "numpy", "pandas", "scipy", "statsmodels")
SCHEDULER = ("python", "dask", "distributed")  # versions that must agree with a scheduler, which computes nothing
MODULE = "module "  # prefix of modules in a fingerprint, since some have the name of their package
REMEDY = "give it this checkout, installed with `pip install -c constraints.txt '.[cluster]'`, and restart it"
AUTHOR_REMEDY = "put the same file on that worker's import path, for example with PYTHONPATH, and restart it"

Fingerprint = Mapping[str, str | None]  # versions and hashes by name
_worker_lock = threading.Lock()  # in a worker: neither Backtrader nor `warnings` is thread-safe


def choose_executor(jobs: int | None = None, dask: str | None = None) -> Executor:
    """The executor for the options --jobs and --dask. Raises RequestError if both are given."""
    if jobs is not None and dask is not None:
        raise RequestError(f"--jobs {jobs} is for this machine and --dask {dask} for others; give one of them")
    return Processes(jobs) if dask is None else Cluster(dask)


@dataclass(frozen=True)
class Cluster:
    """The workers of the Dask scheduler at `address`, such as tcp://host:8786; results equal those of Serial.

    `timeout` is the time in seconds that the scheduler, and then a first worker, may take to answer. `chunk` is the
    number of items per task (None: 4 to 8 tasks for each worker thread, of at most 256 items). All workers must run the
    same checkout with the same packages, which is checked before any work, and by workers that join later. The last
    bits of linear algebra can differ between processor types. Threads of one worker take turns, so one thread per
    worker is best.
    """

    address: str
    timeout: float = 10.0
    chunk: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.address, str) or not ADDRESS.fullmatch(self.address):
            raise RequestError(f"{self.address!r} is not the address of a scheduler; write tcp://HOST:PORT, or tls://")
        if not _is_number(self.timeout, int, float) or not 0 < self.timeout < math.inf:
            raise RequestError(f"timeout is {self.timeout!r}; give seconds, more than 0")
        if self.chunk is not None and (not _is_number(self.chunk, int) or self.chunk < 1):
            raise RequestError(f"chunk is {self.chunk!r}; give a whole number of items, 1 or more, or None")
        if find_spec("distributed") is None:
            raise RequestError(f"{self.address} needs Dask, which is not installed here; pip install '.[cluster]'")

    def map(
        self,
        work: Work,
        shared: tuple[Any, ...],
        items: Sequence[Any],
        progress: Progress = no_progress,
        on_result: OnResult = no_action,
    ) -> list[Any]:
        """See Executor; the items of a task finish together.

        Raises RequestError for arguments that cannot be sent and for versions that differ; WorkError for an item that
        fails or kills workers, and if no scheduler or no worker answers. Ctrl-C drops pending tasks; those in progress
        run to their end and their results are lost.
        """
        if not items:
            return []
        results: list[Any] = [None] * len(items)
        if "_client" in self.__dict__ and self._client.status != "running":
            self.close()
        with closing(_Tasks(self.address, self._client, work, shared, items, self.chunk)) as tasks:
            for indices, chunk in tasks.completed():
                for index, result in zip(indices, chunk, strict=True):
                    results[index] = result
                    on_result(index, result)
                    progress(str(items[index]))
        return results

    def close(self) -> None:
        """Disconnect; the next `map` connects again."""
        if "_client" in self.__dict__:
            with suppress(OSError):
                self.__dict__.pop("_client").close()

    @cached_property
    def _client(self) -> Client:
        """A client of a scheduler with workers; it is closed at exit if not before."""
        client = _connected(self.address, self.timeout)
        try:
            client.wait_for_workers(1, timeout=self.timeout)
        except OSError:
            client.close()
            raise WorkError(
                f"the scheduler at {self.address} has no workers after {self.timeout:g} s; "
                f"start some: dask worker {self.address}"
            ) from None
        return client


def _is_number(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


class _Tasks:
    """The items of one `map`, in tasks of several items each; a task is identified by the range of its indices.

    Arguments and results are sent as bytes, which Dask does not inspect or turn into read-only arrays.
    """

    def __init__(
        self,
        address: str,
        client: Client,
        work: Work,
        shared: tuple[Any, ...],
        items: Sequence[Any],
        chunk: int | None,
    ) -> None:
        self.address, self.client, self.items = address, client, items
        self.work, modules = pickled(work)
        shared_pickle, others = pickled(shared)
        size = chunk or _chunk_size(len(items), max(1, sum(client.nthreads().values())))
        chunks = [range(first, min(first + size, len(items))) for first in range(0, len(items), size)]
        self.pickles: dict[range, bytes] = {}
        modules |= others
        for indices in chunks:
            self.pickles[indices], others = pickled([items[index] for index in indices])
            modules |= others
        self.expected = _agreed_fingerprint(client, address, _author_modules(modules))
        # A task rather than scattered data: if its workers die, a task is repeated and scattered data are lost. Each
        # worker fetches the result once.
        self.shared = self._submit(bytes, [shared_pickle])[0]
        self.futures: list[Future[bytes]] = [self.shared]

    def completed(self) -> Iterator[tuple[range, list[Any]]]:
        """Indices of items with their results, as tasks finish. Raises the error of the first task that fails."""
        tasks = self._submit_chunks(list(self.pickles))
        suspects: list[range] = []
        try:
            for future, outcome in self._finished(tasks):
                try:
                    results = self._results(tasks[future], outcome)
                except WorkerDiedError:
                    suspects.append(tasks[future])
                else:
                    future.release()  # workers need not keep the results
                    yield tasks[future], results
            # When a worker dies Dask gives up every task assigned to it: run alone, only the culprit kills again.
            for indices in suspects:
                yield from isolated(indices, self._run_alone, _singles, self._raise_deadly)
        except OSError as error:
            raise _scheduler_lost(self.address) from error

    def close(self) -> None:
        """Drop pending tasks, since Dask does not start a task without a future."""
        for future in self.futures:
            future.release()

    def _run_alone(self, indices: range) -> list[Any]:
        """Results of a task that runs while no other task of this `map` is on the cluster."""
        self.pickles[indices] = pickled([self.items[index] for index in indices])[0]
        ((_, outcome),) = self._finished(self._submit_chunks([indices]))
        return self._results(indices, outcome)

    def _raise_deadly(self, indices: range, error: WorkerDiedError) -> list[Any]:
        cause: Any = error.__cause__
        raise WorkError(
            f"{error.item}: every worker that ran it died, {cause.allowed_failures + 1} in turn, the last one "
            f"{cause.last_worker.address}: killed or out of memory; see their logs"
        ) from cause

    def _submit_chunks(self, chunks: Sequence[range]) -> dict[Future[bytes], range]:
        common = {"work": self.work, "shared": self.shared, "expected": self.expected}
        futures = self._submit(run_items_on_worker, [self.pickles[indices] for indices in chunks], **common)
        self.futures += futures
        return dict(zip(futures, chunks, strict=True))

    def _submit(self, function: Work, arguments: Sequence[bytes], **common: object) -> list[Future[bytes]]:
        from dask import config

        # Dask warns about large graphs; these hold the arguments of each task, which are sent once.
        with config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            futures: list[Future[bytes]] = self.client.map(function, arguments, pure=False, **common)
        return futures

    def _finished(self, futures: Iterable[Future[bytes]]) -> Iterator[tuple[Future[bytes], object]]:
        """Futures with their outcomes, as they finish. Raises WorkError after WORKER_TIMEOUT without a worker."""
        from distributed import as_completed

        completed = as_completed(futures, loop=self.client.loop, with_results=True, raise_errors=False)
        while not completed.is_empty():
            with completed.thread_condition:
                completed.thread_condition.wait_for(completed.has_ready, POLL_INTERVAL)
            if not completed.has_ready() and self.client.status == "running":
                self._require_workers()
            yield from completed.next_batch(block=False)

    def _require_workers(self) -> None:
        try:
            self.client.wait_for_workers(1, timeout=WORKER_TIMEOUT)
        except TimeoutError:
            raise WorkError(
                f"the scheduler at {self.address} has had no workers for {WORKER_TIMEOUT:g} s; "
                f"start some (dask worker {self.address}) and run again"
            ) from None

    def _results(self, indices: range, outcome: object) -> list[Any]:
        """The results of a task. Raises the error of its work, or WorkerDiedError if it killed workers."""
        from distributed import KilledWorker

        if isinstance(outcome, bytes):
            results: list[Any] = pickle.loads(outcome)  # noqa: S301  (from trusted workers)
            return results
        if not isinstance(outcome, tuple):  # cancelled
            raise _scheduler_lost(self.address)
        error = outcome[1]  # Dask returns (type, error, traceback)
        if isinstance(error, RequestError | DataError | WorkError):
            raise error
        names = [str(self.items[index]) for index in indices]
        text = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        if isinstance(error, KilledWorker):
            raise WorkerDiedError(text, indices[0]) from error
        raise WorkError(f"{text} failed: {type(error).__name__}: {_line(error)}") from error


def _chunk_size(count: int, threads: int) -> int:
    """Number of items per task."""
    return min(MAX_CHUNK, max(1, math.ceil(count / (TASKS_PER_THREAD * threads))))


def _singles(indices: range) -> list[range]:
    return [range(index, index + 1) for index in indices]


def _scheduler_lost(address: str) -> WorkError:
    return WorkError(f"the scheduler at {address} stopped or dropped the work; run again once it is running")


def _connected(address: str, timeout: float) -> Client:
    """A connected client; unlike Dask, gives up on a server that accepts the connection but does not answer."""
    _require_certificates(address)
    client: Promise[Client] = Promise()
    threading.Thread(target=_connect, args=(client, address, timeout), daemon=True).start()
    try:
        return client.result(timeout + POLL_INTERVAL)
    except OSError as error:  # TimeoutError too
        reason = "" if isinstance(error, TimeoutError) or "Timed out" in str(error) else f" ({_line(error)})"
        raise WorkError(
            f"no scheduler answers at {address} within {timeout:g} s{reason}; start one (dask scheduler) "
            f"or correct the address"
        ) from None


def _require_certificates(address: str) -> None:
    """Raise RequestError if a `tls://` address lacks certificates in Dask's configuration, or if that requires `tls://`.

    Checked beforehand, since Dask's client would hang.
    """
    from distributed import Security

    secured, security = address.startswith("tls:"), Security()
    if security.require_encryption and not secured:
        raise RequestError(f"Dask's configuration requires encryption; give a tls:// address instead of {address}")
    try:
        available = not secured or security.get_connection_args("client")["ssl_context"] is not None
        reason = "which its configuration does not name"
    except OSError as error:  # a missing file, or one without a certificate
        available, reason = False, f"which cannot be read ({_line(error)})"
    if not available:
        raise RequestError(f"{address} needs Dask certificates, {reason}; see docs/howto/machines.md")


def _connect(client: Promise[Client], address: str, timeout: float) -> None:
    from distributed import Client
    from distributed.versions import VersionMismatchWarning

    logging.getLogger("distributed.client").setLevel(logging.ERROR)  # lost workers need no message: others take over
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # refused in one line by `_agreed_fingerprint`
            client.set_result(Client(address, timeout=timeout, set_as_default=False))
    except Exception as error:  # noqa: BLE001  (raised in the waiting thread)
        client.set_exception(error)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _agreed_fingerprint(client: Client, address: str, modules: frozenset[str]) -> Fingerprint:
    """The fingerprint of this process. Raises RequestError unless scheduler and workers agree with it.

    Dask's own check (`get_versions(check=True)`) only warns, names no worker and does not compare code.
    """
    here = fingerprint(modules)
    scheduler = client.get_versions()["scheduler"]["packages"]
    _require_equal(f"the scheduler at {address}", {name: here[name] for name in SCHEDULER}, scheduler)
    for worker, there in sorted(client.run(fingerprint, modules, on_error="return").items()):
        if not isinstance(there, OSError):  # a lost worker; if it comes back, its tasks check again
            _require_equal(f"the worker at {worker}", here, there)
    return here


def _require_equal(where: str, here: Fingerprint, there: object) -> None:
    """Raise RequestError unless `there`, a fingerprint or an error, has all entries of `here`."""
    if isinstance(there, BaseException):
        raise RequestError(f"{where} cannot import this project's packages ({_line(there)}); {REMEDY}")
    if not isinstance(there, Mapping):
        raise AssertionError(f"{where} answered {there!r}")
    if wrong := {name: value for name, value in here.items() if there.get(name) != value}:
        differences = "; ".join(f"{name} is {there.get(name)}, not {value}" for name, value in wrong.items())
        remedy = AUTHOR_REMEDY if all(name.startswith(MODULE) for name in wrong) else REMEDY
        raise RequestError(f"{where} differs from here: {differences}; {remedy}")


def _author_modules(modules: Iterable[str]) -> frozenset[str]:
    """The modules outside the standard library and this project, with the same author's modules that they import."""
    return modules_reached(name for name in modules if name.partition(".")[0] not in {*OURS, *sys.stdlib_module_names})


def fingerprint(modules: Iterable[str]) -> dict[str, str | None]:
    """Everything that determines results in this process: Python, packages, our code, the sources of `modules`."""
    from distributed.versions import get_versions

    sources = {f"{MODULE}{name}": _source_hash(name) for name in sorted(modules)}
    return {**get_versions(PACKAGES)["packages"], "our code": _code_hash(), **sources}


# Cached, since a process runs the code that it once imported, whatever is on disk later.
@cache
def _code_hash() -> str:
    from runners.engine.provenance import code_hash

    return code_hash()[:12]


@cache
def _source_hash(module: str) -> str:
    """The first digits of the SHA-256 of a module's source, or why there is none."""
    try:
        file = getattr(import_module(module), "__file__", None)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (any error of its author's code)
        return f"not importable ({_line(error)})"
    return sha256(Path(file).read_bytes()).hexdigest()[:12] if file and file.endswith(".py") else "without source"


def run_items_on_worker(items: bytes, work: bytes, shared: bytes, expected: Fingerprint) -> bytes:
    """In a worker: the pickled results of the pickled `items`. Raises WorkError, naming the item, if one fails."""
    from distributed import get_worker

    modules = [name.removeprefix(MODULE) for name in expected if name.startswith(MODULE)]
    with _worker_lock:
        _require_equal(f"{get_worker().address}, which joined later,", expected, fingerprint(modules))
        run, arguments = pickle.loads(work), _unpickled(shared)  # noqa: S301  (from a trusted client)
        results = [_run_item(run, arguments, item) for item in pickle.loads(items)]  # noqa: S301
        return pickle.dumps(results, protocol=pickle.HIGHEST_PROTOCOL)


@lru_cache(maxsize=1)
def _unpickled(shared: bytes) -> tuple[Any, ...]:
    values: tuple[Any, ...] = pickle.loads(shared)  # noqa: S301
    return values


def _run_item(work: Work, shared: tuple[Any, ...], item: Any) -> Any:
    try:
        return work(*shared, item)
    except (RequestError, DataError) as error:
        base = RequestError if isinstance(error, RequestError) else DataError  # a class that any client can unpickle
        raise base(str(error)) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  (any error of the work)
        raise WorkError(f"{item} failed: {type(error).__name__}: {error}") from None
