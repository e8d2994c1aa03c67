"""Worker processes that have QuantStats imported before the first sheet is asked for.

Importing it takes seconds. A server process does that once, in the background, and forks the workers. Ctrl-C reaches
the parent alone: what is being drawn is finished, what waits is dropped. Workers end when their parent does.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing.context import BaseContext
from typing import Any

from data.errors import WorkError

PRELOAD = ["quantstats.reports", "quantstats.plots", "reports.tearsheet", "reports.canvas"]


def warm_up(jobs: int | None = None) -> None:
    """Begin to import what draws, in the background, and return at once.

    Costs nothing but that if no sheet has to be drawn. Does nothing for `jobs=0` and where there is no fork server.
    """
    if jobs == 0 or "forkserver" not in multiprocessing.get_all_start_methods():
        return
    from multiprocessing import forkserver

    multiprocessing.set_forkserver_preload(PRELOAD)
    with _deaf():
        forkserver.ensure_running()


def outcomes(
    draw: Callable[..., str], tasks: Mapping[str, tuple[Any, ...]], jobs: int | None = None
) -> Iterator[tuple[str, str]]:
    """`draw(*arguments)` for each named task in worker processes (one a processor), in the order in which they finish.

    Raises WorkError that names the task where one fails or its worker dies.
    """
    if not tasks:
        return
    warm_up(jobs)
    with _executor(min(len(tasks), jobs or _processors())) as executor:
        futures = {executor.submit(draw, *arguments): name for name, arguments in tasks.items()}
        for future in as_completed(futures):
            name = futures[future]
            if (error := future.exception()) is not None:
                raise WorkError(f"{name} could not be drawn: {type(error).__name__}: {error}") from error
            yield name, future.result()


@contextmanager
def _executor(workers: int) -> Iterator[Executor]:
    """An executor that drops what waits when the work is left early."""
    executor = ProcessPoolExecutor(workers, mp_context=_context(), initializer=_begin)
    try:
        yield executor
    finally:
        with _uninterrupted():  # a second Ctrl-C would leave workers behind
            executor.shutdown(cancel_futures=True)


def _context() -> BaseContext:
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")


def _begin() -> None:
    """In a worker: leave Ctrl-C to the parent, end with it, and keep the garbage collector off what stays."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    gc.freeze()
    gc.set_threshold(50_000)  # sheets make much that lives shortly; a tenth of their time went into looking at it


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
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


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
