"""Errors a user can act on. Each message is one line that names the value, the place and the remedy."""


class RequestError(ValueError):
    """The request is wrong: an unknown name, a date without a session, a number out of range (exit status 2)."""


class StrategyError(RequestError):
    """A strategy does not keep what strategies promise; its author mends it (exit status 2 where nothing else runs)."""


class DataError(ValueError):
    """The prices are wrong: a check failed for a symbol, a session and a field (exit status 2)."""


class SourceError(RuntimeError):
    """A source of prices failed: not reachable, rate-limited, or its answer could not be stored (exit status 1)."""


class WorkError(RuntimeError):
    """A part of the work failed in a worker process; the message names the part (exit status 1)."""


class BrokenStrategyError(WorkError):
    """None of the strategies asked for could be run; `traceback` is their authors' own, many lines (exit status 1)."""

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback
