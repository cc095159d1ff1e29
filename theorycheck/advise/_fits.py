"""What a Gaussian q costs on a table: both optima on several splits, held-out log p compared.

On every split the bound on |f′| and σ² are chosen by cross-validation within the training part;
both optima are fitted with them, the ELBO's with σ² fitted as well, and the likelihood's with a
loose bound and σ² fitted, which is a rich q without regularisation. All are compared on the rows
held out, and over splits by the corrected resampled t-test (`cohorts.paired_difference`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from theorycheck.advise._geometry import local_noise
from theorycheck.advise._strands import share_on_graph
from theorycheck.arrays import Array, Points
from theorycheck.cohorts import mean_over_splits
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate, hull
from theorycheck.inference import MeanField, log_density
from theorycheck.optimum import (
    BoundTried,
    TableEffort,
    TableFit,
    TablePair,
    bounds_for,
    cross_validate,
    fit_pair,
    fit_table,
    try_bounds,
)
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.streams import spawned_seed

#: Share of the rows that each split holds out.
TEST_SHARE = 0.25
#: Least σ² that is fitted, in the columns' variance: cooling goes no further, and a decoder that
#: follows the rows at a smaller one is dear to evaluate and says no more.
LEAST_NOISE = 1e-3
#: Of every fit, unless told otherwise.
EFFORT = TableEffort(starts=3, most=60)


@dataclass(frozen=True)
class FitSettings:
    """How much is fitted.

    Parameters
    ----------
    splits : int
        Training and test splits, two at least.
    folds : int
        Of the cross-validation within a training part.
    effort : TableEffort
        Of every fit.
    bounds : int
        How many of the default bounds on |f′| are tried, the loosest among them.
    """

    splits: int = 5
    folds: int = 2
    effort: TableEffort = field(default_factory=lambda: EFFORT)
    bounds: int = 6

    def __post_init__(self) -> None:
        if self.splits < 2 or self.folds < 2 or self.bounds < 2:
            raise SettingError("two splits, two folds and two bounds are the least")


@dataclass(frozen=True, eq=False)
class SplitFits:
    """The fits of one split.

    Parameters
    ----------
    steepness, noise_variance : float
        Bound on |f′| and σ² that cross-validation chose.
    pair : TablePair
        Both optima with them.
    free_elbo : TableFit
        The ELBO's with σ² fitted.
    loose : TableFit
        The likelihood's under the loosest bound, σ² fitted.
    local_pca : float
        σ² by local principal components.
    likely_noise : tuple of float
        σ² that the likelihood fits with the f of its optimum held, to the training rows (too
        small, for f follows them) and to the test rows (too large, for f is off).
    graph_share : float
        Share of the training rows with a partner near, and far on their graph of neighbours.
    held_out : dict of str to Estimate
        Mean log p of the test rows, nats: exact_likelihood, elbo, elbo_fitted_noise, unregularised.
    """

    steepness: float
    noise_variance: float
    pair: TablePair
    free_elbo: TableFit
    loose: TableFit
    local_pca: float
    likely_noise: tuple[float, float]
    graph_share: float
    held_out: dict[str, Estimate]


@dataclass(frozen=True, eq=False)
class ElboParts:
    """−ELBO of a fit on the rows that it was fitted to, nats a row.

    Parameters
    ----------
    negative_elbo : Estimate
    negative_log_density : Estimate
        −log p: H + MLEO.
    kl : Estimate
        From the best q to the posterior: the PMO on these rows.
    """

    negative_elbo: Estimate
    negative_log_density: Estimate
    kl: Estimate

    def to_dict(self) -> dict[str, object]:
        """Return the parts for JSON."""
        return {
            "negative_elbo": self.negative_elbo.to_dict_or_null(),
            "negative_log_density": self.negative_log_density.to_dict_or_null(),
            "kl": self.kl.to_dict_or_null(),
        }


@dataclass(frozen=True, eq=False)
class FitComparison:
    """The fits of all splits.

    Parameters
    ----------
    splits : tuple of SplitFits
    parts : dict of str to ElboParts
        Of the first split's two optima, on its training rows.
    bounds : tuple of BoundTried
        Held-out log p of both optima of the first split under each bound, σ² fitted.
    """

    splits: tuple[SplitFits, ...]
    parts: dict[str, ElboParts]
    bounds: tuple[BoundTried, ...] = ()

    def over_splits(self, value: Callable[[SplitFits], Estimate]) -> Estimate:
        """Return the mean of a measure over splits, statistical, with a 95 % interval."""
        return mean_over_splits([value(split) for split in self.splits], test_share=TEST_SHARE)

    def held_out(self, name: str) -> Estimate:
        """Return the mean held-out log p of one of the fits, nats a row."""
        return self.over_splits(lambda split: split.held_out[name])

    def difference(self, one: str, other: str) -> Estimate:
        """Return the mean difference of two fits' held-out log p, nats a row."""
        return self.over_splits(lambda split: split.held_out[one] - split.held_out[other])

    @property
    def mleo_gap(self) -> Estimate:
        """Return what the ELBO's optimum loses in held-out log p against the likelihood's, nats."""
        return self.difference("exact_likelihood", "elbo")

    def noise_variance(self, name: str) -> Estimate:
        """Return σ² by exact_likelihood, elbo or local_pca, standardised units.

        That of the likelihood lies between those of training and of test rows, which its radius
        covers.
        """
        if name == "exact_likelihood":
            return self.over_splits(lambda split: _between(*split.likely_noise))
        return self.over_splits(
            lambda split: _exact(
                split.local_pca if name == "local_pca" else split.free_elbo.noise_variance
            )
        )

    def noise_variances(self) -> dict[str, Estimate]:
        """Return every estimate of σ² by its name; local_pca needs two columns."""
        names = ["exact_likelihood", "elbo"]
        if all(math.isfinite(split.local_pca) for split in self.splits):
            names.append("local_pca")
        return {name: self.noise_variance(name) for name in names}

    @property
    def log_noise_ratio(self) -> Estimate:
        """Return the mean of log σ²(ELBO)/σ²(exact likelihood)."""

        def ratio(split: SplitFits) -> Estimate:
            elbo = split.free_elbo.noise_variance
            low, high = (math.log(elbo / noise) for noise in split.likely_noise)
            return _between(low, high)

        return self.over_splits(ratio)


