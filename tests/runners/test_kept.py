"""What is finished of a long job: a file that outlives crashes, damage and full disks."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from data.errors import RequestError, WorkError
from runners.engine import kept
from runners.engine.kept import Kept

# The checksum that gzip writes for the text before it.
LINE = b'aa {"n":1} 26e61489\n'


@pytest.fixture
def book(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "kept")


def full(*_: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def broken(*_: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_a_line_is_key_content_and_the_checksum_of_both(book):
    book.add("aa", '{"n":1}')
    assert book.path.read_bytes() == LINE
    assert Kept(book.path).contents == {"aa": '{"n":1}'}


def test_contents_may_have_spaces_and_are_found_by_key_in_their_order(book):
    book.add("b", '{"text": "two words"}')
    book.add("a", "[1, 2]")
    found = Kept(book.path)
    assert list(found.contents.items()) == [("b", '{"text": "two words"}'), ("a", "[1, 2]")]
    assert (book.count, found.count) == (2, 2)
    found.add("c", "3")
    assert found.count == 3


def test_nothing_is_kept_before_the_first(book):
    assert (book.contents, book.count, book.interrupted) == ({}, 0, False)
    assert not book.path.exists()


def test_a_file_that_is_there_tells_of_an_interrupted_job(book):
    assert Kept(book.path, interrupted=True).interrupted is True
    book.add("aa", "1")
    assert Kept(book.path).interrupted is True


@pytest.mark.parametrize(
    "damaged",
    [
        b'ab {"n":1} 26e61489\n',
        b'aa {"n":2} 26e61489\n',
        b'aa {"n":1} 26E61489\n',
        b'aa {"n":1} 26e61489 \n',
        b"\xff\xfe\n",
        b"\n",
        b"half a li",
    ],
)
def test_a_line_that_is_not_as_it_was_written_is_passed_over(book, damaged):
    book.path.write_bytes(damaged + LINE if damaged.endswith(b"\n") else damaged)
    before = {"aa": '{"n":1}'} if damaged.endswith(b"\n") else {}
    found = Kept(book.path)
    assert found.contents == before and found.count == len(before)
    found.add("bb", "2")
    assert Kept(book.path).contents == {**before, "bb": "2"}
    assert book.path.read_bytes().startswith(damaged)


def test_only_what_has_no_end_is_given_one(book):
    book.add("aa", '{"n":1}')
    book.add("aa", '{"n":1}')
    assert book.path.read_bytes() == LINE + LINE
    book.path.write_bytes(LINE[:-1])
    book.add("aa", '{"n":1}')
    assert book.path.read_bytes() == LINE + LINE


def test_everybody_may_read_it_whom_the_user_lets(book):
    before = os.umask(0)
    try:
        book.add("aa", "1")
    finally:
        os.umask(before)
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o666


def test_where_lines_could_be_ended_otherwise_they_are_not(book, monkeypatch):
    opened, binary, really = [], 1 << 30, os.open

    def noting(path, flags, mode):
        opened.append(flags)
        return really(path, flags & ~binary, mode)

    monkeypatch.setattr(os, "O_BINARY", binary, raising=False)
    monkeypatch.setattr(os, "open", noting)
    book.add("aa", '{"n":1}')
    assert opened == [os.O_RDWR | os.O_APPEND | os.O_CREAT | binary]


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_takes_no_more_leaves_what_was_kept(book, monkeypatch, call):
    book.add("aa", '{"n":1}')
    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(WorkError) as caught:
            book.add("bb", "2")
    assert str(caught.value) == (
        f"what was found cannot be kept in {book.path} (No space left on device): 1 finished parts are in it; make "
        f"room and give the same command again, which goes on from there"
    )
    assert (book.path.read_bytes(), book.count) == (LINE, 1)


def test_a_line_of_which_the_disk_takes_a_part_is_taken_back(book, monkeypatch):
    book.add("aa", '{"n":1}')
    really = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, line: really(descriptor, line[:-1]))
        with pytest.raises(WorkError, match=r"\(No space left on device\): 1 finished parts") as caught:
            book.add("bb", "2")
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert book.path.read_bytes() == LINE


def test_where_not_even_that_can_be_the_reason_is_still_the_disk(book, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    monkeypatch.setattr(os, "ftruncate", broken)
    with pytest.raises(WorkError, match="No space left on device"):
        book.add("bb", "2")


def test_files_are_closed(book, monkeypatch):
    closed, really = [], os.close

    def noting(descriptor):
        closed.append(descriptor)
        really(descriptor)

    monkeypatch.setattr(os, "close", noting)
    book.add("aa", "1")
    assert len(closed) == 1


def test_what_cannot_be_read_is_a_wrong_request(tmp_path):
    (tmp_path / "kept").mkdir()
    with pytest.raises(RequestError) as caught:
        Kept(tmp_path / "kept")
    assert str(caught.value) == f"{tmp_path / 'kept'} cannot be read (Is a directory); make it readable or remove it"


def test_an_output_that_cannot_be_written_is_told_with_where_its_parts_are(book):
    with pytest.raises(WorkError) as caught, book.named():
        raise WorkError("no room")
    assert str(caught.value) == (
        f"no room; all that was run is kept in {book.path}: the same command writes it without running it again"
    )
    with book.named():
        pass
    with pytest.raises(ZeroDivisionError), book.named():
        raise ZeroDivisionError


def test_a_job_that_is_done_forgets_it_all(book):
    book.add("aa", "1")
    book.remove()
    assert not book.path.exists()
    book.remove()


# --- beside its output ----------------------------------------------------------------------------------------------


def test_it_lies_beside_the_output_and_is_locked_there(tmp_path):
    out = tmp_path / "deep" / "er" / "out"
    with Kept.beside(out) as found:
        assert found.path == tmp_path / "deep" / "er" / ".out.sweep"
        assert not found.interrupted
        assert [path.name for path in out.parent.iterdir()] == [".out.sweep-lock"]
        found.add("aa", "1")
    with Kept.beside(out) as again:
        assert again.interrupted and again.contents == {"aa": "1"}


def test_a_relative_output_is_found_from_where_it_was_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Kept.beside(Path("out")) as found:
        assert found.path == tmp_path.resolve() / ".out.sweep"


def test_a_lock_that_was_left_tells_of_a_job_that_was_killed(tmp_path):
    (tmp_path / ".out.sweep-lock").touch()
    with Kept.beside(tmp_path / "out") as found:
        assert found.interrupted is True


def test_an_output_that_is_being_worked_on_is_not_waited_for(tmp_path, monkeypatch):
    waits, really = [], kept.locked

    def noting(path, seconds):
        waits.append(seconds)
        return really(path, seconds)

    monkeypatch.setattr(kept, "locked", noting)
    out = tmp_path / "out"
    with Kept.beside(out), pytest.raises(RequestError) as caught, Kept.beside(out):
        pass
    assert str(caught.value) == f"--out {out} is being worked on by another sweep; wait for it or name another"
    assert waits == [0, 0]


def test_an_output_inside_of_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    out = tmp_path / "file" / "deep" / "out"
    with pytest.raises(RequestError) as caught, Kept.beside(out):
        pass
    assert str(caught.value) == f"--out {out} cannot be made (Not a directory); name another folder"
