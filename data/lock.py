"""A lock file that admits one process at a time and is removed on release."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class BusyError(Exception):
    """Another process holds the lock."""


@contextmanager
def hold_lock(path: Path, seconds: float) -> Iterator[None]:
    """Hold the lock file `path`, whose folder must exist; wait up to `seconds` for another process to release it.

    The file belongs beside what it guards, not in a temporary folder: containers and users do not share those. If the
    process is killed, the lock is released and the file stays; the next process reuses and removes it.

    Raises BusyError if another process keeps the lock, and OSError if the file cannot be created or the file system
    does not support locks.
    """
    from filelock import FileLock, Timeout

    try:
        # All users of a shared folder may lock it. A soft lock would survive the death of its holder.
        lock = FileLock(path, timeout=seconds, mode=0o666, fallback_to_soft=False)
        lock.acquire()
    except Timeout:
        raise BusyError from None
    try:
        yield
    finally:
        # Removed while still held: a process that opened the file meanwhile finds it unlinked and creates a new one.
        # Windows does not remove open files; there, filelock removes it.
        with suppress(OSError):
            path.unlink()
        lock.release()
