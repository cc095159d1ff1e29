"""Mean-field inference in a model of two or three latents: log p(x), posterior and optimal q.

f is evaluated once, on boxes that resolve it against σ (:mod:`theorycheck.quadrature`); the optimal
q = Π N(μ_k, s_k²) is searched for by Newton's method from many starts (`_product_q.py`). Where
boxes in three latents would be too many, log p(x) is an average over Sobol points, with a
statistical radius (`_sobol_density.py`).
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike
from scipy.special import ndtri

from theorycheck.arrays import Array, Integers, PerPoint, Points
from theorycheck.errors import ModelError
from theorycheck.estimate import Kind
from theorycheck.inference._boxed_marginal import (
    BY_PAIRS,
    by_products,
    grid_on_boxes,
    known_to,
    log_density_on_boxes,
)
from theorycheck.inference._boxed_posterior import posterior_squares_on_boxes
from theorycheck.inference._boxed_products import boxes_near
from theorycheck.inference._exact_model import BestQ
from theorycheck.inference._family import MEAN_FIELD, Family, checked_family
from theorycheck.inference._latent_plane import plane_log_density
from theorycheck.inference._marginal import LogDensity, as_points
from theorycheck.inference._multilinear_q import MultilinearQSearch
from theorycheck.inference._product_q import OptimalProductQ, ProductQSearch
from theorycheck.inference._sobol_density import REPEATS, SIZE, SobolDensity, sobol_density
from theorycheck.models import GenerativeModel, GridTable
from theorycheck.quadrature import (
    NEGLIGIBLE,
    RESOLUTION,
    DataSample,
    LatentBoxes,
    TrapezoidGrid,
    latent_boxes,
    sobol_points,
)
from theorycheck.quadrature.kernels import BOX_RULE

#: Draws at which it is counted how many latents an x is held against.
_PROBED = 64
#: |z| up to which p(x) takes up room, the edge of the cells it is counted in, in σ, and how many of
#: them noise reaches either way.
_COVERED_REACH, _CELL, _AROUND = 8.0, 3.0, 2
#: Numbers that the boxes may hold: 480 MB.
_NUMBERS = 60_000_000
#: Boxes below which f is not held but evaluated when it is asked for.
_ENOUGH = 6_000
#: σ that f may move on a box: the rule's error is below 1e-12 of the integrand's maximum, at six
#: tenths of the nodes that 3σ take.
_SMALL_MOVE = 4.0
#: σ that f may move on a box, and its last coefficients, where D is large: the rule's error is then
#: below 4e-9 of the integrand's maximum (12 Gauss nodes for 6σ along one latent). And the prior
#: mass of boxes that are left as they are: f is far from any x there, or the radius says so.
_MOVE, _RESOLUTION, _NEGLIGIBLE = 6.0, 1e-9, 1e-12
#: Boxes of three latents: prior mass below which one is left as it is, boxes at most (nodes are
#: made when they are asked for), and unresolved prior mass from which on Sobol points
#: take their place. σ that f may move along each latent is as above: 12 nodes are good to 1e-12.
_NEGLIGIBLE_THIRD, MOST_BOXES, _UNRESOLVED = 1e-15, 10_000, 1e-6
#: Relative error of p(x) from which boxes are halved for an x alone, the one then aimed at, and x
#: for which that is done together.
_ROUGH, _HALVED_TO, _HALVED_TOGETHER = 1e-4, 1e-5, 64
#: Candidates that serve the neighbours of a group of x, and nats within which a minimum is one.
_CANDIDATES, _CANDIDATE_MARGIN = 8, 0.5
#: Two candidates are the same where they are nearer than this, in scales.
_SAME_CANDIDATE = 0.5


class MeanFieldBoxes:
    """Mean-field inference in one model of two or three latents: build once, ask for many x.

    Parameters
    ----------
    model : GenerativeModel
        The model.

    Raises
    ------
    ModelError
        If it has another number of latents.
    """

    families = (MEAN_FIELD,)
    #: f is not scanned between the nodes of a box.
    verified_width = math.inf

    def __init__(self, model: GenerativeModel) -> None:
        if model.latent_dim not in (2, 3):
            raise ModelError(
                f"{model.name}: has {model.latent_dim} latent{'s' * (model.latent_dim > 1)}, and "
                "this is for two or three"
            )
        self.model = model

    @property
    def _table(self) -> GridTable | None:
        """Return the table on a grid that f is, if it is one."""
        table = self.model.decoder.table
        return table if isinstance(table, GridTable) else None

    @cached_property
    def boxes(self) -> LatentBoxes:
        """Return f on boxes in z."""
        dim = self.model.data_dim
        if self.model.latent_dim > 2:
            fit = _NUMBERS // (BOX_RULE**3 * dim)
            return latent_boxes(
                self.model.decoder, self.model.sigma, latents=3, name=self.model.name,
                max_boxes=MOST_BOXES, largest_move=_SMALL_MOVE, resolution=_RESOLUTION,
                negligible=_NEGLIGIBLE_THIRD, held=False,
            ).with_values_if(fit)  # fmt: skip
        many = dim > BY_PAIRS
        fit = _NUMBERS // (BOX_RULE**2 * (dim + 4))
        held = not many or fit >= _ENOUGH
        return latent_boxes(
            self.model.decoder,
            self.model.sigma,
            name=self.model.name,
            max_boxes=fit if held else _NUMBERS // (BOX_RULE**2 * 4 + dim),
            largest_move=_MOVE if many else _SMALL_MOVE,
            resolution=_RESOLUTION if many else RESOLUTION,
            negligible=_NEGLIGIBLE if many else NEGLIGIBLE,
            held=held,
            kinks=None if self._table is None else self._table.axes,
        )

    @cached_property
    def by_boxes(self) -> bool:
        """Tell whether log p(x) is had from boxes; else from Sobol points."""
        return self.model.latent_dim < 3 or self.boxes.unresolved_mass < _UNRESOLVED

    @property
    def kind(self) -> Kind:
        """Return what the radii of log p(x) are."""
        return Kind.ESTIMATED if self.by_boxes else Kind.STATISTICAL

    @property
    def asked_often(self) -> bool:
        """Tell whether boxes over p(x) may ask for as many x as they need.

        Of three latents an x takes a hundred times as long as of two, and where log p(x) is itself
        an average over random points no rule for smooth functions of x has a radius.
        """
        return self.model.latent_dim < 3

    @property
    def unresolved_mass(self) -> float:
        """Return the prior mass on which f is not resolved against σ."""
        return self.boxes.unresolved_mass if self.by_boxes else 0.0

    @property
    def missing_mass(self) -> float:
        """Return the prior mass that is unresolved or beyond the boxes' reach."""
        return self.boxes.missing_mass if self.by_boxes else 0.0

    @cached_property
    def latent_nodes(self) -> int:
        """Return how many latents one x is held against: those on boxes that can matter to it."""
        if not self.by_boxes:
            return SIZE * REPEATS
        _, x = self.model.sample(_PROBED, 0)
        known = self.log_density(x).value - self.boxes.peak_log_density
        return self.boxes.each * int(boxes_near(self.boxes, x, known).sum(axis=1).max())

    @cached_property
    def covered(self) -> float:
        """Return the room that f takes up with the noise around it, in σ^D; inf without a grid."""
        dim = self.model.data_dim
        if dim > 2 or self.model.latent_dim > 2:
            return math.inf
        inner = (np.abs(self.boxes.latents) < _COVERED_REACH).all(axis=1)
        cells = np.floor(self.boxes.f[:, inner].T / (_CELL * self.model.sigma)).astype(np.int64)
        cells = np.unique(cells, axis=0)
        for axis in range(dim):
            step = np.zeros((2 * _AROUND + 1, dim), dtype=np.int64)
            step[:, axis] = np.arange(-_AROUND, _AROUND + 1)
            cells = np.unique((cells[:, None, :] + step).reshape(-1, dim), axis=0)
        return len(cells) * _CELL**dim

    def log_density(self, x: ArrayLike) -> LogDensity:
        """Return log p(x) for x (n, D), with its radius and E[f(z) | x].

        Where D is large and f has kinks, boxes that were made for all x leave a wide radius; then
        boxes are halved for these x alone.
        """
        points = as_points(x, self.model.data_dim)
        if not self.by_boxes:
            sums = self._by_sobol(points)
            return known_to(sums.value, sums.relative_error, sums.mean_f)
        found = log_density_on_boxes(self.boxes, points)
        rough = np.flatnonzero(found.relative_error > _ROUGH)
        if not rough.size or not by_products(self.boxes) or self.model.latent_dim > 2:
            return found
        for start in range(0, rough.size, _HALVED_TOGETHER):
            self._halved(points, rough[start : start + _HALVED_TOGETHER], found)
        return found

    def _halved(self, points: Array, rows: Integers, found: LogDensity) -> None:
        """Replace what is known of some x by what boxes that are halved for them say, if better."""
        value, relative = plane_log_density(
            self.model.decoder, self.model.sigma, points[rows], tolerance=_HALVED_TO
        )
        better = relative < found.relative_error[rows]
        rows, value, relative = rows[better], value[better], relative[better]
        found.value[rows], found.relative_error[rows] = value, relative
        known = -np.log1p(-np.minimum(relative, 0.5))
        found.error[rows] = np.where(relative < 0.5, known, np.inf)

    def posterior_squares(self, x: ArrayLike) -> Points:
        """Return E[(x_d − f_d(z))² | x] under the exact posterior for x (n, D), shape (n, D)."""
        if not self.by_boxes:
            return self._by_sobol(as_points(x, self.model.data_dim)).squares
        return posterior_squares_on_boxes(self.boxes, x)

    def _by_sobol(self, x: Points) -> SobolDensity:
        return sobol_density(self.model, x, self.search.run(x).minima)

    @cached_property
    def search(self) -> ProductQSearch:
        """Return the search for the optimal q, made at first use."""
        if self._table is not None:
            return MultilinearQSearch(self.model, self._table, self.boxes)
        return ProductQSearch(self.model, self.boxes)

    def optimal_q(self, x: ArrayLike) -> OptimalProductQ:
        """Find the optimum of −ELBO_x over q = Π N(μ_k, s_k²) for every x.

        Parameters
        ----------
        x : array_like, shape (n, D)
            Data points.

        Returns
        -------
        OptimalProductQ
        """
        return self.search.run(as_points(x, self.model.data_dim))

    def best_q(
        self,
        x: ArrayLike,
        *,
        family: Family = MEAN_FIELD,
        groups: int = 0,
        hint: Float64[Array, "groups candidates width"] | None = None,
        fresh: bool = True,
        evidence: LogDensity | None = None,  # noqa: ARG002
        negligible: PerPoint | None = None,
    ) -> BestQ:
        """Find the optimal q of every x; see :class:`theorycheck.inference.ExactModel`."""
        checked_family(self, family)
        points = as_points(x, self.model.data_dim)
        optimum = self.search.run(points, given=hint, fresh=fresh, negligible=negligible)
        mean_f, squares = self.search.expectations(points, optimum.mean, optimum.scale)
        return BestQ(
            negative_elbo=optimum.negative_elbo,
            gap=optimum.gap,
            mean_f=mean_f,
            squares=squares,
            hint=_candidates(optimum, groups),
        )

    def negative_elbo(
        self, x: ArrayLike, mean: Float64[Array, "n K"], scale: Float64[Array, "n K"]
    ) -> PerPoint:
        """Return −ELBO_x in nats, for any q.

        Parameters
        ----------
        x : array_like, shape (n, D)
            Data points.
        mean, scale : ndarray, shape (n, K)
            Means and standard deviations of q(z|x), in z.

        Returns
        -------
        ndarray, shape (n,)
        """
        points = as_points(x, self.model.data_dim)
        return self.search.negative_elbo(points, np.asarray(mean), np.asarray(scale))

    def kl(self, x: ArrayLike, optimum: OptimalProductQ | None = None) -> PerPoint:
        """Return KL[q*(z|x) ‖ p(z|x)] in nats, shape (n,)."""
        best = self.optimal_q(x) if optimum is None else optimum
        return best.negative_elbo + self.log_density(x).value

    def grid(self, step: float, shift: float = 0.0) -> TrapezoidGrid:
        """Return a trapezoid rule over p(x), D <= 2, of a step in σ.

        Raises
        ------
        ModelError
            If D > 2.
        """
        return grid_on_boxes(self.boxes, step, shift)

    def draws(self, *, size: int, repeats: int, seed: int) -> DataSample:
        """Return `repeats` independent sets of `size` quasi-random draws from p(x), any D."""
        latents, dim = self.model.latent_dim, self.model.data_dim
        points = ndtri(sobol_points(latents + dim, size=size, repeats=repeats, seed=seed))
        x = [
            self.model.decoder(np.ascontiguousarray(inner[:, :latents]))
            + inner[:, latents:] * self.model.sigma
            for inner in points
        ]
        return DataSample(np.stack(x))


def _candidates(optimum: OptimalProductQ, groups: int) -> Array:
    """Return distinct minima of each group of neighbours, the most frequent first."""
    width = optimum.minima.shape[2] - 1
    found = np.full((groups, _CANDIDATES, width), np.nan)
    if not groups:
        return found
    minima = optimum.minima.reshape(groups, -1, *optimum.minima.shape[1:])
    usable = minima[..., -1] <= minima[:, :, :1, -1] + _CANDIDATE_MARGIN
    for g in range(groups):
        points = minima[g][usable[g]][:, :-1]
        for place in range(_CANDIDATES):
            if not len(points):
                break
            # The one in the middle of the list: neighbours of it in x are on either side.
            one = points[len(points) // 2]
            found[g, place] = one
            scale = np.exp(np.minimum(points[:, width // 2 :], one[width // 2 :]))
            apart = np.abs(points[:, : width // 2] - one[: width // 2]) / scale
            wider = np.abs(points[:, width // 2 :] - one[width // 2 :])
            points = points[(np.maximum(apart, wider) >= _SAME_CANDIDATE).any(axis=1)]
    return found
