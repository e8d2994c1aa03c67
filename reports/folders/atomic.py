"""Output folders, written whole or not at all; files that no run wrote are never removed.

Every command writes its folder here. The manifest lists the files, so that a later run knows which ones it may replace.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from hashlib import sha256
from math import isfinite
from pathlib import Path
from secrets import token_hex
from typing import Any

import pandas as pd

from data.atomic import write_file
from data.errors import RequestError, WorkError
from data.lock import BusyError, hold_lock
from data.text import escape_json, is_printable_line, shorten

MANIFEST = "manifest.json"
SCRATCH = ".unfinished"  # marks a folder that a run is building
LOCK_SECONDS = 60
ABSENT = (errno.ENOENT, errno.ENOTDIR)  # errors of a path that does not exist
LONGEST_PATH = 100  # characters of an unusable path that an error quotes
# Commands that write folders, by a file that only this command writes; a calibration has no such file.
DEEPSEEK, SWEEP, MULTIVERSE = "deepseek", "sweep", "multiverse"
CALIBRATE, BASE_RATES = "calibrate", "base_rates"
WRITTEN_BY = {"returns.csv": DEEPSEEK, "sweep.csv": SWEEP, "specs.csv": MULTIVERSE, "shocks.csv": BASE_RATES}
RESULTS = {"results.json", "base_rates.json"}  # every folder of a run has one of them
# Of the system calls that exchange two paths.
AT_FDCWD = -100
RENAME_EXCHANGE = RENAME_SWAP = 2
UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def write_folder(files: Mapping[str, bytes], out: Path) -> None:
    """Write a folder with these files, one of them the manifest: built beside `out`, then exchanged with it.

    An earlier run of the same command in `out` is replaced and stays unchanged until the exchange. Raises RequestError
    if `out` holds something else or another run is writing it, WorkError if it cannot be written (disk full).
    """
    require_possible_path(out)
    out = out.resolve()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"--out {out} cannot be made ({error.strerror}); name another folder") from None
    try:
        with hold_lock(_lock(out), LOCK_SECONDS):
            recover_folder(out)
            require_replaceable(out, _command(files))
            with _scratch_folder(out) as scratch:
                for name, content in files.items():
                    write_file(scratch / _file_name(name), content)
                (scratch / SCRATCH).unlink()
                _put_in_place(scratch, out)
    except BusyError:
        raise RequestError(f"--out {out} is being written by another run; wait for it or name another") from None
    except OSError as error:
        state = "the earlier run stays" if out.exists() else "nothing was written"
        raise WorkError(
            f"--out {out} cannot be written ({error.strerror or error}), {state}: make room there, or name another"
        ) from error


def with_manifest(files: Mapping[str, bytes], manifest: Mapping[str, object]) -> dict[str, bytes]:
    """The files and, last, their manifest with the SHA-256 of each."""
    digests = {name: sha256(content).hexdigest() for name, content in sorted(files.items())}
    return {**files, MANIFEST: to_json({**manifest, "files": digests})}


def to_json(content: object) -> bytes:
    """Indented JSON: null for NaN and infinity, escapes for unprintable characters."""
    return escape_json(json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def to_csv(table: pd.DataFrame) -> bytes:
    """A table as CSV without its index; floats keep every bit."""
    return table.to_csv(index=False, lineterminator="\n").encode()


def require_possible_path(out: Path, beside: str = ".{}.new-12345678") -> None:
    """Raise RequestError for a path that cannot be used: unprintable, too long, or not reachable.

    `beside` is the pattern of the longest file name that is needed in the same folder while `out` is written.
    """
    if not is_printable_line(str(out)):
        path = shorten(repr(str(out)), LONGEST_PATH)
        raise RequestError(f"--out {path} has unprintable characters; use printable ones")
    neighbour = out.absolute().with_name(beside.format(out.name)) if out.name else out
    for reach in (neighbour.lstat, out.stat):
        try:
            reach()
        except OSError as error:
            if error.errno not in ABSENT:
                path = shorten(str(out), LONGEST_PATH)
                raise RequestError(f"--out {path} cannot be used ({error.strerror}); name another one") from None


def require_replaceable(out: Path, command: str) -> None:
    """Raise RequestError unless `out` is absent, empty, or holds only files of an earlier run of `command`."""
    if out.exists() and not out.is_dir():
        raise RequestError(f"--out {out} is not a folder; name another one")
    if out.resolve() == Path.cwd() or not out.resolve().name or out.is_mount():
        raise RequestError(f"--out {out} cannot be replaced as a whole; name a folder inside it")
    present = {path.name for path in out.iterdir()} if out.is_dir() else set[str]()
    if foreign := sorted(present - _run_files(out)):
        raise RequestError(f"--out {out} holds {foreign[0]}, which no run wrote; move it away or name another folder")
    if present and (other := _command(manifest_checksums(out))) != command:
        raise RequestError(
            f"--out {out} holds what runners.{other} wrote, and runners.{command} would replace it; name another folder"
        )


def require_writable(out: Path, command: str) -> None:
    """Raise RequestError if a folder of `command` cannot be written to `out`; call it before the work.

    Leftovers of a killed run are repaired first, unless another run is writing, so that the earlier run is back even if
    this one fails.
    """
    require_possible_path(out)
    if _leftovers(out.resolve()):
        with suppress(BusyError, OSError), hold_lock(_lock(out.resolve()), 0):
            recover_folder(out.resolve())
    require_replaceable(out, command)
    nearest = next(folder for folder in out.absolute().parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise RequestError(f"--out {out}: cannot write in {nearest}; name another folder")


def recover_folder(out: Path) -> None:
    """Restore or remove what a killed run left beside `out`; folders that no run made stay."""
    previous = _previous(out)
    if _is_run(previous) and not out.exists():
        previous.rename(out)
    for leftover in _leftovers(out):
        if _is_run(leftover) or (leftover / SCRATCH).is_file():
            _discard(leftover)


def _leftovers(out: Path) -> list[Path]:
    """Folders beside `out` with the names that a killed run leaves."""
    candidates = [_previous(out), *out.parent.glob(f".{escape(out.name)}.new-*")]
    return [folder for folder in candidates if folder.exists()]


def manifest_checksums(out: Path) -> dict[str, str]:
    """SHA-256 by file name from the manifest in `out`; empty if there is no readable manifest of a run."""
    try:
        content = (out / MANIFEST).read_bytes() if (out / MANIFEST).is_file() else b""  # reading a pipe would block
        files = json.loads(content)["files"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}
    return files if isinstance(files, dict) else {}


def _command(files: Iterable[str]) -> str:
    names = set(files)
    return next((command for name, command in WRITTEN_BY.items() if name in names), CALIBRATE)


def _run_files(out: Path) -> set[str]:
    """Names of the files that a run wrote into `out`; empty if `out` is not the folder of a run."""
    files = manifest_checksums(out)
    return {*files, MANIFEST} if RESULTS & set(files) else set()


def _is_run(folder: Path) -> bool:
    """Whether a folder holds a complete run and nothing else."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} == _run_files(folder)


