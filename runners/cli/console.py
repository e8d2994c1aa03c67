"""Shared by all commands: exit statuses, one-line errors, output streams.

Results go to standard output; progress goes to standard error, and only on a terminal.
Exit status: 0 done, 1 failed, 2 wrong request or data, 130 interrupted.
"""

from __future__ import annotations

import atexit
import errno
import os
import re
import signal
import sys
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

import click

from data.errors import BrokenStrategyError, DataError, RequestError, SourceError, WorkError
from data.text import escape_json, escape_unprintable
from runners.engine.execution import limits

if TYPE_CHECKING:
    from reports.records.result import Failure

DONE, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
LONG_WORD = re.compile(r"\S{400,}")  # shortened to its HEAD and TAIL
HEAD, TAIL = 100, 40
MAX_LENGTH = 2000  # characters of an error
NO_ROOM = "failed to map segment"  # how the system says that a library does not fit into memory
THREAD_GRACE = 1.0  # seconds for a strategy's threads to end once the command is done


class OutputPath(click.ParamType["Path"]):
    """An output path, checked by its writer (click's own type fails on a NUL)."""

    name = "path"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        del param, ctx
        return Path(str(value))


OUT = OutputPath()


def run_command(command: click.Command) -> NoReturn:
    """Run a command and exit with its status; an error is one line on standard error."""
    _open_closed_streams()
    threads = threading.enumerate()
    status = _status_of(command)
    _flush(sys.stdout)
    if left := [thread for thread in threading.enumerate() if thread not in threads and not thread.daemon]:
        threading.Thread(target=_end_without, args=(left, status), daemon=True).start()
    sys.exit(status)


def _status_of(command: click.Command) -> int:
    """Run a command, print its error if it fails, and return its exit status."""
    spec = sys.modules["__main__"].__spec__
    try:
        limits.require_threads()
        # Not command.main(), which prints an empty line when interrupted.
        with command.make_context(f"python -m {spec.name}" if spec else str(command.name), sys.argv[1:]) as context:
            status = command.invoke(context)
        return status if isinstance(status, int) else DONE
    except click.exceptions.Exit as exited:
        return exited.exit_code
    except (KeyboardInterrupt, click.Abort):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # ignore a second Ctrl-C during exit
        status, message = INTERRUPTED, "interrupted"
    except click.ClickException as error:
        status, message = WRONG, error.format_message()
    except (RequestError, DataError) as error:
        status, message = WRONG, str(error)
    except BrokenStrategyError as error:
        echo(error.traceback, err=True)
        status, message = FAILED, str(error)
    except (SourceError, WorkError, OSError, MemoryError) as error:
        if _is_output_full(error):
            silence(sys.stdout)
        status, message = FAILED, _failure_message(error)
    except (ImportError, RuntimeError) as error:
        status, message = FAILED, _refusal_message(error)
    echo(f"error: {_line(message)}", err=True)
    return status


def _open_closed_streams() -> None:
    """Replace standard streams that are closed, as by `>&-`, so that no other file takes their descriptors."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, f"__{name}__") is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115  (for as long as the process lives)
            if stream.fileno() != number:
                os.dup2(stream.fileno(), number)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def _end_without(threads: Collection[threading.Thread], status: int) -> None:
    """Once the main thread has ended, end the process even if a strategy's threads have not, which it would await."""
    threading.main_thread().join()
    for thread in threads:
        thread.join(THREAD_GRACE / len(threads))
    if names := [thread.name for thread in threads if thread.is_alive()]:
        echo(
            f"warning: a strategy left {', '.join(map(repr, names))} running; the command ends without waiting",
            err=True,
        )
        atexit._run_exitfuncs()
        os._exit(status)


def _is_output_full(error: Exception) -> bool:
    """Whether standard output is full; errors of files have a file name."""
    return isinstance(error, OSError) and error.filename is None and error.errno == errno.ENOSPC


def _failure_message(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"out of memory ({error or 'no details'}); request less at once or use fewer --jobs"
    if isinstance(error, OSError) and _is_output_full(error):
        return f"the output cannot be printed ({error.strerror}); redirect it elsewhere"
    if limits.is_refusal(error):
        return limits.REFUSAL
    return str(error)


def _refusal_message(error: Exception) -> str:
    """What the system refused; raises an error that is a fault of this project."""
    if limits.is_refusal(error):
        return limits.REFUSAL
    cause: BaseException | None = error
    while cause is not None and NO_ROOM not in str(cause):  # pandas raises an error of its own
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        raise error
    return _failure_message(MemoryError("no room for a library"))


def echo(text: str = "", err: bool = False) -> None:
    """Print text for people, with terminal control sequences escaped."""
    _print(escape_unprintable(text), sys.stderr if err else sys.stdout)


def echo_json(text: str) -> None:
    """Print JSON for programs, with terminal control sequences escaped."""
    _print(escape_json(text.rstrip("\n")), sys.stdout)


def _print(text: str, stream: TextIO) -> None:
    try:
        click.echo(text, stream)
    except BrokenPipeError:  # nobody reads on, as after `| head`
        silence(stream)


def _flush(stream: TextIO) -> None:
    try:
        stream.flush()
    except BrokenPipeError:
        silence(stream)


def silence(stream: Any) -> None:
    """Discard further output to a closed or full stream, also what would be flushed to it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def prints_to_stderr(needed: bool) -> Iterator[None]:
    """If `needed`, redirect what strategies print to standard error, also in workers, since the output is JSON."""
    if not needed:
        yield
        return
    sys.stdout.flush()
    stdout = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if sys.__stdout__ is not None:  # as in pythonw
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


def _line(message: str) -> str:
    """A message on one line, with very long values shortened."""
    line = LONG_WORD.sub(lambda word: _shortened(word[0], HEAD, TAIL), " ".join(message.split()))
    return line if len(line) <= MAX_LENGTH else _shortened(line, MAX_LENGTH // 2, MAX_LENGTH // 2)


def _shortened(text: str, head: int, tail: int) -> str:
    return f"{text[:head]}...{text[-tail:]}"
