"""Tracebacks of strategies: the author's frames, without this project's."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from data.errors import DataError, RequestError, StrategyError
from reports.records.result import Failure
from reports.statistics.availability import value_or_missing
from runners.engine import tracebacks
from runners.engine.execution.executor import WorkerDiedError
from runners.engine.tracebacks import MAX_LENGTH, describe_failure, display_path, is_authors_fault, worker_death

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
    """Write and import an author's module."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    module = ModuleType(path.stem)
    exec(compile(text, str(path), "exec"), vars(module))  # noqa: S102
    return module


def caught(work, *words) -> BaseException:
    """The exception of a call, without the frame of this function."""
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
    """A traceback without the markers below lines, which differ between Python versions."""
    return "\n".join(line for line in text.split("\n") if set(line.strip()) - set("~^"))


def test_an_error_is_shown_with_its_type_location_and_author_frames(mine):
    failure = describe_failure(caught(mine.weights))
    assert failure.summary == "ZeroDivisionError: division by zero (mine.py, line 2)"
    assert frames(failure.traceback) == (
        f'{BEGIN}\n  File "mine.py", line 2, in weights\n    return 1 / past\nZeroDivisionError: division by zero'
    )
    assert failure.lacking is False


def test_frames_of_this_project_are_left_out(mine):
    error = caught(value_or_missing, mine.weights)
    assert [frame.tb_frame.f_code.co_name for frame in (error.__traceback__, error.__traceback__.tb_next)] == [
        *(value_or_missing.__name__, "weights"),
    ]
    failure = describe_failure(error)
    assert failure.traceback.count("File ") == 1 and 'File "mine.py", line 2, in weights' in failure.traceback


def test_frames_of_pythons_own_library_are_left_out(mine):
    failure = describe_failure(caught(json.dumps, {"x": mine}))
    assert failure.traceback.startswith("TypeError: Object of type module") and "File" not in failure.traceback
    assert failure.summary == "TypeError: Object of type module is not JSON serializable"


@pytest.mark.parametrize("name", ["wrapped", "anew"])
def test_causes_of_an_error_are_trimmed_too(mine, name):
    failure = describe_failure(caught(value_or_missing, getattr(mine, name)))
    line = {"wrapped": 9, "anew": 16}[name]
    assert failure.summary == f"KeyError: 'no such name' (mine.py, line {line})"
    assert failure.traceback.count(BEGIN) == 2
    assert 'File "mine.py", line 2, in weights' in failure.traceback and str(ROOT) not in failure.traceback


def test_errors_of_a_group_are_trimmed_too(mine):
    inner = caught(value_or_missing, mine.weights)
    failure = describe_failure(caught(mine.raised, ExceptionGroup("several", [inner])))
    assert failure.summary == "ExceptionGroup: several (1 sub-exception) (mine.py, line 20)"
    assert 'File "mine.py", line 2, in weights' in failure.traceback and "availability" not in failure.traceback


@pytest.mark.parametrize("kind", [RequestError, DataError, StrategyError])
def test_a_message_of_this_project_is_unchanged(mine, kind):
    alone = describe_failure(kind("give another"))
    assert alone == Failure("give another", "give another", lacking=kind is not StrategyError)
    through = describe_failure(caught(mine.raised, kind("give another")))
    assert through.summary == "give another (mine.py, line 20)" and not through.lacking
    assert through.traceback.startswith(BEGIN) and through.traceback.endswith("Error: give another")


def test_a_fault_is_the_authors_or_not(mine):
    assert is_authors_fault(ValueError("x")) and is_authors_fault(StrategyError("x"))
    assert not is_authors_fault(RequestError("x")) and not is_authors_fault(DataError("x"))
    assert is_authors_fault(caught(mine.raised, RequestError("x"))) and is_authors_fault(
        caught(mine.raised, DataError("x"))
    )


def test_an_installed_package_is_the_authors_only_if_it_has_the_strategy(tmp_path):
    place = tmp_path / "lib" / "site-packages"
    own, other = written(place / "own" / "rules.py"), written(place / "other" / "lib.py")
    error = caught(own.raised, DataError("x"))
    assert (
        is_authors_fault(error, "own.rules.deep")
        and not is_authors_fault(error)
        and not is_authors_fault(error, "other.lib")
    )
    failure = describe_failure(caught(own.weights), "own.rules.deep")
    assert failure.summary == "ZeroDivisionError: division by zero (own/rules.py, line 2)"
    assert 'File "own/rules.py", line 2, in weights\n    return 1 / past' in failure.traceback, (
        "by no other file of that name"
    )
    assert describe_failure(caught(other.weights), "own.rules").summary == "ZeroDivisionError: division by zero"
    lacking = describe_failure(error, "other")
    assert lacking == Failure("x", "x", lacking=True)
    assert describe_failure(error, "own").summary == "x (own/rules.py, line 20)"
    single = written(place / "single.py")
    assert describe_failure(caught(single.weights), "single").summary.endswith("(single.py, line 2)")


