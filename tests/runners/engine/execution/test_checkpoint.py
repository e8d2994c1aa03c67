"""Checkpoints survive crashes and full disks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from data.errors import RequestError, WorkError
from runners.engine.execution import checkpoint
from runners.engine.execution.checkpoint import Checkpoint
from tests.resources.machines import ROOT


@pytest.fixture
def parts(tmp_path):
    return Checkpoint(tmp_path / "parts")


def test_parts_are_read_by_key_in_the_order_of_addition(parts):
    parts.add("b", '{"text": "two words é"}')
    parts.add("a", "[1, 2]")
    result = Checkpoint(parts.path)
    assert list(result.contents.items()) == [("b", '{"text": "two words é"}'), ("a", "[1, 2]")]
    assert (parts.count, result.count) == (2, 2)
    result.add("c", "3")
    assert (result.count, len(result.contents)) == (3, 2)
    assert [path.name for path in parts.path.parent.iterdir()] == ["parts"]


def test_before_the_first_part_there_is_no_file(parts):
    assert (parts.contents, parts.count, parts.interrupted) == ({}, 0, False)
    assert not parts.path.exists()


def test_an_existing_file_means_an_interrupted_job(parts):
    assert Checkpoint(parts.path, interrupted=True).interrupted
    parts.add("aa", "1")
    assert Checkpoint(parts.path).interrupted


def test_a_job_that_died_at_its_first_part_left_an_empty_file(parts):
    parts.path.touch()
    result = Checkpoint(parts.path)
    assert (result.contents, result.interrupted) == ({}, True)
    result.add("aa", "1")
    assert Checkpoint(parts.path).contents == {"aa": "1"}


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size there")
def test_a_full_disk_keeps_the_saved_parts(parts):
    code = (
        "import resource, sys; from pathlib import Path; from data.errors import WorkError\n"
        "from runners.engine.execution.checkpoint import Checkpoint\n"
        "parts = Checkpoint(Path(sys.argv[1])); parts.add('aa', '1')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try: parts.add('bb', '2' * 100_000)\n"
        "except WorkError as error: print(error)"
    )
    words = [sys.executable, "-c", code, parts.path]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == (
        f"results cannot be saved in {parts.path} (disk I/O error): 1 finished parts are in it; free disk space "
        f"and run the same command again, which resumes there\n"
    )
    result = Checkpoint(parts.path)
    result.add("cc", "3")
    assert Checkpoint(parts.path).contents == {"aa": "1", "cc": "3"}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (Path.mkdir, "it is not a file"),
        (lambda path: path.write_text("damaged"), "file is not a database"),
    ],
)
def test_an_unreadable_file_is_a_wrong_request(tmp_path, damage, reason):
    path = tmp_path / "parts"
    damage(path)
    with pytest.raises(RequestError) as caught:
        Checkpoint(path)
    assert str(caught.value) == f"{path} cannot be read ({reason}); make it readable or remove it"


def test_an_output_error_names_the_file_of_the_parts(parts):
    with pytest.raises(WorkError) as caught, parts.named_in_errors():
        raise WorkError("no room")
    assert str(caught.value) == (
        f"no room; all results are saved in {parts.path}: the same command writes them without running again"
    )
    with pytest.raises(ZeroDivisionError), parts.named_in_errors():
        raise ZeroDivisionError


def test_a_finished_job_removes_the_file(parts):
    parts.add("aa", "1")
    parts.remove()
    assert not list(parts.path.parent.iterdir())
    parts.remove()


# --- beside its output ----------------------------------------------------------------------------------------------


def test_the_file_is_next_to_the_output_and_locked(tmp_path):
    out = tmp_path / "deep" / "er" / "out"
    with Checkpoint.next_to(out) as result:
        assert result.path == tmp_path / "deep" / "er" / ".out.sweep"
        assert not result.interrupted
        assert [path.name for path in out.parent.iterdir()] == [".out.sweep-lock"]
        result.add("aa", "1")
    with Checkpoint.next_to(out) as again:
        assert again.interrupted and again.contents == {"aa": "1"}


def test_a_relative_output_keeps_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Checkpoint.next_to(Path("out")) as result:
        assert result.path == tmp_path.resolve() / ".out.sweep"


def test_a_stale_lock_means_a_killed_job(tmp_path):
    (tmp_path / ".out.sweep-lock").touch()
    with Checkpoint.next_to(tmp_path / "out") as result:
        assert result.interrupted is True


def test_an_output_in_use_is_refused_at_once(tmp_path, monkeypatch):
    waits, really = [], checkpoint.hold_lock

    def noting(path, seconds):
        waits.append(seconds)
        return really(path, seconds)

    monkeypatch.setattr(checkpoint, "hold_lock", noting)
    out = tmp_path / "out"
    with Checkpoint.next_to(out), pytest.raises(RequestError) as caught, Checkpoint.next_to(out):
        pass
    assert str(caught.value) == f"--out {out} is in use by another sweep; wait for it or name another"
    assert waits == [0, 0]


def test_an_output_inside_a_file_cannot_be_created(tmp_path):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "deep" / "out"
    with pytest.raises(RequestError) as caught, Checkpoint.next_to(out):
        pass
    assert str(caught.value) == f"--out {out} cannot be made (Not a directory); name another folder"
