"""Nodes in data space for averages over p(x).

D <= 2: a tensor trapezoid rule, of which every second node is a trapezoid rule too, so that the
error is seen. p_θ on it is a product of matrices, since the Gaussian noise factorises over data
dimensions: no exponential is evaluated per pair of node and latent.
D > 2: scrambled Sobol points pushed through the generative model, several times over, so that
the spread of the repetitions gives a standard error. A given sample gets one from its variance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.special import ndtri

from theorycheck.arrays import Array, Flags, Integers, Latents, PerDimension, PerPoint, Points
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Kind
from theorycheck.models import GenerativeModel
from theorycheck.quadrature._latent_panels import LatentPanels

#: |z| beyond which a latent does not widen the grid; its prior mass is 1e-16.
_LATENT_REACH = 8.3
#: Distance in σ to which a latent counts: exp(-½ 11²) = 5e-27, which is below 1e-14 of p(x) even
#: where p(x) itself is exp(-25) of its peak.
_PAD = 11.0
#: Nodes with p(x) below exp(-_DEPTH) of the peak are left out.
_DEPTH = 46.0
#: Grid nodes a block and dimension, and grid nodes at most.
_BLOCK = 64
MAX_GRID_NODES = 40_000_000
#: Radii of averages over draws are so many standard errors. With 16 repetitions that is exceeded
#: once in 6,000 (Student's t), and over hundreds of draws once in two million.
STANDARD_ERRORS = 5.0


@dataclass(frozen=True, eq=False)
class TrapezoidGrid:
    """A trapezoid rule over the data where p(x) matters.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Nodes of the grid.
    log_density : ndarray, shape (n,)
        log p(x), nats.
    volume : float
        Weight of every node.
    coarse : ndarray of bool, shape (n,)
        The nodes of the rule with twice the step.
    missing_mass : float
        Bound on the mass of p(x) that the grid does not see.
    """

    x: Points
    log_density: PerPoint
    volume: float
    coarse: Flags
    missing_mass: float

    def integrate(self, values: PerPoint) -> tuple[float, float]:
        """Integrate a function given at the nodes: the fine rule, and its change from the coarse.

        Parameters
        ----------
        values : ndarray, shape (n,)
            The integrand, p(x) included.

        Returns
        -------
        value, change : float
            The integral, and how far the rule of twice the step is from it.
        """
        fine = self.volume * float(np.sum(values))
        dim = self.x.shape[1]
        coarse = 2.0**dim * self.volume * float(np.sum(values[self.coarse]))
        return fine, abs(fine - coarse)


def trapezoid_grid(panels: LatentPanels, step: float, shift: float = 0.0) -> TrapezoidGrid:
    """Lay a grid around the decoder means and compute log p_θ on it.

    Parameters
    ----------
    panels : LatentPanels
        Panels of the model that p(x) belongs to, D <= 2.
    step : float
        Grid step in σ.
    shift : float
        Where in the step the grid lies, in [0, 1): the rule is as good anywhere.

    Returns
    -------
    TrapezoidGrid

    Raises
    ------
    ModelError
        If D > 2.
    SettingError
        If not even the central part of p(x) fits into MAX_GRID_NODES.
    """
    dim = panels.model.data_dim
    if dim > 2:
        raise ModelError(f"a tensor grid needs D <= 2, not {dim}")
    sigma = panels.model.sigma
    spacing = step * sigma
    reach = min(_LATENT_REACH, panels.reach)
    while True:
        inner = np.abs(panels.z) <= reach
        found = grid_of_nodes(
            panels.f[:, inner], np.exp(panels.log_weight[inner]), spacing, sigma, shift
        )
        if found is not None:
            break
        # f runs far out where hardly any mass is: give up the outermost latents.
        reach -= 0.5
        if reach < 1.0:
            raise SettingError(
                f"{panels.model.name}: a grid of step {step:.3g} σ over p(x) needs more than "
                f"{MAX_GRID_NODES:,} nodes"
            )
    # What was given up, by the weights of its nodes: a panel may be cut in two.
    tail = float(np.exp(panels.log_weight[~inner]).sum()) + panels.missing_mass
    return TrapezoidGrid(
        x=found.x,
        log_density=np.log(found.density) + panels.peak_log_density,
        volume=float(spacing.prod()),
        coarse=found.coarse,
        missing_mass=tail + 1e-17,
    )


class GridOfNodes(NamedTuple):
    """A mixture of Gaussians on the nodes of a uniform grid.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Nodes at which it is not negligible.
    density : ndarray, shape (n,)
        Σ weight Π_d exp(−(x_d − f_d)²/2σ_d²).
    coarse : ndarray of bool, shape (n,)
        The nodes of the grid of twice the step.
    """

    x: Points
    density: PerPoint
    coarse: Flags


def grid_of_nodes(
    f: Float64[Array, "D nodes"],
    weight: Float64[Array, " nodes"],
    spacing: PerDimension,
    sigma: PerDimension,
    shift: float = 0.0,
) -> GridOfNodes | None:
    """Sum weighted Gaussians on a uniform grid around their means, by products of matrices.

    Parameters
    ----------
    f : ndarray, shape (D, N)
        Means, D <= 2.
    weight : ndarray, shape (N,)
        Weights.
    spacing, sigma : ndarray, shape (D,)
        Step of the grid, and the Gaussians' standard deviation.
    shift : float
        Where in the step the grid lies.

    Returns
    -------
    GridOfNodes or None
        None where it would have more than MAX_GRID_NODES.
    """
    blocks, starts, members = _touched_blocks(f, spacing, sigma)
    if len(blocks) * _BLOCK ** len(f) > MAX_GRID_NODES:
        return None
    points, densities, coarse = [], [], []
    for block, chosen in zip(blocks, np.split(members, starts[1:]), strict=True):
        indices, density = _block_density(
            block, f[:, chosen] - shift * spacing[:, None], weight[chosen], spacing, sigma
        )
        keep = density > math.exp(-_DEPTH) * weight.max()
        points.append((indices[keep] + shift) * spacing)
        coarse.append(np.all(indices[keep] % 2 == 0, axis=1))
        densities.append(density[keep])
    return GridOfNodes(np.concatenate(points), np.concatenate(densities), np.concatenate(coarse))


def _touched_blocks(f: Array, spacing: Array, sigma: Array) -> tuple[Integers, Integers, Integers]:
    """List the grid blocks within reach of a decoder mean, and the latents that touch each."""
    size = _BLOCK * spacing
    first = np.floor((f - _PAD * sigma[:, None]) / size[:, None]).astype(np.int64)
    last = np.floor((f + _PAD * sigma[:, None]) / size[:, None]).astype(np.int64)
    span = int((last - first).max()) + 1
    rows, members = [], []
    for offset in product(range(span), repeat=f.shape[0]):
        block = first + np.array(offset)[:, None]
        valid = np.flatnonzero(np.all(block <= last, axis=0))
        rows.append(block[:, valid].T)
        members.append(valid)
    stacked, member = np.concatenate(rows), np.concatenate(members)
    blocks, owner = np.unique(stacked, axis=0, return_inverse=True)
    order = np.argsort(owner.ravel(), kind="stable")
    starts = np.searchsorted(owner.ravel()[order], np.arange(len(blocks)))
    return blocks, starts, member[order]


def _block_density(
    block: Integers, f: Array, weight: Array, spacing: Array, sigma: Array
) -> tuple[Integers, Array]:
    """Return grid indices (n, D) of a block and Σ weight Π_d exp(-(x_d - f_d)²/2σ_d²)."""
    axes = [b * _BLOCK + np.arange(_BLOCK) for b in block]
    factors = [
        np.exp(-0.5 * ((axis[:, None] * h - mean) / s) ** 2)
        for axis, h, mean, s in zip(axes, spacing, f, sigma, strict=True)
    ]
    if len(axes) == 1:
        return axes[0][:, None], factors[0] @ weight
    density = (factors[0] * weight) @ factors[1].T
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    return grid, density.ravel()


@dataclass(frozen=True, eq=False)
class DataSample:
    """Equally weighted draws from p(x), in repetitions whose spread gives a standard error.

    Parameters
    ----------
    x : ndarray, shape (R, n, D)
        R independent repetitions; R = 1 for a given sample of independent draws.
    """

    x: Float64[Array, "repeats n D"]

    def __iter__(self) -> Iterator[Points]:
        return iter(self.x)

    def average(self, values: Float64[Array, "repeats n"]) -> tuple[float, float]:
        """Average a function given at the nodes, as :func:`sample_mean` does.

        Parameters
        ----------
        values : ndarray, shape (R, n)
            The function at the nodes.

        Returns
        -------
        mean, radius : float
            The average and its radius of STANDARD_ERRORS.
        """
        found = sample_mean(values)
        return found.value, found.error


def sample_mean(
    values: Float64[Array, "*repeats n"], *, one_draw: float = 0.0, each: float = 0.0
) -> Estimate:
    """Average over draws from p(x), with a radius of STANDARD_ERRORS.

    Parameters
    ----------
    values : ndarray, shape (n,) or (R, n)
        Values at n independent draws; or at R independent repetitions of n draws, which need not be
        independent of each other. R = 1 is a sample of independent draws.
    one_draw : float
        What a single draw can change the value by, 1 for a count or a share: such values may have
        been equal at all n draws by chance, and keep the radius of one draw that was not.
    each : float
        Error radius of every single value, which is added.

    Returns
    -------
    Estimate
        Statistical. Of infinite radius for fewer than two draws. Values other than 0 that never
        varied count like a draw that could have been 0: no sample knows its mean exactly.
    """
    repeated = values.ndim == 2 and len(values) > 1
    independent = values.mean(axis=1) if repeated else values.ravel()
    count = independent.size
    if count < 2:
        return Estimate(float(values.sum()), math.inf, Kind.STATISTICAL)
    variance = float(independent.var(ddof=1))
    if variance == 0.0:
        one_draw = max(one_draw, abs(float(independent[0])))
    radius = standard_errors(variance, count, one_draw * count / values.size)
    return Estimate(float(independent.mean()), radius + each, Kind.STATISTICAL)


def standard_errors(variance: float, count: int, one_draw: float = 0.0) -> float:
    """Return the radius of a mean of independent values: STANDARD_ERRORS of its standard errors.

    Parameters
    ----------
    variance : float
        Variance of one value.
    count : int
        Number of values.
    one_draw : float
        What one of them can change: the variance counts as no less than that of a sample in which
        one value differs by so much.

    Returns
    -------
    float
    """
    return STANDARD_ERRORS * math.sqrt(max(variance, one_draw**2 / count) / count)


def quasi_monte_carlo(
    model: GenerativeModel,
    *,
    size: int = 1024,
    repeats: int = 16,
    seed: int = 0,
    latent: Callable[[PerPoint], Latents] = ndtri,
) -> DataSample:
    """Draw from p(x) by scrambled Sobol points in (z, noise).

    Parameters
    ----------
    model : GenerativeModel
        Any D.
    size : int
        Points a repetition; rounded up to a power of two.
    repeats : int
        Independent scramblings, at least 2.
    seed : int
        Seed of the scramblings.
    latent : callable
        Maps points of (0, 1) to latents; by default to N(0, 1), the prior.

    Returns
    -------
    DataSample

    Raises
    ------
    SettingError
        If `repeats` < 2 or `size` < 1.
    """
    _, x = quasi_draws(model, size=size, repeats=repeats, seed=seed, latent=latent)
    return DataSample(x)


def quasi_draws(
    model: GenerativeModel,
    *,
    size: int,
    repeats: int,
    seed: int,
    latent: Callable[[PerPoint], Latents] = ndtri,
) -> tuple[Float64[Array, "{repeats} n"], Float64[Array, "{repeats} n D"]]:
    """Draw (z, x) of a model of one latent by scrambled Sobol points in (z, noise).

    Parameters
    ----------
    model : GenerativeModel
        Any D.
    size, repeats, seed, latent
        As for :func:`quasi_monte_carlo`.

    Returns
    -------
    z : ndarray, shape (R, n)
    x : ndarray, shape (R, n, D)

    Raises
    ------
    SettingError
        If `repeats` < 2 or `size` < 1.
    """
    points = sobol_points(model.data_dim + 1, size=size, repeats=repeats, seed=seed)
    z = [latent(inner[:, 0]) for inner in points]
    x = [
        model.decoder(row) + ndtri(inner[:, 1:]) * model.sigma
        for row, inner in zip(z, points, strict=True)
    ]
    return np.stack(z), np.stack(x)


def sobol_points(
    dim: int, *, size: int, repeats: int, seed: int
) -> Float64[Array, "{repeats} n {dim}"]:
    """Return scrambled Sobol points in the open unit cube.

    Parameters
    ----------
    dim : int
        Dimensions of the cube.
    size : int
        Points a repetition; rounded up to a power of two.
    repeats : int
        Independent scramblings, at least 2.
    seed : int
        Seed of the scramblings.

    Returns
    -------
    ndarray, shape (R, n, dim)

    Raises
    ------
    SettingError
        If `repeats` < 2 or `size` < 1.
    """
    if repeats < 2 or size < 1:
        raise SettingError("quasi-Monte Carlo needs at least 2 repetitions of at least 1 point")
    # Half a second of a first command goes into this import, and most need no Sobol points.
    from scipy.stats import qmc

    log2_size = max(0, math.ceil(math.log2(size)))
    points = [
        qmc.Sobol(dim, scramble=True, rng=child).random_base2(log2_size)
        for child in np.random.default_rng(seed).spawn(repeats)
    ]
    inside: Array = np.clip(np.stack(points), 1e-16, 1.0 - 1e-16)
    return inside


def given_sample(x: ArrayLike, data_dim: int) -> DataSample:
    """Wrap a sample of independent draws.

    Parameters
    ----------
    x : array_like, shape (n, D)
        Independent draws, one a row.
    data_dim : int
        D.

    Returns
    -------
    DataSample

    Raises
    ------
    ModelError
        If the shape does not fit, a value is not finite, or it is empty.
    """
    points = np.asarray(x, dtype=np.float64)
    if points.ndim == 1 and data_dim == 1:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] != data_dim or len(points) == 0:
        raise ModelError(f"a sample of shape {points.shape}, expected (n, {data_dim}) with n >= 1")
    if not np.isfinite(points).all():
        raise ModelError("the sample contains NaN or inf")
    return DataSample(points[None])
