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

BUSY_SECONDS = 30.0  # how long to wait for other processes' transactions


class NotADatabaseError(OSError):
    """The file is neither empty nor an SQLite database."""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A consistent read-only view of the database `path`; None if the file is missing or empty.

    Raises BlockingIOError if other processes lock it for BUSY_SECONDS, NotADatabaseError, and OSError, with the reason
    in `strerror`, for any other SQLite error.
    """
    if not path.exists():
        yield None
        return
    with _transaction(path, "BEGIN") as connection:
        # The first read fixes the view, and rolls back what a killed process left half-written.
        ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
        yield connection if tables else None


@contextmanager
def writing(path: Path, *tables: str) -> Iterator[sqlite3.Connection]:
    """A transaction on `path`, committed to disk at the end and rolled back by any exception. Errors as in `reading`.

    Creates the file and the `tables`, written "name (column, ...)", unless they exist; its folder must exist.
    """
    if not path.exists():
        path.touch()  # SQLite would deny group write permission whatever the umask
    with _transaction(path, "BEGIN IMMEDIATE") as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table}")
        yield connection


@contextmanager
def _transaction(path: Path, begin: str) -> Iterator[sqlite3.Connection]:
    import sqlite3  # takes 10 ms, which --help need not wait for

    if path.exists() and not path.is_file():  # SQLite would wait for what comes through a pipe
        raise OSError(errno.EINVAL, "it is not a file")
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            # A rollback journal: WAL needs shared memory, which network file systems and read-only folders lack.
            connection.execute("PRAGMA journal_mode = DELETE")
            # Stricter than FULL: syncs the folder after deleting the journal, else power loss can undo the last commit.
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")  # otherwise closing rolls back
    except sqlite3.Error as error:
        raise _os_error(error) from error
    except UnicodeDecodeError as error:  # from an SQLite message that quotes damaged bytes
        raise OSError(errno.EIO, "it is damaged") from error


def _os_error(error: sqlite3.Error) -> OSError:
    import sqlite3

    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if primary == sqlite3.SQLITE_BUSY:
        return BlockingIOError(errno.EAGAIN, "another process has locked it")
    if primary == sqlite3.SQLITE_NOTADB:
        return NotADatabaseError(errno.EINVAL, str(error))
    if primary == sqlite3.SQLITE_FULL:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return OSError(errno.EIO, str(error))
