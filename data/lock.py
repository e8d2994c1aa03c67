"""One process at a time: a lock file beside what it guards, gone when it is let go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class BusyError(Exception):
    """Another process holds the lock."""


@contextmanager
def hold_lock(path: Path, seconds: float) -> Iterator[None]:
    """Hold the lock file `path`, whose folder exists. Raises BusyError where another process keeps it for `seconds`.

    Beside what it guards, and not among temporary files, of which containers and users have their own. A process that
    is killed lets go of it and leaves the file, which the next one takes and removes. Raises OSError where it cannot
    be made, or the file system knows no locks.
    """
    from filelock import FileLock, Timeout

    try:
        # Whoever shares a folder shares its lock. A soft one would stay when its holder is killed.
        lock = FileLock(path, timeout=seconds, mode=0o666, fallback_to_soft=False)
        lock.acquire()
    except Timeout:
        raise BusyError from None
    try:
        yield
    finally:
        # While it is held: whoever opened it meanwhile finds it without a name, and makes a new one. Windows refuses
        # to remove a file that is open, and filelock removes it there.
        with suppress(OSError):
            path.unlink()
        lock.release()
