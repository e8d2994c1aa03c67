"""Where specs are worked on when one machine is too small: on a Dask cluster that is running already.

Each task is some of the specs, under a key made of all that decides their results: the work, our code, what the specs
share and the specs themselves. What they share travels once to each worker. The task of a worker that is lost runs on
another one.

For trusted networks only: what travels are pickles, and whoever reaches the scheduler can run any code on its workers.
For `tls://` addresses Dask takes certificates from its own configuration (`distributed.comm.tls`). Nothing of Dask is
imported before it is used.
"""

from __future__ import annotations

import logging
import math
import pickle
import re
import sys
import threading
import warnings
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import Future as Promise
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from hashlib import sha256
from importlib import import_module, metadata
from importlib.util import find_spec
from io import BytesIO
from itertools import islice
from pathlib import Path
from time import monotonic
from types import FunctionType
from typing import TYPE_CHECKING, Any

from data.errors import DataError, RequestError, WorkError
from reports.pool import ignore
from runners.engine.pool import Done, Executor, Keep, Processes, Work, forget, require_sendable
from runners.engine.sources import reached

if TYPE_CHECKING:
    from distributed import Client, Future

ADDRESS = re.compile(r"(tcp|tls)://[\w.:%\[\]-]{1,253}:\d{1,5}")
TASKS = 8  # a worker thread, at most, and at least half as many: the last ones to finish keep few waiting
MOST = 256  # specs a task: progress is seen, and a lost worker costs little
AHEAD = 4  # tasks a worker thread that are sent before others come back
SMALL = 65_536  # bytes that go with each task rather than once to each worker
PATIENCE = 60.0  # seconds without any worker after which nobody waits for one
GLANCE = 1.0  # seconds between looks at whether there are workers
ROOMS = ("data", "strategies", "runners", "reports")
# What results depend on, beside our own code.
PACKAGES = ("arch", "backtrader", "exchange_calendars", "numpy", "pandas", "scipy", "statsmodels")
PLATFORM = ("dask", "distributed")
MODULE = "module "  # before the names of modules among the versions: some are called like their package
REMEDY = "give it this checkout, installed with `pip install -c constraints.txt '.[cluster]'`, and start it again"
OWN = "put the same file where that worker imports from, as with PYTHONPATH, and start it again"

Versions = Mapping[str, str]
_turn = threading.Lock()  # in a worker: neither Backtrader nor `warnings` was made for several threads
_kept: dict[str, tuple[Any, ...]] = {}  # in a worker: what the specs of the latest task share


def executor(jobs: int | None = None, dask: str | None = None) -> Executor:
    """What the options --jobs and --dask of a command ask for. Raises RequestError where both are given."""
    if jobs is not None and dask is not None:
        raise RequestError(f"--jobs {jobs} is for this machine and --dask {dask} for others; give one of them")
    return Processes(jobs) if dask is None else Cluster(dask)


