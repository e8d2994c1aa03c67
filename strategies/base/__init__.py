"""Building blocks of readings: everything a strategy file imports."""

from strategies.base.comparator import BetaMatched, Cash, EqualWeight, Fund, Variants
from strategies.base.general_form import AroundDecisions, OnLeader, RoleWeights
from strategies.base.past import Past, leg
from strategies.base.reading import Decision, Reading, Weights

__all__ = [
    "AroundDecisions",
    "BetaMatched",
    "Cash",
    "Decision",
    "EqualWeight",
    "Fund",
    "OnLeader",
    "Past",
    "Reading",
    "RoleWeights",
    "Variants",
    "Weights",
    "leg",
]
