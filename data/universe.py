"""The names that the readings choose from, listed with hindsight (they are today's well-known names)."""

from __future__ import annotations

import re

AI_SOFTWARE = ("PLTR", "CRM", "NOW", "SNOW", "ADBE", "DDOG", "MDB", "WDAY", "PANW", "CRWD")
AI_UNIVERSE = (
    *("NVDA", "AMD", "INTC", "QCOM", "MRVL", "ARM", "AVGO", "TSM", "MU", "ANET", "VRT"),
    *("MSFT", "GOOGL", "META", "AMZN", "ORCL"),
    *AI_SOFTWARE,
)
# Companies of the AI universe that are not American.
FOREIGN = ("TSM", "ARM")
SYMBOL = re.compile(r"[\^A-Za-z0-9][A-Za-z0-9.\-=^]{0,14}")
