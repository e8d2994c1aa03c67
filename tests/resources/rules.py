"""Rules shared by tests."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

from strategies.base import Past, Reading, Weights


class Fixed(Reading):
    """Holds the weights of `target`."""

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
    """Long SPY by a share; kills its worker process if the share is 0.7, with a `mark` only the first time.

    The mark is the path of a file that it creates. It never kills the process of a command or a test.
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
