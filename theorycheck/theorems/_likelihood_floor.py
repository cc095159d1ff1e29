"""What J no decoder can go below at a given σ²: a bound on the likelihood, proved by its dual.

With one σ² for all dimensions every decoder has p_f = ν * N(0, σ²I), ν the law of f(z), so that
J(f) ≥ MLEO(f) ≥ inf over all laws ν of KL[p ‖ ν * N(0, σ²I)]. That problem is convex in ν, and any
one law μ bounds it from below: by Jensen's inequality, for every ν,

    E_p log p_ν/p_μ ≤ log E_p p_ν/p_μ ≤ log sup_θ D(θ),   D(θ) = E_p[N(x; θ, σ²I)/p_μ(x)],

so that KL[p ‖ p_ν] ≥ KL[p ‖ p_μ] − log sup_θ D(θ): the gradient bound of the nonparametric
likelihood (Lindsay 1983). Any positive function may stand for p_μ in it. It is tight at the best μ,
which expectation maximisation over the places and weights of finitely many atoms comes near.
N(0, σ₂²I) is N(0, σ₁²I) smoothed for σ₁ < σ₂, so that the infimum can only rise with σ²; where σ²
is at most the data's own the bound is zero.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import ndtr

from theorycheck.arrays import Array, Integers
from theorycheck.errors import ModelError, SettingError
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import TrapezoidGrid, latent_panels, trapezoid_grid

Integers = Integers

#: Grid step over x in the data's σ: a trapezoid rule on densities that are smooth on that scale
#: errs by 2 exp(−2π²/0.49) < 1e-17.
_STEP = 0.7
#: Steps of θ in σ. sup D lies between nodes by a factor of 1/(1 − D h²/8) at most: 1e-3 nats.
_THETA = 1.0 / 16.0
#: Atoms of μ begin as the ground truth's law, apart by at most so much in the decoder's σ and in z,
#: out to where the prior mass beyond is 1e-15.
_APART, _APART_IN_Z, _REACH = 0.5, 0.1, 8.0
#: Rounds of expectation maximisation over them at most.
_ROUNDS = 200
#: Gain of a round, nats, below which more rounds do not pay.
_GAIN = 1e-7
#: Mass of the ground truth's law that is mixed into μ, so that p/p_μ is bounded everywhere; it
#: costs no more than that in nats.
_MIXED = 1e-4
#: Distance in σ of the data, on its grid, from an atom to an x that it is counted at.
_NEAR = 12.0


def likelihood_floor(data: GenerativeModel, noise_variance: float) -> float:
    """Compute a lower bound on J over all decoders, of any K, with one σ².

    Parameters
    ----------
    data : GenerativeModel
        p(x), D <= 2.
    noise_variance : float
        σ² of the decoders, in every data dimension.

    Returns
    -------
    float
        Nats. Zero where σ² is at most the data's.

    Raises
    ------
    ModelError
        If D > 2.
    SettingError
        If σ² is not positive and finite.
    """
    if data.data_dim > 2:
        raise ModelError(f"a bound on the likelihood needs D <= 2, not {data.data_dim}")
    if not (math.isfinite(noise_variance) and noise_variance > 0.0):
        raise SettingError(f"σ² must be positive and finite, not {noise_variance}")
    if noise_variance <= float(data.noise_variance.min()):
        return 0.0
    panels = latent_panels(data)
    grid = trapezoid_grid(panels, _STEP)
    mass = grid.volume * np.exp(grid.log_density)
    truth, prior = _law_of(data, math.sqrt(noise_variance))
    atoms, weight = _best_law(truth, prior, grid.x, mass, data.sigma, noise_variance)
    near = _Neighbours(grid.x, np.concatenate([atoms, truth]), data.sigma)
    weight = np.concatenate([(1.0 - _MIXED) * weight, _MIXED * prior])
    log_model = np.log(near.mixture(weight, noise_variance))
    mleo = float(mass @ (grid.log_density - log_model))
    ratio = mass * np.exp(-log_model)
    largest = _largest(grid, ratio, noise_variance)
    # On the rest, of mass m, E_p log p/p_ν is at least m log m by the log-sum inequality.
    return max(mleo - math.log(largest) - 40.0 * grid.missing_mass, 0.0)


def _law_of(data: GenerativeModel, sigma: float) -> tuple[Array, Array]:
    """Return atoms of the law of the ground truth's f(z), and their prior masses."""
    z = np.linspace(-_REACH, _REACH, 40_001)
    length = np.linalg.norm(np.diff(data.decoder(z), axis=0), axis=1) / (_APART * sigma)
    along = np.concatenate([[0.0], np.cumsum(length + np.diff(z) / _APART_IN_Z)])
    edges = np.interp(np.linspace(0.0, along[-1], 1 + math.ceil(along[-1])), along, z)
    centre = 0.5 * (edges[1:] + edges[:-1])
    # On the right half of the line through the upper tail, so that small masses keep their digits.
    mass = np.where(
        centre > 0.0, ndtr(-edges[:-1]) - ndtr(-edges[1:]), ndtr(edges[1:]) - ndtr(edges[:-1])
    )
    return data.decoder(centre), mass / mass.sum()


