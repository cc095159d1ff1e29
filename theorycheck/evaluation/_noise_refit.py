"""σ² refitted to a trained network by Theorem 2: the mean squared residual under its own q.

−ELBO of any q is KL + Σ_d ½ log 2πσ_d² + A_d/(2σ_d²) with A_d = E_q (x_d − f_d)², so that doubling
σ_d² alone, at the same f and q, changes it by ½ log 2 − A_d/(4σ_d²). Averages of −ELBO, which are
exact integrals with a radius, therefore give Theorem 2's E_p A_d without sampling.
"""

from __future__ import annotations

import math

import numpy as np

from theorycheck.estimate import Estimate
from theorycheck.evaluation._amortisation import Encoder, own_negative_elbo
from theorycheck.models import GenerativeModel


def own_refit(
    model: GenerativeModel,
    data: GenerativeModel,
    encoder: Encoder,
    *,
    negative_elbo: Estimate | None = None,
    seed: int = 0,
) -> tuple[Estimate, ...]:
    """Compute E_p E_q (x_d − f_d(z))², with q the network's own encoder.

    Parameters
    ----------
    model : GenerativeModel
        Trained decoder; its σ² only sets the scale on which differences are taken.
    data : GenerativeModel
        Ground truth, to which p(x) belongs.
    encoder : callable
        x (n, D) to μ and s.
    negative_elbo : Estimate, optional
        −ELBO of this encoder averaged over p(x), nats, if it is known already.
    seed : int
        Seed of quasi-Monte Carlo, for D > 2.

    Returns
    -------
    tuple of Estimate
        One for each data dimension.
    """
    own = negative_elbo or own_negative_elbo(model, data, encoder, seed=seed)
    refit = []
    for d, variance in enumerate(model.noise_variance):
        wider = np.array(model.noise_variance)
        wider[d] *= 2.0
        doubled = own_negative_elbo(model.with_noise_variance(wider), data, encoder, seed=seed)
        fall = own - doubled + Estimate(0.5 * math.log(2.0), 0.0)
        refit.append(fall.scaled(4.0 * float(variance)))
    return tuple(refit)
