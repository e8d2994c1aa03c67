"""Transactions on a small SQLite file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

BUSY_SECONDS = 30.0  # how long to wait for transactions of other processes


class NotADatabaseError(OSError):
    """The file is not empty and not an SQLite database."""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A read-only view of the file `path` at one moment; None where there is no file, or nothing in it.

    Raises BlockingIOError when other processes hold it for BUSY_SECONDS, NotADatabaseError, and OSError, with the
    reason in `strerror`, for any other error of SQLite.
    """
    if not path.exists():
        yield None
        return
    with _transaction(path, "BEGIN") as connection:
        # The view is that of the first read, which also undoes what a killed process left half-written.
        ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
        yield connection if tables else None


@contextmanager
def writing(path: Path, *tables: str) -> Iterator[sqlite3.Connection]:
    """A transaction on `path`, committed to the disk at the end, undone by any exception. Errors as in `reading`.

    The file and `tables`, as in "name (column, ...)", are created where they do not exist; its folder exists.
    """
    if not path.exists():
        path.touch()  # SQLite would deny a group the right to write, whatever the umask
    with _transaction(path, "BEGIN IMMEDIATE") as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        yield connection


@contextmanager
def _transaction(path: Path, begin: str) -> Iterator[sqlite3.Connection]:
    import sqlite3  # 10 ms, which --help need not wait for

    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            # A rollback journal: WAL needs shared memory, so no network file system and no read-only folder.
            connection.execute("PRAGMA journal_mode = DELETE")
            # More than FULL: syncs the folder after the journal is deleted, else power loss can undo the last commit.
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")  # without it, closing rolls back
    except sqlite3.Error as error:
        raise _os_error(error) from error
    except UnicodeDecodeError as error:  # of a message of SQLite that quotes damage
        raise OSError(errno.EIO, "it is damaged") from error


def _os_error(error: sqlite3.Error) -> OSError:
    import sqlite3

    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary == sqlite3.SQLITE_BUSY:
        return BlockingIOError(errno.EAGAIN, "another process holds it")
    if primary == sqlite3.SQLITE_NOTADB:
        return NotADatabaseError(errno.EINVAL, str(error))
    if primary == sqlite3.SQLITE_FULL:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return OSError(errno.EIO, str(error))
