"""Source of a plain strategy that takes PAUSE seconds and appends each run to the file RUNS."""

SLOW = '''
import os
import time

import backtrader as bt


class Slow(bt.Strategy):
    """Slow, and records each run."""

    params = (("share", 0.5),)

    def start(self):
        with open(os.environ["RUNS"], "a") as runs:
            runs.write(f"{self.p.share}\\n")
        time.sleep(float(os.environ.get("PAUSE", "0")))

    def next(self):
        if not self.position:
            self.order_target_percent(target=self.p.share)
'''
