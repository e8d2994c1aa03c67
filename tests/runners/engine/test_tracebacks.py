"""What is told of a strategy that its own code stopped: its author's frames, and nothing of ours."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from data.errors import DataError, RequestError, StrategyError
from reports.records.result import Failure
from reports.statistics.availability import value_or_missing
from runners.engine import tracebacks as engine_failure
from runners.engine.execution.executor import WorkerDiedError
from runners.engine.tracebacks import MOST, describe_failure, is_authors_fault, shown_file_name, worker_death

ROOT = Path(__file__).parents[3]
BEGIN = "Traceback (most recent call last):"
MINE = """def weights(past=0):
    return 1 / past


def wrapped():
    try:
        weights()
    except ZeroDivisionError as error:
        raise KeyError("no such name") from error


def anew():
    try:
        weights()
    except ZeroDivisionError:
        raise KeyError("no such name")


def raised(error):
    raise error
"""


def written(path: Path, text: str = MINE) -> ModuleType:
    """A module of somebody else in that file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    module = ModuleType(path.stem)
    exec(compile(text, str(path), "exec"), vars(module))  # noqa: S102
    return module


def caught(work, *words) -> BaseException:
    """What it raises, without the frame of this function."""
    try:
        work(*words)
    except BaseException as error:  # noqa: BLE001
        return error.with_traceback(error.__traceback__.tb_next)
    raise AssertionError


@pytest.fixture
def mine(tmp_path, monkeypatch) -> ModuleType:
    monkeypatch.chdir(tmp_path)
    return written(tmp_path / "mine.py")


def frames(text: str) -> str:
    """A traceback without the marks below its lines, which differ between versions of Python."""
    return "\n".join(line for line in text.split("\n") if set(line.strip()) - set("~^"))


def test_an_error_is_told_with_its_kind_its_place_and_its_authors_lines(mine):
    told = describe_failure(caught(mine.weights))
    assert told.summary == "ZeroDivisionError: division by zero (mine.py, line 2)"
    assert frames(told.traceback) == (
        f'{BEGIN}\n  File "mine.py", line 2, in weights\n    return 1 / past\nZeroDivisionError: division by zero'
    )
    assert told.lacking is False


def test_frames_of_ours_are_left_out(mine):
    error = caught(value_or_missing, mine.weights)
    assert [frame.tb_frame.f_code.co_name for frame in (error.__traceback__, error.__traceback__.tb_next)] == [
        *("value_or_missing", "weights"),
    ]
    told = describe_failure(error)
    assert told.traceback.count("File ") == 1 and 'File "mine.py", line 2, in weights' in told.traceback


def test_frames_of_pythons_own_library_are_left_out(mine):
    told = describe_failure(caught(json.dumps, {"x": mine}))
    assert told.traceback.startswith("TypeError: Object of type module") and "File" not in told.traceback
    assert told.summary == "TypeError: Object of type module is not JSON serializable"


@pytest.mark.parametrize("name", ["wrapped", "anew"])
def test_errors_behind_an_error_are_told_likewise(mine, name):
    told = describe_failure(caught(value_or_missing, getattr(mine, name)))
    line = {"wrapped": 9, "anew": 16}[name]
    assert told.summary == f"KeyError: 'no such name' (mine.py, line {line})"
    assert told.traceback.count(BEGIN) == 2
    assert 'File "mine.py", line 2, in weights' in told.traceback and str(ROOT) not in told.traceback


def test_errors_of_a_group_are_told_likewise(mine):
    inner = caught(value_or_missing, mine.weights)
    told = describe_failure(caught(mine.raised, ExceptionGroup("several", [inner])))
    assert told.summary == "ExceptionGroup: several (1 sub-exception) (mine.py, line 20)"
    assert 'File "mine.py", line 2, in weights' in told.traceback and "availability" not in told.traceback


@pytest.mark.parametrize("kind", [RequestError, DataError, StrategyError])
def test_a_sentence_of_ours_is_told_as_it_is(mine, kind):
    alone = describe_failure(kind("give another"))
    assert alone == Failure("give another", "give another", lacking=kind is not StrategyError)
    through = describe_failure(caught(mine.raised, kind("give another")))
    assert through.summary == "give another (mine.py, line 20)" and not through.lacking
    assert through.traceback.startswith(BEGIN) and through.traceback.endswith("Error: give another")


def test_who_is_to_blame(mine):
    assert is_authors_fault(ValueError("x")) and is_authors_fault(StrategyError("x"))
    assert not is_authors_fault(RequestError("x")) and not is_authors_fault(DataError("x"))
    assert is_authors_fault(caught(mine.raised, RequestError("x"))) and is_authors_fault(
        caught(mine.raised, DataError("x"))
    )


