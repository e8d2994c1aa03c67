"""The trial ledger under crashes, damage, concurrent runs and the text format of earlier versions."""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from data.sources import cache
from runners.engine.trial_ledger import LedgerError, Trial, TrialLedger, Trials
from tests.resources import disks
from tests.resources.machines import ROOT


def key(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


def trial(number: int, sharpe: float | None = 0.0625, name: str = "gpu_bubble") -> Trial:
    return Trial(key(number), name, sharpe)


@pytest.fixture
def book(tmp_path: Path) -> TrialLedger:
    return TrialLedger(tmp_path / "data" / "trials.sqlite")


def held(path: Path) -> list[str]:
    return sorted(path.name for path in path.iterdir())


# Counting


def test_trials_are_read_in_the_order_in_which_they_were_added_and_to_the_last_bit(book: TrialLedger) -> None:
    added = [trial(3, 0.1 + 0.2), trial(1, None, "fomc_tilt"), trial(2, -1e-300, "Мой strategy %\n")]
    assert book.add(added) == 3
    assert list(book.read().values()) == added
    assert book.read() == Trials({each.key: each for each in added})
    assert held(book.path.parent) == ["trials.sqlite"]


def test_a_ledger_that_was_never_written_is_empty(book: TrialLedger) -> None:
    assert book.read() == Trials()
    assert book.forget() == 0
    assert not book.path.parent.exists()


def test_adding_a_trial_again_changes_nothing(book: TrialLedger) -> None:
    book.add([trial(1), trial(2)])
    before = book.path.read_bytes()
    assert book.add([trial(2, 0.5), trial(1), trial(1)]) == 0
    assert book.path.read_bytes() == before
    assert book.add([trial(2, 0.5), trial(3)]) == 1
    assert book.read().sharpes == (0.0625, 0.0625, 0.0625)


def test_n_is_the_same_before_and_after_the_run_was_counted(book: TrialLedger) -> None:
    book.add([trial(1, 0.1), trial(2, None)])
    own = [trial(2, 0.3), trial(3, 0.2)]
    first = book.read().union(own)
    book.add(own)
    again = book.read().union(own)
    assert (len(first), first.sharpes) == (3, (0.1, 0.3, 0.2))
    assert (list(again), again.sharpes) == (list(first), first.sharpes)


def test_a_run_does_not_change_what_was_forgotten_or_damaged() -> None:
    known = Trials({key(1): trial(1, 0.1)}, 3, (2, 5))
    assert known.union([trial(2, 0.2)]) == Trials({key(1): trial(1, 0.1), key(2): trial(2, 0.2)}, 3, (2, 5))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("ab", "x", 0.1), "key 'ab' is not a SHA-256; make it with trial_key"),
        ((key(1), "", 0.1), "a trial has no name; give the name of its reading"),
        ((key(1), "x", float("inf")), "sharpe of x is inf; give None if it is undefined"),
    ],
)
def test_an_invalid_trial_is_refused(wrong: tuple[str, str, float], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Trial(*wrong)


def test_forgetting_adds_up(book: TrialLedger) -> None:
    book.add([trial(1), trial(2)])
    assert book.forget() == 2
    assert book.forget() == 0
    book.add([trial(1), trial(3), trial(4)])
    assert book.read().summary == "3 trials; 2 earlier ones were deleted"
    assert book.forget() == 3
    assert book.read() == Trials(forgotten=5)


def test_counts_in_words() -> None:
    assert Trials().summary == "0 trials"
    assert Trials({key(1): trial(1)}, forgotten=1).summary == "1 trial; 1 earlier one was deleted"
    assert Trials(forgotten=1234).summary == "0 trials; 1,234 earlier ones were deleted"


# Location


def test_no_test_writes_the_ledger_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert TrialLedger().path.is_relative_to(tmp_path_factory.getbasetemp())


def test_the_variable_names_the_file_instead_of_the_user_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "mine.txt"))
    assert TrialLedger().path == tmp_path / "mine.txt"
    monkeypatch.setattr("platformdirs.user_data_path", lambda application: tmp_path / application)
    monkeypatch.setenv("DEEPSEEK_TRIALS", "")
    assert TrialLedger().path == tmp_path / cache.APPLICATION / "trials.sqlite"


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions there")
def test_the_umask_decides_the_permissions(book: TrialLedger) -> None:
    code = "import os; os.umask(0o002); book.add([trial(1)])"
    process = child(book, code)
    begin(process)
    assert statuses(process) == [0]
    assert stat.S_IMODE(book.path.stat().st_mode) == 0o664


