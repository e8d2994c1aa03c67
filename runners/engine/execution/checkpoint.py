"""Checkpoint of a long job: its finished parts, in an SQLite file next to the output until that is written.

Each part is on disk before the next one is added, so that a job that was interrupted, was killed or ran out of disk
space resumes where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from data.errors import RequestError, WorkError
from data.lock import BusyError, hold_lock
from runners.engine.database import reading, writing

TABLE = "parts (key TEXT PRIMARY KEY, content TEXT NOT NULL)"


class Checkpoint:
    """Finished parts of a job in the file `path`.

    `contents` maps the keys of the parts found at the start to their results, in the order in which they were added;
    `count` is the number of parts now in the file; `interrupted` says whether an earlier job did not finish.
    """

    def __init__(self, path: Path, interrupted: bool = False) -> None:
        self.path, self.interrupted = path, interrupted or path.exists()
        self.contents = _read(path)
        self.count = len(self.contents)

    @classmethod
    @contextmanager
    def next_to(cls, out: Path) -> Iterator[Checkpoint]:
        """The checkpoint of the output folder `out`, for one job at a time. Raises RequestError while another runs."""
        out = out.resolve()
        path = out.with_name(f".{out.name}.sweep")
        lock = path.with_name(f"{path.name}-lock")
        killed = lock.exists()
        with ExitStack() as stack:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(hold_lock(lock, 0))
            except OSError as error:
                raise RequestError(f"--out {out} cannot be made ({error.strerror}); name another folder") from None
            except BusyError:
                raise RequestError(f"--out {out} is in use by another sweep; wait for it or name another") from None
            yield cls(path, killed)

    def add(self, key: str, content: str) -> None:
        """Save a part, which is on disk when this returns. Raises WorkError if that fails; earlier parts stay."""
        try:
            with writing(self.path, TABLE) as connection:
                connection.execute("INSERT OR REPLACE INTO parts VALUES (?, ?)", (key, content))
        except OSError as error:
            raise WorkError(
                f"results cannot be saved in {self.path} ({error.strerror}): {self.count:,} finished parts are in it; "
                f"free disk space and run the same command again, which resumes there"
            ) from error
        self.count += 1

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Mention in a WorkError where the finished parts are."""
        try:
            yield
        except WorkError as error:
            raise WorkError(
                f"{error}; all results are saved in {self.path}: the same command writes them without running again"
            ) from error

    def remove(self) -> None:
        """Delete the file of a finished job."""
        with suppress(FileNotFoundError):
            self.path.unlink()


def _read(path: Path) -> dict[str, str]:
    try:
        with reading(path) as connection:
            return dict(connection.execute("SELECT key, content FROM parts ORDER BY rowid")) if connection else {}
    except OSError as error:
        raise RequestError(f"{path} cannot be read ({error.strerror}); make it readable or remove it") from None
