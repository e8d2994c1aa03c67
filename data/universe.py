"""The stocks that the readings choose from, listed with hindsight (today's well-known stocks)."""

from __future__ import annotations

import re

AI_SOFTWARE = ("PLTR", "CRM", "NOW", "SNOW", "ADBE", "DDOG", "MDB", "WDAY", "PANW", "CRWD")
AI_UNIVERSE = (
    *("NVDA", "AMD", "INTC", "QCOM", "MRVL", "ARM", "AVGO", "TSM", "MU", "ANET", "VRT"),
    *("MSFT", "GOOGL", "META", "AMZN", "ORCL"),
    *AI_SOFTWARE,
)
# Non-American companies of the AI universe.
FOREIGN = ("TSM", "ARM")
SYMBOL = re.compile(r"[\^A-Za-z0-9][A-Za-z0-9.\-=^]{0,14}")