@dataclass(frozen=True)
class Cluster:
    """The workers of the Dask scheduler at `address`, as in tcp://host:8786; they give what Serial gives, bit for bit.

    `timeout` is how long the scheduler, and then a first worker, may take to answer, in seconds; `chunk` the specs of a
    task (None: such that each worker thread gets 4 to 8 tasks, of 256 specs at most). All must run the same checkout on
    the same packages, which is checked before any work, and again by workers that join later. On processors of
    different makes the last bits of linear algebra may differ.

    Results of the latest `map` stay on the cluster until the next one or `close`: the same specs again cost nothing.
    In a worker of several threads specs take turns, so one thread a worker is best.
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
        self, work: Work, shared: tuple[Any, ...], specs: Sequence[Any], done: Done = ignore, keep: Keep = forget
    ) -> list[Any]:
        """See Executor; `done` is told the specs of a task together.

        Raises RequestError for what cannot be sent and where versions differ. WorkError also where no scheduler or no
        worker answers: like a process that died, it is a place of work that failed, and not a source of prices. Ctrl-C
        drops what waits; tasks that workers are at are finished there, for nobody.
        """
        if not specs:
            return []
        require_sendable(work, shared)
        results: list[Any] = [None] * len(specs)
        if "_connection" in self.__dict__ and self._connection.client.status != "running":
            self.close()
        with closing(self._connection.answers(_Order.of(work, shared), specs, self.chunk)) as answers:
            for places, pickles in answers:
                for place, answer in zip(places, pickles, strict=True):
                    results[place] = pickle.loads(answer)  # noqa: S301  (of workers that are trusted with our code)
                    keep(place, results[place])
                    done(str(specs[place]))
        return results

    def close(self) -> None:
        """Leave the cluster, which then forgets all results; the next `map` connects anew."""
        if "_connection" in self.__dict__:
            self.__dict__.pop("_connection").close()

    @cached_property
    def _connection(self) -> _Connection:
        return _Connection.to(self.address, self.timeout)  # a client that nobody closes closes itself


def _is_number(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


@dataclass(frozen=True)
class _Order:
    """What all tasks of one `map` have in common: the work and what its specs share, pickled.

    `token` names the content of the latter; `modules` are those that both are made of.
    """

    name: str
    work: bytes
    shared: bytes
    token: str
    modules: frozenset[str]

    @classmethod
    def of(cls, work: Work, shared: tuple[Any, ...]) -> _Order:
        from dask.base import tokenize  # which, unlike a pickle, does not change when a property is cached

        (own, modules), (data, others) = _pickled(work), _pickled(shared)
        name = f"{work.__module__}.{work.__qualname__}" if isinstance(work, FunctionType) else type(work).__name__
        return cls(name, own, data, tokenize(shared), modules | others)


@dataclass(frozen=True)
class _Task:
    """Some of the specs, pickled, under a key that names all that decides their results.

    `alone`: while no other task of this `map` is at the cluster.
    """

    places: range
    key: str
    specs: bytes
    versions: Versions
    alone: bool = False

    @classmethod
    def of(cls, order: _Order, places: range, specs: bytes, versions: Versions) -> _Task:
        digest = sha256(repr((order.token, sorted(versions.items()))).encode())
        for part in (order.work, specs):
            digest.update(sha256(part).digest())
        return cls(places, f"{order.name}-{digest.hexdigest()}", specs, versions)

    def apart(self) -> list[_Task]:
        """The same, alone; where it was alone, its specs one by one; nothing where it was one."""
        if not self.alone:
            return [replace(self, key=f"{self.key}?", alone=True)]
        if len(self.places) == 1:
            return []
        singles = zip(self.places, pickle.loads(self.specs), strict=True)  # noqa: S301  (pickled here)
        return [
            replace(self, places=range(place, place + 1), key=f"{self.key}{place}", specs=pickle.dumps([spec]))
            for place, spec in singles
        ]


@dataclass(frozen=True, eq=False)
class _Connection:
    """A scheduler that has workers.

    `threads` is counted once: other chunks would have other keys, and nothing that is held could be used again. `held`
    keeps the results of the latest `map` on the cluster, `spoiled` the keys of tasks that failed.
    """

    address: str
    client: Client
    threads: int
    held: dict[str, Future[bytes]] = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)

    @classmethod
    def to(cls, address: str, timeout: float) -> _Connection:
        """Raises WorkError when the scheduler, or a worker of its own, does not answer in time."""
        client = _client(address, timeout)
        try:
            client.wait_for_workers(1, timeout=timeout)
            return cls(address, client, max(1, sum(client.nthreads().values())))
        except OSError:
            client.close()
            raise WorkError(
                f"the scheduler at {address} has no workers after {timeout:g} s; start some: dask worker {address}"
            ) from None

    def close(self) -> None:
        """Let the cluster forget what was asked of it."""
        self.held.clear()
        with suppress(OSError):
            self.client.close()

    def answers(self, order: _Order, specs: Sequence[Any], chunk: int | None) -> Generator[tuple[range, list[bytes]]]:
        """The places of the specs of each task with their results, pickled, as tasks finish."""
        kept: dict[str, Future[bytes]] = {}
        flow = _Flow(self, order, self.tasks(order, specs, chunk or _size(len(specs), self.threads)))
        try:
            for future, places, outcome in flow:
                for those in places:
                    yield those, self.checked(future, outcome, [specs[place] for place in those])
                kept[future.key] = future
        except OSError as error:
            raise _lost(self.address) from error
        finally:
            flow.drop()
            self.held.clear()
            self.held.update(kept)

    def checked(self, future: Future[bytes], outcome: object, specs: Sequence[Any]) -> list[bytes]:
        """The results of a task. One that failed loses its key, so that the same specs may be tried again."""
        try:
            return _answers(outcome, specs, self.address)
        except (RequestError, DataError, WorkError):
            self.spoiled.add(future.key)
            raise

    def tasks(self, order: _Order, specs: Sequence[Any], size: int) -> Iterator[_Task]:
        """The tasks in turn; what they are made of is compared with the cluster before the first that needs it."""
        known = order.modules
        versions = self.agreed(known)
        for first in range(0, len(specs), size):
            places = range(first, min(first + size, len(specs)))
            pickled, modules = _pickled([specs[place] for place in places])
            if not modules <= known:
                known |= modules
                versions = self.agreed(known)
            task = _Task.of(order, places, pickled, versions)
            yield replace(task, key=self.unspoiled(task.key))

    def unspoiled(self, key: str) -> str:
        """A key, made longer where a failure may still be remembered under it."""
        while key in self.spoiled:
            key += "+"
        return key

    def agreed(self, modules: frozenset[str]) -> Versions:
        """The versions of this process. Raises RequestError unless scheduler and workers have them too."""
        here = _versions(modules)
        try:
            there: object = self.client.run_on_scheduler(_platform)
        except (ImportError, AttributeError) as error:
            there = error
        _require_equal(f"the scheduler at {self.address}", _platform(), there)
        for address, found in sorted(self.client.run(_versions, modules, on_error="return").items()):
            if not isinstance(found, OSError):  # a worker that was lost meanwhile; when it is back its tasks look again
                _require_equal(f"the worker at {address}", here, found)
        return here


class _Flow:
    """The tasks of one `map` on their way: places of their specs and what came of them, as they finish.

    Whatever a worker has to do when it dies is suspected by Dask, and given up after some deaths: also what only waited
    there. So suspects are run again, one after the other, until the one that kills is found.
    """

    def __init__(self, connection: _Connection, order: _Order, tasks: Iterator[_Task]) -> None:
        from distributed import as_completed

        self.connection, self.client = connection, connection.client
        self.order, self.tasks = order, tasks
        self.shared: Future[bytes] | bytes = order.shared
        self.coming = as_completed(loop=self.client.loop, with_results=True, raise_errors=False)
        self.running: dict[str, tuple[Future[bytes], list[_Task]]] = {}
        self.suspects: list[_Task] = []
        self.seen = monotonic()

    def __iter__(self) -> Iterator[tuple[Future[bytes], list[range], object]]:
        ahead = list(islice(self.tasks, self._room()))  # what is unfit is refused before anything is sent
        self._share()
        self._submit(ahead)
        while self.running or self.suspects:
            if not self.running:
                self._submit([self.suspects.pop(0)])
            self._wait()
            for future, outcome in self.coming.next_batch(block=False):
                _, tasks = self.running.pop(future.key)
                suspects = [suspect for task in tasks for suspect in task.apart()] if _killed(outcome) else []
                if suspects:
                    self.connection.spoiled.add(future.key)
                    self.suspects += suspects
                self._submit(islice(self.tasks, self._room()))
                if not suspects:
                    yield future, [task.places for task in tasks], outcome

    def drop(self) -> None:
        """Let go of what has not come back: nobody else wanting it, what waits is never begun."""
        for future, _ in self.running.values():
            future.release()

    def _room(self) -> int:
        """How many more tasks to send now."""
        return 0 if self.suspects else max(0, AHEAD * self.connection.threads - len(self.running))

    def _share(self) -> None:
        """Put what all specs share on every worker: as a task, done again should all that hold it be lost."""
        if len(self.order.shared) <= SMALL:
            return
        self.shared = _submit(self.client, f"shared-{self.order.token}", bytes, self.order.shared)
        with suppress(OSError, CancelledError):  # whoever is lost meanwhile is missed by the tasks that follow
            self.shared.exception(timeout=PATIENCE)
            self.client.replicate([self.shared])

    def _submit(self, tasks: Iterable[_Task]) -> None:
        """Send tasks; equal ones once."""
        for task in tasks:
            if task.key not in self.running:
                arguments = (self.order.work, task.specs, self.order.token, self.shared, task.versions)
                future = _submit(self.client, task.key, worked, *arguments)
                self.running[task.key] = (future, [])
                self.coming.add(future)
            self.running[task.key][1].append(task)

    def _wait(self) -> None:
        while not self.coming.has_ready():
            with self.coming.thread_condition:
                if not self.coming.has_ready():
                    self.coming.thread_condition.wait(GLANCE)
            if not self.coming.has_ready() and self.client.status == "running":
                self._require_workers()

    def _require_workers(self) -> None:
        if self.client.nthreads():
            self.seen = monotonic()
        elif monotonic() - self.seen > PATIENCE:
            address = self.connection.address
            raise WorkError(
                f"the scheduler at {address} has had no workers for {PATIENCE:g} s; "
                f"start some (dask worker {address}) and run again"
            )


def _client(address: str, timeout: float) -> Client:
    """A client, connected. Dask waits for ever for whoever accepts a connection and says nothing: not so here."""
    _require_secured(address)
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


def _require_secured(address: str) -> None:
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
            warnings.simplefilter("ignore", VersionMismatchWarning)  # we look for ourselves, and refuse in one line
            client.set_result(Client(address, timeout=timeout, set_as_default=False))
    except Exception as error:  # noqa: BLE001  (for the thread that waits)
        client.set_exception(error)


def _submit(client: Client, key: str, function: Work, *arguments: object) -> Future[bytes]:
    from dask import config

    # Dask advises against large graphs; ours are one task each, whose data go where they are needed, once.
    with config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):
        future: Future[bytes] = client.submit(function, *arguments, key=key, retries=0)
    return future


def _size(count: int, threads: int) -> int:
    """Specs a task: a power of two, which stays the same while the number of specs or threads changes a little."""
    return min(MOST, 1 << max(0, math.ceil(math.log2(count / (TASKS * threads)))))


def _answers(outcome: object, specs: Sequence[Any], address: str) -> list[bytes]:
    """The results of a task's specs, or the error that became of them."""
    if isinstance(outcome, bytes):
        answers, failure = pickle.loads(outcome)  # noqa: S301  (of workers that are trusted with our code)
        if failure is not None:
            raise failure
        return list(answers)
    if isinstance(outcome, CancelledError):
        raise _lost(address)
    if not isinstance(outcome, tuple):
        raise AssertionError(f"{address} answered {outcome!r}")
    raise _blamed(outcome, specs) from outcome[1]


