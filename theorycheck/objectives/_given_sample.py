"""Averages over a table of x that somebody brings, and what they say of where it came from.

log p_f(x), −ELBO and KL(x) are numbers for each x, so their averages over the table are as exact as
the quadrature. Of the population that the x were drawn from they are estimates, with the standard
error of a mean of independent draws. Its entropy, and so MLEO, cannot be had from a table at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from theorycheck.arrays import Array
from theorycheck.estimate import Estimate, Kind
from theorycheck.inference import MEAN_FIELD, ExactModel, Family, density_kind
from theorycheck.objectives._averages import LARGEST_KL, PosteriorAverages
from theorycheck.objectives._partition import KlDistribution
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import DataSample

#: What is not known at all: H of data whose distribution nobody named.
UNKNOWN = Estimate(math.nan, math.inf, Kind.ESTIMATED)
#: Rounding of an average, relative to its largest term.
_ROUNDING = 1e-14
#: x worked on between two reports of progress.
_BATCH = 1024


@dataclass(frozen=True, eq=False)
class SampleAverages:
    """What a given table of n points x says of a model.

    Parameters
    ----------
    size : int
        n.
    log_density, negative_elbo : Estimate
        Mean of log p_f(x) and of −ELBO_x at the optimal q over the table, nats. Their difference
        to each other is the PMO.
    population : KlDistribution
        The distribution of KL(x) as an estimate of that in the population.
    population_log_density, population_negative_elbo : Estimate
        The same means as estimates of the population's, nats: five standard errors, provided that
        the x are independent draws.
    truth_known : bool
        True if the model that the data came from was named, so that H and MLEO are known.
    averages : PosteriorAverages
        PMO and residuals of the table, and KL(x) at each of its points.
    """

    size: int
    log_density: Estimate
    negative_elbo: Estimate
    population: KlDistribution
    population_log_density: Estimate
    population_negative_elbo: Estimate
    truth_known: bool
    averages: PosteriorAverages = field(repr=False)

    @property
    def population_pmo(self) -> Estimate:
        """The mean of KL(x) as an estimate of the population's, nats."""
        return self.population.pmo

    def to_dict(self) -> dict[str, object]:
        """Return size, mean log p and the estimates of the population for JSON."""
        return {
            "size": self.size,
            "log_density": self.log_density.to_dict_or_null(),
            "population": {
                "log_density": self.population_log_density.to_dict_or_null(),
                "negative_elbo": self.population_negative_elbo.to_dict_or_null(),
                "pmo": self.population_pmo.to_dict_or_null(),
            },
        }


def averages_of_table(
    model: ExactModel,
    draws: DataSample,
    truth_known: bool,
    family: Family = MEAN_FIELD,
    progress: Progress = NO_PROGRESS,
) -> SampleAverages:
    """Average log p_f, −ELBO, KL and the residuals under q* over a given table of x.

    Parameters
    ----------
    model : ExactModel
        Any D.
    draws : DataSample
        The table, one repetition: x of shape (1, n, D).
    truth_known : bool
        Whether the law of the table is known, as :class:`SampleAverages` says.
    family : Family
        What q may be.
    progress : Progress
        Told how many x are done.

    Returns
    -------
    SampleAverages
    """
    x = draws.x[0]
    log_p, error, negative_elbo, gap, squares = _at_each(model, x, family, progress)
    kl = negative_elbo + log_p
    # inf where log p_f itself is not resolved at some x.
    known = float(np.mean(error)) + float(np.mean(np.minimum(gap, LARGEST_KL)))
    variance = model.model.noise_variance
    averages = PosteriorAverages(
        pmo=float(kl.mean()),
        pmo_error=known + _rounding(negative_elbo),
        residual=squares.mean(axis=0),
        residual_error=known * variance + _ROUNDING * squares.max(axis=0),
        mass=np.full(len(x), 1.0 / len(x)),
        kl=kl,
        spread=np.zeros(len(x)),
        x=x,
        missing_mass=0.0,
        sampled=False,
        converged=True,
        density=density_kind(model),
    )
    of_table = KlDistribution.from_averages(averages)
    return SampleAverages(
        size=len(x),
        log_density=_mean(log_p, float(np.mean(error)), averages.kind),
        # −ELBO at a q has no p(x) in it.
        negative_elbo=_mean(negative_elbo, known, Kind.ESTIMATED),
        population=replace(of_table, pmo=_of_population(draws, kl, known), sampled=True),
        population_log_density=_of_population(draws, log_p, float(np.mean(error))),
        population_negative_elbo=_of_population(draws, negative_elbo, known),
        truth_known=truth_known,
        averages=averages,
    )


def _at_each(
    model: ExactModel, x: Array, family: Family, progress: Progress
) -> tuple[Array, Array, Array, Array, Array]:
    """Return log p_f, its error, −ELBO, its gap and E_q (x_d − f_d)² at each x, in batches."""
    parts = []
    with progress.task("the best q at each x", len(x)) as advance:
        for start in range(0, len(x), _BATCH):
            batch = x[start : start + _BATCH]
            p_f = model.log_density(batch)
            best = model.best_q(batch, family=family, evidence=p_f)
            parts.append((p_f.value, p_f.error, best.negative_elbo, best.gap, best.squares))
            advance(len(batch))
    one, two, three, four, five = (np.concatenate(column) for column in zip(*parts, strict=True))
    return one, two, three, four, five


def entropy_of_population(
    draws: DataSample, data: ExactModel, model: ExactModel
) -> tuple[Estimate, Estimate]:
    """Estimate H of the distribution that was named as the truth, and MLEO, from a table of draws.

    Parameters
    ----------
    draws : DataSample
        The table.
    data, model : ExactModel
        The truth p and the model p_f; where they are the same MLEO is 0.

    Returns
    -------
    entropy, mleo : Estimate
        Nats, with five standard errors.
    """
    p = data.log_density(draws.x[0])
    entropy = _of_population(draws, -p.value, float(np.mean(p.error)))
    if model is data:
        return entropy, Estimate(0.0, 0.0, Kind.EXACT)
    p_f = model.log_density(draws.x[0])
    known = float(np.mean(p.error)) + float(np.mean(p_f.error))
    return entropy, _of_population(draws, p.value - p_f.value, known)


def _rounding(values: Array) -> float:
    return _ROUNDING * (1.0 + float(np.abs(values).max()))


def _mean(values: Array, known: float, kind: Kind) -> Estimate:
    """Return the mean over the table; `known` is how far each term is known on average."""
    return Estimate(float(values.mean()), known + _rounding(values), kind)


def _of_population(draws: DataSample, values: Array, known: float) -> Estimate:
    """Return the mean as an estimate of the population's: five standard errors, and `known`."""
    value, error = draws.average(values[None])
    return Estimate(value, error + known + _rounding(values), Kind.STATISTICAL)
