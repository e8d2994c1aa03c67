"""A process pool that reports which task killed a worker.

`loky` and `concurrent.futures` give every pending task the same error and kill the other workers when one dies, without
naming the task; so each worker here is a ProcessPoolExecutor of its own.

A server process forks the workers, and may import what they need while the parent still does something else. Ctrl-C
reaches the parent alone: specs in progress are finished, what waits is dropped. Workers end when their parent does.
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
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import BaseContext
from typing import Any

from data.errors import DataError, RequestError, WorkError
from runners.engine.execution.executor import OnResult, Progress, Work, WorkerDiedError, no_action, no_progress, pickled

START_PAUSES = (0.0, 0.1, 0.5, 1.0)  # seconds after each try to start a worker
PARENT_CHECK = 0.5  # seconds between two looks whether the parent is there
THREAD_GRACE = 1.0  # seconds for threads that a strategy has started and left, once its worker is done
_shared: tuple[Any, ...] = ()  # in a worker: what all its tasks have in common


@dataclass(frozen=True)
class Processes:
    """Worker processes on this machine, `jobs` of them (None: one a processor).

    `shared` is sent once a worker. Ctrl-C finishes the specs in progress and drops what waits.
    """

    jobs: int | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None and (isinstance(self.jobs, bool) or not isinstance(self.jobs, int) or self.jobs < 1):
            raise ValueError(f"jobs is {self.jobs!r}; give a whole number of processes, 1 or more, or None")

    def map(
        self,
        work: Work,
        shared: tuple[Any, ...],
        specs: Sequence[Any],
        progress: Progress = no_progress,
        on_result: OnResult = no_action,
    ) -> list[Any]:
        """See Executor. Raises RequestError for what cannot be sent to another process."""
        if not specs:
            return []
        pickled((work, shared))  # before a worker starts, for a message of one line
        preload(())
        results: list[Any] = [None] * len(specs)
        with (
            _worker_pool(min(len(specs), self.jobs or processors()), shared) as pool,
            closing(_completed(pool, work, specs)) as completed,
        ):
            for place, result in completed:
                results[place] = result
                on_result(place, result)
                progress(str(specs[place]))
        return results


def preload(modules: Sequence[str]) -> None:
    """Begin to import what workers need, in the background, and return at once.

    The first call decides; later ones find the server running. Does nothing where there is no fork server.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload(list(modules))
    with _silent():
        forkserver.ensure_running()


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_in_subprocess(work: Work, *arguments: Any) -> Any:
    """`work(*arguments)` in a Python of its own: neither it nor its workers import the `__main__` of this one.

    For notebooks and for scripts without `if __name__ == "__main__":`, which would run again in every worker. Errors
    come through as they are; raises WorkError where that Python dies.
    """
    request = pickle.dumps(sys.path) + pickle.dumps((work, arguments), protocol=pickle.HIGHEST_PROTOCOL)
    code = (
        f"import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from {__name__} import serve_parent; "
        f"serve_parent()"
    )
    done = subprocess.run([sys.executable, "-c", code], input=request, stdout=subprocess.PIPE, check=False)  # noqa: S603
    if done.returncode != 0:
        raise WorkError(f"{work.__name__}: its process ended with status {done.returncode}; is there memory enough?")
    result, error = pickle.loads(done.stdout)  # noqa: S301  (from our own child)
    if error is not None:
        raise error
    return result


