"""Does f have the ground truth's image law? If so, and only if so, MLEO(f) = 0 at equal σ².

Two routes that share no step after f at its nodes. In x: MLEO = KL[p ‖ p_f] from both densities. In
z: the characteristic function E exp(i t·f(Z)), which settles the law of f(Z); the difference is
looked at for a fixed set of t, from one wave over the whole image to several in σ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from theorycheck.arrays import Array
from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.models import GenerativeModel
from theorycheck.objectives import decompose
from theorycheck.quadrature import NOISE, LatentPanels, latent_panels
from theorycheck.ruling import Ruling

#: Radius from which MLEO = 0, and equal characteristic functions, say something.
SHARP = 1e-6
#: Frequencies, in how many directions, and the highest of them times σ: there the 16 nodes of a
#: panel, on which f moves by 3σ at most, still integrate exp(i t·f) to 1e-12.
_LENGTHS, _DIRECTIONS, _HIGHEST = 24, 16, 3.0
#: Difference that the resolution of f, 1e-10 σ where it is not smooth, can make: |t|σ times it.
_RESOLUTION = _HIGHEST * NOISE


@dataclass(frozen=True)
class ImageLawCheck:
    """Whether f(Z) has the law of the ground truth's.

    Parameters
    ----------
    mleo : Estimate
        KL[p ‖ p_f], nats.
    difference : Estimate
        The largest difference of the characteristic functions over the frequencies.
    frequencies : int
        Number of frequencies t that were looked at.
    verdict : Verdict
        HOLDS where both are zero within radii below SHARP; FAILS where one is not zero.
    """

    mleo: Estimate
    difference: Estimate
    frequencies: int
    verdict: Verdict

    @property
    def ruling(self) -> Ruling:
        """The verdict and the weaker kind of the two figures' radii."""
        return Ruling.of(self.verdict, [self.mleo, self.difference])

    def to_dict(self) -> dict[str, object]:
        """Return the entries for JSON."""
        return {
            "mleo": self.mleo.to_dict_or_null(),
            "characteristic_difference": self.difference.to_dict(),
            "frequencies": self.frequencies,
            **self.ruling.to_dict(),
        }


def same_image_law(
    model: GenerativeModel, data: GenerativeModel, *, mleo: Estimate | None = None
) -> ImageLawCheck:
    """Test whether f(Z) has the law of the data's f(Z), so that MLEO = 0.

    Parameters
    ----------
    model, data : GenerativeModel
        Two models of one D. Where their σ² differ the laws of x are compared instead.
    mleo : Estimate, optional
        KL[p ‖ p_f] where it is known already.

    Returns
    -------
    ImageLawCheck

    Raises
    ------
    ModelError
        If D differs.
    """
    if model.data_dim != data.data_dim:
        raise ModelError(
            f"{model.name} has {model.data_dim} data dimensions, {data.name} has {data.data_dim}"
        )
    if mleo is None:
        # Whatever PMO comes with it.
        mleo = decompose(model, data, tolerance=math.inf).mleo
    difference, count = characteristic_difference(model, data)
    apart = positive(Estimate(mleo.value, mleo.error)) is Verdict.HOLDS
    if apart or positive(difference) is Verdict.HOLDS:
        verdict = Verdict.FAILS
    elif mleo.error < SHARP and difference.error < SHARP:
        verdict = Verdict.HOLDS
    else:
        verdict = Verdict.INCONCLUSIVE
    return ImageLawCheck(mleo, difference, count, verdict)


def characteristic_difference(
    model: GenerativeModel, data: GenerativeModel
) -> tuple[Estimate, int]:
    """Return the largest difference of the characteristic functions, and the frequencies' number.

    Parameters
    ----------
    model, data : GenerativeModel
        Two models of one D.

    Returns
    -------
    Estimate
        The largest |E exp(i t·f(Z)) − E exp(i t·f_data(Z))| over t.
    int
    """
    one, other = latent_panels(model), latent_panels(data)
    t = _frequencies(other)
    waves = _waves(one, t) - _waves(other, t)
    if not np.array_equal(model.noise_variance, data.noise_variance):
        damped = [np.exp(-0.5 * t**2 @ m.noise_variance) for m in (model, data)]
        waves = damped[0] * _waves(one, t) - damped[1] * _waves(other, t)
    missing = one.missing_mass + other.missing_mass
    # Panels that do not resolve f contribute something, of modulus at most their mass, twice.
    return Estimate(float(np.abs(waves).max()), 2.0 * missing + _RESOLUTION), len(t)


def _frequencies(panels: LatentPanels) -> Array:
    """Lengths from one wave over the image to _HIGHEST/σ, in even or scattered directions."""
    dim, sigma = panels.model.data_dim, panels.model.sigma
    weight = np.exp(panels.log_weight)
    mean = panels.f @ weight
    spread = math.sqrt(float((((panels.f - mean[:, None]) / sigma[:, None]) ** 2).sum(0) @ weight))
    length = np.geomspace(min(1.0 / max(spread, 1e-12), _HIGHEST), _HIGHEST, _LENGTHS)
    if dim == 1:
        direction = np.ones((1, 1))
    elif dim == 2:
        angle = np.pi * (np.arange(_DIRECTIONS) + 0.5) / _DIRECTIONS
        direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    else:
        direction = np.random.default_rng(0).standard_normal((_DIRECTIONS, dim))
        direction /= np.linalg.norm(direction, axis=1)[:, None]
    result: Array = (length[:, None, None] * direction).reshape(-1, dim) / sigma
    return result


def _waves(panels: LatentPanels, t: Array) -> NDArray[np.complex128]:
    """E exp(i t·f(Z)) on the panels, for every frequency: shape (m,)."""
    weight = np.exp(panels.log_weight)
    # Relative to the mean, so that the phase stays small; both laws are shifted alike.
    return np.array([weight @ np.exp(1j * (row @ panels.f)) for row in t])
