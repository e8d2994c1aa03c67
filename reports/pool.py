"""Worker processes: what is asked of them, and how they end.

A server process forks them, and may import what they need while the parent still does something else. Each worker has a
queue of its own, so that a death is told with the task that it died of. Ctrl-C reaches the parent alone: what is being
worked on is finished, what waits is dropped. Workers end when their parent does.
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import BaseContext
from typing import Any, TypeVar

from data.errors import DataError, RequestError, WorkError

Name = TypeVar("Name")
STARTS = (0.0, 0.1, 0.5, 1.0)  # seconds after each try to start a worker
ORPHANED = 0.5  # seconds between two looks whether the parent is there
GRACE = 1.0  # seconds for threads that a strategy has started and left, once its worker is done
_shared: tuple[Any, ...] = ()  # in a worker: what all its tasks have in common


class DeathError(WorkError):
    """The worker of the task `name` died."""

    def __init__(self, name: object) -> None:
        self.name, self.summary = name, "its worker process died, killed from outside or for want of memory"
        super().__init__(
            f"{name}: {self.summary}; in a script of your own, start the work under `if __name__ == '__main__':`, so "
            f"that workers can import it"
        )

    def __reduce__(self) -> tuple[type[DeathError], tuple[object]]:
        return type(self), (self.name,)  # pickle would give it its whole message as the name


def warm_up(imports: Sequence[str], jobs: int | None = None) -> None:
    """Begin to import what workers need, in the background, and return at once.

    The first call decides; later ones find the server running. Does nothing for `jobs=0` and where there is no fork
    server.
    """
    if jobs == 0 or "forkserver" not in multiprocessing.get_all_start_methods():
        return
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload(list(imports))
    with _deaf():
        forkserver.ensure_running()


def outcomes(
    work: Callable[..., Any],
    tasks: Mapping[Name, tuple[Any, ...]],
    jobs: int | None = None,
    shared: tuple[Any, ...] = (),
) -> Iterator[tuple[Name, Any]]:
    """`work(*shared, *arguments)` for each named task, in the order in which they finish.

    `jobs` worker processes (one a processor by default) are sent `shared` once each. Raises WorkError that names the
    task where one fails, DeathError where its worker dies; a wrong request is let through. What is being worked on
    elsewhere is finished and given before.
    """
    if not tasks:
        return
    warm_up((), jobs)
    waiting, stopped = iter(tasks.items()), list[Exception]()
    with _lanes(min(len(tasks), jobs or processors()), shared) as lanes:
        running: dict[Future[Any], tuple[Name, Executor]] = {}
        while True:
            while not stopped and lanes.idle and (task := next(waiting, None)) is not None:
                future, lane = lanes.submit(work, task[1])
                running[future] = (task[0], lane)
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, lane = running.pop(future)
                if (error := _error(name, future)) is None:
                    lanes.idle.append(lane)
                    yield name, future.result()
                else:
                    stopped.append(error)
    for error in stopped[:1]:
        raise error


def ignore(part: str) -> None:
    """Progress that nobody watches."""


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """`work(*arguments)` in a Python of its own, which does not import this one's `__main__`, nor do its workers.

    A script without `if __name__ == "__main__":` would run again in every worker. Errors come through as they are;
    raises WorkError where that Python dies.
    """
    asked = pickle.dumps(sys.path) + pickle.dumps((work, arguments), protocol=pickle.HIGHEST_PROTOCOL)
    done = subprocess.run([sys.executable, "-c", SERVED], input=asked, stdout=subprocess.PIPE, check=False)  # noqa: S603
    if done.returncode != 0:
        raise WorkError(f"{work.__name__}: its process ended with status {done.returncode}; is there memory enough?")
    result, error = pickle.loads(done.stdout)  # noqa: S301  (from our own child)
    if error is not None:
        raise error
    return result


SERVED = """\
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from reports.pool import serve
serve()
"""


def serve() -> None:
    """In that Python: do the work, and keep standard output for what it gives; end when the parent does."""
    threading.Thread(target=_leave_when_orphaned, args=(os.getppid(),), daemon=True).start()
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)
        work, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301  (from our own parent)
        try:
            outcome: tuple[Any, Exception | None] = work(*arguments), None
        except Exception as error:  # noqa: BLE001  (raised again by the parent)
            outcome = None, error
        pickle.dump(outcome, answer)


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _error(name: object, future: Future[Any]) -> Exception | None:
    """What is to be raised for a task that has ended, None where it gave a result."""
    error = future.exception()
    if error is None or isinstance(error, RequestError | DataError):
        return error
    if isinstance(error, BrokenProcessPool):
        told: WorkError = DeathError(name)
    else:
        told = WorkError(f"{name} failed: {type(error).__name__}: {error}")
    told.__cause__ = error
    return told


@dataclass(eq=False)
class _Lanes:
    """Executors of one worker each, those without work apart."""

    shared: tuple[Any, ...]
    all: list[ProcessPoolExecutor] = field(default_factory=list)
    idle: list[Executor] = field(default_factory=list)

    def add(self) -> None:
        """One more."""
        self.all.append(ProcessPoolExecutor(1, _context(), _begin, (self.shared,)))
        self.idle.append(self.all[-1])

    def submit(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Future[Any], Executor]:
        """Give work to an idle one, to a new one where its worker died while it had none.

        Raises WorkError where no worker can be started, as when their server is killed again and again.
        """
        for pause in STARTS:
            lane = self.idle.pop()
            try:
                return lane.submit(_work, work, arguments), lane
            except (BrokenProcessPool, EOFError, ConnectionError):
                self.add()
                time.sleep(pause)
        raise WorkError("worker processes cannot be started, or are killed at once; is there memory enough?")

    def leave(self) -> None:
        """Come back when what is being worked on is finished and every worker has ended."""
        for lane in self.all:
            lane.shutdown()  # only its first call waits, and a worker that ends later can break the end of this process


@contextmanager
def _lanes(workers: int, shared: tuple[Any, ...]) -> Iterator[_Lanes]:
    lanes = _Lanes(shared)
    for _ in range(workers):
        lanes.add()
    try:
        yield lanes
    finally:
        with _uninterrupted():  # a second Ctrl-C would leave workers behind
            lanes.leave()


def _context() -> BaseContext:
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def _begin(shared: tuple[Any, ...]) -> None:
    """In a worker: leave Ctrl-C to the parent, end with it, and keep the garbage collector off what stays."""
    global _shared  # noqa: PLW0603  (a worker has no other place that outlives a task)
    _shared = shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for leave in (_leave_with_parent, _leave_when_done):
        threading.Thread(target=leave, daemon=True).start()
    gc.freeze()
    gc.set_threshold(50_000)  # sheets make much that lives shortly; a tenth of their time went into looking at it


def _work(work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return work(*_shared, *arguments)


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _leave_when_done() -> None:
    """End although others' threads would go on: this process would wait for them, and the parent for it."""
    threading.main_thread().join()
    time.sleep(GRACE)
    os._exit(0)


def _leave_when_orphaned(parent: int) -> None:
    while os.getppid() == parent:  # on Windows for ever
        time.sleep(ORPHANED)
    os._exit(1)


@contextmanager
def _deaf() -> Iterator[None]:
    """Let a process that starts now inherit a deaf ear to Ctrl-C, and no place for last words.

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
