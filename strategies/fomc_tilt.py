"""Tilt to rate-sensitive assets around FOMC decisions.

Claim: the rate decision two days after the shock looks like a separate matter; linking the two is where insight lies.
    The essay announces that link and does not argue it; how to link the two is the project's inference.
Rule: all in SPY, except around the day D of each scheduled FOMC decision: a tilt is held from the open of D-5 to the
    open of D+11. Easing: half SPY, a tenth each TLT IEF VNQ XLU IWM. Tightening: half SPY, half BIL. At the close of
    D-6 it is easing if IEF beat BIL over 20 trading days; at the close of D, if the range was cut, or held while IEF
    leads.
Trades: decisions at the closes of D-6, D and D+10 and every 20 trading days; an entry inside a window uses the latest
    deciding close; closed at the end of the holding period.
Refuted: when it has earned no more than a mix of SPY and cash with its own earlier beta, net of costs.
Parameters:
    before: trading days before D at whose open the tilt begins
    after: trading days after D at whose open it ends
    lookback: trading days over which IEF is compared with BIL
    shift: trading days by which all decisions are moved, for placebos; outcomes are not known earlier than in fact
"""

from data.fomc import FomcDecision
from strategies.base import AroundDecisions, BetaMatched, Past, Reading, Weights, leg

SHIFTS = (*range(-13, -5), *range(6, 14))  # sessions; far enough to miss the start of the real window
EASING = ("TLT", "IEF", "VNQ", "XLU", "IWM")


class FomcTilt(Reading):
    """SPY, half of it replaced by rate-sensitive funds or bills around FOMC decisions."""

    params = (("before", 5), ("after", 11), ("lookback", 20), ("shift", 0))
    symbols = ("SPY", *EASING, "BIL")
    claims = ("C16",)
    comparator = BetaMatched("SPY")
    history = 30  # the lookback, and up to nine sessions after the deciding close
    watches = True
    variants = {"FOMC decisions moved by 6 to 13 sessions": tuple({"shift": shift} for shift in SHIFTS)}  # noqa: RUF012
    general_form = AroundDecisions(before=5, hold=16, shift="shift", shifts=SHIFTS)

    def weights(self, past: Past) -> Weights:
        begins, ends = self.p.before + 1, 1 - self.p.after
        meeting = past.meeting(ahead=begins, ago=-ends, shift=self.p.shift)
        to_go = meeting[0] if meeting else None
        if not past.scheduled and to_go not in (begins, 0, ends):
            return None
        if meeting is None or to_go == ends:
            return {"SPY": 1.0}
        return self.tilt(past, *meeting)

    def tilt(self, past: Past, to_go: int, decision: FomcDecision) -> Weights:
        """The tilt set at the latest deciding close: that of D, or `before` + 1 sessions ahead of it.

        If the outcome of D is unknown, the earlier decision stands.
        """
        change = decision.change_bps if to_go <= 0 else None
        since = self.p.before + 1 - to_go if change is None else -to_go
        leads = past.back(since).beats("IEF", "BIL", self.p.lookback)
        easing = leads if not change else change < 0
        return {"SPY": 0.5} | (leg(past.tradable(EASING), 0.5) if easing else {"BIL": 0.5})
