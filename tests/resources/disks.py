"""Run a command while a folder is on a full or read-only disk.

Uses a mount namespace in which the user is root: Linux only, and not on every Linux.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.resources.machines import ROOT

# Both run in a shell whose $0 is the folder. The full disk has $ROOM bytes and holds the folder's content.
FULL = 'cp -a "$0" "$0.before" && mount -t tmpfs -o size="$ROOM" tmpfs "$0" && cp -a "$0.before/." "$0"'
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'
RUN = '"$@"; status=$?; cp -a "$0" "$0.after"; exit $status'


@dataclass(frozen=True)
class Done:
    """Exit status and output of a command, and the files of the folder afterwards, by name."""

    status: int
    printed: str
    told: str
    files: dict[str, bytes]


@cache
def available() -> bool:
    """Whether this system allows mount namespaces."""
    if not sys.platform.startswith("linux") or shutil.which("unshare") is None:
        return False
    words = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs -o size=4k tmpfs /tmp"]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def run(disk: str, folder: Path, *words: object, room: str = "4k", **variables: str) -> Done:
    """Run `python -m WORDS` while `folder` is FULL (`room` in total) or READ_ONLY; restore the folder afterwards."""
    after = folder.with_name(f"{folder.name}.after")
    for copy in (after, folder.with_name(f"{folder.name}.before")):  # left by an earlier command
        shutil.rmtree(copy, ignore_errors=True)
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{disk} && {{ {RUN}; }}", folder, sys.executable, "-m", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "ROOM": room, **variables},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    files = {str(path.relative_to(after)): path.read_bytes() for path in after.rglob("*") if path.is_file()}
    return Done(done.returncode, done.stdout, done.stderr, files)
