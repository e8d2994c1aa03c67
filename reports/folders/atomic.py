"""A folder of output: whole or not at all, and nobody's other files lost.

Every command that writes a folder does it here. Its manifest lists what is in it, so that a later run knows which files
it may replace.
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
from tempfile import mkdtemp
from typing import Any

import pandas as pd

from data.atomic import write_file
from data.errors import RequestError, WorkError
from data.lock import BusyError, hold_lock
from data.text import escape_json, is_printable_line, shorten

MANIFEST = "manifest.json"
SCRATCH = ".unfinished"  # marks a folder that a run is building
LOCK_SECONDS = 60
ABSENT = (errno.ENOENT, errno.ENOTDIR)
SHOWN = 100  # signs of a path that cannot be
# Commands that write folders, each by a file that no other one writes; of a calibration there is none.
DEEPSEEK, SWEEP, MULTIVERSE, CALIBRATE = "deepseek", "sweep", "multiverse", "calibrate"
WRITTEN_BY = {"returns.csv": DEEPSEEK, "sweep.csv": SWEEP, "specs.csv": MULTIVERSE}


def write_folder(files: Mapping[str, bytes], out: Path) -> None:
    """Write a folder of `files`, a manifest among them: built beside `out`, then exchanged with it.

    An earlier run of the same command in `out` is replaced; until the exchange it stays as it is. Raises RequestError
    where `out` holds something else or is being written by another run, WorkError where the disk takes no more.
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
            with _beside(out) as scratch:
                for name, content in files.items():
                    write_file(scratch / _within(name), content)
                (scratch / SCRATCH).unlink()
                _put(scratch, out)
    except BusyError:
        raise RequestError(f"--out {out} is being written by another run; wait for it or name another") from None
    except OSError as error:
        left = "the earlier run stays" if out.exists() else "nothing was written"
        raise WorkError(
            f"--out {out} cannot be written ({error.strerror or error}), {left}: make room there, or name another"
        ) from error


def with_manifest(files: Mapping[str, bytes], manifest: Mapping[str, object]) -> dict[str, bytes]:
    """The files and, last, their manifest, which has the SHA-256 of each."""
    digests = {name: sha256(content).hexdigest() for name, content in sorted(files.items())}
    return {**files, MANIFEST: to_json({**manifest, "files": digests})}


