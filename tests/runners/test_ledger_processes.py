"""The trial ledger in several processes: at once, killed, without room, and of one mind on what is a variant."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from runners.engine.ledger import Ledger, Trial

ROOT = Path(__file__).parents[2]


def key(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


def trial(number: int) -> Trial:
    return Trial(key(number), "gpu_bubble", 0.0625)


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "data" / "trials.txt")


HEAD = """
import sys
from hashlib import sha256
from pathlib import Path
from runners.engine.ledger import Ledger, LedgerError, Trial

def trial(number):
    return Trial(sha256(str(number).encode()).hexdigest(), "gpu_bubble", number / 7)

book = Ledger(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
"""


def child(book: Ledger, code: str) -> subprocess.Popen[str]:
    """A process that runs `code` with `book` and `trial`, once it is told to."""
    lines = code.strip("\n").splitlines()
    margin = len(lines[0]) - len(lines[0].lstrip())
    program = HEAD + "\n".join(line[margin:] for line in lines)
    words = [sys.executable, "-c", program, str(book.path)]
    return subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def begin(*processes: subprocess.Popen[str]) -> None:
    """Let them begin together, once all are ready."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def test_processes_that_add_at_once_lose_nothing(book: Ledger) -> None:
    adding = [
        child(book, f"for n in range(40): book.add([trial({start} + n), trial(10000 + n)])")
        for start in (0, 100, 200, 300)
    ]
    begin(*adding)
    for process in adding:
        process.communicate(timeout=600)
        assert process.returncode == 0
    numbers = [start + n for start in (0, 100, 200, 300, 10000) for n in range(40)]
    assert set(book.read()) == {key(number) for number in numbers}
    assert book.read().damaged == ()
    assert len(book.path.read_text().splitlines()) == len(numbers)


def test_what_is_forgotten_while_others_add_is_counted(book: Ledger) -> None:
    adding = [child(book, f"for n in range(40): book.add([trial({start} + n)])") for start in (0, 100)]
    begin(*adding)
    gone = 0
    while any(process.poll() is None for process in adding):
        gone += book.forget()
        time.sleep(0.01)
    for process in adding:
        process.communicate(timeout=600)
        assert process.returncode == 0
    found = book.read()
    assert (len(found) + found.forgotten, found.forgotten, found.damaged) == (80, gone, ())


def test_processes_killed_at_any_moment_lose_nothing_that_was_confirmed(book: Ledger) -> None:
    chance, confirmed = np.random.default_rng(20250127), []
    for start in range(0, 50_000, 10_000):
        process = child(
            book,
            f"""
            for n in range({start}, {start} + 10000):
                book.add([trial(10 * n), trial(10 * n + 1)])
                print(n, flush=True)
            """,
        )
        begin(process)
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        confirmed += [int(line) for line in process.communicate()[0].split()]
        found = book.read()
        assert {key(10 * n + i) for n in confirmed for i in (0, 1)} <= set(found)
        assert all(each.name == "gpu_bubble" for each in found.values())
        # One that was killed between writing and confirming.
        assert len(found) <= 2 * len(confirmed) + 2 * (start // 10_000 + 1)


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size there")
def test_a_full_disk_leaves_the_file_as_it_was(book: Ledger) -> None:
    book.add([trial(1)])
    before = book.path.read_bytes()
    code = f"""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 50}, {len(before) + 50}))
        try:
            book.add([trial(2), trial(3)])
        except LedgerError as error:
            print(error)
    """
    said, _ = child(book, code).communicate("go\n", timeout=600)
    assert "cannot be written (" in said
    assert book.path.read_bytes() == before
    assert book.add([trial(2)]) == 1


def test_keys_are_the_same_in_every_process() -> None:
    code = (
        "import pandas as pd; from runners.engine.ledger import trial_key; from runners.engine.backtest import Launch; "
        "from runners.engine.frictions import Frictions; from strategies.base.basket import Basket; "
        "launch = Launch(pd.Timestamp('2025-01-31'), 252, 20); "
        "print(trial_key(Basket, {'names': {'A', 'B', 'C', 'D'}}, launch, Frictions(), ''))"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_the_ledger_itself_pays_for_no_heavy_library() -> None:
    code = (
        "import sys; from runners.engine.ledger import Ledger; Ledger().read(); "
        "print(sorted({'numpy', 'pandas', 'backtrader', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
