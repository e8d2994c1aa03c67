"""Finished parts of a long job, kept in an SQLite file beside its output until that is written.

Each part is on the disk before the next one is added, so that a job that was interrupted, killed or left without a
disk goes on where it was.
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
    """Finished parts in the file `path`.

    `contents` maps the keys of parts that were found at the start to what they gave, in the order in which they were
    added; `count` is how many parts the file holds by now; `interrupted` says that an earlier job did not finish.
    """

    def __init__(self, path: Path, interrupted: bool = False) -> None:
        self.path, self.interrupted = path, interrupted or path.exists()
        self.contents = _read(path)
        self.count = len(self.contents)

    @classmethod
    @contextmanager
    def beside(cls, out: Path) -> Iterator[Checkpoint]:
        """The checkpoint for the folder `out`, for one job at a time. Raises RequestError while another has it."""
        out = out.resolve()
        path = out.with_name(f".{out.name}.sweep")
        lock = path.with_name(f"{path.name}-lock")
        killed = lock.exists()
        with ExitStack() as held:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(hold_lock(lock, 0))
            except OSError as error:
                raise RequestError(f"--out {out} cannot be made ({error.strerror}); name another folder") from None
            except BusyError:
                raise RequestError(
                    f"--out {out} is being worked on by another sweep; wait for it or name another"
                ) from None
            yield cls(path, killed)

    def add(self, key: str, content: str) -> None:
        """Keep a part, on the disk when this returns. Raises WorkError if that fails; earlier parts stay."""
        try:
            with writing(self.path, TABLE) as connection:
                connection.execute("INSERT OR REPLACE INTO parts VALUES (?, ?)", (key, content))
        except OSError as error:
            raise WorkError(
                f"what was found cannot be kept in {self.path} ({error.strerror}): {self.count:,} finished "
                f"parts are in it; make room and give the same command again, which goes on from there"
            ) from error
        self.count += 1

    @contextmanager
    def named(self) -> Iterator[None]:
        """Add to an error in writing the output where the finished parts are."""
        try:
            yield
        except WorkError as error:
            raise WorkError(
                f"{error}; all that was run is kept in {self.path}: the same command writes it without running it again"
            ) from error

    def remove(self) -> None:
        """Delete the file: the job is done."""
        with suppress(FileNotFoundError):
            self.path.unlink()


def _read(path: Path) -> dict[str, str]:
    try:
        with reading(path) as connection:
            return dict(connection.execute("SELECT key, content FROM parts ORDER BY rowid")) if connection else {}
    except OSError as error:
        raise RequestError(f"{path} cannot be read ({error.strerror}); make it readable or remove it") from None
