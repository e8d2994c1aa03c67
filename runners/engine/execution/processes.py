"""A process pool that reports which task killed a worker.

When a worker dies, `loky` and `concurrent.futures` kill the others and give every pending task the same error, without
naming the task; so each worker here is a ProcessPoolExecutor of its own.

A server process forks the workers, and can import what they need while the parent is busy. Ctrl-C reaches the parent
only: items in progress are finished, pending ones dropped. Server and workers end when their parent does.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, InvalidStateError, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.context import BaseContext
from typing import Any

from data.errors import DataError, RequestError, WorkError
from runners.engine.execution import limits
from runners.engine.execution.executor import OnResult, Progress, Work, WorkerDiedError, no_action, no_progress, pickled
from strategies import author_imports

START_PAUSES = (0.0, 0.1, 0.5, 1.0)  # seconds after each attempt to start a worker
PARENT_CHECK = 0.5  # seconds between checks whether the parent is alive
THREAD_GRACE = 1.0  # seconds for a strategy's threads to end once its worker is done
STARTING, READY = f"{__package__}.server_starting", f"{__package__}.server_ready"  # around what the server imports
_work: Work  # in a worker: what all tasks do
_shared: tuple[Any, ...]  # in a worker: the arguments that all tasks share


@dataclass(frozen=True)
class Processes:
    """Worker processes on this machine, `jobs` of them (None: one per processor).

    `shared` is sent once to each worker. Ctrl-C finishes the items in progress and drops pending ones.
    """

    jobs: int | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None and (isinstance(self.jobs, bool) or not isinstance(self.jobs, int) or self.jobs < 1):
            raise ValueError(f"jobs is {self.jobs!r}; give a whole number of processes, 1 or more, or None")

    def map(
        self,
        work: Work,
        shared: tuple[Any, ...],
        items: Sequence[Any],
        progress: Progress = no_progress,
        on_result: OnResult = no_action,
    ) -> list[Any]:
        """See Executor. Raises RequestError for arguments that cannot be sent to another process."""
        if not items:
            return []
        job, _ = pickled((work, shared))
        preload(())
        results: list[Any] = [None] * len(items)
        with (
            _worker_pool(min(len(items), self.jobs or processors()), job) as pool,
            closing(_completed(pool, items)) as completed,
        ):
            for index, result in completed:
                results[index] = result
                on_result(index, result)
                progress(str(items[index]))
        return results


def preload(modules: Sequence[str]) -> None:
    """Start importing the modules that workers need, in the background, and return at once.

    Only the first call has an effect, since later ones find the server running. Does nothing without a fork server.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload([STARTING, *modules, READY])
    with limits.refusals_told(), _silent():
        forkserver.ensure_running()


