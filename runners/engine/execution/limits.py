"""What the system limits: processes and threads that it refuses, and the start of a process of ours.

The limits of a start hold in compiled code that never returns, too.

OpenBLAS, for example, asks for memory in an endless loop if there is none (OpenMathLib/OpenBLAS, issue 5289).
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from data.errors import WorkError

START_LIMIT = 60.0  # processor seconds for imports, which take a few
NO_THREAD = "can't start new thread"  # how Python says that the system refuses one
REFUSAL = "the system starts no more threads or processes; end other programs, or raise the limit (ulimit -u)"
PR_SET_PDEATHSIG = 1  # of the system call prctl


class RefusalError(WorkError):
    """The system refused to start a thread or a process."""

    def __init__(self) -> None:
        super().__init__(REFUSAL)


@contextmanager
def refusals_told() -> Iterator[None]:
    """Raise RefusalError if the system refuses a thread or a process in this block."""
    try:
        yield
    except (RuntimeError, BlockingIOError) as error:
        if not is_refusal(error):
            raise
        raise RefusalError from None


def is_refusal(error: Exception) -> bool:
    """Whether the system refused to start a thread or a process."""
    if isinstance(error, BlockingIOError):
        return error.filename is None and error.strerror == os.strerror(errno.EAGAIN)
    return isinstance(error, RuntimeError) and NO_THREAD in str(error)


def require_threads() -> None:
    """Raise RuntimeError if the system refuses as many threads as OpenBLAS starts: it would interrupt the process."""
    done = threading.Event()
    threads = [threading.Thread(target=done.wait, daemon=True) for _ in range(os.cpu_count() or 1)]
    try:
        for thread in threads:
            thread.start()
    finally:
        done.set()
    for thread in threads:
        thread.join()


def end_with_parent() -> None:
    """Let the system end this process with its parent; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def set_processor_limit(seconds: float) -> None:
    """Let the system end this process after so many processor seconds from now; 0 is no limit, as on Windows."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


@contextmanager
def start_limit() -> Iterator[None]:
    """End this process if the block takes more than START_LIMIT processor seconds."""
    set_processor_limit(START_LIMIT)
    try:
        yield
    finally:
        set_processor_limit(0)
