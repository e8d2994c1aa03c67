"""What time it is. Asked here and nowhere else: only where prices end and how far the calendar looks depend on it."""

from __future__ import annotations

import pandas as pd


def now() -> pd.Timestamp:
    """This moment, in UTC, as the computer has it; it may be wrong, and may go backwards."""
    return pd.Timestamp.now("UTC")
