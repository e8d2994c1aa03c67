"""Errors that a user can fix. Each message is one line with the value, the place and the remedy."""


class RequestError(ValueError):
    """The request is wrong: an unknown name, a date without a session, a number out of range (exit status 2)."""


class StrategyError(RequestError):
    """A strategy breaks the rules for strategies; its author must fix it (exit status 2 if no other strategy runs)."""


class DataError(ValueError):
    """The prices are wrong: a check failed for a symbol, a session and a field (exit status 2)."""


class SourceError(RuntimeError):
    """A price source failed: unreachable, rate-limited, or its answer could not be stored (exit status 1)."""


class WorkError(RuntimeError):
    """A task failed in a worker process; the message names the task (exit status 1)."""


class BrokenStrategyError(WorkError):
    """Every requested strategy failed; `traceback` holds the tracebacks of their code, many lines (exit status 1)."""

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message)
        self.traceback = traceback