def processors() -> int:
    """Number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_in_subprocess(work: Work, *arguments: Any) -> Any:
    """`work(*arguments)` in a separate Python process, so that its workers do not import this `__main__`.

    For notebooks and for scripts without `if __name__ == "__main__":`, which would run again in every worker. Errors
    pass through unchanged; raises WorkError if the process dies.
    """
    request = pickle.dumps(sys.path) + pickle.dumps((work, arguments), protocol=pickle.HIGHEST_PROTOCOL)
    code = (
        f"import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from {__name__} import serve_parent; "
        f"serve_parent()"
    )
    done = subprocess.run([sys.executable, "-c", code], input=request, stdout=subprocess.PIPE, check=False)  # noqa: S603
    if done.returncode != 0:
        raise WorkError(
            f"{work.__name__}: its process ended with status {done.returncode}; check that there is enough memory"
        )
    result, error = pickle.loads(done.stdout)  # noqa: S301  (from our own child)
    if error is not None:
        raise error
    return result


def serve_parent() -> None:
    """The child side of `run_in_subprocess`: read the work from standard input, write its result to standard output.

    Output of the work itself goes to standard error. Ends when the parent does.
    """
    threading.Thread(target=_exit_when_orphaned, args=(os.getppid(),), daemon=True).start()
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)
        work, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301  (from our own parent)
        try:
            outcome: tuple[Any, Exception | None] = work(*arguments), None
        except Exception as error:  # noqa: BLE001  (raised again by the parent)
            outcome = None, error
        pickle.dump(outcome, answer)


@dataclass(eq=False)
class _WorkerPool:
    """Executors with one worker each; `job` is their pickled work and its shared arguments, `idle` have no task."""

    job: bytes
    workers: list[ProcessPoolExecutor] = field(default_factory=list)
    idle: list[ProcessPoolExecutor] = field(default_factory=list)
    futures: list[Future[Any]] = field(default_factory=list)
    refused: bool = False

    def add(self) -> None:
        """Add a worker; its process starts with its first task."""
        self.workers.append(ProcessPoolExecutor(1, _context(), _initialize, (author_imports.folders(), self.job)))
        self.idle.append(self.workers[-1])

    def submit(self, item: Any) -> tuple[Future[Any], ProcessPoolExecutor]:
        """Give an item to an idle worker, or to a new one if that worker has died meanwhile.

        Raises WorkError if no worker can be started, for example because the server is killed repeatedly.
        """
        for pause in START_PAUSES:
            worker = self.idle.pop()
            try:
                return self._submit(worker, item), worker
            except (BrokenProcessPool, EOFError, ConnectionError):
                self.add()
                time.sleep(pause)
        raise WorkError("worker processes cannot be started or are killed at once; is there enough memory?")

    def _submit(self, worker: ProcessPoolExecutor, item: Any) -> Future[Any]:
        try:
            with limits.refusals_told(), _without_stderr():  # of a server that starts again and fails
                self.futures.append(worker.submit(_run, item))
        except limits.RefusalError:
            self.workers.remove(worker)  # it has no thread that could be waited for
            raise
        if self.refused:
            raise limits.RefusalError
        return self.futures[-1]

    def fail(self, failure: threading.ExceptHookArgs) -> None:
        """End what waits for an executor whose thread has failed, since the system refused it another one."""
        if not isinstance(failure.exc_value, RuntimeError) or not limits.is_refusal(failure.exc_value):
            threading.__excepthook__(failure)
            return
        self.refused = True
        for future in self.futures:
            with suppress(InvalidStateError):  # it is done
                future.set_exception(limits.RefusalError())

    def shutdown(self) -> None:
        """Wait until items in progress are finished and every worker has ended."""
        for worker in self.workers:
            worker.shutdown()  # waits: a worker that ends later could break the exit of this process


@contextmanager
def _worker_pool(workers: int, job: bytes) -> Iterator[_WorkerPool]:
    pool, hook, children = _WorkerPool(job), threading.excepthook, multiprocessing.active_children()
    for _ in range(workers):
        pool.add()
    threading.excepthook = pool.fail
    try:
        yield pool
    finally:
        with _uninterrupted():  # a second Ctrl-C would leave workers behind
            pool.shutdown()
        threading.excepthook = hook
        for process in multiprocessing.active_children():
            if process not in children:  # its executor has no thread to end it
                process.kill()


def _completed(pool: _WorkerPool, items: Sequence[Any]) -> Generator[tuple[int, Any]]:
    """Indices of items with their results, as they finish. Raises the first error once nothing is in progress."""
    waiting, errors = iter(enumerate(items)), list[Exception]()
    running: dict[Future[Any], tuple[int, ProcessPoolExecutor]] = {}
    while True:
        while not errors and pool.idle and (task := next(waiting, None)) is not None:
            future, worker = pool.submit(task[1])
            running[future] = (task[0], worker)
        if not running:
            break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            index, worker = running.pop(future)
            if (error := _error(future, items, index)) is not None:
                errors.append(error)
                continue
            pool.idle.append(worker)
            yield index, future.result()
    if errors:
        raise errors[0]


def _error(future: Future[Any], items: Sequence[Any], index: int) -> Exception | None:
    """The error to raise for a finished future, naming its item; None if it succeeded."""
    error = future.exception()
    if error is None or isinstance(error, RequestError | DataError | limits.RefusalError):
        return error
    if isinstance(error, BrokenProcessPool):
        work_error: WorkError = WorkerDiedError(str(items[index]), index)
    else:
        work_error = WorkError(f"{items[index]} failed: {type(error).__name__}: {error}")
    work_error.__cause__ = error
    return work_error


def _context() -> BaseContext:
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def _initialize(folders: tuple[str, ...], job: bytes) -> None:
    """In a worker: leave Ctrl-C to the parent, end with it, and exempt long-lived objects from garbage collection."""
    global _work, _shared  # only a global outlives a task in a worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for watch in (_exit_with_parent, _exit_when_done):
        threading.Thread(target=watch, daemon=True).start()
    author_imports.add_folders(folders)
    with limits.start_limit():
        _work, _shared = pickle.loads(job)  # noqa: S301  (from our own parent)
    gc.freeze()
    gc.set_threshold(50_000)  # by default a tenth of a tearsheet's time goes into garbage collection


def _run(item: Any) -> Any:
    return _work(*_shared, item)


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _exit_when_done() -> None:
    """Exit even if a strategy's threads are running, else this process would wait for them, and the parent for it."""
    threading.main_thread().join()
    time.sleep(THREAD_GRACE)
    os._exit(0)


def _exit_when_orphaned(parent: int) -> None:
    while os.getppid() == parent:  # never ends on Windows
        time.sleep(PARENT_CHECK)
    os._exit(1)


@contextmanager
def _silent() -> Iterator[None]:
    """Make a process that starts here ignore Ctrl-C and print no errors.

    If interrupted while importing, or abandoned by its parent, it would print a traceback; failures of the work itself
    are returned as results.
    """
    with _without_stderr(), _uninterrupted():
        yield


@contextmanager
def _without_stderr() -> Iterator[None]:
    stderr, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(devnull)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C in this block; only the main thread can do so, and only it is interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
