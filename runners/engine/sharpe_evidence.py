"""The Sharpe ratio as evidence: deflated for the number of variants that were tried."""

from __future__ import annotations

from math import sqrt

import numpy as np

from reports.records.evidence import SharpeEvidence
from reports.statistics import overfitting
from reports.statistics.availability import value_or_missing
from reports.statistics.overfitting import ReturnMoments
from reports.statistics.returns import PERIODS
from runners.engine.trial_ledger import Trials


def deflated_sharpe_evidence(sample: ReturnMoments, annual: float, years: float, trials: Trials) -> SharpeEvidence:
    """The Sharpe ratio of `sample`, which is `annual` a year and was measured over `years`, among all `trials`."""
    ratios, count = trials.sharpes, len(trials)
    deviation = float(np.std(ratios, ddof=1)) if len(ratios) > 1 else 0.0
    return SharpeEvidence(
        annual=annual,
        probabilistic=overfitting.probabilistic_sharpe(sample),
        deflated=value_or_missing(lambda: overfitting.deflated_sharpe(sample, count, deviation)),
        expected_best=value_or_missing(lambda: overfitting.expected_maximum(count, deviation) * sqrt(PERIODS)),
        years_needed=value_or_missing(lambda: overfitting.minimum_track_record(sample) / PERIODS),
        years=years,
        trials=count,
        forgotten=trials.forgotten,
    )
