"""Building blocks of readings: everything a strategy file imports."""

from strategies.base.comparator import BetaMatched, Cash, EqualWeight, Fund, Variants
from strategies.base.past import Past, leg
from strategies.base.reading import Decision, Reading, Weights

__all__ = ["BetaMatched", "Cash", "Decision", "EqualWeight", "Fund", "Past", "Reading", "Variants", "Weights", "leg"]
