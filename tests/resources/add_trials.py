"""Add trials to a ledger.

    python -m tests.resources.add_trials LEDGER NUMBER

Prints the number of new trials, or the error.
"""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path

from runners.engine.trial_ledger import LedgerError, Trial, TrialLedger

if __name__ == "__main__":
    keys = (sha256(str(number).encode()).hexdigest() for number in range(int(sys.argv[2])))
    try:
        print(TrialLedger(Path(sys.argv[1])).add(Trial(key, "gpu_bubble", 0.0625) for key in keys))
    except LedgerError as error:
        print(error)
