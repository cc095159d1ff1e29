"""The IWAE objective −E_p L_S, as its excess over the entropy of the data.

    −E_p L_S = H + J_S,   J_S = MLEO + E_p[log p_f(x) − L_S(x)] ≥ MLEO ≥ 0

J_1 at the optimal q is the J of the ELBO, and J_S falls with S. What is left between log p_f and
L_S plays the part of the PMO.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import Array
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import (
    DataRule,
    ExactModel,
    ImportanceBound,
    MeanField,
    MeanFieldBoxes,
    as_field,
    checked_samples,
    data_rule,
    described_model,
    exact_model,
    iwae_bound,
    optimal_iwae_q,
    optimal_plane_iwae_q,
    plane_iwae_bound,
)
from theorycheck.models import DescribedModel
from theorycheck.objectives._given_sample import UNKNOWN
from theorycheck.objectives._price import say_time
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import DataSample, LatentPanels, given_sample

#: Which q an objective is taken at.
OPTIMAL_Q, ELBO_Q = "optimal", "elbo"
#: Grid step in σ. L_S has kinks where its best q jumps, as the PMO has: the grid converges like h².
#: Of two latents an x takes a hundred times as long.
STEP, _PLANE_STEP = 1.0 / 3.0, 0.5
#: Mass of p(x) in the lightest nodes that are left out, and nats that log p_f − L_S may have there.
IGNORED_MASS, _PLANE_IGNORED = 1e-7, 1e-6
LARGEST_GAP = 100.0
#: Data nodes worked on between two reports of progress.
BATCH = 256
#: The same for two latents, and nats that its rules may leave open of L_S at an x.
_PLANE_BATCH, _PLANE_TOLERANCE = 32, 1e-4
#: Quasi-Monte Carlo points a repetition for D > 2.
_SIZE = 128


@dataclass(frozen=True)
class IwaeObjective:
    """The IWAE objective of one S, averaged over p(x), in nats.

    Parameters
    ----------
    samples : int
        S.
    q : str
        "optimal": the best Gaussian q for this S, per x; "elbo": the one that is best for S = 1.
    excess : Estimate
        J_S = −E_p L_S − H. At the optimal q an upper bound in so far as the search for q is no
        proof, like every excess of a found optimum. Unknown (NaN, radius inf) on a given sample
        whose truth was not named.
    gap : Estimate
        E_p[log p_f(x) − L_S(x)], what J_S is above MLEO; on a given sample its average over that.
    """

    samples: int
    q: str
    excess: Estimate
    gap: Estimate

    def to_dict(self) -> dict[str, object]:
        """Return the figures for JSON."""
        return {
            "samples": self.samples,
            "q": self.q,
            "excess": None if math.isnan(self.excess.value) else self.excess.to_dict(),
            "gap": self.gap.to_dict(),
        }


def iwae_objective(
    model: DescribedModel | LatentPanels | ExactModel,
    data: DescribedModel | LatentPanels | ExactModel | None = None,
    *,
    samples: SupportsIndex,
    q: str = OPTIMAL_Q,
    sample: ArrayLike | None = None,
    step: float | None = None,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> IwaeObjective:
    """Average −L_S over p(x) and subtract the entropy.

    Parameters
    ----------
    model : GenerativeModel, LatentPanels, MeanField or MeanFieldBoxes
        p_f, the model under test, of one latent or two.
    data : GenerativeModel, LinearGaussianModel, LatentPanels or ExactModel, optional
        p, the ground truth; by default the model itself, so that MLEO = 0. With a
        sample there is no default: J_S is unknown unless the truth is given here.
    samples : int
        S.
    q : {"optimal", "elbo"}
        The best q for this S, or the cheaper one for S = 1.
    sample : array_like, shape (n, D), optional
        Average over this table of x instead of integrating over p(x).
    step : float, optional
        Step in σ of the data grid, D <= 2; by default 1/3, and 1/2 for two latents and D = 2.
    seed : int
        Seed of the quasi-Monte Carlo points, D > 2.
    progress : Progress
        Told how many x are done, and beforehand what they cost where that is much.

    Returns
    -------
    IwaeObjective
        On the grid, its error radius comes from the coarser rules that it contains (see
        :mod:`theorycheck.quadrature._coarser_rules`); by quasi-Monte Carlo it is five standard
        errors. On a given sample the gap is the average over that, to quadrature, and J_S, an
        estimate of the population's, has five standard errors.

    Raises
    ------
    ModelError
        If model and data differ in D, the model has more latents than two, or the sample does not
        fit.
    SettingError
        If S is no integer from 1 to 10⁹, `q` is not one of the two, or the step is not positive.
    """
    count = checked_samples(samples)
    if q not in (OPTIMAL_Q, ELBO_Q):
        raise SettingError(f"q must be '{OPTIMAL_Q}' or '{ELBO_Q}', not '{q}'")
    if step is not None and not (math.isfinite(step) and step > 0.0):
        raise SettingError(f"the step must be positive and finite, not {step}")
    field = iwae_field(model)
    source: ExactModel = field if data is None else exact_model(data)
    dim = field.model.data_dim
    on_line = isinstance(field, MeanField)
    if step is None:
        step = STEP if on_line or dim == 1 else _PLANE_STEP
    if source.model.data_dim != dim:
        raise ModelError(
            f"{field.model.name} has {dim} data dimensions, "
            f"{source.model.name} has {source.model.data_dim}"
        )
    if sample is not None:
        truth = None if data is None else source
        excess, gap = _of_table(field, truth, given_sample(sample, dim), count, q, progress)
    else:
        ignored = IGNORED_MASS if on_line else _PLANE_IGNORED
        rule = data_rule(source, step=step, ignored=ignored, size=_SIZE, seed=seed)
        excess, gap = _averages(field, source, rule, count, q, progress)
    return IwaeObjective(count, q, excess, gap)


def iwae_field(
    model: DescribedModel | LatentPanels | ExactModel,
) -> MeanField | MeanFieldBoxes:
    """Return the engine that knows L_S of a model of one latent or two.

    Parameters
    ----------
    model : GenerativeModel, LatentPanels, MeanField or MeanFieldBoxes

    Returns
    -------
    MeanField or MeanFieldBoxes

    Raises
    ------
    ModelError
        If it is another kind of model.
    """
    described = described_model(model)
    if not isinstance(model, LatentPanels) and described.latent_dim == 2:
        found = exact_model(model)
        if isinstance(found, MeanFieldBoxes):
            return found
    return as_field(model)


def _averages(
    field: MeanField | MeanFieldBoxes,
    data: ExactModel,
    rule: DataRule,
    samples: int,
    q: str,
    progress: Progress,
) -> tuple[Estimate, Estimate]:
    """Average log p − L_S and log p_f − L_S."""
    bound = _bounds(field, rule.x, samples, q, progress)
    p, p_f = data.log_density(rule.x), field.log_density(rule.x)
    errors = p.relative_error + p_f.relative_error + bound.error
    # Where p_f is far from p, log p − L_S has more than the gap where p(x) is next to nothing.
    apart = float(np.abs(p.value - p_f.value).max())
    excess = rule.average(p.value - bound.value, errors, unseen=LARGEST_GAP + apart)
    return excess, rule.average(p_f.value - bound.value, errors, unseen=LARGEST_GAP)


def _of_table(
    field: MeanField | MeanFieldBoxes, truth: ExactModel | None, draws: DataSample, samples: int,
    q: str, progress: Progress,
) -> tuple[Estimate, Estimate]:  # fmt: skip
    """Average over a given table of x: the gap of the table, and J_S where the truth is known."""
    x = draws.x[0]
    bound = _bounds(field, x, samples, q, progress)
    p_f = field.log_density(x)
    known = float(np.mean(p_f.error + bound.error))
    gap = Estimate(float(np.mean(p_f.value - bound.value)), known + 1e-13)
    if truth is None:
        return UNKNOWN, gap
    p = truth.log_density(x)
    value, error = draws.average((p.value - bound.value)[None])
    known = float(np.mean(p.error + bound.error))
    return Estimate(value, error + known + 1e-13, Kind.STATISTICAL), gap


def _bounds(
    field: MeanField | MeanFieldBoxes, x: Array, samples: int, q: str, progress: Progress
) -> ImportanceBound:
    """Compute L_S at every x, in batches."""
    optimal = q == OPTIMAL_Q and samples > 1
    size = BATCH
    if isinstance(field, MeanFieldBoxes):
        size = _PLANE_BATCH
        _say_price(field, x, samples, progress, optimal=optimal)
    parts = []
    with progress.task(f"IWAE bound, S = {samples}", len(x)) as advance:
        for start in range(0, len(x), size):
            batch = x[start : start + size]
            parts.append(_of_batch(field, batch, samples, optimal=optimal))
            advance(len(batch))
    return joined_bounds(parts)


def _of_batch(
    field: MeanField | MeanFieldBoxes, x: Array, samples: int, *, optimal: bool
) -> ImportanceBound:
    if isinstance(field, MeanFieldBoxes):
        if optimal:
            return optimal_plane_iwae_q(field, x, samples, tolerance=_PLANE_TOLERANCE).bound
        plane = field.optimal_q(x)
        return plane_iwae_bound(
            field, x, plane.mean, plane.scale, samples, tolerance=_PLANE_TOLERANCE
        )
    if optimal:
        return optimal_iwae_q(field, x, samples).bound
    best = field.optimal_q(x)
    return iwae_bound(field, x, best.mean, best.scale, samples)


def _say_price(
    field: MeanFieldBoxes, x: Array, samples: int, progress: Progress, *, optimal: bool
) -> None:
    """Time a batch of x from all over, and say what all will take where that is long."""
    if len(x) <= _PLANE_BATCH:
        return
    some = x[:: len(x) // _PLANE_BATCH][:_PLANE_BATCH]
    _of_batch(field, some[:1], samples, optimal=optimal)
    began = time.perf_counter()
    _of_batch(field, some, samples, optimal=optimal)
    each = (time.perf_counter() - began) / len(some)
    say_time(len(x), each, "a larger σ² needs fewer", progress)


def joined_bounds(parts: Sequence[ImportanceBound]) -> ImportanceBound:
    """Return L_S of several batches of x as one."""
    return ImportanceBound(
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.error for part in parts]),
        parts[0].samples,
    )