# The text file of earlier versions


def sealed(text: str) -> bytes:
    return f"{text} {crc32(text.encode()):08x}\n".encode()


# The checksum of the first line is the one that gzip writes for the text before it.
TEXT = (
    f"{'0' * 64} gpu_bubble 0.0625 1786b750\n".encode()
    + sealed("forgotten 7")
    + sealed(f"{key(1)} a%2Fb%20c%25%0A -").replace(b"\n", b"\r\n")
    + f"{key(2)} gpu_bubble 0.5 1786b750\n".encode()
    + sealed(f"{'0' * 64} gpu_bubble 0.25")
    + f"{key(3)} gpu_bub".encode()
)
READ = Trials({"0" * 64: Trial("0" * 64, "gpu_bubble", 0.0625), key(1): Trial(key(1), "a/b c%\n", None)}, 7, (4, 6))


@pytest.mark.parametrize("name", ["trials.txt", "mine"])
def test_a_text_ledger_is_read_and_converted_with_the_first_addition(tmp_path: Path, name: str) -> None:
    book = TrialLedger(tmp_path / name)
    book.path.write_bytes(TEXT)
    book.path.chmod(0o640)
    assert book.read() == READ
    assert book.add([trial(1)]) == 0
    assert held(tmp_path) == [name]
    assert book.add([trial(1), trial(4, 0.1)]) == 1
    assert book.read() == READ.union([trial(4, 0.1)])
    assert held(tmp_path) == [name, f"{name}.bak"]
    assert (tmp_path / f"{name}.bak").read_bytes() == TEXT
    if sys.platform != "win32":
        assert stat.S_IMODE(book.path.stat().st_mode) == 0o640
    assert book.forget() == 3
    assert book.read() == Trials(forgotten=10)


def test_the_text_ledger_at_the_default_path_is_converted_and_stays(tmp_path: Path) -> None:
    (tmp_path / "trials.txt").write_bytes(TEXT)
    book = TrialLedger(tmp_path / "trials.sqlite")
    assert book.read() == READ
    book.add([trial(4)])
    assert book.read() == READ.union([trial(4)])
    assert held(tmp_path) == ["trials.sqlite", "trials.txt"]
    assert (tmp_path / "trials.txt").read_bytes() == TEXT
    assert TrialLedger(tmp_path / "other.sqlite").read() == Trials(), "a ledger of another name begins anew"


def test_the_conversion_follows_links(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "trials.txt").write_bytes(TEXT)
    book = TrialLedger(tmp_path / "link")
    try:
        book.path.symlink_to(tmp_path / "elsewhere" / "trials.txt")
    except OSError:
        pytest.skip("no symbolic links here")
    book.add([trial(4)])
    assert book.path.is_symlink()
    assert held(tmp_path / "elsewhere") == ["trials.txt", "trials.txt.bak"]
    assert TrialLedger(tmp_path / "elsewhere" / "trials.txt").read() == READ.union([trial(4)])


def test_a_flipped_bit_in_a_line_of_text_is_never_trusted(tmp_path: Path) -> None:
    book, line = TrialLedger(tmp_path / "trials.txt"), sealed(f"{key(2)} gpu_bubble -0.125")
    for place in range(len(line) - 1):
        flipped = bytearray(line)
        flipped[place] ^= 1 << place % 8
        book.path.write_bytes(sealed("forgotten 7") + flipped)
        trials = book.read()
        assert trials.damaged and not trials and trials.forgotten == 7, place


def test_concurrent_conversions_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    book = TrialLedger(tmp_path / "trials.txt")
    book.path.write_bytes(TEXT)
    adding = [child(book, f"book.add([trial({number})])") for number in range(10, 14)]
    begin(*adding)
    assert statuses(*adding) == [0] * 4
    trials = book.read()
    assert set(trials) == {*READ, *map(key, range(10, 14))}
    assert (trials.forgotten, trials.damaged) == (7, (4, 6))
    assert held(tmp_path) == ["trials.txt", "trials.txt.bak"]


