"""The executor for many machines: the workers of a Dask scheduler that is running already.

Dask finds workers, repeats what a lost worker had, and reports versions of packages. Ours are the comparison of code,
the search for a spec that kills workers, and errors of one line.

For trusted networks only: what travels are pickles, and whoever reaches the scheduler can run any code on its workers.
For `tls://` addresses Dask takes certificates from its own configuration (`distributed.comm.tls`). Dask is imported
when it is first used.
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
from runners.engine.dependencies import OURS, modules_reached
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

if TYPE_CHECKING:
    from distributed import Client, Future

ADDRESS = re.compile(r"(tcp|tls)://[\w.:%\[\]-]{1,253}:\d{1,5}")
TASKS = 8  # a worker thread, at most, and at least half as many: the last ones to finish keep few waiting
MOST = 256  # specs a task: progress is seen, and a lost worker costs little
PATIENCE = 60.0  # seconds without any worker after which nobody waits for one
GLANCE = 1.0  # seconds between looks at whether there are workers
# What results depend on, beside our own code and the packages that Dask compares.
PACKAGES = ("arch", "backtrader", "exchange_calendars", "numpy", "pandas", "scipy", "statsmodels")
SCHEDULER = ("python", "dask", "distributed")  # what a scheduler, which computes nothing, must have equal
MODULE = "module "  # before names of modules in a fingerprint: some are called like their package
REMEDY = "give it this checkout, installed with `pip install -c constraints.txt '.[cluster]'`, and start it again"
OWN = "put the same file where that worker imports from, as with PYTHONPATH, and start it again"

Fingerprint = Mapping[str, str | None]  # versions and hashes by name
_turn = threading.Lock()  # in a worker: neither Backtrader nor `warnings` was made for several threads


def choose_executor(jobs: int | None = None, dask: str | None = None) -> Executor:
    """The executor for the options --jobs and --dask of a command. Raises RequestError where both are given."""
    if jobs is not None and dask is not None:
        raise RequestError(f"--jobs {jobs} is for this machine and --dask {dask} for others; give one of them")
    return Processes(jobs) if dask is None else Cluster(dask)


@dataclass(frozen=True)
class Cluster:
    """The workers of the Dask scheduler at `address`, as in tcp://host:8786; they give what Serial gives, bit for bit.

    `timeout` is how long the scheduler, and then a first worker, may take to answer, in seconds; `chunk` the specs of a
    task (None: such that each worker thread gets 4 to 8 tasks, of 256 specs at most). All must run the same checkout on
    the same packages, which is checked before any work, and again by workers that join later. On processors of
    different makes the last bits of linear algebra may differ. In a worker of several threads specs take turns, so one
    thread a worker is best.
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
            raise RequestError(f"chunk is {self.chunk!r}; give a whole number of specs, 1 or more, or None")
        if find_spec("distributed") is None:
            raise RequestError(f"{self.address} needs Dask, which is not installed here; pip install '.[cluster]'")

    def map(
        self,
        work: Work,
        shared: tuple[Any, ...],
        specs: Sequence[Any],
        progress: Progress = no_progress,
        on_result: OnResult = no_action,
    ) -> list[Any]:
        """See Executor; the specs of a task finish together.

        Raises RequestError for what cannot be sent and where versions differ; WorkError for a spec that fails or kills
        workers, and where no scheduler or no worker answers. Ctrl-C drops what waits; tasks in progress are finished by
        their workers, for nobody.
        """
        if not specs:
            return []
        results: list[Any] = [None] * len(specs)
        if "_client" in self.__dict__ and self._client.status != "running":
            self.close()
        with closing(_Tasks(self.address, self._client, work, shared, specs, self.chunk)) as tasks:
            for places, answers in tasks.completed():
                for place, answer in zip(places, answers, strict=True):
                    results[place] = answer
                    on_result(place, answer)
                    progress(str(specs[place]))
        return results

    def close(self) -> None:
        """Leave the cluster; the next `map` connects anew."""
        if "_client" in self.__dict__:
            with suppress(OSError):
                self.__dict__.pop("_client").close()

    @cached_property
    def _client(self) -> Client:
        """A client of a scheduler that has workers; one that nobody closes closes itself."""
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
    """The specs of one `map` as tasks of some specs each, identified by the range of places of these specs.

    Everything travels as bytes, which Dask neither looks into nor turns into arrays that cannot be written to.
    """

    def __init__(
        self,
        address: str,
        client: Client,
        work: Work,
        shared: tuple[Any, ...],
        specs: Sequence[Any],
        chunk: int | None,
    ) -> None:
        self.address, self.client, self.specs = address, client, specs
        self.work, modules = pickled(work)
        common, others = pickled(shared)
        size = chunk or _chunk_size(len(specs), max(1, sum(client.nthreads().values())))
        chunks = [range(first, min(first + size, len(specs))) for first in range(0, len(specs), size)]
        self.pickles: dict[range, bytes] = {}
        modules |= others
        for places in chunks:
            self.pickles[places], others = pickled([specs[place] for place in places])
            modules |= others
        self.expected = _agreed(client, address, _authors(modules))
        # Not scattered: that would be lost with the workers that hold it, while a task is done again. Each worker
        # fetches its result once.
        self.shared = self._submit(bytes, [common])[0]
        self.futures: list[Future[bytes]] = [self.shared]

    def completed(self) -> Iterator[tuple[range, list[Any]]]:
        """Places of specs with their results, as tasks finish. Raises for the first task that fails."""
        tasks = self._submit_chunks(list(self.pickles))
        suspects: list[range] = []
        try:
            for future, outcome in self._finished(tasks):
                try:
                    answers = self._answers(tasks[future], outcome)
                except WorkerDiedError:
                    suspects.append(tasks[future])
                else:
                    future.release()  # workers need not keep the results
                    yield tasks[future], answers
            # Dask gives up every task that was on its way to a worker when that died: run alone, only the guilty one
            # kills again.
            for places in suspects:
                yield from isolated(places, self._alone, _singles, self._deadly)
        except OSError as error:
            raise _lost(self.address) from error

    def close(self) -> None:
        """Drop what waits: Dask never begins what nobody holds a future of."""
        for future in self.futures:
            future.release()

    def _alone(self, places: range) -> list[Any]:
        """The results of a task while no other task of this `map` is on the cluster."""
        self.pickles[places] = pickled([self.specs[place] for place in places])[0]
        ((_, outcome),) = self._finished(self._submit_chunks([places]))
        return self._answers(places, outcome)

    def _deadly(self, places: range, error: WorkerDiedError) -> list[Any]:
        killed: Any = error.__cause__
        raise WorkError(
            f"{error.spec}: every worker that works on it dies, {killed.allowed_failures + 1} in turn, the last of "
            f"them {killed.last_worker.address}: killed from outside, or for want of memory; see their logs"
        ) from killed

    def _submit_chunks(self, chunks: Sequence[range]) -> dict[Future[bytes], range]:
        common = {"work": self.work, "shared": self.shared, "expected": self.expected}
        futures = self._submit(run_specs_on_worker, [self.pickles[places] for places in chunks], **common)
        self.futures += futures
        return dict(zip(futures, chunks, strict=True))

    def _submit(self, function: Work, arguments: Sequence[bytes], **common: object) -> list[Future[bytes]]:
        from dask import config

        # Dask advises against large graphs; ours hold what each task needs, which travels once.
        with config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
            futures: list[Future[bytes]] = self.client.map(function, arguments, pure=False, **common)
        return futures

    def _finished(self, futures: Iterable[Future[bytes]]) -> Iterator[tuple[Future[bytes], object]]:
        """Futures with what became of them, as they finish. Raises WorkError after PATIENCE without a worker."""
        from distributed import as_completed

        coming = as_completed(futures, loop=self.client.loop, with_results=True, raise_errors=False)
        while not coming.is_empty():
            with coming.thread_condition:
                coming.thread_condition.wait_for(coming.has_ready, GLANCE)
            if not coming.has_ready() and self.client.status == "running":
                self._require_workers()
            yield from coming.next_batch(block=False)

    def _require_workers(self) -> None:
        try:
            self.client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise WorkError(
                f"the scheduler at {self.address} has had no workers for {PATIENCE:g} s; "
                f"start some (dask worker {self.address}) and run again"
            ) from None

    def _answers(self, places: range, outcome: object) -> list[Any]:
        """The results of a task. Raises what its work raised, WorkerDiedError where it killed workers."""
        from distributed import KilledWorker

        if isinstance(outcome, bytes):
            answers: list[Any] = pickle.loads(outcome)  # noqa: S301  (of workers that are trusted with our code)
            return answers
        if not isinstance(outcome, tuple):  # cancelled
            raise _lost(self.address)
        error = outcome[1]  # as Dask hands over what was raised: type, error, traceback
        if isinstance(error, RequestError | DataError | WorkError):
            raise error
        named = [str(self.specs[place]) for place in places]
        text = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
        if isinstance(error, KilledWorker):
            raise WorkerDiedError(text, places[0]) from error
        raise WorkError(f"{text} failed: {type(error).__name__}: {_line(error)}") from error


