"""Tells where a trained σ² comes from: the objective, the encoder, or unfinished training.

For a decoder f and its σ², J at the optimal q is what the *objective* says of them; J by the own
encoder minus that is the *amortisation* gap; how J by the own encoder moved from the start to the
end is what *optimisation* achieved, since that is what training descends. The same with σ²: the
refit under the own q is what the network's σ² is drawn to, the refit under the optimal q what the
ELBO itself would refit the same f to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student_t

from neural._encoders import encoder_of_module
from neural._training import Trained
from theorycheck.estimate import Estimate, Kind
from theorycheck.evaluation import own_excess, own_negative_elbo, own_refit
from theorycheck.objectives import Decomposition, decompose

#: Error radii wanted: of the PMO in nats, a tenth of what runs are told apart by; of the refit,
#: relative to σ_d², a fifth of the smallest bias asked about (5 %).
TOLERANCE, REFIT_TOLERANCE = 1e-3, 1e-2
#: Confidence of a radius over seeds.
_CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class NoiseAttribution:
    """Holds one network's σ² and J by where they come from.

    Parameters
    ----------
    decomposition : Decomposition
        Decomposition of the trained decoder and σ² at the optimal q.
    own_excess : Estimate
        J by the own encoder, nats.
    own_refit : tuple of Estimate
        E_p E_q (x_d − f_d)² under the own encoder.
    """

    decomposition: Decomposition
    own_excess: Estimate
    own_refit: tuple[Estimate, ...]

    @property
    def noise_variance(self) -> tuple[float, ...]:
        """Return σ_d² of the network."""
        return tuple(float(v) for v in self.decomposition.model.noise_variance)

    @property
    def excess(self) -> Estimate:
        """Return J at the optimal q, nats: what the objective says."""
        return self.decomposition.excess

    @property
    def amortisation(self) -> Estimate:
        """Return how much J the network's encoder adds, nats."""
        return self.own_excess - self.excess

    @property
    def optimal_refit(self) -> tuple[Estimate, ...]:
        """Return E_p E_q* (x_d − f_d)² of the same decoder and σ² under the optimal q."""
        return self.decomposition.residual_variance

    @property
    def off_fixed_point(self) -> float:
        """Return the largest |log| of trained σ_d² over its refit by its own q: 0 if at rest."""
        pairs = zip(self.noise_variance, self.own_refit, strict=True)
        return max(abs(math.log(v / max(r.value, 1e-300))) for v, r in pairs)


def attribute_noise(trained: Trained, restart: int) -> NoiseAttribution:
    """Judge one restart by the optimal q and by its own.

    Parameters
    ----------
    trained : Trained
        A VAE or LIN; of an IWAE, the S = 1 figures.
    restart : int

    Returns
    -------
    NoiseAttribution
    """
    data, model = trained.trainer.model, trained.model(restart)
    seed = trained.settings.seed
    result = decompose(
        model, data, tolerance=TOLERANCE, residual_tolerance=REFIT_TOLERANCE, seed=seed
    )
    encoder = encoder_of_module(trained.encoder(restart))
    own = own_negative_elbo(model, data, encoder, seed=seed)
    refit = own_refit(model, data, encoder, negative_elbo=own, seed=seed)
    excess = own_excess(model, data, encoder, result.entropy, negative_elbo=own)
    return NoiseAttribution(result, excess, refit)


def over_seeds(values: Sequence[float | Estimate]) -> Estimate:
    """Return the mean of independent runs with Student's 95 % radius of that mean.

    Parameters
    ----------
    values : sequence of float or Estimate
        A value for each seed, at least two; the largest radius of estimates is added.

    Returns
    -------
    Estimate
        Statistical.

    Raises
    ------
    ValueError
        If there are fewer than two.
    """
    count = len(values)
    if count < 2:
        raise ValueError("a radius over seeds takes two seeds at least")
    known = [v if isinstance(v, Estimate) else Estimate(v, 0.0, Kind.EXACT) for v in values]
    numbers = [each.value for each in known]
    quantile = float(student_t.ppf(0.5 + 0.5 * _CONFIDENCE, count - 1))
    return Estimate(
        float(np.mean(numbers)),
        quantile * float(np.std(numbers, ddof=1)) / math.sqrt(count)
        + max(each.error for each in known),
        Kind.STATISTICAL,
    )


def listed(values: Sequence[float | Estimate]) -> str:
    """Show one number for each seed, for a table of evidence."""
    return ", ".join(str(v) if isinstance(v, Estimate) else f"{v:.4f}" for v in values)