def _exact(value: float) -> Estimate:
    return Estimate(value, 0.0)


def _between(one: float, other: float) -> Estimate:
    return hull(_exact(one), _exact(other))


def compare_fits(
    x: Points,
    *,
    smallest_noise: float,
    settings: FitSettings | None = None,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> FitComparison:
    """Fit both optima on several splits of a table.

    Parameters
    ----------
    x : ndarray, shape (n, D)
        Standardised rows.
    smallest_noise : float
        The least σ² allowed; no less than a thousandth is.
    settings : FitSettings, optional
    seed : int
        Not negative.
    progress : Progress
        Told of every fit.

    Returns
    -------
    FitComparison

    Raises
    ------
    ModelError, SettingError
        As :func:`~theorycheck.optimum.fit_table` and :func:`~theorycheck.optimum.cross_validate`.
    """
    settings = settings or FitSettings()
    smallest_noise = max(smallest_noise, LEAST_NOISE)
    every = bounds_for(x)
    # The tightest cannot hold a line; of the others the loosest and as many as asked for.
    bounds = (*every[1 : settings.bounds], every[-1])
    found = []
    with progress.task("splits", settings.splits * 3 + 1) as advance:
        for number in range(settings.splits):
            rng = np.random.default_rng(spawned_seed(seed, number))
            order = rng.permutation(len(x))
            cut = round(TEST_SHARE * len(x))
            test, train = x[order[:cut]], x[order[cut:]]
            found.append(
                _fit_split(train, test, bounds, smallest_noise, settings, (seed, number), advance)
            )
            if number == 0:
                first, held_out = train, test
        tried = try_bounds(
            first, held_out, bounds=bounds, smallest_noise=smallest_noise,
            effort=replace(settings.effort, starts=1), seed=spawned_seed(seed, settings.splits),
        )  # fmt: skip
        advance(1)
    pair = found[0].pair
    parts = {
        "exact_likelihood": elbo_parts(pair.exact_likelihood, first),
        "elbo": elbo_parts(pair.elbo, first),
    }
    return FitComparison(tuple(found), parts, tried)


def _fit_split(
    train: Array,
    test: Array,
    bounds: Sequence[float],
    smallest_noise: float,
    settings: FitSettings,
    stream: tuple[int, int],
    advance: Callable[[int], None],
) -> SplitFits:
    seed = spawned_seed(stream[0], stream[1], 0)
    chosen = cross_validate(
        train, smallest_noise=smallest_noise, bounds=bounds, folds=settings.folds, starts=1,
        seed=seed,
    )  # fmt: skip
    advance(1)
    noise = max(chosen.noise_variance, smallest_noise)
    steepness = chosen.best.steepness
    pair = fit_pair(
        train, steepness=steepness, held_noise=noise, smallest_noise=smallest_noise,
        effort=settings.effort, seed=seed,
    )  # fmt: skip
    advance(1)
    few = replace(settings.effort, starts=1)
    free = fit_table(
        train, "elbo", steepness=steepness, smallest_noise=smallest_noise, effort=few,
        given=(pair.elbo,), seed=seed,
    )  # fmt: skip
    loose = fit_table(
        train, "exact_likelihood", steepness=bounds[-1], smallest_noise=smallest_noise,
        effort=few, seed=seed,
    )  # fmt: skip
    advance(1)
    fits = {
        "exact_likelihood": pair.exact_likelihood, "elbo": pair.elbo, "elbo_fitted_noise": free,
        "unregularised": loose,
    }  # fmt: skip
    held_out = {name: fit.log_density(test) for name, fit in fits.items()}
    likely = (
        pair.exact_likelihood.refitted_noise(train, smallest_noise),
        pair.exact_likelihood.refitted_noise(test, smallest_noise),
    )
    return SplitFits(
        steepness, noise, pair, free, loose, local_noise(train), likely,
        share_on_graph(train, math.sqrt(pair.exact_likelihood.noise_variance)), held_out,
    )  # fmt: skip


def elbo_parts(fit: TableFit, x: Points) -> ElboParts:
    """Split −ELBO of a fit on rows into −log p and the KL of the best Gaussian q.

    Parameters
    ----------
    fit : TableFit
    x : ndarray, shape (n, D)
        Rows.

    Returns
    -------
    ElboParts
        Radii are those of the quadrature and of the search for q, as averages over the rows.
    """
    field = MeanField(fit.model)
    density = log_density(field.panels, x)
    best = field.optimal_q(x, evidence=density)
    log_p = fit.log_density(x)
    bound = Estimate(float(best.negative_elbo.mean()), float(best.gap.mean()))
    return ElboParts(bound, log_p.scaled(-1.0), bound + log_p)
