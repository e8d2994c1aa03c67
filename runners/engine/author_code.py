"""The boundary around a strategy's own code, which runs in the process of a command or of its worker."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.errors import StrategyError
from runners.engine.tracebacks import UnusualError, is_authors_file

SYSTEM = (os, sys.modules[os.name])  # `posix` or `nt`, from which `os` takes its functions
# Functions that a strategy must not call in this process, and why.
REFUSED = {
    "_exit": "would end the whole command; raise an exception",
    "abort": "would end the whole command; raise an exception",
    "fork": "would copy the whole command; use subprocess or multiprocessing",
    "forkpty": "would copy the whole command; use subprocess or multiprocessing",
    "execv": "would replace the whole command; use subprocess",
    "execve": "would replace the whole command; use subprocess",
}
_exit = os._exit


@contextmanager
def author_code(module: str = "") -> Iterator[None]:
    """Run code of a strategy's author, a module or its package, without lasting effects on the process.

    Its working folder is restored, and its code cannot end, copy or replace the process: that is a StrategyError. What
    it raises is an Exception, SystemExit or KeyboardInterrupt, which is the user's Ctrl-C.
    """
    process, folder = os.getpid(), Path.cwd()
    before = [(system, name, getattr(system, name)) for system in SYSTEM for name in REFUSED if hasattr(system, name)]
    for system, name, function in before:
        setattr(system, name, _refused(function, name, module.partition(".")[0]))
    try:
        yield
    except (Exception, SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise UnusualError from error
    finally:
        if os.getpid() != process:  # a copy that was made otherwise, as by compiled code
            _exit(1)
        for system, name, function in before:
            setattr(system, name, function)
        os.chdir(folder)


def _refused(function: Callable[..., Any], name: str, package: str) -> Callable[..., Any]:
    """`function`, but an error if the author calls it in this process; libraries may, and processes that they start."""
    process = os.getpid()

    def guarded(*arguments: Any, **options: Any) -> Any:
        if os.getpid() != process or not is_authors_file(_caller(), package):
            return function(*arguments, **options)
        raise StrategyError(f"os.{name} {REFUSED[name]}")

    return guarded


def _caller() -> Path:
    """The file that called a function of `os`, or one that `os` builds on it, as execlp on execv."""
    frame = sys._getframe(2)
    while frame.f_globals is vars(os) and frame.f_back:
        frame = frame.f_back
    return Path(frame.f_code.co_filename)