def _best_law(
    atoms: Array, weight: Array, x: Array, mass: Array, data_sigma: Array, variance: float
) -> tuple[Array, Array]:
    """Raise E_p log p_μ over atoms and their weights, from the ground truth's law.

    Light x are kept: where the tails of p_μ fell off, D would be large.
    """
    near = _Neighbours(x, atoms, data_sigma)
    share, before = mass / mass.sum(), -math.inf
    for _ in range(_ROUNDS):
        density = near.mixture(weight, variance)
        value = float(share @ np.log(density))
        if value - before < _GAIN:
            break
        before = value
        joint = near.kernel * weight[near.atom] * (share / density)[near.node]
        count = len(weight)
        weight = np.asarray(np.bincount(near.atom, joint, minlength=count), dtype=np.float64)
        reached = weight > 1e-200
        moved = [
            np.bincount(near.atom, joint * near.x[near.node, d], minlength=count)[reached]
            / weight[reached]
            for d in range(x.shape[1])
        ]
        near.atoms[reached] = np.stack(moved, axis=-1)
    return near.atoms, weight / weight.sum()


class _Neighbours:
    """Pairs of x and atoms that are near each other; atoms may move by a σ or so afterwards."""

    def __init__(self, x: Array, atoms: Array, sigma: Array) -> None:
        self.x, self.atoms = x, atoms.copy()
        near: Any = cKDTree(atoms / sigma).query_ball_point(x / sigma, _NEAR, return_sorted=False)
        counts = np.array([len(row) for row in near])
        self.node: Integers = np.repeat(np.arange(len(x)), counts)
        self.atom = np.concatenate([np.asarray(row, dtype=np.int64) for row in near])
        self.kernel: Array = np.empty(0)

    def mixture(self, weight: Array, variance: float) -> Array:
        """Return Σ_j w_j N(x; y_j, σ²I) over near atoms, and keep the kernel for the pairs."""
        dim = self.x.shape[1]
        square = np.zeros(len(self.node))
        for d in range(dim):
            square += (self.x[self.node, d] - self.atoms[self.atom, d]) ** 2
        self.kernel = np.exp(-0.5 * square / variance) * (2.0 * math.pi * variance) ** (-0.5 * dim)
        total = np.bincount(self.node, self.kernel * weight[self.atom], minlength=len(self.x))
        return np.maximum(total, 1e-300)


def _largest(grid: TrapezoidGrid, ratio: Array, variance: float) -> float:
    """Bound sup_θ D(θ) from its values on a grid of θ.

    D is a sum of normal densities in θ, so that its second derivative along any direction is at
    least −D/σ². From the supremum, where the gradient vanishes, D has therefore fallen by no more
    than a share r²/2σ² at a distance r, and half a diagonal is the furthest that a node can be.
    Outside the box of all x every term falls off, so that the supremum lies in the box.
    """
    dim = grid.x.shape[1]
    sigma = math.sqrt(variance)
    low, high = grid.x.min(axis=0) - sigma, grid.x.max(axis=0) + sigma
    axes = [
        np.linspace(a, b, 1 + math.ceil((b - a) / (_THETA * sigma)))
        for a, b in zip(low, high, strict=True)
    ]
    # Rows of x that share a first coordinate go through the separable kernel together.
    ticks, place = zip(
        *(np.unique(np.round(grid.x[:, d], 12), return_inverse=True) for d in range(dim)),
        strict=True,
    )
    table = np.zeros([len(t) for t in ticks])
    table[tuple(place)] = ratio
    values: Any = table
    for d in range(dim):
        kernel = np.exp(-0.5 * ((axes[d][:, None] - ticks[d]) / sigma) ** 2)
        kernel /= math.sqrt(2.0 * math.pi * variance)
        values = np.moveaxis(np.tensordot(kernel, values, axes=(1, d)), 0, d)
    spacing = max(float(axis[1] - axis[0]) for axis in axes)
    largest = float(np.max(values))
    return float(largest / (1.0 - dim * spacing**2 / (8.0 * variance)))