def _chunk_size(count: int, threads: int) -> int:
    """Specs a task."""
    return min(MOST, max(1, math.ceil(count / (TASKS * threads))))


def _singles(places: range) -> list[range]:
    return [range(place, place + 1) for place in places]


def _lost(address: str) -> WorkError:
    return WorkError(f"the scheduler at {address} was stopped, or dropped the work; run again once it is there")


def _connected(address: str, timeout: float) -> Client:
    """A client, connected. Dask waits for ever for whoever accepts a connection and says nothing: not so here."""
    _require_certificates(address)
    client: Promise[Client] = Promise()
    threading.Thread(target=_connect, args=(client, address, timeout), daemon=True).start()
    try:
        return client.result(timeout + GLANCE)
    except OSError as error:  # TimeoutError too
        reason = "" if isinstance(error, TimeoutError) or "Timed out" in str(error) else f" ({_line(error)})"
        raise WorkError(
            f"no scheduler answers at {address} within {timeout:g} s{reason}; start one (dask scheduler) "
            f"or mend the address"
        ) from None


def _require_certificates(address: str) -> None:
    """Raise RequestError where Dask's configuration has no certificates for a `tls://` address, or requires one.

    Asked before Dask does, whose client would wait in vain for its own end.
    """
    from distributed import Security

    secured, security = address.startswith("tls:"), Security()
    if security.require_encryption and not secured:
        raise RequestError(f"Dask's configuration requires encryption; give a tls:// address instead of {address}")
    try:
        found = not secured or security.get_connection_args("client")["ssl_context"] is not None
        reason = "which its configuration does not name"
    except OSError as error:  # a file that is not there, or holds no certificate
        found, reason = False, f"which cannot be read ({_line(error)})"
    if not found:
        raise RequestError(f"{address} needs certificates of Dask, {reason}; see docs/howto/machines.md")