def test_an_installed_package_is_its_authors_only_where_it_is_theirs(tmp_path):
    place = tmp_path / "lib" / "site-packages"
    own, other = written(place / "own" / "rules.py"), written(place / "other" / "lib.py")
    error = caught(own.raised, DataError("x"))
    assert (
        is_authors_fault(error, "own.rules.deep")
        and not is_authors_fault(error)
        and not is_authors_fault(error, "other.lib")
    )
    told = describe_failure(caught(own.weights), "own.rules.deep")
    assert told.summary == "ZeroDivisionError: division by zero (own/rules.py, line 2)"
    assert 'File "own/rules.py", line 2, in weights\n    return 1 / past' in told.traceback, (
        "by no other file of that name"
    )
    assert describe_failure(caught(other.weights), "own.rules").summary == "ZeroDivisionError: division by zero"
    lacking = describe_failure(error, "other")
    assert lacking == Failure("x", "x", lacking=True)
    assert describe_failure(error, "own").summary == "x (own/rules.py, line 20)"
    single = written(place / "single.py")
    assert describe_failure(caught(single.weights), "single").summary.endswith("(single.py, line 2)")


def test_causes_in_an_installed_package_are_its_authors_too(tmp_path):
    own = written(tmp_path / "dist-packages" / "own" / "rules.py")
    told = describe_failure(caught(own.wrapped), "own")
    assert told.traceback.count('File "own/rules.py"') == 3
    assert describe_failure(caught(own.wrapped), "other").traceback.count("File") == 0


def test_backtrader_is_nobodys_strategy(tmp_path):
    place = tmp_path / "site-packages"
    told = describe_failure(caught(written(place / "backtrader" / "cerebro.py").weights), "backtrader.cerebro")
    assert told.summary == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("strategies/mine.py", True),
        ("strategies/base/reading.py", False),
        ("strategies/generic/pair.py", False),
        ("strategies/__init__.py", False),
        ("runners/engine/study.py", False),
        ("data/prices.py", False),
        ("reports/page.py", False),
        ("tests/rules.py", True),
        ("<frozen importlib>", False),
        ("<string>", False),
    ],
)
def test_whose_a_frame_is_follows_from_its_file(file, shown):
    name = file if file.startswith("<") else str(ROOT / file)
    module = ModuleType("any")
    exec(compile(MINE, name, "exec"), vars(module))  # noqa: S102
    told = describe_failure(caught(module.weights))
    assert told.summary == "ZeroDivisionError: division by zero" + (f" ({file}, line 2)" if shown else "")


def test_readings_of_an_installed_copy_are_their_authors_too(tmp_path, monkeypatch):
    root = tmp_path / "site-packages"
    monkeypatch.setattr(engine_failure, "ROOT", root)
    own, ours = written(root / "strategies" / "mine.py"), written(root / "strategies" / "base" / "past.py")
    assert (
        describe_failure(caught(own.weights)).summary
        == "ZeroDivisionError: division by zero (strategies/mine.py, line 2)"
    )
    assert describe_failure(caught(ours.weights)).summary == "ZeroDivisionError: division by zero"


def test_files_are_named_from_the_working_folder_the_checkout_or_their_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shown_file_name(tmp_path / "deep" / "mine.py") == "deep/mine.py"
    assert shown_file_name(Path("deep") / ".." / "mine.py") == "mine.py"
    assert shown_file_name(ROOT / "strategies" / "mine.py") == "strategies/mine.py"
    elsewhere = tmp_path.parent / "elsewhere"
    assert shown_file_name(elsewhere / "deep" / "mine.py") == "mine.py"
    assert shown_file_name(elsewhere / "site-packages" / "own" / "rules.py") == "own/rules.py"
    assert shown_file_name(elsewhere / "dist-packages" / "x" / "site-packages" / "own" / "rules.py") == "own/rules.py"


def test_a_mistake_of_writing_is_told_with_its_file_and_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = SyntaxError("odd words", (str(tmp_path / "bad.py"), 3, 1, "x = = 1\n", 3, 2))
    told = describe_failure(error)
    assert told.summary == "SyntaxError: odd words (bad.py, line 3)"
    assert told.traceback.startswith('  File "bad.py", line 3\n    x = = 1\n') and str(tmp_path) not in told.traceback
    assert describe_failure(SyntaxError("odd words")).summary == "SyntaxError: odd words"


def test_words_without_end_are_cut_and_none_are_said():
    long = "w" * (MOST + 1)
    assert describe_failure(ValueError(long)).summary == f"ValueError: {long[:-1]}\u2026"
    assert describe_failure(ValueError(long[:-1])).summary == f"ValueError: {long[:-1]}"
    assert describe_failure(ValueError()).summary == "ValueError: no message"
    begin = "ValueError: "
    exact = long[: MOST - len(begin)]
    assert describe_failure(ValueError(exact)).traceback == f"{begin}{exact}"
    assert describe_failure(ValueError(f"{exact}x\nnext")).traceback == f"{begin}{exact}\u2026\nnext"


def test_what_a_terminal_would_obey_is_written_out():
    told = describe_failure(ValueError("\x1b[31m red \n"))
    assert told.summary == r"ValueError: \x1b[31m red"
    assert told.traceback == r"ValueError: \x1b[31m red"


def test_of_a_worker_that_died_there_is_no_traceback():
    told = worker_death(WorkerDiedError("mine"))
    assert told == Failure(*["its worker process died, killed from outside or for want of memory"] * 2)
    assert not told.lacking


def test_a_strategy_that_leaves_is_told_too(mine):
    assert describe_failure(caught(mine.raised, SystemExit(3))).summary == "SystemExit: 3 (mine.py, line 20)"
