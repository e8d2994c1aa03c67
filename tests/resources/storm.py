"""Event files: a minimal one and one with every key."""

SMALL = """name = "storm"
title = "A storm"
shock = 2025-03-03
published = 2025-03-04T12:00:00+01:00
"""
WHOLE = (
    SMALL
    + """publication = "the forecast"
claims = "S1 to S2"
quiet_until = 2025-02-28
universe = ["NVDA", "BRK-B", "^GSPC"]
primary = ["sail"]
calendar = { 2025-03-19 = "harvest", 2025-03-05 = "market day" }

[baskets]
boats = ["SPY", "TLT"]

[marks]
2025-03-03 = "it breaks"

[confounders]
2025-02-28 = "rain"

[[readings]]
strategy = "strategies.generic.long_short:LongShort"
name = "sail"
title = "Long boats"
claim = "boats win"
parameters = { long = "boats", short = ["IEF"], against = "SPY" }
chooses = true

[[readings]]
strategy = "bad_news"
"""
)
