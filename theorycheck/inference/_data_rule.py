"""How an average over p(x) is taken, and how far it can be off: one rule for D <= 2, one for more.

For D <= 2 the nodes are a trapezoid grid in data space, and the coarser grids within it say what
kinks cost; for D > 2, or where a sample is given, they are draws, and their spread says so.
Averages of what only refinement resolves, such as the PMO, have rules of their own in
`objectives`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import PerDimension, PerPoint, Points
from theorycheck.estimate import Estimate, Kind
from theorycheck.models import DescribedModel, GenerativeModel
from theorycheck.quadrature import DataSample, TrapezoidGrid, change_at_kinks

#: Grid step in σ at which the trapezoid rule sums what is as smooth as p(x) to rounding: it errs by
#: 2 exp(−2π²/0.49) < 1e-17 of it.
SMOOTH_STEP = 0.7
#: Finer steps that are tried, in σ: the finest that the nodes allow.
_FINER = (0.5, 0.35, 0.25, 0.175, 0.125, 0.0875, 0.0625, 0.044, 0.031)
#: Mass of p(x) that such a grid leaves out: its lightest nodes.
_IGNORED = 1e-10


class DataSource(Protocol):
    """A data source has a p(x) that nodes can be laid over: every exact model, and others."""

    @property
    def model(self) -> DescribedModel:
        """Return what the model says of itself."""
        ...

    def grid(self, step: float, shift: float = 0.0) -> TrapezoidGrid:
        """Return a trapezoid rule over p(x), D <= 2, of a step in σ."""
        ...

    def draws(self, *, size: int, repeats: int, seed: int) -> DataSample:
        """Return `repeats` independent sets of `size` quasi-random draws from p(x), any D."""
        ...


class DataRule(Protocol):
    """A data rule has nodes x and weights for averages over p(x)."""

    @property
    def x(self) -> Points:
        """Return the nodes, shape (n, D)."""
        ...

    @property
    def mass(self) -> PerPoint:
        """Return the nodes' weights, p(x) included, shape (n,)."""
        ...

    def change(self, values: PerPoint) -> float:
        """Return how far the rule itself may be off, for values (n,) that are exact."""
        ...

    def average(
        self,
        values: PerPoint,
        errors: ArrayLike = 0.0,
        *,
        unseen: float = 0.0,
        smooth: bool = False,
    ) -> Estimate:
        """Average a function of x.

        Parameters
        ----------
        values : ndarray, shape (n,)
            The function at the nodes.
        errors : array_like, shape (n,)
            Error radii of the values.
        unseen : float
            Largest size of the function where p(x) has no node.
        smooth : bool
            The function times p(x) is as smooth as p(x), without kinks: then a grid of a step up to
            `SMOOTH_STEP` is exact to rounding, and no coarser rule is asked.

        Returns
        -------
        Estimate
        """
        ...


@dataclass(frozen=True, eq=False)
class GridRule:
    """The grid rule is a trapezoid rule over p(x), D <= 2.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Multiples of the spacing.
    mass : ndarray, shape (n,)
        Weights of the nodes, p(x) included.
    spacing : ndarray, shape (D,)
        Distance of the nodes in each direction, data units.
    missing_mass : float
        Mass of p(x) that has no node.
    log_density : ndarray, shape (n,)
        The log density log p(x) at the nodes, nats.
    """

    x: Points
    mass: PerPoint
    spacing: PerDimension
    missing_mass: float
    log_density: PerPoint

    def change(self, values: PerPoint) -> float:
        """Return what the coarser rules in it say that kinks may cost."""
        return change_at_kinks(self.x, self.spacing, self.mass * values)

    def average(
        self,
        values: PerPoint,
        errors: ArrayLike = 0.0,
        *,
        unseen: float = 0.0,
        smooth: bool = False,
    ) -> Estimate:
        """Average a function of x; see :class:`DataRule`."""
        known = np.minimum(np.broadcast_to(errors, values.shape), max(unseen, 1.0))
        change = 0.0 if smooth else self.change(values)
        radius = change + self.missing_mass * unseen + float(self.mass @ known)
        # Rounding: of what is smooth the values themselves are, to a few units of the last place.
        rounding = 1e-13 * (float(self.mass @ np.abs(values)) if smooth else 1.0)
        return Estimate(float((self.mass * values).sum()), radius + rounding)