def to_json(content: object) -> bytes:
    """JSON as files hold it: null for every number that JSON cannot hold, escapes for what is not printable."""
    return escape_json(json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def to_csv(table: pd.DataFrame) -> bytes:
    """A table as files hold it, without its index, every float to the last bit."""
    return table.to_csv(index=False, lineterminator="\n").encode()


def require_possible_path(out: Path, beside: str = ".{}.new-12345678") -> None:
    """Raise RequestError for a path that no output can have, with its longest neighbour on the way there.

    That is one whose letters cannot be seen or would be obeyed, that is too long, or that cannot be followed.
    """
    if not is_printable_line(str(out)):
        raise RequestError(f"--out {shorten(repr(str(out)), SHOWN)} is no name that can be read; use printable letters")
    neighbour = out.absolute().with_name(beside.format(out.name)) if out.name else out
    for reach in (neighbour.lstat, out.stat):
        try:
            reach()
        except OSError as error:
            if error.errno not in ABSENT:
                told = shorten(str(out), SHOWN)
                raise RequestError(f"--out {told} cannot be used ({error.strerror}); name another one") from None


def require_replaceable(out: Path, command: str) -> None:
    """Raise RequestError unless `out` is absent, empty, or what an earlier run of `command` wrote and nothing else."""
    if out.exists() and not out.is_dir():
        raise RequestError(f"--out {out} is not a folder; name another one")
    if out.resolve() == Path.cwd() or not out.resolve().name or out.is_mount():
        raise RequestError(f"--out {out} cannot be replaced as a whole; name a folder inside it")
    present = {path.name for path in out.iterdir()} if out.is_dir() else set[str]()
    if foreign := sorted(present - _own_files(out)):
        raise RequestError(
            f"--out {out} holds {foreign[0]}, which no manifest of a run there lists; move it away or name another "
            f"folder"
        )
    if present and (other := _command(manifest_checksums(out))) != command:
        raise RequestError(
            f"--out {out} holds what runners.{other} wrote, and runners.{command} would replace it; name another folder"
        )


def require_writable(out: Path, command: str) -> None:
    """Raise RequestError where a folder of `command` cannot be put in place; to be asked before the work.

    What a killed run has left is put right first, unless another run is writing: whatever becomes of this one, the
    earlier run is there.
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
    """Undo or clear away what a killed run left beside `out`; folders that no run made are left alone."""
    previous = _previous(out)
    if _is_run(previous) and not out.exists():
        previous.rename(out)
    for left in _leftovers(out):
        if _is_run(left) or (left / SCRATCH).is_file():
            _discard(left)


def _leftovers(out: Path) -> list[Path]:
    """Folders beside `out` with the names that those of a killed run have."""
    found = [_previous(out), *out.parent.glob(f".{escape(out.name)}.new-*")]
    return [left for left in found if left.exists()]


def manifest_checksums(out: Path) -> dict[str, str]:
    """SHA-256 by file name, as the manifest in `out` has it; empty where there is none of ours that can be read."""
    try:
        held = (out / MANIFEST).read_bytes() if (out / MANIFEST).is_file() else b""  # a pipe would be waited for
        files = json.loads(held)["files"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}
    return files if isinstance(files, dict) else {}


def _command(files: Iterable[str]) -> str:
    return next((WRITTEN_BY[name] for name in files if name in WRITTEN_BY), CALIBRATE)


def _own_files(out: Path) -> set[str]:
    """The files of a run in `out`; none where it is no run's."""
    files = manifest_checksums(out)
    return {*files, MANIFEST} if "results.json" in files else set()


def _is_run(folder: Path) -> bool:
    """Whether a folder holds a whole run and nothing else."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} == _own_files(folder)


def _put(scratch: Path, out: Path) -> None:
    """Put the finished folder in the place of `out`: in one step where the system can, else in two.

    Between the two steps `out` is not there; whoever is killed then leaves the earlier run as `.NAME.previous`, which
    `recover` puts back.
    """
    previous = _previous(out)
    if previous.exists():
        raise RequestError(f"{previous} is in the way of exchanging {out}; move it away")
    if out.exists() and exchange(scratch, out):
        with suppress(OSError):  # the run is there; the next one clears away what stays
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
    """Remove a folder of ours; whoever is killed meanwhile leaves it marked, so that `recover` removes the rest."""
    if not folder.exists():
        return
    (folder / SCRATCH).touch()
    for path in folder.iterdir():
        if path.name != SCRATCH:
            path.unlink()
    (folder / SCRATCH).unlink()
    folder.rmdir()


def _within(name: str) -> str:
    """The name of a file of the folder. Raises ValueError for one that would lie elsewhere."""
    if Path(name).name != name or not name.strip(".") or "\\" in name or not is_printable_line(name):
        raise ValueError(f"{name!r} is no file of the folder; give a plain name")
    return name


def _previous(out: Path) -> Path:
    return out.parent / f".{out.name}.previous"


def _lock(out: Path) -> Path:
    return out.parent / f".{out.name}.lock"


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A scratch folder on the same disk, gone afterwards whatever happens."""
    scratch = Path(mkdtemp(prefix=f".{out.name}.new-", dir=out.parent))
    scratch.chmod(0o755)
    (scratch / SCRATCH).touch()
    try:
        yield scratch
    finally:
        with suppress(OSError):
            _discard(scratch)


def _finite(content: object) -> object:
    """The same with null for every number that JSON cannot hold."""
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not isfinite(content) else content


AT_FDCWD = -100
RENAME_EXCHANGE = RENAME_SWAP = 2
NOT_HERE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def exchange(one: Path, other: Path) -> bool:
    """Let both change places; False, and nothing happened, where that cannot be done in one step.

    Raises OSError for what no other way would do either, such as a folder that is not there.
    """
    rename = _system_call()
    if rename is None:
        return False
    if rename(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    number = ctypes.get_errno()
    if number in NOT_HERE:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


def _system_call() -> Any:
    """The function that exchanges two paths, None where the C library has none."""
    if sys.platform == "win32":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        swap = getattr(library, "renamex_np", None)
        return None if swap is None else lambda one, other: swap(one, other, ctypes.c_uint(RENAME_SWAP))
    renameat2 = getattr(library, "renameat2", None)
    if renameat2 is None:
        return None
    return lambda one, other: renameat2(AT_FDCWD, one, AT_FDCWD, other, ctypes.c_uint(RENAME_EXCHANGE))
