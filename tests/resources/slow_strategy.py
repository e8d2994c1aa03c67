"""Source of a plain strategy that takes PAUSE seconds and appends each run to the file `runs` beside it."""

SLOW = '''
import os
import time
from pathlib import Path

import backtrader as bt


class Slow(bt.Strategy):
    """Slow, and records each run."""

    params = (("share", 0.5),)

    def start(self):
        with Path(__file__).with_name("runs").open("a") as runs:
            runs.write(f"{self.p.share}\\n")
        time.sleep(float(os.environ.get("PAUSE", "0")))

    def next(self):
        if not self.position:
            self.order_target_percent(target=self.p.share)
'''
