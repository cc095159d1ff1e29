"""The optimal mean-field Gaussian q*(z|x), the global minimum over (μ, s), for every x.

−ELBO_x(μ, s) is affine in x up to |x|²/2σ² (docs/theory.md), so one table of E_q f and E_q |f|²
serves the scan of every x. Newton's method starts from the table's minima (and, where the table
ends before q is narrow enough, from posterior modes). A tree of lower bounds, affine in x as well,
then says where a lower value could be; Newton's method starts there, too, until there is none.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, Counts, PerPoint, Points
from theorycheck.inference._affine_table import affine_table, table_entries
from theorycheck.inference._bound_tree import BoundTree
from theorycheck.inference._elbo_rounding import ElboRounding
from theorycheck.inference._exact_model import BestQ, ExactModel
from theorycheck.inference._family import MEAN_FIELD, Family, checked_family
from theorycheck.inference._marginal import LogDensity, as_panels, as_points, log_density
from theorycheck.inference._optimal_q import OptimalQ
from theorycheck.inference._posterior_weights import posterior_weights
from theorycheck.models import DescribedModel, GenerativeModel, as_generative
from theorycheck.quadrature import (
    DataSample,
    LatentPanels,
    TrapezoidGrid,
    latent_runs,
    lengths,
    quasi_monte_carlo,
    trapezoid_grid,
)
from theorycheck.quadrature.kernels import (
    MINIMA,
    AffineTable,
    Candidates,
    Panels,
    Runs,
    distinct_candidates_batch,
    expectations_batch,
    negative_elbo_batch,
    optimal_q_batch,
)

#: Nats above the best minimum found at which a start is given up. That no deeper basin is passed
#: over is for the walk through the bounds to see. Where all minima within half a nat of the best
#: are wanted: the table is up to 0.3 above its minima.
_BEST_ONLY = 0.05
ALL_MINIMA = 0.8
#: Prior mass on panels that do not resolve f from which no bound is asked for: log p itself is
#: unknown then, and the bounds of 64,000 such panels take half of the time.
_UNRESOLVED = 0.1
#: Gap, nats, from which it is worth the price of log p(x) to look for a smaller one.
_WIDE_GAP = 1e-9
#: σ across the curve that p(x) takes up, and |z| up to which it does, for the room it covers.
_ACROSS = 12.0
_COVERED_REACH = 8.0
#: Candidates that serve the neighbours of a group of x, and nats within which a minimum is one.
_CANDIDATES = 12
_CANDIDATE_MARGIN = 0.5


class MeanField:
    """Mean-field inference in one model: build once, ask for many x.

    Parameters
    ----------
    model : GenerativeModel or LatentPanels
        The model; panels of it are taken as they are.
    """

    families = (MEAN_FIELD,)

    def __init__(self, model: GenerativeModel | LatentPanels) -> None:
        self.panels = as_panels(model)
        self.model = self.panels.model
        self._inverse_sigma = 1.0 / self.model.sigma
        self._panels = self.panels.arrays

    @cached_property
    def _runs(self) -> Runs:
        """Runs of panels, made at first use: log p(x) and grids need none."""
        return latent_runs(self.panels)

    @property
    def unresolved_mass(self) -> float:
        """Return the prior mass on which f is not resolved against σ."""
        return self.panels.unresolved_mass

    @property
    def missing_mass(self) -> float:
        """Return the prior mass that is unresolved or beyond the panels' reach."""
        return self.panels.missing_mass

    @property
    def verified_width(self) -> float:
        """Return the width in z from which on no bump, dip or gap of f was missed."""
        return self.panels.verified_width

    @property
    def latent_nodes(self) -> int:
        """Return how many latents of the panels stand for the prior."""
        return int(self.panels.z.size)

    @property
    def covered(self) -> float:
        """Return the curve's length times the room across it that its noise takes, in σ^D."""
        inner = np.abs(self.panels.left) < _COVERED_REACH
        way = float(lengths(self.panels)[inner].sum())
        return way * _ACROSS ** (self.model.data_dim - 1)

    @property
    def arrays(self) -> tuple[Panels, Runs]:
        """Return the panels and their runs, as the kernels take them."""
        return self._panels, self._runs

    @cached_property
    def bounds(self) -> BoundTree:
        """Return the lower bounds that say whether a minimum is global, made where needed."""
        return BoundTree(self.panels, self._runs)

    @cached_property
    def _table_entries(self) -> tuple[Array, Array, bool]:
        return table_entries(self.panels)

    @cached_property
    def table(self) -> AffineTable:
        """Return the scan table, made at first use."""
        means, log_scales, _ = self._table_entries
        first = np.empty((means.size, self.model.data_dim))
        squares = np.empty_like(first)
        self._expectations(np.zeros_like(first), means, log_scales, first, squares)
        return affine_table(means, log_scales, first, squares, self._inverse_sigma)

    def optimal_q(
        self,
        x: ArrayLike,
        *,
        given: Float64[Array, "groups candidates 2"] | None = None,
        group: Counts | None = None,
        use_modes: bool = True,
        certify: bool = True,
        evidence: LogDensity | None = None,
        negligible: PerPoint | None = None,
        margin: float = _BEST_ONLY,
    ) -> OptimalQ:
        """Find the global optimum of −ELBO_x over q for every x.

        Parameters
        ----------
        x : array_like, shape (n, D)
            Data points.
        given : ndarray, shape (G, C, 2), optional
            Candidates (μ, log s), NaN where unused; they replace the scan of the table.
        group : ndarray of int, shape (n,)
            Which row of `given` belongs to which x.
        use_modes : bool
            Start at posterior modes too; without candidates that is decided by the table.
        certify : bool
            Look for lower values through the bounds. Without it, or where f is not resolved, the
            minimum may be a local one, and `gap` is inf. On a curve so steep that hardly two x
            share a node this is most of the price.
        evidence : LogDensity, optional
            log p_θ(x), where it is known: −ELBO_x is never below −log p_θ(x), so that an x whose
            best q is the posterior needs no other bound.
        negligible : ndarray, shape (n,), optional
            KL, nats, up to which an x is not looked at through the bounds: all that a better q
            could gain there. Needs `evidence`.
        margin : float
            Nats above the best up to which a start is followed; ALL_MINIMA where the other local
            minima are wanted for their own sake.

        Returns
        -------
        OptimalQ
        """
        points = as_points(x, self.model.data_dim)
        panels = self.panels
        minima = np.full((len(points), MINIMA, 3), np.nan)
        found = np.zeros(len(points), dtype=np.int64)
        if given is None:
            table = self.table
            given = np.empty((1, 0, 2))
            # Beyond the table's end only posterior modes know how narrow q must be.
            use_modes = not self._table_entries[2]
        else:
            none, dim = np.empty(0), points.shape[1]
            table = AffineTable(
                none, none, none, np.empty((dim, 0)), none, np.empty((0, dim)), none
            )
        if group is None:
            group = np.zeros(len(points), dtype=np.int64)
        optimal_q_batch(
            points,
            self._inverse_sigma,
            self._panels,
            self._runs,
            panels.log_width,
            panels.blocks,
            table,
            Candidates(given, group),
            use_modes,
            margin,
            minima,
            found,
        )
        gap = np.full(len(points), np.inf)
        if certify:
            floor = None
            if evidence is not None:
                floor = panels.peak_log_density - evidence.value - evidence.error
            if panels.unresolved_mass < _UNRESOLVED:
                gap = self.bounds.settle(points, minima, found, floor, negligible)
            if evidence is None:
                self._bound_by_evidence(points, minima[:, 0, 2], gap)
        if self.model.decoder.single:
            gap += self._rounding(points, minima[:, 0, 0], np.exp(minima[:, 0, 1]))
        minima[:, :, 2] -= panels.peak_log_density
        minima[np.arange(MINIMA)[None, :] >= found[:, None]] = np.nan
        return OptimalQ(
            mean=minima[:, 0, 0].copy(),
            scale=np.exp(minima[:, 0, 1]),
            negative_elbo=minima[:, 0, 2].copy(),
            minima=minima,
            gap=gap,
        )

    def best_q(
        self,
        x: ArrayLike,
        *,
        family: Family = MEAN_FIELD,
        groups: int = 0,
        hint: Float64[Array, "groups candidates 2"] | None = None,
        fresh: bool = True,
        evidence: LogDensity | None = None,
        negligible: PerPoint | None = None,
    ) -> BestQ:
        """Find the optimal q of every x; see :class:`theorycheck.inference.ExactModel`."""
        checked_family(self, family)
        points = as_points(x, self.model.data_dim)
        each = len(points) // groups if groups else 0
        optimum = self.optimal_q(
            points,
            given=hint,
            group=None if hint is None else np.repeat(np.arange(groups), each),
            use_modes=fresh,
            evidence=evidence,
            negligible=negligible,
        )
        mean_f, squares = self.expectations(points, optimum.mean, optimum.scale)
        candidates = np.empty((groups, _CANDIDATES, 2))
        if groups:
            minima = optimum.minima.reshape(groups, each, -1, 3)
            distinct_candidates_batch(minima, _CANDIDATE_MARGIN, candidates)
        return BestQ(optimum.negative_elbo, optimum.gap, mean_f, squares, candidates)

    def _bound_by_evidence(self, points: Array, best: Array, gap: Array) -> None:
        """Where the bounds left much open, far off the curve for instance, ask log p(x)."""
        wide = np.flatnonzero(gap > _WIDE_GAP)
        if wide.size:
            p = log_density(self.panels, points[wide])
            kl = best[wide] - self.panels.peak_log_density + p.value + p.error
            gap[wide] = np.minimum(gap[wide], np.maximum(kl, 0.0))

    @cached_property
    def _off(self) -> ElboRounding:
        return ElboRounding(self.panels)

    def _rounding(self, points: Array, mean: Array, scale: Array) -> Array:
        """Bound what single precision does to −ELBO_x, and to E_q (x_d − f_d)²/σ_d² besides."""
        _, squares = self.expectations(points, mean, scale)
        total = (squares * self._inverse_sigma**2).sum(axis=1)
        return self._off.of(np.asarray(mean), np.asarray(scale), total)

    def negative_elbo(self, x: ArrayLike, mean: ArrayLike, scale: ArrayLike) -> PerPoint:
        """Return −ELBO_x(μ, s) in nats, for any q.

        Parameters
        ----------
        x : array_like, shape (n, D)
            Data points.
        mean, scale : array_like, broadcast to shape (n,)
            Mean μ and standard deviation s of q(z|x), in z.

        Returns
        -------
        ndarray, shape (n,)
        """
        result: Array = self.derivatives(x, mean, scale)[:, 0]
        return result

    def derivatives(self, x: ArrayLike, mean: ArrayLike, scale: ArrayLike) -> Float64[Array, "n 6"]:
        """Return −ELBO_x, s∂_μ, ∂_{log s}, s²∂²_μ, s∂_μ∂_{log s}, ∂²_{log s}: shape (n, 6)."""
        points = as_points(x, self.model.data_dim)
        count = len(points)
        means = np.broadcast_to(np.asarray(mean, dtype=float), count).copy()
        log_scales = np.log(np.broadcast_to(np.asarray(scale, dtype=float), count))
        values = np.empty((count, 6))
        negative_elbo_batch(
            points,
            means,
            log_scales,
            self._inverse_sigma,
            self._panels,
            self._runs,
            values,
        )
        values[:, 0] -= self.panels.peak_log_density
        return values

    def expectations(
        self, x: ArrayLike, mean: ArrayLike, scale: ArrayLike
    ) -> tuple[Points, Points]:
        """Return E_q f (n, D) and E_q (x_d − f_d)² (n, D)."""
        points = as_points(x, self.model.data_dim)
        first = np.empty_like(points)
        squares = np.empty_like(points)
        means = np.broadcast_to(np.asarray(mean, dtype=float), len(points)).copy()
        log_scales = np.log(np.broadcast_to(np.asarray(scale, dtype=float), len(points)))
        self._expectations(points, means, log_scales, first, squares)
        return first, squares

    def log_density(self, x: ArrayLike) -> LogDensity:
        """Return log p(x); see :func:`theorycheck.inference.log_density`."""
        return log_density(self.panels, x)

    def posterior_squares(self, x: ArrayLike) -> Points:
        """Return E[(x_d − f_d(z))² | x] under the exact posterior for x (n, D), shape (n, D)."""
        points = as_points(x, self.model.data_dim)
        squares = np.empty_like(points)
        for chunk in posterior_weights(self.panels, points):
            for d, here in enumerate(points[chunk.rows].T):
                squares[chunk.rows, d] = np.sum(
                    chunk.weight * (here[:, None] - self.panels.f[d]) ** 2, axis=1
                )
        return squares

    def grid(self, step: float, shift: float = 0.0) -> TrapezoidGrid:
        """Return a trapezoid rule over p(x), D <= 2, of a step in σ."""
        return trapezoid_grid(self.panels, step, shift)

    def draws(self, *, size: int, repeats: int, seed: int) -> DataSample:
        """Return `repeats` independent sets of quasi-random draws from p(x)."""
        return quasi_monte_carlo(self.model, size=size, repeats=repeats, seed=seed)

    def kl(self, x: ArrayLike, optimum: OptimalQ | None = None) -> PerPoint:
        """Return KL[q*(z|x) ‖ p_θ(z|x)] in nats, shape (n,)."""
        best = self.optimal_q(x) if optimum is None else optimum
        return best.negative_elbo + log_density(self.panels, x).value

    def _expectations(
        self, x: Array, mean: Array, log_scale: Array, first: Array, squares: Array
    ) -> None:
        expectations_batch(
            x,
            mean,
            log_scale,
            self._panels,
            self._runs,
            first,
            squares,
        )


def as_field(model: DescribedModel | LatentPanels | ExactModel) -> MeanField:
    """Return mean-field inference for a model of one latent; a MeanField passes through.

    Raises
    ------
    ModelError
        If it is a model of another kind, which has no decoder of one latent.
    """
    if isinstance(model, MeanField):
        return model
    if isinstance(model, LatentPanels):
        return MeanField(model)
    return MeanField(as_generative(described_model(model)))


def described_model(model: DescribedModel | LatentPanels | ExactModel) -> DescribedModel:
    """Return what a model says of itself, in whatever garment it comes."""
    return model.model if isinstance(model, LatentPanels | ExactModel) else model


def optimal_q(model: GenerativeModel | LatentPanels | MeanField, x: ArrayLike) -> OptimalQ:
    """Find q*(z|x), the mean-field Gaussian of least KL from p_θ(z|x), for every x.

    Parameters
    ----------
    model : GenerativeModel, LatentPanels or MeanField
        The model, or what was built for it already.
    x : array_like, shape (n, D)
        Data points.

    Returns
    -------
    OptimalQ

    Raises
    ------
    ModelError
        If x has the wrong shape or is not finite.
    """
    return as_field(model).optimal_q(x)
