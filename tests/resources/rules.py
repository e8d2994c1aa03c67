"""Rules that several tests need."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

from strategies.base import Past, Reading, Weights


class Fixed(Reading):
    """Holds what it is told."""

    params = (("target", ()),)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.p.target)

    def weights(self, past: Past) -> Weights:
        return dict(self.p.target)


class HalfMarket(Reading):
    """Half in M, half in cash.

    Claim: half is enough.
    Rule: half M.
    Trades: once.
    Refuted: never.
    """

    params = (("share", 0.5),)
    symbols = ("M",)

    def weights(self, past: Past) -> Weights:
        return {"M": self.p.share}


class Fatal(Reading):
    """Long SPY by a share; a worker process that comes to a share of 0.7 is killed, with a `mark` only the first time.

    The mark is a file that is not there before. In the process of a command or a test it lives.
    """

    symbols = ("SPY",)
    params = (("share", 0.5), ("mark", ""))

    def weights(self, past: Past) -> Weights:
        mark = Path(self.p.mark)
        if self.p.share == 0.7 and not mark.is_file() and multiprocessing.parent_process() is not None:
            if self.p.mark:
                mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"SPY": self.p.share}
