"""The readings as parameters of a test, where it would show the same for several of them."""

from __future__ import annotations

import pytest

import strategies

# Each has the kind of comparator and of rule of another one, and is tried in the slow tests only.
LIKE_ANOTHER = {
    *("bad_news", "high_end_demand", "midrange_challengers", "sector_tailwind", "us_over_china"),
    *("nvda_holder", "pool_widens", "named_partners", "antitrust_yields"),
}
READINGS = [pytest.param(name, marks=pytest.mark.slow if name in LIKE_ANOTHER else ()) for name in strategies.names()]