def _connect(client: Promise[Client], address: str, timeout: float) -> None:
    from distributed import Client
    from distributed.versions import VersionMismatchWarning

    logging.getLogger("distributed.client").setLevel(logging.ERROR)  # a lost worker is no news: others do its tasks
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # refused in one line by `_agreed`
            client.set_result(Client(address, timeout=timeout, set_as_default=False))
    except Exception as error:  # noqa: BLE001  (for the thread that waits)
        client.set_exception(error)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _agreed(client: Client, address: str, modules: frozenset[str]) -> Fingerprint:
    """The fingerprint of this process. Raises RequestError unless scheduler and workers have the same.

    Dask's own check (`get_versions(check=True)`) only warns, names no worker and knows nothing of code.
    """
    here = fingerprint(modules)
    scheduler = client.get_versions()["scheduler"]["packages"]
    _require_equal(f"the scheduler at {address}", {name: here[name] for name in SCHEDULER}, scheduler)
    for worker, found in sorted(client.run(fingerprint, modules, on_error="return").items()):
        if not isinstance(found, OSError):  # a worker that was lost meanwhile; when it is back its tasks look again
            _require_equal(f"the worker at {worker}", here, found)
    return here


def _require_equal(where: str, here: Fingerprint, there: object) -> None:
    """Raise RequestError unless `there`, a fingerprint or the error on the way to it, has all that `here` has."""
    if isinstance(there, BaseException):
        raise RequestError(f"{where} cannot import our packages ({_line(there)}); {REMEDY}")
    if not isinstance(there, Mapping):
        raise AssertionError(f"{where} answered {there!r}")
    if wrong := {name: own for name, own in here.items() if there.get(name) != own}:
        differences = "; ".join(f"{name} is {there.get(name)}, not {own}" for name, own in wrong.items())
        remedy = OWN if all(name.startswith(MODULE) for name in wrong) else REMEDY
        raise RequestError(f"{where} differs from here: {differences}; {remedy}")