def _lost(address: str) -> WorkError:
    return WorkError(f"the scheduler at {address} was stopped, or dropped the work; run again once it is there")


def _killed(outcome: object) -> bool:
    from distributed import KilledWorker

    return isinstance(outcome, tuple) and isinstance(outcome[1], KilledWorker)


def _blamed(outcome: tuple[Any, Any, Any], specs: Sequence[Any]) -> WorkError:
    error = outcome[1]  # as Dask hands over what was raised: type, error, traceback
    named = ", ".join(map(str, specs[:3])) + (f" and {len(specs) - 3} more" if len(specs) > 3 else "")
    if _killed(outcome):
        return WorkError(
            f"{named}: every worker that works on it dies, {error.allowed_failures + 1} in turn, the last of them "
            f"{error.last_worker.address}: killed from outside, or for want of memory; see their logs"
        )
    return WorkError(f"{named} failed: {type(error).__name__}: {_line(error)}")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


class _Pickler(pickle.Pickler):
    """Notes the modules of the classes and functions that a pickle names."""

    def __init__(self, file: BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.modules: set[str] = set()

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, type | FunctionType):
            self.modules.add(value.__module__)
        return NotImplemented


def _pickled(value: object) -> tuple[bytes, frozenset[str]]:
    """A pickle, and the modules it is made of that are neither Python's nor ours, with their author's that they import.

    Raises RequestError for what cannot be pickled, or was defined in a script.
    """
    file = BytesIO()
    pickler = _Pickler(file)
    try:
        pickler.dump(value)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise RequestError(
            f"workers cannot be sent {type(value).__name__} ({_line(error)}); make it of values, and of classes and "
            f"functions at the top of importable modules"
        ) from None
    if "__main__" in pickler.modules:
        raise RequestError("workers do not have __main__; put what the specs are made of into a module of its own")
    ours = {*ROOMS, *sys.stdlib_module_names}
    return file.getvalue(), reached(name for name in pickler.modules if name.partition(".")[0] not in ours)