def serve_parent() -> None:
    """The other side of `run_in_subprocess`: read the work from standard input and write its result to standard output.

    Whatever the work prints goes to standard error. Ends when the parent does.
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
    """Executors of one worker each; `idle` are those without a task."""

    shared: tuple[Any, ...]
    workers: list[ProcessPoolExecutor] = field(default_factory=list)
    idle: list[ProcessPoolExecutor] = field(default_factory=list)

    def add(self) -> None:
        """Add a worker; its process starts with its first task."""
        self.workers.append(ProcessPoolExecutor(1, _context(), _initialize, (self.shared,)))
        self.idle.append(self.workers[-1])

    def submit(self, work: Work, spec: Any) -> tuple[Future[Any], ProcessPoolExecutor]:
        """Give a task to an idle worker, or to a new one where that died while it had nothing to do.

        Raises WorkError where no worker can be started, as when their server is killed again and again.
        """
        for pause in START_PAUSES:
            worker = self.idle.pop()
            try:
                return worker.submit(_run, work, spec), worker
            except (BrokenProcessPool, EOFError, ConnectionError):
                self.add()
                time.sleep(pause)
        raise WorkError("worker processes cannot be started, or are killed at once; is there memory enough?")

    def shutdown(self) -> None:
        """Return when tasks in progress are finished and every worker has ended."""
        for worker in self.workers:
            worker.shutdown()  # and wait: a worker that ends later can break the end of this process


@contextmanager
def _worker_pool(workers: int, shared: tuple[Any, ...]) -> Iterator[_WorkerPool]:
    pool = _WorkerPool(shared)
    for _ in range(workers):
        pool.add()
    try:
        yield pool
    finally:
        with _uninterrupted():  # a second Ctrl-C would leave workers behind
            pool.shutdown()


def _completed(pool: _WorkerPool, work: Work, specs: Sequence[Any]) -> Generator[tuple[int, Any]]:
    """Places of specs with their results, as they finish. Raises the first error once nothing is in progress."""
    waiting, errors = iter(enumerate(specs)), list[Exception]()
    running: dict[Future[Any], tuple[int, ProcessPoolExecutor]] = {}
    while True:
        while not errors and pool.idle and (task := next(waiting, None)) is not None:
            future, worker = pool.submit(work, task[1])
            running[future] = (task[0], worker)
        if not running:
            break
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            place, worker = running.pop(future)
            if (error := _error(future, specs, place)) is not None:
                errors.append(error)
                continue
            pool.idle.append(worker)
            yield place, future.result()
    if errors:
        raise errors[0]


def _error(future: Future[Any], specs: Sequence[Any], place: int) -> Exception | None:
    """The error to raise for a finished task, naming its spec; None if it succeeded."""
    error = future.exception()
    if error is None or isinstance(error, RequestError | DataError):
        return error
    if isinstance(error, BrokenProcessPool):
        named: WorkError = WorkerDiedError(str(specs[place]), place)
    else:
        named = WorkError(f"{specs[place]} failed: {type(error).__name__}: {error}")
    named.__cause__ = error
    return named


def _context() -> BaseContext:
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def _initialize(shared: tuple[Any, ...]) -> None:
    """In a worker: leave Ctrl-C to the parent, end with it, and keep the garbage collector off what stays."""
    global _shared  # noqa: PLW0603  (a worker has no other place that outlives a task)
    _shared = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for leave in (_exit_with_parent, _exit_when_done):
        threading.Thread(target=leave, daemon=True).start()
    gc.freeze()
    gc.set_threshold(50_000)  # a tearsheet spent a tenth of its time on looking at short-lived objects


def _run(work: Work, spec: Any) -> Any:
    return work(*_shared, spec)


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _exit_when_done() -> None:
    """End although a strategy's threads go on: this process would wait for them, and the parent for it."""
    threading.main_thread().join()
    time.sleep(THREAD_GRACE)
    os._exit(0)


def _exit_when_orphaned(parent: int) -> None:
    while os.getppid() == parent:  # on Windows for ever
        time.sleep(PARENT_CHECK)
    os._exit(1)


@contextmanager
def _silent() -> Iterator[None]:
    """Let a process that starts now ignore Ctrl-C and write no errors.

    Interrupted in its imports, or left by its parent, it would print a traceback; failures of the work itself come
    back as results.
    """
    errors, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with _uninterrupted():
            yield
    finally:
        os.dup2(errors, 2)
        os.close(errors)
        os.close(nowhere)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ignore Ctrl-C for a moment; only the main thread can, and only it is interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
