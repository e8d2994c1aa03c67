"""What every command shares: exit statuses, one-line errors, and where output goes.

Results go to standard output; progress goes to standard error, and only on a terminal.
Exit status: 0 done, 1 it failed, 2 the request or its data are wrong, 130 interrupted.
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
ENDLESS = re.compile(r"\S{400,}")  # what no word of an error is, and of it this much is shown:
HEAD, TAIL = 100, 40
MOST = 2000  # signs of an error


class OutputPath(click.ParamType["Path"]):
    """A path of what is written; whether it can be is asked by who writes it (click's own type fails on a NUL)."""

    name = "path"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        del param, ctx
        return Path(str(value))


OUT = OutputPath()


def run_command(command: click.Command) -> NoReturn:
    """Run a command and leave with the right exit status; an error is one line on standard error."""
    spec = sys.modules["__main__"].__spec__
    try:
        # Not command.main(), which prints an empty line of its own when it is interrupted.
        with command.make_context(f"python -m {spec.name}" if spec else str(command.name), sys.argv[1:]) as context:
            status = command.invoke(context)
        sys.exit(status if isinstance(status, int) else DONE)
    except click.exceptions.Exit as leave:
        sys.exit(leave.exit_code)
    except (KeyboardInterrupt, click.Abort):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough: leave in peace
        _leave(INTERRUPTED, "interrupted")
    except click.ClickException as error:
        _leave(WRONG, error.format_message())
    except (RequestError, DataError) as error:
        _leave(WRONG, str(error))
    except BrokenPipeError:
        leave_pipe()
        sys.exit(DONE)
    except BrokenStrategyError as error:
        echo(error.traceback, err=True)
        _leave(FAILED, str(error))
    except (SourceError, WorkError, OSError, MemoryError) as error:
        if _unprinted(error):
            leave_pipe()
        _leave(FAILED, _said(error))


def _unprinted(error: Exception) -> bool:
    """Whether standard output is full: whoever writes files names them."""
    return isinstance(error, OSError) and error.filename is None and error.errno == errno.ENOSPC


def _said(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"there is not memory enough ({error or 'for this'}); ask for less at once, or for fewer --jobs"
    if isinstance(error, OSError) and _unprinted(error):
        return f"the output cannot be printed ({error.strerror}); print it elsewhere"
    return str(error)


def echo(text: str = "", err: bool = False) -> None:
    """Print a line, or lines, for people; nothing in it is obeyed by a terminal."""
    click.echo(escape_unprintable(text), err=err)


def echo_json(text: str) -> None:
    """Print JSON for programs, of the same meaning; it is not obeyed by a terminal either."""
    click.echo(escape_json(text.rstrip("\n")))


def leave_pipe() -> None:
    """Whoever read our output has seen enough, or has no room; nothing may be flushed to it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def prints_to_stderr(needed: bool) -> Iterator[None]:
    """Where it is `needed`, let what strategies print go to standard error, also from workers: the output is JSON."""
    if not needed or sys.stdout is None:  # it was closed by whoever started the command
        yield
        return
    sys.stdout.flush()
    before = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()
        os.dup2(before, 1)
        os.close(before)


def report_failures(failed: Mapping[str, Failure]) -> int:
    """Tell on standard error what stopped each strategy, and give the exit status."""
    for name, failure in failed.items():
        echo(f"{name}\n{failure.traceback}\n", err=True)
    if failed:
        echo(f"error: {', '.join(failed)} failed; everything else was run", err=True)
    return FAILED if failed else DONE


def _leave(status: int, message: str) -> NoReturn:
    echo(f"error: {_line(message)}", err=True)
    sys.exit(status)


def _line(message: str) -> str:
    """A message on one line, in which a value of thousands of letters is shortened."""
    line = ENDLESS.sub(lambda word: _shortened(word[0], HEAD, TAIL), " ".join(message.split()))
    return line if len(line) <= MOST else _shortened(line, MOST // 2, MOST // 2)


def _shortened(text: str, head: int, tail: int) -> str:
    return f"{text[:head]}...{text[-tail:]}"