def _require_equal(where: str, here: Versions, there: object) -> None:
    """Raise RequestError unless `there`, versions or the error on the way to them, equals what is `here`."""
    if isinstance(there, BaseException):
        raise RequestError(f"{where} cannot import our packages ({_line(there)}); {REMEDY}")
    if not isinstance(there, Mapping):
        raise AssertionError(f"{where} answered {there!r}")
    if wrong := {name: own for name, own in here.items() if there.get(name) != own}:
        told = "; ".join(f"{name} is {there.get(name)}, not {own}" for name, own in wrong.items())
        remedy = OWN if all(name.startswith(MODULE) for name in wrong) else REMEDY
        raise RequestError(f"{where} differs from here: {told}; {remedy}")


def _versions(modules: Iterable[str]) -> dict[str, str]:
    """What decides results in this process: Python, packages, our code and the sources of `modules`."""
    sources = {f"{MODULE}{name}": _source(name) for name in sorted(modules)}
    return {**_platform(), **{name: _version(name) for name in PACKAGES}, "our code": _code(), **sources}


def _platform() -> dict[str, str]:
    """What client, scheduler and workers must have in common to understand each other."""
    return {"Python": ".".join(map(str, sys.version_info[:2])), **{name: _version(name) for name in PLATFORM}}