@dataclass(frozen=True, eq=False)
class DrawRule:
    """The draw rule averages over draws from p(x), any D.

    Parameters
    ----------
    sample : DataSample
        The draws.
    """

    sample: DataSample

    @property
    def x(self) -> Points:
        """Return the draws, shape (n, D)."""
        return self.sample.x.reshape(-1, self.sample.x.shape[2])

    @property
    def mass(self) -> PerPoint:
        """Return equal weights, shape (n,)."""
        count = len(self.x)
        return np.full(count, 1.0 / count)

    def change(self, values: PerPoint) -> float:
        """Return five standard errors."""
        return self.sample.average(values.reshape(self.sample.x.shape[:2]))[1]

    def average(
        self,
        values: PerPoint,
        errors: ArrayLike = 0.0,
        *,
        unseen: float = 0.0,  # noqa: ARG002
        smooth: bool = False,  # noqa: ARG002
    ) -> Estimate:
        """Average a function of x; see :class:`DataRule`."""
        value, spread = self.sample.average(values.reshape(self.sample.x.shape[:2]))
        known = np.minimum(np.broadcast_to(errors, values.shape), 1e300)
        return Estimate(value, spread + float(known.mean()), Kind.STATISTICAL)


def on_grid(data: DataSource) -> bool:
    """Tell whether a grid can be laid over p(x): D <= 2, and f of two latents at most or linear.

    Parameters
    ----------
    data : DataSource
        The model that p(x) belongs to.

    Returns
    -------
    bool
    """
    model = data.model
    boxed = isinstance(model, GenerativeModel) and model.latent_dim > 2
    return model.data_dim <= 2 and not boxed


def data_rule(
    data: DataSource,
    *,
    step: float,
    shift: float = 0.0,
    ignored: float = 0.0,
    most: int | None = None,
    size: int = 1024,
    repeats: int = 16,
    seed: int = 0,
) -> GridRule | DrawRule:
    """Choose nodes for averages over p(x): a grid for D <= 2, else draws.

    Parameters
    ----------
    data : DataSource
        The model that p(x) belongs to.
    step : float
        Step of the grid, in σ.
    shift : float
        Where in the step the grid lies, in [0, 1).
    ignored : float
        Mass of the lightest nodes of the grid that are left out.
    most : int, optional
        Nodes of the grid at most; where it has more there are draws instead.
    size, repeats, seed : int
        Quasi-random draws for D > 2: points a repetition, repetitions, seed.

    Returns
    -------
    GridRule or DrawRule
    """
    if on_grid(data):
        grid = data.grid(step, shift)
        mass = grid.volume * np.exp(grid.log_density)
        order = np.argsort(mass)
        light = int(np.searchsorted(np.cumsum(mass[order]), ignored)) if ignored else 0
        if most is None or mass.size - light <= most:
            kept = np.sort(order[light:])
            return GridRule(
                x=grid.x[kept],
                mass=mass[kept],
                spacing=step * data.model.sigma,
                missing_mass=grid.missing_mass + ignored,
                log_density=grid.log_density[kept],
            )
    return DrawRule(data.draws(size=size, repeats=repeats, seed=seed))


def finest_rule(
    data: DataSource, *, most: int, size: int, repeats: int, seed: int
) -> tuple[GridRule | DrawRule, GridRule | DrawRule, str]:
    """Choose the finest grid that the nodes allow for D <= 2, else draws.

    Parameters
    ----------
    data : DataSource
        The model that p(x) belongs to.
    most : int
        Nodes at most.
    size, repeats, seed : int
        Quasi-random draws for D > 2: points a repetition, repetitions, seed.

    Returns
    -------
    rule, smooth : GridRule or DrawRule
        The rule, and one that serves for what has no kinks: of `SMOOTH_STEP`, or the same.
    method : str
        What the rule is, in words.
    """
    smooth = data_rule(
        data, step=SMOOTH_STEP, ignored=_IGNORED, most=most, size=size, repeats=repeats, seed=seed
    )
    if isinstance(smooth, DrawRule):
        points = f"{repeats} x {size} points, seed {seed}"
        return smooth, smooth, f"quasi-Monte Carlo, {points}; errors are five standard errors"
    dim, step = data.model.data_dim, SMOOTH_STEP
    for finer in _FINER:
        if len(smooth.x) * (SMOOTH_STEP / finer) ** dim > most:
            break
        step = finer
    rule: GridRule | DrawRule = smooth
    if step < SMOOTH_STEP:
        rule = data_rule(data, step=step, ignored=_IGNORED)
    return rule, smooth, f"a trapezoid grid of {len(rule.x)} nodes, step {step:g} σ"
