"""Mean-field inference where f is a table on a grid of three latents, such as a search finds.

f is a polynomial between the points of the grid. So log p(x) comes from two small rules on each
piece (:mod:`theorycheck.quadrature`), and the best q from closed forms (`_multilinear_q.py`): boxes
for an f of which nothing is known would be too many, and Gauss-Hermite rules would see its kinks.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, PerDimension, Points
from theorycheck.errors import ModelError
from theorycheck.estimate import Kind
from theorycheck.inference._boxed_marginal import known_to
from theorycheck.inference._marginal import LogDensity, as_points
from theorycheck.inference._mean_field_boxes import MeanFieldBoxes
from theorycheck.inference._multilinear_q import MultilinearQSearch
from theorycheck.inference._product_q import ProductQSearch
from theorycheck.models import Decoder, GenerativeModel, GridTable
from theorycheck.quadrature import FINE, TablePieces, TrapezoidGrid, table_pieces
from theorycheck.quadrature.kernels import piece_density_batch

#: σ of a cell in which x count as neighbours, which share the pieces that can matter to them.
_NEIGHBOURS = 0.5


class _Places(NamedTuple):
    """Boxes between the points of the grid, whose middles are starts of the search for q."""

    lower: Float64[Array, "boxes K"]
    upper: Float64[Array, "boxes K"]
    sigma: PerDimension
    function: Decoder


class MeanFieldGrid(MeanFieldBoxes):
    """Mean-field inference in one model whose f is a table on a grid of three latents.

    Parameters
    ----------
    model : GenerativeModel
        The model.

    Raises
    ------
    ModelError
        If its f is not such a table.
    """

    #: log p(x) does not come from Sobol points, no prior mass is without nodes, and an x is cheap.
    by_boxes = True
    kind = Kind.ESTIMATED
    unresolved_mass = 0.0
    missing_mass = 0.0
    asked_often = True

    def __init__(self, model: GenerativeModel) -> None:
        super().__init__(model)
        if not is_on_grid_of_three(model):
            raise ModelError(f"{model.name}: f is not a table on a grid of three latents")

    @property
    def _grid_table(self) -> GridTable:
        table = self.model.decoder.table
        assert isinstance(table, GridTable)
        return table

    @cached_property
    def pieces(self) -> TablePieces:
        """Return f on pieces between the points of its table."""
        return table_pieces(self._grid_table, self.model.sigma)

    @cached_property
    def latent_nodes(self) -> int:
        """Return how many latents one x is held against at most."""
        return self.pieces.size * self.pieces.each

    def log_density(self, x: ArrayLike) -> LogDensity:
        """Return log p(x) for x (n, D), with its radius and E[f(z) | x]."""
        value, relative, moments = self._sums(as_points(x, self.model.data_dim))
        return known_to(value, relative, moments[:, : self.model.data_dim])

    def posterior_squares(self, x: ArrayLike) -> Points:
        """Return E[(x_d − f_d(z))² | x] under the exact posterior for x (n, D), shape (n, D)."""
        _, _, moments = self._sums(as_points(x, self.model.data_dim))
        return np.ascontiguousarray(moments[:, self.model.data_dim :])

    def _sums(self, x: Points) -> tuple[Array, Array, Array]:
        """Return log p(x), the relative error of p(x), and E f and E (x − f)² side by side."""
        count, sigma = len(x), self.model.sigma
        value, relative = np.empty(count), np.empty(count)
        moments = np.empty((count, 2 * sigma.size))
        order = np.lexsort(np.floor(x / (_NEIGHBOURS * sigma)).T)
        log_weight, f = self.pieces.nodes
        piece_density_batch(
            np.ascontiguousarray(x[order]), 1.0 / sigma, log_weight, f, self.pieces.balls,
            FINE ** self.pieces.lower.shape[1], value, relative, moments,
        )  # fmt: skip
        back = np.empty_like(order)
        back[order] = np.arange(count)
        peak = -0.5 * sigma.size * np.log(2.0 * np.pi) - np.log(sigma).sum()
        return value[back] + peak, relative[back], moments[back]

    @cached_property
    def search(self) -> ProductQSearch:
        """Return the search for the optimal q, made at first use."""
        table = self._grid_table
        sides = [np.stack([axis[:-1], axis[1:]]) for axis in table.axes]
        lower, upper = (
            np.stack(
                [one.ravel() for one in np.meshgrid(*(s[end] for s in sides), indexing="ij")], 1
            )
            for end in (0, 1)
        )
        places = _Places(lower, upper, self.model.sigma, self.model.decoder)
        return MultilinearQSearch(self.model, table, places)

    def grid(self, step: float, shift: float = 0.0) -> TrapezoidGrid:
        """Refuse: of three latents p(x) is averaged over by draws."""
        raise ModelError(
            f"{self.model.name}: no grid of step {step:g}, shift {shift:g} is laid over p(x) of "
            "three latents"
        )


def is_on_grid_of_three(model: GenerativeModel) -> bool:
    """Tell whether a model's f is a table on a grid of three latents.

    Parameters
    ----------
    model : GenerativeModel

    Returns
    -------
    bool
    """
    return isinstance(model.decoder.table, GridTable) and model.latent_dim == 3
