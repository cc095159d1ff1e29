"""Theorem 1's premise: Pr[X_Hi] D_Hi > Pr[X_Lo] D_Lo at some η.

As η → 0 this says no more than PMO > 0, so the largest η for which it holds is the figure to look
at.
"""

from __future__ import annotations

from dataclasses import dataclass

from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.objectives import Partition
from theorycheck.ruling import Ruling


@dataclass(frozen=True)
class PremiseAt:
    """The premise at one η: Pr[X_Hi] D_Hi > Pr[X_Lo] D_Lo.

    Parameters
    ----------
    eta : float
        Nats.
    low, high : Estimate
        The two sides, nats.
    margin : Estimate
        high − low.
    verdict : Verdict
    """

    eta: float
    low: Estimate
    high: Estimate
    margin: Estimate
    verdict: Verdict

    @property
    def ruling(self) -> Ruling:
        """The verdict and the kind of the margin's radius."""
        return Ruling.of(self.verdict, [self.margin])

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "eta": self.eta,
            "low": self.low.to_dict(),
            "high": self.high.to_dict(),
            "margin": self.margin.to_dict(),
            **self.ruling.to_dict(),
        }


def premise_at(part: Partition) -> PremiseAt:
    """Evaluate the premise at one η.

    Parameters
    ----------
    part : Partition
        The η-partition of the ground truth.

    Returns
    -------
    PremiseAt
    """
    # Both sides share one threshold: what one loses the other gains.
    margin = part.high - part.low
    return PremiseAt(part.eta, part.low, part.high, margin, positive(margin))


def premise_words(verdict: Verdict, largest_eta: float) -> str:
    """Say in plain words what the premise's verdict means."""
    if verdict is Verdict.HOLDS:
        return (
            f"The premise holds up to η = {largest_eta:.4g} nats: most of the PMO comes from x "
            "with a larger KL."
        )
    if verdict is Verdict.FAILS:
        return "The premise fails at every η looked at."
    return "The premise is inconclusive within the error radius."