def _put_in_place(scratch: Path, out: Path) -> None:
    """Move the finished folder to `out`: in one step where the system supports it, else with two renames.

    Between the two renames `out` does not exist; a kill at that moment leaves the earlier run as `.NAME.previous`,
    which `recover_folder` restores.
    """
    previous = _previous(out)
    if previous.exists():
        raise RequestError(f"{previous} is in the way of exchanging {out}; move it away")
    if out.exists() and exchange(scratch, out):
        with suppress(OSError):  # the run is in place; the next one removes leftovers
            _discard(scratch)
        return
    if out.exists():
        out.rename(previous)
    try:
        scratch.rename(out)
    except OSError:
        if previous.exists():
            previous.rename(out)
        raise
    with suppress(OSError):
        _discard(previous)


def _discard(folder: Path) -> None:
    """Remove a folder of a run; it is marked first, so that `recover_folder` removes the rest after a kill."""
    if not folder.exists():
        return
    (folder / SCRATCH).touch()
    for path in folder.iterdir():
        if path.name != SCRATCH:
            path.unlink()
    (folder / SCRATCH).unlink()
    folder.rmdir()


def _file_name(name: str) -> str:
    """A plain file name. Raises ValueError for a path that leaves the folder."""
    if Path(name).name != name or not name.strip(".") or "\\" in name or not is_printable_line(name):
        raise ValueError(f"{name!r} is not a plain file name; leave out folders")
    return name


def _previous(out: Path) -> Path:
    return out.parent / f".{out.name}.previous"


def _lock(out: Path) -> Path:
    return out.parent / f".{out.name}.lock"


@contextmanager
def _scratch_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out`, so on the same disk; removed on exit."""
    scratch = out.parent / f".{out.name}.new-{token_hex(4)}"
    scratch.mkdir()  # unlike mkdtemp, with the permissions that the user wants
    (scratch / SCRATCH).touch()
    try:
        yield scratch
    finally:
        with suppress(OSError):
            _discard(scratch)


def _finite(content: object) -> object:
    """The content with None in place of NaN and infinity."""
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not isfinite(content) else content


def exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step; False, with nothing done, where the system cannot.

    A system call, because between two renames a reader would find no folder. Raises OSError for what renames could not
    do either, such as a missing folder.
    """
    rename = _system_call()
    if rename is None:
        return False
    if rename(os.fsencode(first), os.fsencode(second)) == 0:
        return True
    number = ctypes.get_errno()
    if number in UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(first), None, str(second))


def _system_call() -> Any:
    """The C function that exchanges two paths; None where the C library has none."""
    if sys.platform == "win32":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        swap = getattr(library, "renamex_np", None)
        return None if swap is None else lambda first, second: swap(first, second, ctypes.c_uint(RENAME_SWAP))
    renameat2 = getattr(library, "renameat2", None)
    if renameat2 is None:
        return None
    return lambda first, second: renameat2(AT_FDCWD, first, AT_FDCWD, second, ctypes.c_uint(RENAME_EXCHANGE))