def test_a_text_that_is_converted_while_it_is_read_is_read_as_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, really = TrialLedger(tmp_path / "trials.txt"), Path.read_bytes
    book.path.write_bytes(TEXT)

    def late(path: Path) -> bytes:
        monkeypatch.setattr(Path, "read_bytes", really)
        book.add([trial(4)])
        return really(path)

    monkeypatch.setattr(Path, "read_bytes", late)
    assert book.read() == READ.union([trial(4)])


def test_a_process_killed_during_the_conversion_leaves_the_text(tmp_path: Path) -> None:
    book = TrialLedger(tmp_path / "trials.txt")
    book.path.write_bytes(TEXT)
    process = child(book, "Path.replace = lambda *_: os.kill(os.getpid(), 9); book.add([trial(4)])")
    begin(process)
    assert statuses(process) == [-9]
    assert book.path.read_bytes() == TEXT
    assert ".trials.txt.new" in held(tmp_path)
    book.add([trial(4)])
    assert book.read() == READ.union([trial(4)])
    assert held(tmp_path) == ["trials.txt", "trials.txt.bak"]


# Files that cannot be used


@pytest.mark.parametrize("content", [b"\0" * 4096, b"\xff\xfe", b"my notes\n" * 3, b"PK\x03\x04 \r\n\r\n"])
def test_a_file_that_is_no_ledger_is_refused_and_unchanged(tmp_path: Path, content: bytes) -> None:
    book = TrialLedger(tmp_path / "trials.txt")
    book.path.write_bytes(content)
    for use in (book.read, book.forget, lambda: book.add([trial(1)])):
        with pytest.raises(LedgerError) as raised:
            use()
        assert str(raised.value) == (
            f"the trial ledger {book.path} cannot be read (it holds no trial; move it away): make it readable, "
            f"or name another file in DEEPSEEK_TRIALS"
        )
    assert book.path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b" \n\n"])
def test_an_empty_file_is_an_empty_ledger(tmp_path: Path, content: bytes) -> None:
    book = TrialLedger(tmp_path / "trials.txt")
    book.path.write_bytes(content)
    assert book.read() == Trials()
    assert book.add([trial(1)]) == 1
    assert list(book.read()) == [key(1)]


def test_a_damaged_database_raises_only_a_ledger_error(book: TrialLedger) -> None:
    book.add([trial(number) for number in range(200)])
    book.forget()
    book.add([trial(number) for number in range(200)])
    whole, chance, refused = book.path.read_bytes(), np.random.default_rng(20250127), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for place in chance.integers(len(whole), size=50):
            damaged[place] ^= 1 << chance.integers(8)
        book.path.write_bytes(damaged[: chance.choice([len(whole), chance.integers(1, len(whole))])])
        try:
            trials = book.read()
            assert all(isinstance(each.name, str) for each in trials.values()) and trials.summary
            book.add([trial(1000)])
        except LedgerError:
            refused += 1
    assert refused > 100


def test_a_database_of_something_else_is_refused(book: TrialLedger) -> None:
    book.path.parent.mkdir()
    with closing(sqlite3.connect(book.path)) as connection:
        connection.execute("CREATE TABLE bookmarks (address TEXT)")
    with pytest.raises(LedgerError, match=r"cannot be read \(no such table: trials\)"):
        book.add([trial(1)])


def test_a_folder_in_its_place_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=r"cannot be read \(it is not a file\): make it readable"):
        TrialLedger(tmp_path).read()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and devices of POSIX")
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "trials.txt")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(
            LedgerError, match=r"cannot be read \(it is not a file\): make it readable, or name another"
        ):
            TrialLedger(path).add([trial(1)])
    assert TrialLedger(tmp_path / "trials.sqlite").add([trial(1)]) == 1


