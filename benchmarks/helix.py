"""Shows a decoder that its M-step leaves unchanged, though PMO > 0, if the prior on z is flat.

``python -m benchmarks.helix`` prints a table for docs/proofs/theorem1.md. f(z) = (bz, R cos kz,
R sin kz) and a flat prior: everything is the same at every z up to a screw motion, so that an
M-step can change the radius only. Given x₁, z is N(m, σ²/b²); in the phase kz the width is
τ = kσ/b, and with u = x₂ + ix₃ turned back by the phase at m, σ = 1, the rest is a problem in two
dimensions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Array = NDArray[np.float64]

#: Data nodes a side over the disc of u, nodes of the phase, and Newton steps for q and the longest.
SIDE, PHASES, _STEPS, _LONGEST = 61, 401, 60, 0.2
#: Starts for q: means in τ, and log s/τ. Not at 0, where symmetry can hold Newton on a saddle.
_MEANS, _LOG_SCALES = np.linspace(-4.0, 4.0, 80), np.linspace(-4.0, 0.6, 30)


@dataclass(frozen=True)
class Helix:
    """What the optimal q make of it.

    Parameters
    ----------
    displacement : float
        How far an M-step moves the radius, in units of σ.
    pmo : float
        Nats.
    moment : float
        E (z − m)² under the optimal q, over its value under the posteriors, less 1: where it is
        not 0, an M-step under a wide normal prior changes b and k.
    """

    displacement: float
    pmo: float
    moment: float


def helix(radius: float, width: float, side: int = SIDE) -> Helix:
    """Average over x the optimal q of the phase.

    Parameters
    ----------
    radius : float
        R/σ.
    width : float
        τ.
    side : int
        Data nodes a side.
    """
    axis = np.linspace(-radius - 6.0, radius + 6.0, side)
    u = (axis[:, None] + 1j * axis).ravel()
    length, angle = np.abs(u), np.angle(u)
    phase = np.linspace(-8.0 * width, 8.0 * width, PHASES)
    prior = np.exp(-0.5 * (phase / width) ** 2)
    prior /= prior.sum()
    constant = 0.5 * (radius**2 + length**2) + math.log(2.0 * math.pi)
    likelihood = np.exp(
        radius * length[:, None] * np.cos(phase - angle[:, None]) - constant[:, None]
    )
    density = likelihood @ prior
    exact = (likelihood @ (prior * np.exp(1j * phase))) / density
    mean, log_scale = _optimal_q(radius, width, length, angle)
    scale = np.exp(log_scale)
    fitted = np.exp(-0.5 * scale**2 + 1j * mean)
    kl = 0.5 * (mean**2 + scale**2) / width**2 - 0.5 - np.log(scale / width) + constant
    kl += np.log(density) - radius * np.real(np.conj(u) * fitted)
    mass = density * (axis[1] - axis[0]) ** 2
    return Helix(
        displacement=float(mass @ np.real(np.conj(u) * (fitted - exact))),
        pmo=float(mass @ kl),
        moment=float(mass @ (mean**2 + scale**2)) / width**2 - 1.0,
    )


def _optimal_q(radius: float, width: float, length: Array, angle: Array) -> tuple[Array, Array]:
    """Return μ and log s of the phase for every u: a table, then Newton's method."""
    means, log_scales = (
        part.ravel()
        for part in np.meshgrid(width * _MEANS, math.log(width) + _LOG_SCALES, indexing="ij")
    )
    table = np.exp(-0.5 * np.exp(2.0 * log_scales) + 1j * means)
    offset = 0.5 * (means**2 + np.exp(2.0 * log_scales)) / width**2 - log_scales
    u = length * np.exp(1j * angle)
    best = [int(np.argmin(offset - radius * np.real(np.conj(v) * table))) for v in u]
    mean, log_scale = means[best], log_scales[best]
    for _ in range(_STEPS):
        square = np.exp(2.0 * log_scale)
        pull = radius * length * np.exp(-0.5 * square)
        along, across = pull * np.cos(mean - angle), pull * np.sin(mean - angle)
        slope = (mean / width**2 + across, square / width**2 - 1.0 + square * along)
        a = 1.0 / width**2 + along
        b = 2.0 * square / width**2 + along * (2.0 * square - square**2)
        c = -square * across
        # Newton's method with the absolute values of the eigenvalues leads downhill everywhere.
        values, vectors = np.linalg.eigh(np.array([[a, c], [c, b]]).transpose(2, 0, 1))
        turned = np.einsum("nij,ni->nj", vectors, np.array(slope).T)
        move = np.einsum("nij,nj->ni", vectors, turned / np.maximum(np.abs(values), 1e-3))
        move *= np.minimum(1.0, _LONGEST / np.maximum(np.abs(move).max(axis=1), 1e-300))[:, None]
        mean, log_scale = mean - move[:, 0], log_scale - move[:, 1]
    return mean, log_scale


def standing_radius(width: float, side: int = SIDE) -> float:
    """Return the radius at which the displacement changes its sign, in σ."""
    return float(brentq(lambda r: helix(r, width, side).displacement, 1.0, 4.0, xtol=1e-6))


def main() -> None:
    """Print the table."""
    print("| τ = kσ/b | R/σ where it stands | PMO | moment |\n|---:|---:|---:|---:|")
    for width in (0.5, 0.8, 1.2):
        radius = standing_radius(width)
        found = helix(radius, width)
        print(f"| {width} | {radius:.2f} | {found.pmo:.2g} | {found.moment:.2g} |")


if __name__ == "__main__":
    main()
