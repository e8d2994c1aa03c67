"""Shared by all commands: exit statuses, one-line errors, output streams.

Results go to standard output; progress goes to standard error, and only on a terminal.
Exit status: 0 done, 1 failed, 2 wrong request or data, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from data.errors import BrokenStrategyError, DataError, RequestError, SourceError, WorkError
from data.text import escape_json, escape_unprintable

if TYPE_CHECKING:
    from reports.records.result import Failure

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
LONG_WORD = re.compile(r"\S{400,}")  # shortened to its HEAD and TAIL
HEAD, TAIL = 100, 40
MAX_LENGTH = 2000  # characters of an error


class OutputPath(click.ParamType["Path"]):
    """An output path, checked by its writer (click's own type fails on a NUL)."""

    name = "path"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        del param, ctx
        return Path(str(value))


OUT = OutputPath()


def run_command(command: click.Command) -> NoReturn:
    """Run a command and exit with its status; an error is one line on standard error."""
    spec = sys.modules["__main__"].__spec__
    try:
        # Not command.main(), which prints an empty line when interrupted.
        with command.make_context(f"python -m {spec.name}" if spec else str(command.name), sys.argv[1:]) as context:
            status = command.invoke(context)
        sys.exit(status if isinstance(status, int) else DONE)
    except click.exceptions.Exit as exited:
        sys.exit(exited.exit_code)
    except (KeyboardInterrupt, click.Abort):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # ignore a second Ctrl-C during exit
        _exit_with(INTERRUPTED, "interrupted")
    except click.ClickException as error:
        _exit_with(WRONG, error.format_message())
    except (RequestError, DataError) as error:
        _exit_with(WRONG, str(error))
    except BrokenPipeError:
        leave_pipe()
        sys.exit(DONE)
    except BrokenStrategyError as error:
        echo(error.traceback, err=True)
        _exit_with(FAILED, str(error))
    except (SourceError, WorkError, OSError, MemoryError) as error:
        if _is_output_full(error):
            leave_pipe()
        _exit_with(FAILED, _failure_message(error))


def _is_output_full(error: Exception) -> bool:
    """Whether standard output is full; errors of files have a file name."""
    return isinstance(error, OSError) and error.filename is None and error.errno == errno.ENOSPC


def _failure_message(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"out of memory ({error or 'no details'}); request less at once or use fewer --jobs"
    if isinstance(error, OSError) and _is_output_full(error):
        return f"the output cannot be printed ({error.strerror}); redirect it elsewhere"
    return str(error)


def echo(text: str = "", err: bool = False) -> None:
    """Print text for people, with terminal control sequences escaped."""
    click.echo(escape_unprintable(text), err=err)


def echo_json(text: str) -> None:
    """Print JSON for programs, with terminal control sequences escaped."""
    click.echo(escape_json(text.rstrip("\n")))


def leave_pipe() -> None:
    """Discard further output to a closed or full pipe, so that nothing is flushed to it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def prints_to_stderr(needed: bool) -> Iterator[None]:
    """If `needed`, redirect what strategies print to standard error, also in workers, since the output is JSON."""
    if not needed or sys.stdout is None:  # closed by the parent process
        yield
        return
    sys.stdout.flush()
    stdout = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()
        os.dup2(stdout, 1)
        os.close(stdout)


def report_failures(failed: Mapping[str, Failure]) -> int:
    """Print the failures of strategies to standard error and return the exit status."""
    for name, failure in failed.items():
        echo(f"{name}\n{failure.traceback}\n", err=True)
    if failed:
        echo(f"error: {', '.join(failed)} failed; everything else was run", err=True)
    return FAILED if failed else DONE


def _exit_with(status: int, message: str) -> NoReturn:
    echo(f"error: {_line(message)}", err=True)
    sys.exit(status)


def _line(message: str) -> str:
    """A message on one line, with very long values shortened."""
    line = LONG_WORD.sub(lambda word: _shortened(word[0], HEAD, TAIL), " ".join(message.split()))
    return line if len(line) <= MAX_LENGTH else _shortened(line, MAX_LENGTH // 2, MAX_LENGTH // 2)


def _shortened(text: str, head: int, tail: int) -> str:
    return f"{text[:head]}...{text[-tail:]}"
