"""What is finished of a long job, kept beside its output until that is written.

A line is `KEY CONTENT CHECKSUM`: the key says what was run, the content is JSON, the checksum is the CRC-32 of what
stands before it. Lines are only ever added, each forced to the disk, so that a job that was interrupted, killed or
left without a disk goes on where it was; a line that is not as it was written is run again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from zlib import crc32

from data.errors import RequestError, WorkError
from data.lock import BusyError, locked


class Kept:
    """The file `path`, the contents that were found in it, by key, and how many are in it by now.

    `interrupted` says that a job before this one came to no end.
    """

    def __init__(self, path: Path, interrupted: bool = False) -> None:
        self.path, self.interrupted = path, interrupted or path.exists()
        self.contents = _read(path)
        self.count = len(self.contents)

    @classmethod
    @contextmanager
    def beside(cls, out: Path) -> Iterator[Kept]:
        """What is kept for the folder `out`, for one job at a time. Raises RequestError while another one has it."""
        out = out.resolve()
        path = out.with_name(f".{out.name}.sweep")
        lock = path.with_name(f"{path.name}-lock")
        killed = lock.exists()
        with ExitStack() as held:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(locked(lock, 0))
            except OSError as error:
                raise RequestError(f"--out {out} cannot be made ({error.strerror}); name another folder") from None
            except BusyError:
                raise RequestError(
                    f"--out {out} is being worked on by another sweep; wait for it or name another"
                ) from None
            yield cls(path, killed)

    def add(self, key: str, content: str) -> None:
        """Keep one more. Raises WorkError where the disk takes no more; what was kept before stays."""
        text = f"{key} {content}"
        line = f"{text} {crc32(text.encode()):08x}\n".encode("ascii")
        try:
            _append(self.path, line)
        except OSError as error:
            raise WorkError(
                f"what was found cannot be kept in {self.path} ({error.strerror}): {self.count:,} finished "
                f"parts are in it; make room and give the same command again, which goes on from there"
            ) from error
        self.count += 1

    @contextmanager
    def named(self) -> Iterator[None]:
        """Say where what is finished lies when the folder cannot be written."""
        try:
            yield
        except WorkError as error:
            raise WorkError(
                f"{error}; all that was run is kept in {self.path}: the same command writes it without running it again"
            ) from error

    def remove(self) -> None:
        """Forget it all: the job is done."""
        with suppress(FileNotFoundError):
            self.path.unlink()


def _read(path: Path) -> dict[str, str]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RequestError(f"{path} cannot be read ({error.strerror}); make it readable or remove it") from None
    return dict(filter(None, map(_entry, content.split(b"\n"))))


def _entry(line: bytes) -> tuple[str, str] | None:
    text, _, checksum = line.rpartition(b" ")
    if checksum != f"{crc32(text):08x}".encode():
        return None
    key, _, content = text.decode("ascii").partition(" ")
    return key, content


def _append(path: Path, line: bytes) -> None:
    """Append in a single write and force it to the disk; of a write that fails nothing stays."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    try:
        size = os.lseek(descriptor, 0, os.SEEK_END)
        try:
            if size:
                os.lseek(descriptor, size - 1, os.SEEK_SET)
                # What a job that died has left of a line stays a line by itself.
                line = line if os.read(descriptor, 1) == b"\n" else b"\n" + line
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)