def test_causes_in_an_installed_package_are_the_authors_too(tmp_path):
    own = written(tmp_path / "dist-packages" / "own" / "rules.py")
    failure = describe_failure(caught(own.wrapped), "own")
    assert failure.traceback.count('File "own/rules.py"') == 3
    assert describe_failure(caught(own.wrapped), "other").traceback.count("File") == 0


def test_backtrader_is_never_the_authors(tmp_path):
    place = tmp_path / "site-packages"
    failure = describe_failure(caught(written(place / "backtrader" / "cerebro.py").weights), "backtrader.cerebro")
    assert failure.summary == "ZeroDivisionError: division by zero"


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
def test_the_owner_of_a_frame_follows_from_its_file(file, shown):
    name = file if file.startswith("<") else str(ROOT / file)
    module = ModuleType("any")
    exec(compile(MINE, name, "exec"), vars(module))  # noqa: S102
    failure = describe_failure(caught(module.weights))
    assert failure.summary == "ZeroDivisionError: division by zero" + (f" ({file}, line 2)" if shown else "")


def test_readings_of_an_installed_copy_are_the_authors(tmp_path, monkeypatch):
    root = tmp_path / "site-packages"
    monkeypatch.setattr(tracebacks, "ROOT", root)
    own, ours = written(root / "strategies" / "mine.py"), written(root / "strategies" / "base" / "past.py")
    assert (
        describe_failure(caught(own.weights)).summary
        == "ZeroDivisionError: division by zero (strategies/mine.py, line 2)"
    )
    assert describe_failure(caught(ours.weights)).summary == "ZeroDivisionError: division by zero"


def test_files_are_named_from_the_working_folder_the_checkout_or_their_package(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert display_path(tmp_path / "deep" / "mine.py") == "deep/mine.py"
    assert display_path(Path("deep") / ".." / "mine.py") == "mine.py"
    assert display_path(ROOT / "strategies" / "mine.py") == "strategies/mine.py"
    elsewhere = tmp_path.parent / "elsewhere"
    assert display_path(elsewhere / "deep" / "mine.py") == "mine.py"
    assert display_path(elsewhere / "site-packages" / "own" / "rules.py") == "own/rules.py"
    assert display_path(elsewhere / "dist-packages" / "x" / "site-packages" / "own" / "rules.py") == "own/rules.py"


def test_a_syntax_error_is_shown_with_its_file_and_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = SyntaxError("odd words", (str(tmp_path / "bad.py"), 3, 1, "x = = 1\n", 3, 2))
    failure = describe_failure(error)
    assert failure.summary == "SyntaxError: odd words (bad.py, line 3)"
    assert (
        failure.traceback.startswith('  File "bad.py", line 3\n    x = = 1\n')
        and str(tmp_path) not in failure.traceback
    )
    assert describe_failure(SyntaxError("odd words")).summary == "SyntaxError: odd words"


def test_long_messages_are_shortened_and_empty_ones_replaced():
    long = "w" * (MAX_LENGTH + 1)
    assert describe_failure(ValueError(long)).summary == f"ValueError: {long[:-1]}\u2026"
    assert describe_failure(ValueError(long[:-1])).summary == f"ValueError: {long[:-1]}"
    assert describe_failure(ValueError()).summary == "ValueError: no message"
    begin = "ValueError: "
    exact = long[: MAX_LENGTH - len(begin)]
    assert describe_failure(ValueError(exact)).traceback == f"{begin}{exact}"
    assert describe_failure(ValueError(f"{exact}x\nnext")).traceback == f"{begin}{exact}\u2026\nnext"


def test_control_characters_are_escaped():
    failure = describe_failure(ValueError("\x1b[31m red \n"))
    assert failure.summary == r"ValueError: \x1b[31m red"
    assert failure.traceback == r"ValueError: \x1b[31m red"


def test_a_dead_worker_has_no_traceback():
    failure = worker_death(WorkerDiedError("mine"))
    assert failure == Failure(*["its worker process died: it was killed or ran out of memory"] * 2)
    assert not failure.lacking


def test_a_strategy_that_exits_is_a_failure(mine):
    assert describe_failure(caught(mine.raised, SystemExit(3))).summary == "SystemExit: 3 (mine.py, line 20)"