# A process keeps the modules that it once imported: what is on disk later is not what it runs.
@cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


@cache
def _code() -> str:
    from runners.engine.provenance import code_hash

    return code_hash()[:12]


@cache
def _source(module: str) -> str:
    """The beginning of the SHA-256 of a module's source, or why there is none."""
    try:
        file = getattr(import_module(module), "__file__", None)
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever its author let through)
        return f"not importable ({_line(error)})"
    return sha256(Path(file).read_bytes()).hexdigest()[:12] if file and file.endswith(".py") else "without source"


def worked(work: bytes, specs: bytes, token: str, shared: bytes, versions: Versions) -> bytes:
    """In a worker: a pickle of the results of `specs`, each pickled, and of the error of one that failed, or None.

    Everything travels as bytes, which Dask neither looks into nor turns into arrays that cannot be written to.
    """
    from distributed import get_worker

    with _turn:
        try:
            _require_equal(f"{get_worker().address}, which joined later,", versions, _versions(_modules(versions)))
            run, common, those = pickle.loads(work), _common(token, shared), pickle.loads(specs)  # noqa: S301
        except (RequestError, DataError) as error:
            return pickle.dumps(([], type(error)(str(error))))
        return pickle.dumps(_each(run, common, those))


def _modules(versions: Versions) -> list[str]:
    return [name.removeprefix(MODULE) for name in versions if name.startswith(MODULE)]


def _common(token: str, shared: bytes) -> tuple[Any, ...]:
    if token not in _kept:
        _kept.clear()
        _kept[token] = pickle.loads(shared)  # noqa: S301  (of a client that may run any code here)
    return _kept[token]


def _each(work: Work, shared: tuple[Any, ...], specs: Sequence[Any]) -> tuple[list[bytes], Exception | None]:
    answers: list[bytes] = []
    for spec in specs:
        try:
            answers.append(pickle.dumps(work(*shared, spec), protocol=pickle.HIGHEST_PROTOCOL))
        except (RequestError, DataError) as error:
            return answers, (RequestError if isinstance(error, RequestError) else DataError)(str(error))
        except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever the work let through)
            return answers, WorkError(f"{spec} failed: {type(error).__name__}: {error}")
    return answers, None
