"""A lock file admits one process at a time, is removed on release, and outlives no dead holder."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from data.lock import BusyError, hold_lock
from tests.resources.machines import ROOT

# Adds 1 to the number in a file, reading and writing separately, so that two at once would lose counts.
COUNTING = """
import sys
from pathlib import Path
from data.lock import hold_lock

folder = Path(sys.argv[1])
for _ in range(100):
    with hold_lock(folder / ".lock", 600):
        number = int((folder / "number").read_text())
        (folder / "number").write_text(str(number + 1))
"""


def test_it_keeps_others_out_and_is_removed_on_release(tmp_path):
    with hold_lock(tmp_path / ".lock", 0):
        with pytest.raises(BusyError), hold_lock(tmp_path / ".lock", 0):
            pass
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_dead_process_is_taken_over_and_removed(tmp_path):
    code = "import os; from data.lock import hold_lock; from pathlib import Path\n"
    code += f"with hold_lock(Path({str(tmp_path / '.lock')!r}), 0): os._exit(9)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 9
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    with hold_lock(tmp_path / ".lock", 0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_processes_that_keep_removing_it_never_hold_it_together(tmp_path):
    (tmp_path / "number").write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", COUNTING, str(tmp_path)], cwd=ROOT) for _ in range(3)]
    assert [process.wait(timeout=600) for process in processes] == [0, 0, 0]
    assert (tmp_path / "number").read_text() == "300"
    assert [path.name for path in tmp_path.iterdir()] == ["number"]


def test_a_lock_that_cannot_be_created_gives_the_reason(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"Not a directory|File exists"), hold_lock(tmp_path / "file" / ".lock", 0):
        pass


@pytest.mark.skipif(os.name != "posix", reason="flock")
def test_a_file_system_without_locks_is_reported_and_no_file_stays(tmp_path, monkeypatch):
    def unknown(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", unknown)
    with pytest.raises(OSError, match="not implemented"), hold_lock(tmp_path / ".lock", 0):
        pass
