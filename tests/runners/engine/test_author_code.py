"""What an author's code does to the process is undone or refused at its boundary."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from data.errors import StrategyError
from runners.engine.author_code import author_code
from runners.engine.tracebacks import UnusualError, describe_failure


def moved_and_lost(folder: Path) -> None:
    os.chdir(folder)
    os.chdir("no such folder")


class OddError(BaseException):
    pass


def test_the_working_folder_is_restored_even_after_an_error(tmp_path):
    before = Path.cwd()
    with pytest.raises(FileNotFoundError), author_code():
        moved_and_lost(tmp_path)
    assert Path.cwd() == before


def test_what_is_no_exception_becomes_one_and_is_described_as_it_was():
    with pytest.raises(UnusualError) as raised, author_code():
        raise OddError("odd")
    assert describe_failure(raised.value).summary.startswith("OddError: odd (")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, ValueError, StrategyError])
def test_other_errors_pass_through(error):
    with pytest.raises(error), author_code():
        raise error


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("_exit", (0,)), ("abort", ()), ("fork", ()), ("execv", ("/bin/true", ["true"])), ("execlp", ("true", "true"))],
)
def test_the_author_cannot_end_copy_or_replace_the_process(name, arguments):
    before = os._exit, os.fork
    with pytest.raises(StrategyError, match=r"os\.\w+ would \w+ the whole command"), author_code():
        getattr(os, name)(*arguments)
    assert (os._exit, os.fork) == before


def test_a_function_that_the_author_kept_is_refused_afterwards_too():
    with author_code():
        kept = os._exit
    with pytest.raises(StrategyError, match="would end the whole command"):
        kept(0)
