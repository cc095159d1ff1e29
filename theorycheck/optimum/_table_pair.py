"""The ELBO's optimum and the likelihood's on one table, at one bound on |f′|.

On population data the likelihood's ends at MLEO = 0. So the difference of their held-out log p
estimates the ELBO optimum's MLEO in the class of decoders with that bound: Theorem 1's pathology,
and that of their σ² Theorem 2's bias, for a table of observations and without a network. What is
common to both, such as a model that is too rich or too poor for the table, drops out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Points
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.optimum._table_fit import TableEffort, TableFit, TableObjective, fit_table
from theorycheck.progress import NO_PROGRESS, Progress

#: Bounds on |f′| that are tried, in the table's root total variance: |f′| of a line through all of
#: it is at most 1, of the benchmarks' smooth curves 2 to 4, of Clusters' jumps about 50.
BOUNDS = (0.7, 1.0, 1.5, 2.0, 2.5, 3.2, 4.5, 8.0, 20.0)


@dataclass(frozen=True, eq=False)
class TablePair:
    """Both optima on the same rows under the same bound.

    Parameters
    ----------
    elbo, exact_likelihood : TableFit
    """

    elbo: TableFit
    exact_likelihood: TableFit

    def mleo_gap(self, x: Points) -> Estimate:
        """Compute the mean of log p over rows, the likelihood's optimum minus the ELBO's.

        Parameters
        ----------
        x : ndarray, shape (m, D)
            Held-out rows.

        Returns
        -------
        Estimate
            Nats a row; the radius is that of the quadrature.
        """
        return self.exact_likelihood.log_density(x) - self.elbo.log_density(x)


@dataclass(frozen=True)
class BoundTried:
    """What a bound on |f′| gave on held-out rows.

    Parameters
    ----------
    steepness : float
        The bound, data units per unit of z.
    exact_likelihood, elbo : Estimate or None
        Mean held-out log p of the fits under it, nats; None: not fitted.
    """

    steepness: float
    exact_likelihood: Estimate
    elbo: Estimate | None


def fit_pair(
    x: Points,
    *,
    steepness: float = math.inf,
    held_noise: float | None = None,
    smallest_noise: float,
    effort: TableEffort | None = None,
    seed: int = 0,
) -> TablePair:
    """Fit both, each with the other's optimum among its starts.

    So the likelihood's is never less likely on these rows than the ELBO's, and the ELBO's search
    has what a network started at the truth would have.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Rows.
    held_noise : float, optional
        Hold the σ² of both, such as at one that was cross-validated
        (:func:`cross_validate`): fitted, it falls wherever f follows the rows.
    steepness, smallest_noise, effort, seed
        As in :func:`fit_table`, the same for both.

    Returns
    -------
    TablePair

    Raises
    ------
    ModelError, SettingError
        As :func:`fit_table`.
    """
    effort = effort or TableEffort()
    one = partial(
        fit_table, x, steepness=steepness, smallest_noise=smallest_noise, held_noise=held_noise,
        seed=seed,
    )  # fmt: skip
    likely = one("exact_likelihood", effort=effort)
    elbo = one("elbo", effort=effort, given=(likely,))
    both = replace(effort, starts=0)
    return TablePair(elbo, one("exact_likelihood", effort=both, given=(likely, elbo)))


def bounds_for(x: Points) -> tuple[float, ...]:
    """Return bounds on |f′| to try on a table, ascending: BOUNDS times its root total variance.

    Parameters
    ----------
    x : ndarray, shape (n, D)

    Returns
    -------
    tuple of float
        Data units per unit of z.
    """
    scale = float(np.sqrt(x.var(axis=0).sum()))
    return tuple(scale * bound for bound in BOUNDS)


def try_bounds(
    x: Points,
    held_out: Float64[Array, "m D"],
    *,
    bounds: Sequence[float] | None = None,
    with_elbo: bool = True,
    smallest_noise: float,
    effort: TableEffort | None = None,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> tuple[BoundTried, ...]:
    """Fit under each of several bounds on |f′|, and see what each gives on held-out rows.

    A fit starts, among others, from that under the next smaller bound.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Rows to fit to.
    held_out : ndarray, shape (m, D)
        Rows to compare by.
    bounds : sequence of float, optional
        Each positive, data units per unit of z; inf: no bound. By default `bounds_for(x)`.
    with_elbo : bool
        Fit the ELBO too, which costs more than the likelihood.
    smallest_noise, effort, seed
        As in :func:`fit_table`.
    progress : Progress
        Told of every fit.

    Returns
    -------
    tuple of BoundTried
        By rising bound.

    Raises
    ------
    ModelError, SettingError
        As :func:`fit_table`, or if there is no bound.
    """
    bounds = bounds_for(x) if bounds is None else bounds
    if not bounds:
        raise SettingError("no bound on the steepness is given")
    one = partial(fit_table, x, smallest_noise=smallest_noise, effort=effort, seed=seed)
    objectives: list[TableObjective] = ["exact_likelihood"]
    objectives += ["elbo"] if with_elbo else []
    last: dict[str, TableFit] = {}
    found = []
    ascending = sorted(set(bounds))
    with progress.task("bounds on |f'|", len(ascending) * len(objectives)) as advance:
        for bound in ascending:
            for objective in objectives:
                given = (last[objective],) if objective in last else ()
                last[objective] = one(objective, steepness=bound, given=given)
                advance(1)
            values = {name: fit.log_density(held_out) for name, fit in last.items()}
            found.append(BoundTried(bound, values["exact_likelihood"], values.get("elbo")))
    return tuple(found)
