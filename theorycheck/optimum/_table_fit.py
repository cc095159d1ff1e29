"""The best decoder for a table of x, over all functions f: of the ELBO, and of the likelihood.

The rows stand for p(x), each with the same weight. σ² is fitted, one for all columns. On a table f
needs a bound on |f′|: without one it passes through the rows, and σ² → 0. Both objectives take the
same cells, bound, starts and ascent (docs/theory.md), so that what they end in differs by what a
Gaussian q costs and by nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Points
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate
from theorycheck.inference import log_density
from theorycheck.models import GenerativeModel
from theorycheck.optimum._cooling import cold_start, cooling
from theorycheck.optimum._coordinate_ascent import Ascent, ascend
from theorycheck.optimum._e_step import EStep
from theorycheck.optimum._nodes import DataNodes
from theorycheck.optimum._posterior_e_step import PosteriorEStep
from theorycheck.optimum._result import decoder_on_cells
from theorycheck.quadrature import LatentCells, latent_cells

#: What is maximised over f and σ²: the ELBO at its optimal Gaussian q, or the likelihood.
TableObjective = Literal["elbo", "exact_likelihood"]

#: EM steps of a σ² with f held at most, and the relative change at which to stop.
_REFITS, _REFITTED = 100, 1e-4


@dataclass(frozen=True)
class TableEffort:
    """How hard to search on a table.

    Parameters
    ----------
    starts : int
        Starts that are cooled: the principal axis, then random curves. 0: those given alone.
    cells : int
        Cells of the latent line.
    most : int
        E-steps of each ascent at most.
    tolerance : float
        Fall of the objective at which an ascent stops, nats a row.
    """

    starts: int = 5
    cells: int = 128
    most: int = 80
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        if self.starts < 0 or self.cells < 2 or self.most < 1 or not self.tolerance > 0.0:
            raise SettingError(
                "a search on a table needs 0 starts or more, two cells, an E-step and a positive "
                "tolerance"
            )


@dataclass(frozen=True, eq=False)
class TableFit:
    """The decoder that one objective ends in on a table.

    Parameters
    ----------
    objective : {"elbo", "exact_likelihood"}
    model : GenerativeModel
        Straight lines between the cells' values, and the σ² fitted.
    cells : LatentCells
    f : ndarray, shape (M, D)
        Decoder means on the cells.
    steepness : float
        Bound on |f′|; inf: none.
    negative_objective : float
        −ELBO or −log p, of the f that is constant on cells, averaged over the rows; nats.
    converged : bool
        Whether the ascent stood still.
    starts : tuple of (str, float)
        Every start and where it ended, nats.
    """

    objective: TableObjective
    model: GenerativeModel
    cells: LatentCells
    f: Float64[Array, "cells D"]
    steepness: float
    negative_objective: float
    converged: bool
    starts: tuple[tuple[str, float], ...]

    @property
    def noise_variance(self) -> float:
        """Return the σ² fitted, one for all columns, in their units squared."""
        return float(self.model.noise_variance[0])

    def refitted_noise(self, x: Points, smallest_noise: float) -> float:
        """Fit σ² to rows by the likelihood, f held.

        On the rows that f was fitted to it is too small, for f follows them; on rows held out too
        large, for f is off the truth. In linear regression with p coefficients and n rows of each
        kind these are σ²(1 − p/n) and σ²(1 + p/n): the truth is in the middle.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            Rows.
        smallest_noise : float
            The least σ² allowed.

        Returns
        -------
        float
        """
        # Straight lines between the cells, as steps an eighth as wide.
        fine = latent_cells(8 * self.cells.count)
        e_step, f = PosteriorEStep(table_nodes(x, smallest_noise), fine), self.f
        f = self.cells.interpolate(f, fine.z)
        variance = self.noise_variance
        for _ in range(_REFITS):
            found = e_step(f, np.full(x.shape[1], variance)).residual_variance(f).mean()
            last, variance = variance, max(float(found), smallest_noise)
            if abs(variance - last) < _REFITTED * last:
                break
        return variance

    def log_density(self, x: Points) -> Estimate:
        """Compute the mean of log p(x) over rows, exactly.

        Parameters
        ----------
        x : ndarray, shape (n, D)
            Rows, of the table or held out.

        Returns
        -------
        Estimate
            Nats; the radius is that of the quadrature: the rows are what they are.
        """
        found = log_density(self.model, x)
        error = float(found.error.mean()) if np.isfinite(found.error).all() else math.inf
        return Estimate(float(found.value.mean()), error)


def table_nodes(x: Points, smallest_noise: float) -> DataNodes:
    """Return data nodes that are the rows of a table, each of the same weight.

    Parameters
    ----------
    x : ndarray, shape (n, D)
    smallest_noise : float
        The least σ² that a fit may take, in squared units of x.

    Returns
    -------
    DataNodes
        Without a log density, NaN: nobody knows it.
    """
    size, data_dim = x.shape
    floor = np.full(data_dim, smallest_noise)
    # The floor is where a grid of step 1.5 σ would have it: at σ² itself.
    return DataNodes(x, np.full(size, 1.0 / size), np.full(size, np.nan), floor, step=1.5)


def fit_table(
    x: Points,
    objective: TableObjective,
    *,
    steepness: float = math.inf,
    smallest_noise: float,
    held_noise: float | None = None,
    effort: TableEffort | None = None,
    given: Sequence[TableFit] = (),
    seed: int = 0,
) -> TableFit:
    """Find the f and σ² that are the best for a table of x.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Rows. Columns should be of one scale: σ² and the bound are the same for all.
    objective : {"elbo", "exact_likelihood"}
        What is maximised.
    steepness : float
        Bound on |f′|, data units per unit of z; inf: none.
    smallest_noise : float
        The least σ² allowed, which keeps a table's likelihood bounded.
    held_noise : float, optional
        Hold σ² at this value instead of fitting it.
    effort : TableEffort, optional
    given : sequence of TableFit
        Fits on the same number of cells, of the other objective or bound, to start from as well.
    seed : int
        Seed of the random starts, not negative.

    Returns
    -------
    TableFit
        The best of all starts: a local optimum, as every search over f.

    Raises
    ------
    ModelError
        If x is not a finite table of two rows or more, or has no spread.
    SettingError
        If a setting is out of range.
    """
    effort = effort or TableEffort()
    _check(x, objective, steepness, (smallest_noise, held_noise), effort, given, seed)
    nodes, cells = table_nodes(x, smallest_noise), latent_cells(effort.cells)
    e_step = (
        PosteriorEStep(nodes, cells) if objective == "exact_likelihood" else EStep(nodes, cells)
    )
    bound = None if math.isinf(steepness) else steepness
    coldest = smallest_noise if held_noise is None else held_noise
    best: Ascent | None = None
    ended: list[tuple[str, float]] = []
    for kind, f, noise_variance, previous in _starts(e_step, effort, given, bound, coldest, seed):
        if held_noise is not None:
            noise_variance = np.full_like(noise_variance, held_noise)
        found = ascend(
            e_step, f, noise_variance, previous=previous, steepness=bound,
            fit_noise="shared" if held_noise is None else "no",
            most=effort.most, tolerance=effort.tolerance,
        )  # fmt: skip
        ended.append((kind, found.negative_elbo))
        if best is None or found.negative_elbo < best.negative_elbo:
            best = found
    assert best is not None  # there is one start at least
    return TableFit(
        objective=objective,
        model=decoder_on_cells(cells, best.f, best.noise_variance, objective.replace("_", " ")),
        cells=cells,
        f=best.f,
        steepness=steepness,
        negative_objective=best.negative_elbo,
        converged=best.converged,
        starts=tuple(ended),
    )


_Start = tuple[str, Array, Array, Array | None]


def _starts(
    e_step: EStep,
    effort: TableEffort,
    given: Sequence[TableFit],
    bound: float | None,
    coldest: float,
    seed: int,
) -> list[_Start]:
    found: list[_Start] = [
        (f"{fit.objective} at |f'| <= {fit.steepness:g}", fit.f, fit.model.noise_variance, None)
        for fit in given
    ]
    for number in range(effort.starts):
        kind, f = cold_start(e_step, number, seed)
        stages = list(cooling(e_step, f, bound, coldest))
        # Where the objective was lowest on the way. A σ² that is fitted from the first on grows
        # until f is constant, which is a local optimum.
        lowest = min(stages, key=lambda stage: stage.found.negative_elbo)
        found.append((kind, lowest.f, lowest.noise_variance, lowest.found.minima))
    return found


def _check(
    x: Points,
    objective: str,
    steepness: float,
    variances: tuple[float, float | None],
    effort: TableEffort,
    given: Sequence[TableFit],
    seed: int,
) -> None:
    if objective not in get_args(TableObjective):
        known = " or ".join(get_args(TableObjective))
        raise SettingError(f"the objective of a table must be {known}, not {objective!r}")
    if x.ndim != 2 or len(x) < 2 or not np.isfinite(x).all():
        raise ModelError(f"a table of shape {x.shape}: two finite rows or more are needed")
    if not (x.std(axis=0) > 0.0).any():
        raise ModelError("all rows of the table are equal")
    if not steepness > 0.0:
        raise SettingError(f"the Lipschitz bound must be positive, not {steepness}")
    for variance in variances:
        if variance is not None and not 0.0 < variance < math.inf:
            raise SettingError(f"σ² and its least must be positive and finite, not {variance}")
    if seed < 0:
        raise SettingError(f"the seed must not be negative, not {seed}")
    if effort.starts + len(given) < 1:
        raise SettingError("a search on a table needs a start")
    if any(fit.f.shape != (effort.cells, x.shape[1]) for fit in given):
        raise SettingError(f"a fit to start from must be on {effort.cells} cells, in the same D")
