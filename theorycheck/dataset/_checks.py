"""Checks that a card reports: each measures a number and says how large it may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from theorycheck.arrays import Array, PerPoint, Points
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import sample_mean

if TYPE_CHECKING:
    from theorycheck.dataset._samples import ExactSample

#: Latents of the plain sum, |z| up to which it goes, and points that it is made for.
_LATENTS = 200_001
_REACH = 9.0
_POINTS = 12
#: Nats that rounding may put KL below zero by.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Check:
    """One check.

    Parameters
    ----------
    name : str
        What was compared.
    measured : float
        The discrepancy.
    allowed : float
        Largest discrepancy that passes.
    """

    name: str
    measured: float
    allowed: float

    @property
    def passed(self) -> bool:
        """Tell whether the discrepancy is small enough."""
        return self.measured <= self.allowed

    def to_dict(self) -> dict[str, object]:
        """Return the entries for a card."""
        return {
            "name": self.name,
            "measured": self.measured,
            "allowed": self.allowed,
            "passed": self.passed,
        }


def plain_log_density(model: GenerativeModel, x: Points) -> tuple[PerPoint, float]:
    """Return log p(x) by the trapezoid rule on even latents, and how far to trust it.

    It shares no code with the engine. Its own error is taken to be the change from half as many
    latents.

    Parameters
    ----------
    model : GenerativeModel
        The model.
    x : ndarray, shape (n, D)
        Data points.

    Returns
    -------
    value : ndarray, shape (n,)
        The log density, nats.
    error : float
        Nats, the largest over the points.
    """
    fine = _trapezoid_sum(model, x, np.linspace(-_REACH, _REACH, _LATENTS))
    coarse = _trapezoid_sum(model, x, np.linspace(-_REACH, _REACH, _LATENTS // 2 + 1))
    return fine, float(np.abs(fine - coarse).max()) + _ROUNDING


def _trapezoid_sum(model: GenerativeModel, x: Array, z: Array) -> Array:
    f, variance = model.decoder(z), model.noise_variance
    constant = math.log(z[1] - z[0]) - 0.5 * float(
        math.log(2.0 * math.pi) + np.log(2.0 * math.pi * variance).sum()
    )
    exponents = (-0.5 * (z**2 + ((row - f) ** 2 / variance).sum(axis=1)) for row in x)
    return np.array([float(logsumexp(exponent)) + constant for exponent in exponents])


def density_check(model: GenerativeModel, x: Points, log_density: PerPoint) -> Check:
    """Compare log p(x) at a few points with :func:`plain_log_density`."""
    few = np.linspace(0, len(x) - 1, min(_POINTS, len(x))).astype(int)
    plain, error = plain_log_density(model, x[few])
    return Check(
        f"log p against a plain sum over {_LATENTS} latents, {len(few)} points, largest difference",
        float(np.abs(plain - log_density[few]).max()),
        error,
    )


def sample_checks(sample: ExactSample) -> tuple[Check, ...]:
    """Check a sample: against a plain sum, against KL >= 0, and against the averages over p(x).

    Parameters
    ----------
    sample : ExactSample
        The sample to be checked.

    Returns
    -------
    tuple of Check
    """
    from theorycheck.dataset._reference import has_reference, reference

    checks = [
        density_check(sample.model, sample.x, sample.log_density),
        Check("KL below zero, by at most", max(0.0, -float(sample.kl.min())), _ROUNDING),
    ]
    if has_reference(sample.model.name) and sample.size > 1:
        stored = reference(sample.model.name)
        checks += [
            _mean_check("-log p against H", -sample.log_density, stored.entropy.value),
            _mean_check("KL against the PMO", sample.kl, stored.ground_truth.pmo.value),
        ]
    return tuple(checks)


def _mean_check(name: str, values: Array, expected: float) -> Check:
    """Compare a sample's mean with the integral; five standard errors are allowed."""
    mean = sample_mean(values)
    return Check(
        f"mean of {name}, five standard errors allowed", abs(mean.value - expected), mean.error
    )
