"""The system clock, read in this module only: it limits the last session of prices and the reach of the calendar."""

from __future__ import annotations

import pandas as pd


def now() -> pd.Timestamp:
    """The current time in UTC by the computer's clock, which may be wrong and may go backwards."""
    return pd.Timestamp.now("UTC")
