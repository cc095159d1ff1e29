"""How fast the fit of σ² converges: needed to tell how far a joint optimum is from where it stands.

One step of the fit takes log σ² from a distance e of the joint optimum to ρ e, so that a step of
length δ means a distance of δ/(1 − ρ). ρ is the share of what one would know of the noise with z
seen that is lost without: about K/D where posteriors are narrow, so that steps are short of the
distance by a factor of two for K = 1, D = 2.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.optimum import PredictedOptimum, ascend, data_nodes, make_e_step

#: Data nodes: spacing in σ, and how many at most.
_STEP = 0.6
_MOST = 3000
#: By how much σ² is moved, relative, to see how much of it comes back.
_MOVE = 0.05
#: Largest ρ that is told from one: beyond, f and σ² explain the same.
LARGEST = 0.95


def noise_contraction(found: PredictedOptimum) -> float:
    """Compute ρ at an optimum, with f free to follow σ².

    Parameters
    ----------
    found : PredictedOptimum

    Returns
    -------
    float
        Between 0 and LARGEST. −ELBO is convex enough around an optimum for f to follow.
    """
    nodes = data_nodes(found.data, _STEP, tail=1e-5, most=_MOST)
    e_step = make_e_step(nodes, found.cells)
    variance = found.model.noise_variance
    logs = []
    f = found.f
    for factor in (1.0, 1.0 + _MOVE):
        ended = ascend(e_step, f, factor * variance, most=60, tolerance=1e-6)
        residual = ended.responsibilities.residual_variance(ended.f)
        logs.append(float(np.log(residual.mean())))
        f = ended.f
    return min(max((logs[1] - logs[0]) / math.log1p(_MOVE), 0.0), LARGEST)
