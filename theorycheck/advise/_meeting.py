"""Whether strands of a table meet, over the fits of its splits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from theorycheck.advise._fits import FitComparison, SplitFits
from theorycheck.advise._likeness import MEETING, above
from theorycheck.advise._strands import MULTIPLE, REACH, share_on_curve
from theorycheck.estimate import Estimate, Verdict

#: Points of a fitted curve.
_NODES = 1000


@dataclass(frozen=True)
class Strands:
    """The share of points within 2σ of each other and farther than 4σ along the manifold.

    Parameters
    ----------
    on_curve : Estimate
        Of p(z), along the curves of the exact likelihood's optima; over splits, statistical.
    on_graph : Estimate
        Of the rows, on their graph of neighbours; over the same splits, statistical.
    """

    on_curve: Estimate
    on_graph: Estimate

    def to_dict(self) -> dict[str, object]:
        """Return shares and verdicts for JSON."""
        shares = {"on_curve": self.on_curve, "on_graph": self.on_graph}
        return {
            "near": REACH,
            "far": REACH * MULTIPLE,
            **{
                name: {"share": share.to_dict_or_null(), "meet": self.meet(share).value}
                for name, share in shares.items()
            },
        }

    @staticmethod
    def meet(share: Estimate) -> Verdict:
        """Judge whether a share is one of strands that meet: a twentieth or more.

        Parameters
        ----------
        share : Estimate

        Returns
        -------
        Verdict
        """
        return above(share, MEETING)


def describe_strands(fits: FitComparison) -> Strands:
    """Measure the strands that meet, with the σ² of the exact likelihood's optima.

    Parameters
    ----------
    fits : FitComparison

    Returns
    -------
    Strands
    """
    z = ndtri((np.arange(_NODES) + 0.5) / _NODES)

    def on_curve(split: SplitFits) -> Estimate:
        fit = split.pair.exact_likelihood
        curve = fit.cells.interpolate(fit.f, z)
        return Estimate(share_on_curve(curve, math.sqrt(fit.noise_variance)), 1.0 / _NODES)

    return Strands(
        fits.over_splits(on_curve),
        fits.over_splits(lambda split: Estimate(split.graph_share, 0.0)),
    )