def _authors(modules: Iterable[str]) -> frozenset[str]:
    """Those modules that are neither Python's nor ours, with what they import of the same author."""
    return modules_reached(name for name in modules if name.partition(".")[0] not in {*OURS, *sys.stdlib_module_names})


def fingerprint(modules: Iterable[str]) -> dict[str, str | None]:
    """What decides results in this process: Python, packages, our code and the sources of `modules`."""
    from distributed.versions import get_versions

    sources = {f"{MODULE}{name}": _source_hash(name) for name in sorted(modules)}
    return {**get_versions(PACKAGES)["packages"], "our code": _code_hash(), **sources}


# A process keeps the modules that it once imported: what is on disk later is not what it runs.
@cache
def _code_hash() -> str:
    from runners.engine.provenance import code_hash

    return code_hash()[:12]


@cache
def _source_hash(module: str) -> str:
    """The beginning of the SHA-256 of a module's source, or why there is none."""
    try:
        file = getattr(import_module(module), "__file__", None)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever its author let through)
        return f"not importable ({_line(error)})"
    return sha256(Path(file).read_bytes()).hexdigest()[:12] if file and file.endswith(".py") else "without source"


def run_specs_on_worker(specs: bytes, work: bytes, shared: bytes, expected: Fingerprint) -> bytes:
    """In a worker: the results of `specs`, pickled. Raises WorkError that names the spec where one fails."""
    from distributed import get_worker

    modules = [name.removeprefix(MODULE) for name in expected if name.startswith(MODULE)]
    with _turn:
        _require_equal(f"{get_worker().address}, which joined later,", expected, fingerprint(modules))
        run, common = pickle.loads(work), _unpickled(shared)  # noqa: S301  (of a client that may run any code here)
        answers = [_answer(run, common, spec) for spec in pickle.loads(specs)]  # noqa: S301
        return pickle.dumps(answers, protocol=pickle.HIGHEST_PROTOCOL)


@lru_cache(maxsize=1)
def _unpickled(shared: bytes) -> tuple[Any, ...]:
    values: tuple[Any, ...] = pickle.loads(shared)  # noqa: S301
    return values


def _answer(work: Work, shared: tuple[Any, ...], spec: Any) -> Any:
    try:
        return work(*shared, spec)
    except (RequestError, DataError) as error:
        base = RequestError if isinstance(error, RequestError) else DataError  # one that any client can unpickle
        raise base(str(error)) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever the work let through)
        raise WorkError(f"{spec} failed: {type(error).__name__}: {error}") from None
