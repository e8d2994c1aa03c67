"""What is told of a strategy that its own code stopped: the author's traceback, without our frames and Backtrader's."""

from __future__ import annotations

from pathlib import Path
from traceback import FrameSummary, StackSummary, TracebackException

from data.errors import DataError, RequestError, StrategyError
from data.text import escape_unprintable, quote_message
from reports.records.result import Failure
from runners.engine.dependencies import LIBRARY, PACKAGES, ROOT
from runners.engine.execution.executor import WorkerDiedError

OURS = ("data", "reports", "runners", "strategies/base", "strategies/generic", "strategies/__init__.py")
# Whatever an author lets through; Ctrl-C is the user's.
AUTHOR_ERRORS = (Exception, SystemExit)
MOST = 1000  # signs of a message, or of a line of a traceback


def describe_failure(error: BaseException, module: str = "") -> Failure:
    """What stopped a strategy; of installed packages, frames in that of `module` (its dotted name) are its author's."""
    told = TracebackException.from_exception(error)
    trim_traceback(told, module.partition(".")[0])
    place = _place(told)
    kind = "" if isinstance(error, RequestError | DataError) else f"{type(error).__name__}: "
    summary = f"{kind}{_said(error, told)}"
    if not kind and not told.stack:  # one of our own sentences, with nothing of theirs around it
        return Failure(summary, summary, lacking=not is_authors_fault(error, module))
    return Failure(f"{summary} ({place})" if place else summary, _traceback(told))


def worker_death(error: WorkerDiedError) -> Failure:
    """The same of a strategy of which a worker process died: there is no traceback."""
    return Failure(error.summary, error.summary)


def is_authors_fault(error: BaseException, module: str = "") -> bool:
    """Whether a strategy's author has to mend it: not so for a wrong request, or for data that lack."""
    if not isinstance(error, RequestError | DataError) or isinstance(error, StrategyError):
        return True
    told = TracebackException.from_exception(error)
    return any(_is_theirs(Path(frame.filename), module.partition(".")[0]) for frame in told.stack)


def trim_traceback(told: TracebackException, package: str = "") -> None:
    """Keep the author's frames only, of causes too, and name files as their author would."""
    kept = [frame for frame in told.stack if _is_theirs(Path(frame.filename), package)]
    told.stack = StackSummary.from_list([_renamed(frame) for frame in kept])
    if isinstance(getattr(told, "filename", None), str):  # of a syntax error
        told.filename = display_path(Path(told.filename))
    for cause in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if cause is not None:
            trim_traceback(cause, package)


def display_path(path: Path) -> str:
    """A file as its author knows it: from the working folder, the checkout or its package on; never a whole path."""
    path = path.resolve()
    for place in (Path.cwd(), ROOT):
        if path.is_relative_to(place):
            return path.relative_to(place).as_posix()
    parts = [place for place, part in enumerate(path.parts) if part in PACKAGES]
    return "/".join(path.parts[parts[-1] + 1 :]) if parts else path.name


def _is_theirs(path: Path, package: str) -> bool:
    if path.name.startswith("<"):  # frozen imports, code made by dataclasses
        return False
    path = path.resolve()
    if any(path.is_relative_to(ROOT / room) for room in OURS):
        return False
    if path.parent == ROOT / "strategies":
        return True
    if installed := [place for place, part in enumerate(path.parts) if part in PACKAGES]:
        top = path.parts[installed[-1] + 1].removesuffix(".py")
        return top == package != "backtrader"
    return not path.is_relative_to(LIBRARY)


def _renamed(frame: FrameSummary) -> FrameSummary:
    """The same with a short file name; its line is read before the file is called otherwise."""
    return FrameSummary(
        display_path(Path(frame.filename)), frame.lineno, frame.name, lookup_line=False, line=frame.line
    )


def _place(told: TracebackException) -> str:
    if told.stack:
        return f"{told.stack[-1].filename}, line {told.stack[-1].lineno}"
    if isinstance(getattr(told, "filename", None), str):
        return f"{told.filename}, line {told.lineno}"
    return ""


def _said(error: BaseException, told: TracebackException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(told)  # which outlives an error that cannot be told
    return quote_message(text, MOST) or "no message"


def _traceback(told: TracebackException) -> str:
    lines = escape_unprintable("".join(told.format()).rstrip()).split("\n")
    return "\n".join(line if len(line) <= MOST else f"{line[:MOST]}\u2026" for line in lines)
