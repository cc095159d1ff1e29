"""The ways to average over p(x), and which of them a model and a tolerance ask for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import (
    MEAN_FIELD,
    DrawRule,
    ExactModel,
    Family,
    LogDensity,
    MeanField,
    MeanFieldBoxes,
    on_grid,
)
from theorycheck.objectives._averages import (
    PosteriorAverages,
    averages_on_boxes,
    averages_on_sample,
    box_nodes,
)
from theorycheck.objectives._curve_averages import CurveAverages, worth_it
from theorycheck.objectives._given_sample import (
    UNKNOWN,
    SampleAverages,
    averages_of_table,
    entropy_of_population,
)
from theorycheck.objectives._price import say_price
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import DataSample, TrapezoidGrid

#: Grid steps tried for H and MLEO, in σ; each rule contains the one with twice its step.
_STEPS = (1.0 / 3.0, 1.0 / 6.0, 1.0 / 12.0)
#: Change between two steps at which the finer one is taken.
_GRID_TOLERANCE = 2e-11
#: The same as a share of the error radius wanted for the PMO, where that is a rough one.
_GRID_SHARE = 1e-6
#: Default error radius of the PMO, nats.
PMO_TOLERANCE = 1e-6
#: Points of a repetition of quasi-Monte Carlo, and where f has three latents.
_SIZE, _SIZE_OF_THREE = 1024, 64
#: MLEO of a model on its own data.
NONE = Estimate(0.0, 0.0, Kind.EXACT)


@dataclass(frozen=True, eq=False)
class Averaged:
    """H, MLEO and what only the optimal q knows, with how they were averaged.

    Parameters
    ----------
    averages : PosteriorAverages
        The averages over p(x).
    entropy, mleo : Estimate
        Nats.
    method : str
        How they were taken, in words.
    given : SampleAverages or None
        What a given table of x says, where there was one.
    """

    averages: PosteriorAverages
    entropy: Estimate
    mleo: Estimate
    method: str
    given: SampleAverages | None = None


@dataclass(frozen=True, eq=False)
class Averaging:
    """Averages of one model over the p(x) of another, or its own.

    Parameters
    ----------
    model, data : ExactModel
        The model under test, and whose p(x) it is averaged over.
    tolerance : float
        Error radius wanted for the PMO, nats.
    residual_tolerance : float
        The same for the residual variances, relative to σ_d²; inf: not refined for.
    max_nodes : int
        Nodes x at most; what needs more goes to quasi-Monte Carlo.
    size : int or None
        Points of a repetition of quasi-Monte Carlo; None for what suits the model.
    repeats, seed : int
        Repetitions and seed of quasi-Monte Carlo.
    family : Family
        What q may be.
    progress : Progress
        Told about every round.
    """

    model: ExactModel
    data: ExactModel
    tolerance: float
    residual_tolerance: float
    max_nodes: int
    size: int | None
    repeats: int
    seed: int
    family: Family = MEAN_FIELD
    progress: Progress = NO_PROGRESS

    @property
    def _size(self) -> int:
        if self.size is not None:
            return self.size
        quick = _on_boxes_of_x(self.model) and _on_boxes_of_x(self.data)
        return _SIZE if quick else _SIZE_OF_THREE

    def run(self, draws: DataSample | None, truth_known: bool) -> Averaged:
        """Average by the rule that is the best here; over a table where one is given.

        Parameters
        ----------
        draws : DataSample or None
            A given table of x.
        truth_known : bool
            True if the data's model was named, rather than taken to be the model itself.

        Returns
        -------
        Averaged
        """
        model, data = self.model, self.data
        if draws is not None:
            return self.of_table(draws, truth_known)
        # Only one latent has a curve, and only there is it known where q is the same again.
        if model is data and isinstance(model, MeanField) and worth_it(model):
            return self.along_curve(model)
        by_grid = on_grid(data) and _on_boxes_of_x(model)
        if by_grid and box_nodes(data) <= self.max_nodes:
            return self.on_boxes()
        if by_grid:
            self.progress.say(
                f"Boxes over p(x) would take some {box_nodes(data):,.0f} nodes x, more than "
                f"{self.max_nodes:,}: quasi-Monte Carlo instead, with a statistical radius."
            )
        return self.by_quasi_monte_carlo()

    def on_boxes(self) -> Averaged:
        """Average on a trapezoid grid, and on boxes refined where the optimal q jumps."""
        say_price(self.model, self.data, box_nodes(self.data), self.progress)
        grid, entropy, mleo = _on_grids(self.data, self.model, _GRID_SHARE * self.tolerance)
        averages = averages_on_boxes(
            self.model,
            self.data,
            grid,
            tolerance=self.tolerance,
            residual_tolerance=self.residual_tolerance,
            family=self.family,
            progress=self.progress,
        )
        method = "trapezoid grid for H and MLEO, adaptive boxes for PMO"
        return Averaged(averages, entropy, mleo, method)

    def along_curve(self, field: MeanField) -> Averaged:
        """Average over (z, noise) along the curve of decoder means."""
        rule = CurveAverages(
            field,
            self.tolerance,
            self.residual_tolerance,
            max_nodes=self.max_nodes,
            size=self._size,
            repeats=self.repeats,
            seed=self.seed,
            progress=self.progress,
        )
        sampled = None
        if not on_grid(self.data):
            # Sampling is cheap: where it reaches the tolerance there is nothing to improve.
            sampled = self.by_quasi_monte_carlo()
            radius = max(sampled.averages.pmo_error, sampled.entropy.error)
            if radius <= max(self.tolerance, PMO_TOLERANCE):
                return sampled
        say_price(self.model, self.data, rule.nodes, self.progress)
        entropy = rule.entropy()
        averages = rule.posterior()
        curve = Averaged(averages, entropy, NONE, rule.method(averages))
        if sampled is not None and sampled.averages.pmo_error < averages.pmo_error > self.tolerance:
            # In many dimensions a curve that bends within its noise is better left to sampling.
            return sampled
        return curve

    def by_quasi_monte_carlo(self) -> Averaged:
        """Average over quasi-random draws from p(x)."""
        say_price(self.model, self.data, float(self._size * self.repeats), self.progress)
        draws = self.data.draws(size=self._size, repeats=self.repeats, seed=self.seed)
        points = f"{self.repeats} x {draws.x.shape[1]} points"
        return self.on_sample(draws, f"quasi-Monte Carlo, {points}, seed {self.seed}")

    def of_table(self, draws: DataSample, truth_known: bool) -> Averaged:
        """Average over a given table of x, of which p(x) need not be known."""
        x = draws.x[0]
        say_price(self.model, self.data, float(len(x)), self.progress, x)
        found = averages_of_table(self.model, draws, truth_known, self.family, self.progress)
        entropy, mleo = UNKNOWN, UNKNOWN
        if truth_known:
            entropy, mleo = entropy_of_population(draws, self.data, self.model)
        method = f"averages over a given sample of {found.size} points"
        return Averaged(found.averages, entropy, mleo, method, found)

    def on_sample(self, draws: DataSample, method: str) -> Averaged:
        """Average over given draws."""
        entropy, mleo = _on_sample(draws, self.data, self.model)
        averages = averages_on_sample(self.model, draws, self.family)
        return Averaged(averages, entropy, mleo, method + "; errors are five standard errors")


def _on_boxes_of_x(model: ExactModel) -> bool:
    """Tell whether a model is asked at as many x as boxes over p(x) have."""
    return not isinstance(model, MeanFieldBoxes) or model.asked_often


def divergence(
    data: ExactModel, model: ExactModel, *, size: int = 1024, repeats: int = 16, seed: int = 0
) -> Estimate:
    """Compute KL[p(x) ‖ p_f(x)] alone, nats.

    Parameters
    ----------
    data, model : ExactModel
        p and p_f.
    size, repeats, seed : int
        Quasi-Monte Carlo for D > 2: points a repetition, repetitions, seed.

    Returns
    -------
    Estimate
    """
    if on_grid(data):
        return _on_grids(data, model)[2]
    return _on_sample(data.draws(size=size, repeats=repeats, seed=seed), data, model)[1]


def _on_grids(
    data: ExactModel, model: ExactModel, tolerance: float = 0.0
) -> tuple[TrapezoidGrid, Estimate, Estimate]:
    """Refine the trapezoid grid until H and MLEO stand still."""
    for step in _STEPS:
        grid = data.grid(step)
        density = np.exp(grid.log_density)
        entropy, entropy_change = grid.integrate(-density * grid.log_density)
        mleo, mleo_change = 0.0, 0.0
        modelled: LogDensity | None = None
        if model is not data:
            modelled = model.log_density(grid.x)
            mleo, mleo_change = grid.integrate(density * (grid.log_density - modelled.value))
        if max(entropy_change, mleo_change) < max(_GRID_TOLERANCE, tolerance):
            break
    largest = 1.0 + float(np.abs(grid.log_density).max())
    # What the grid does not see, and what one log p on it may be off by.
    unseen = (grid.missing_mass + data.unresolved_mass) * (largest + 40.0)
    off = _grid_error(data, grid)
    entropy_error = entropy_change + unseen + off * largest
    if modelled is None:
        return grid, Estimate(entropy, entropy_error), NONE
    model_off = grid.volume * float(np.sum(density * np.minimum(modelled.relative_error, 1e300)))
    far = 1.0 + float(np.abs(modelled.value).max())
    mleo_error = mleo_change + off + model_off + unseen * far / largest
    if not np.isfinite(modelled.error[density > 1e-9 * density.max()]).all():
        mleo_error = math.inf
    return grid, Estimate(entropy, entropy_error), Estimate(mleo, mleo_error)


def _grid_error(data: ExactModel, grid: TrapezoidGrid, nodes: int = 512) -> float:
    """Bound the p-weighted relative error of the grid's p(x), on a subset of its nodes.

    The pairwise kernel, which reports an error radius for every x, is the referee.
    """
    stride = max(1, len(grid.x) // nodes)
    x, value = grid.x[::stride], grid.log_density[::stride]
    referee = data.log_density(x)
    weight = np.exp(value)
    weight /= weight.sum()
    difference = np.minimum(np.abs(referee.value - value), 1.0)
    return float(2.0 * np.sum(weight * (difference + referee.relative_error)))


def _on_sample(draws: DataSample, data: ExactModel, model: ExactModel) -> tuple[Estimate, Estimate]:
    """Estimate H and MLEO from draws."""
    rule = DrawRule(draws)
    p = data.log_density(rule.x)
    errors = p.relative_error
    if model is data:
        return rule.average(-p.value, errors), NONE
    p_f = model.log_density(rule.x)
    errors = errors + p_f.relative_error
    return rule.average(-p.value, errors), rule.average(p.value - p_f.value, errors)