def test_a_file_in_place_of_its_folder_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    book = TrialLedger(tmp_path / "file" / "trials.txt")
    with pytest.raises(LedgerError) as raised:
        book.add([trial(1)])
    assert str(raised.value) == (
        f"the trial ledger {book.path} cannot be written (File exists): free disk space or allow writing there, "
        f"or name another file in DEEPSEEK_TRIALS"
    )


@pytest.mark.parametrize("command", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_waiting_for_another_process_ends(book: TrialLedger, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    book.add([trial(1)])
    for module in ("database", "trial_ledger"):
        monkeypatch.setattr(f"runners.engine.{module}.BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(book.path)) as connection:
        connection.execute(command)
        with pytest.raises(LedgerError) as raised:
            book.add([trial(2)])
    locked = f"another process has locked the trial ledger {book.path} for 0.05 s: wait for it to end"
    assert str(raised.value) == locked
    assert book.add([trial(2)]) == 1


NAMESPACES = pytest.mark.skipif(not disks.available(), reason="no mount namespaces here")
ADD = "tests.resources.add_trials"


@NAMESPACES
@pytest.mark.parametrize("text", [False, True])
def test_a_full_disk_changes_nothing(tmp_path: Path, text: bool) -> None:
    book = TrialLedger(tmp_path / "disk" / "trials.txt")
    book.path.parent.mkdir()
    if text:
        book.path.write_bytes(TEXT)
    else:
        book.add([trial(number) for number in range(100)])
    before = book.read()
    done = disks.run(disks.FULL, book.path.parent, ADD, book.path, 5000, room="80k")
    assert done.printed == (
        f"the trial ledger {book.path} cannot be written (No space left on device): free disk space or allow writing "
        f"there, or name another file in DEEPSEEK_TRIALS\n"
    )
    (tmp_path / "disk.after" / "trials.txt").replace(book.path)
    assert book.read() == before


@NAMESPACES
@pytest.mark.parametrize("text", [False, True])
def test_a_read_only_folder_stops_only_new_trials(tmp_path: Path, text: bool) -> None:
    book = TrialLedger(tmp_path / "disk" / "trials.txt")
    book.path.parent.mkdir()
    if text:
        book.path.write_bytes(TEXT.replace(key(1).encode(), key(0).encode()) + b"\n" + sealed(f"{key(0)} one 0.5"))
    else:
        book.add([trial(0)])
    done = disks.run(disks.READ_ONLY, book.path.parent, ADD, book.path, 1)
    assert done.printed == "0\n"
    done = disks.run(disks.READ_ONLY, book.path.parent, ADD, book.path, 2)
    assert done.printed.startswith(f"the trial ledger {book.path} cannot be written (")


# Several processes


HEAD = """
import os, sys
from hashlib import sha256
from pathlib import Path
from runners.engine.trial_ledger import Trial, TrialLedger

def trial(number):
    return Trial(sha256(str(number).encode()).hexdigest(), "gpu_bubble", number / 7)

book = TrialLedger(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
"""


def child(book: TrialLedger, code: str) -> subprocess.Popen[str]:
    """A process that waits for `begin`, then runs `code` with `book` and `trial`."""
    words = [sys.executable, "-c", HEAD + code, str(book.path)]
    return subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def begin(*processes: subprocess.Popen[str]) -> None:
    """Start all processes together once each is ready."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def statuses(*processes: subprocess.Popen[str]) -> list[int]:
    """Exit statuses after all have ended."""
    for process in processes:
        process.communicate()
    return [process.returncode for process in processes]


def test_processes_that_add_and_forget_at_once_lose_nothing(book: TrialLedger) -> None:
    adding = [child(book, f"for n in range(40): book.add([trial({start} + n)])") for start in (0, 100, 200, 300)]
    begin(*adding)
    gone = 0
    while any(process.poll() is None for process in adding):
        gone += book.forget()
    assert statuses(*adding) == [0] * 4
    trials = book.read()
    assert (len(trials) + trials.forgotten, trials.forgotten) == (160, gone)


def test_reading_the_ledger_imports_no_heavy_library() -> None:
    code = (
        "import sys; from runners.engine.trial_ledger import TrialLedger; TrialLedger().read(); "
        "print(sorted({'numpy', 'pandas', 'backtrader', 'rich', 'filelock'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
