from __future__ import annotations

import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from reports.statistics.returns import PERIODS
from runners.cli import console
from runners.engine.trial_ledger import Trial, TrialLedger
from runners.trials import SESSIONS_A_YEAR, trials

ROOT = Path(__file__).parents[2]
Command = Callable[..., tuple[int, str, str]]


class Input(io.StringIO):
    """Typed input, which ends as with Ctrl-D."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


def trial(number: int, name: str, sharpe: float | None) -> Trial:
    return Trial(sha256(str(number).encode()).hexdigest(), name, sharpe)


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrialLedger:
    """The ledger of the command: four trials of three readings."""
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.sqlite"))
    ledger = TrialLedger()
    ledger.add(
        [
            trial(1, "gpu_bubble", 0.0625),
            trial(2, "fomc_tilt", -0.03125),
            trial(3, "gpu_bubble", 0.125),
            trial(4, "diversity_pool", None),
        ]
    )
    return ledger


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `python -m runners.trials` with input; returns exit status, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str, answer: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["trials", *words])
        monkeypatch.setattr(sys, "stdin", Input(answer))
        with pytest.raises(SystemExit) as left:
            console.run_command(trials)
        return int(left.value.code or 0), *capfd.readouterr()

    return run


def test_each_reading_has_a_row_with_its_best_annualised_sharpe(book: TrialLedger, command: Command) -> None:
    status, out, err = command()
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[:2] == [f"ledger: {book.path}", "4 trials"]
    assert max(map(len, lines[1:])) <= 80
    # 0.125 and -0.03125 times the root of 252, 15.8745.
    rows = [line.split() for line in lines[4:]]
    assert rows == [["gpu_bubble", "2", "1.98"], ["fomc_tilt", "1", "-0.50"], ["diversity_pool", "1", "-"]]


def test_everything_as_json(book: TrialLedger, command: Command) -> None:
    status, out, err = command("--json")
    assert (status, err) == (0, "")
    shown = json.loads(out)
    assert (shown["schema"], shown["path"], shown["n"]) == (1, str(book.path), 4)
    assert (shown["forgotten"], shown["damaged"]) == (0, [])
    assert shown["readings"]["gpu_bubble"] == {"trials": 2, "best_sharpe_annual": pytest.approx(1.98431, abs=1e-5)}
    assert shown["readings"]["diversity_pool"] == {"trials": 1, "best_sharpe_annual": None}
    assert [Trial(**each) for each in shown["trials"]] == list(book.read().values())


def test_without_a_ledger_there_are_no_trials(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "new" / "trials.sqlite"))
    assert command() == (0, f"ledger: {tmp_path / 'new' / 'trials.sqlite'}\n0 trials\n", "")
    assert command("--forget")[0] == 0
    assert json.loads(command("--json")[1])["n"] == 0
    assert list(tmp_path.iterdir()) == []


def test_damaged_lines_of_a_text_ledger_are_named_also_after_conversion(book: TrialLedger, command: Command) -> None:
    book.path.write_bytes(b"?\n" * 3 + b"forgotten 7 75e6a5f9\n" + b"?\n" * 9)
    for _ in range(2):
        status, out, err = command()
        assert (status, err) == (0, "")
        output = " ".join(out.split())
        assert "lines 1, 2, 3, 5, 6, 7, 8, 9, 10, 11 and 2 more of the former text file are damaged" in output
        assert max(map(len, out.splitlines()[1:])) <= 80
        assert json.loads(command("--json")[1])["damaged"] == [1, 2, 3, *range(5, 14)]
        book.add([trial(1, "gpu_bubble", 0.0625)])


def test_forgetting_asks_first(book: TrialLedger, command: Command) -> None:
    before = book.path.read_bytes()
    status, out, err = command("--forget", answer="n\n")
    assert (status, out.splitlines()[1]) == (0, "4 trials")
    assert err.startswith(f"Delete 4 trials in {book.path}?")
    assert book.path.read_bytes() == before
    status, out, _ = command("--forget", answer="y\n")
    assert (status, out.splitlines()[1:]) == (0, ["0 trials; 4 earlier ones were deleted"])
    assert book.read().forgotten == 4


def test_forgetting_with_yes_adds_up(book: TrialLedger, command: Command) -> None:
    assert command("--forget", "--yes")[::2] == (0, "")
    book.add([trial(1, "gpu_bubble", 0.0625)])
    assert command()[1].splitlines()[1] == "1 trial; 4 earlier ones were deleted"
    status, out, err = command("--forget", "--yes", "--json")
    assert (status, err) == (0, "")
    assert (json.loads(out)["n"], json.loads(out)["forgotten"]) == (0, 5)


def test_without_an_answer_nothing_is_forgotten(book: TrialLedger, command: Command) -> None:
    status, out, err = command("--forget")
    assert (status, out) == (2, "")
    assert err.splitlines()[1:] == ["error: --forget asks for confirmation, which was not given; add --yes"]
    assert len(book.read()) == 4


def test_an_interrupted_question_is_status_130(
    book: TrialLedger, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Input, "terminal", True)
    status, out, err = command("--forget")
    assert (status, out) == (130, "")
    assert err.endswith("error: interrupted\n")
    assert len(book.read()) == 4


@pytest.mark.parametrize("words", [("--yes",), ("--no-such-option",), ("gpu_bubble",)])
def test_a_wrong_request_is_status_2_in_one_line(book: TrialLedger, command: Command, words: tuple[str, ...]) -> None:
    status, out, err = command(*words)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [(), ("--json",), ("--forget", "--yes"), ("--forget",)])
def test_a_ledger_that_cannot_be_read_is_status_1_in_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path))
    status, out, err = command(*words)
    assert (status, out) == (1, "")
    assert err.startswith(f"error: the trial ledger {tmp_path} cannot be read (")
    assert "DEEPSEEK_TRIALS" in err
    assert err.count("\n") == 1


def test_a_ledger_that_cannot_be_written_is_status_1_in_one_line(
    book: TrialLedger, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("database", "trial_ledger"):
        monkeypatch.setattr(f"runners.engine.{module}.BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(book.path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        status, out, err = command("--forget", "--yes")
    assert (status, out) == (1, "")
    assert err.startswith(f"error: another process has locked the trial ledger {book.path} for 0.05 s")
    assert err.count("\n") == 1
    assert len(book.read()) == 4


def test_a_year_has_as_many_sessions_as_in_the_reports() -> None:
    assert SESSIONS_A_YEAR == PERIODS


def test_help_imports_no_heavy_library() -> None:
    code = (
        "import sys; import runners.trials; heavy = {'numpy', 'pandas', 'backtrader', 'rich', 'filelock', "
        "'platformdirs', 'sqlite3'}; print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    words = [sys.executable, "-m", "runners.trials", "--help"]
    shown = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown.startswith("Usage: python -m runners.trials ")
    assert max(map(len, shown.splitlines())) <= 80
