"""A decoder measured on rows that it was not fitted to, and the spread over splits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from theorycheck.arrays import Array, Labels, Points
from theorycheck.cohorts._accuracy import accuracy
from theorycheck.cohorts._cohort_model import CohortModel
from theorycheck.cohorts._two_sample import TwoSampleTest, two_sample_test
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate
from theorycheck.quadrature import sample_mean
from theorycheck.streams import spawned_seed

#: Draws for the information, by the number of latents: some seconds in nineteen dimensions.
_DRAWS = {1: 20_000, 2: 2_000}
#: Relative error of p(x) aimed at there, which is below what the draws spread by.
_ROUGH = 1e-2


@dataclass(frozen=True, eq=False)
class HeldOut:
    """How a model explains held-out rows.

    Parameters
    ----------
    log_density, log_density_given_label : Estimate
        Means of log p(x) and of log p(x|y) over the rows, nats in the units of x. The radius is
        that of the quadrature: the rows are what they are.
    accuracy, balanced_accuracy : Estimate
        Of argmax p(y|x).
    information : Estimate
        I_f(x; y) of the model, nats: 0 where it has lost y (functional collapse).
    two_sample : TwoSampleTest
        Of rows that the model generates against the held-out ones.
    """

    log_density: Estimate
    log_density_given_label: Estimate
    accuracy: Estimate
    balanced_accuracy: Estimate
    information: Estimate
    two_sample: TwoSampleTest

    def to_dict(self) -> dict[str, object]:
        """Return all measures for JSON."""
        return {
            "log_density": self.log_density.to_dict(),
            "log_density_given_label": self.log_density_given_label.to_dict(),
            "accuracy": self.accuracy.to_dict(),
            "balanced_accuracy": self.balanced_accuracy.to_dict(),
            "information": self.information.to_dict(),
            "two_sample": self.two_sample.to_dict(),
        }


@dataclass(frozen=True)
class Spread:
    """A measure over several splits.

    Parameters
    ----------
    mean, deviation : float
        Mean and standard deviation over the splits (n − 1 in the denominator; not a standard error
        of the mean: splits share rows).
    lowest, highest : float
    count : int
        Number of splits.
    radius : float
        Largest error radius of the measure in any split.
    """

    mean: float
    deviation: float
    lowest: float
    highest: float
    count: int
    radius: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.deviation:.3f}"

    def to_dict(self) -> dict[str, float | int]:
        """Return all of it for JSON."""
        return {
            "mean": self.mean,
            "deviation": self.deviation,
            "lowest": self.lowest,
            "highest": self.highest,
            "count": self.count,
            "radius": self.radius,
        }


def spread(values: Sequence[Estimate]) -> Spread:
    """Summarise a measure over splits.

    Parameters
    ----------
    values : sequence of Estimate
        One of each split, two at least.

    Returns
    -------
    Spread

    Raises
    ------
    SettingError
        If there are fewer than two.
    """
    if len(values) < 2:
        raise SettingError(f"a spread needs two splits or more, not {len(values)}")
    numbers = np.array([one.value for one in values])
    return Spread(
        mean=float(numbers.mean()),
        deviation=float(numbers.std(ddof=1)),
        lowest=float(numbers.min()),
        highest=float(numbers.max()),
        count=len(numbers),
        radius=max(one.error for one in values),
    )


def held_out_spread(measured: Sequence[HeldOut]) -> dict[str, Spread]:
    """Summarise all measures over splits.

    Parameters
    ----------
    measured : sequence of HeldOut
        One of each split, two at least.

    Returns
    -------
    dict of str to Spread
        By the names of the measures; ``two_sample`` is the accuracy of the test's classifier.

    Raises
    ------
    SettingError
        If there are fewer than two.
    """
    names = (
        "log_density", "log_density_given_label", "accuracy", "balanced_accuracy", "information",
    )  # fmt: skip
    found = {name: spread([getattr(one, name) for one in measured]) for name in names}
    return found | {"two_sample": spread([one.two_sample.accuracy for one in measured])}


def held_out(
    model: CohortModel, x: Points, y: Labels, *, draws: int | None = None, seed: int = 0
) -> HeldOut:
    """Measure a model on rows that it was not fitted to.

    Parameters
    ----------
    model : CohortModel
    x : ndarray, shape (n, D)
        Held-out rows, in the model's units.
    y : ndarray of int, shape (n,)
        Their labels, of all classes.
    draws : int, optional
        Draws from the model for the information; by default as :func:`label_information` has it.
    seed : int
        Of these and of the generated cohort.

    Returns
    -------
    HeldOut

    Raises
    ------
    ModelError
        If x or y does not fit the model, or a class has no held-out row.
    DecoderError
        If f misbehaves at a node.
    """
    if len(x) != len(y):
        raise ModelError(f"{len(x)} rows, but {len(y)} labels")
    found = model.densities(x)
    decided = accuracy(found.class_posterior, y, found.posterior_error)
    rows = np.arange(len(y))
    given = found.log_joint[y, rows] - np.log(model.prior)[y]
    generated_y, generated_x = model.sample(len(y), spawned_seed(seed, 0))
    return HeldOut(
        log_density=_mean(found.log_density, found.density_error),
        log_density_given_label=_mean(given, found.joint_error[y, rows]),
        accuracy=decided.plain,
        balanced_accuracy=decided.balanced,
        information=label_information(model, draws=draws, seed=spawned_seed(seed, 1)),
        two_sample=two_sample_test(
            x, y, generated_x, generated_y, classes=model.classes, seed=spawned_seed(seed, 2)
        ),
    )


def label_information(model: CohortModel, *, draws: int | None = None, seed: int = 0) -> Estimate:
    """Compute I_f(x; y) = E KL[p(y|x) ‖ π] of a model, over draws of x from it.

    Parameters
    ----------
    model : CohortModel
    draws : int, optional
        Two at least; by default 20,000 of a model of one latent and 2,000 of two.
    seed : int

    Returns
    -------
    Estimate
        Nats; statistical.
    """
    count = _DRAWS[model.latent_dim] if draws is None else draws
    _, x = model.sample(count, seed)
    found = model.densities(x, tolerance=_ROUGH)
    share, log_prior = found.class_posterior, np.log(model.prior)[:, None]
    # The label of a draw is averaged over, not drawn: a fraction of the spread.
    values = xlogy(share, share).sum(axis=0) - (share * log_prior).sum(axis=0)
    # d KL = Σ dp (log p/π + 1).
    slope = np.abs(np.log(np.maximum(share, 1e-300)) - log_prior) + 1.0
    errors = (found.posterior_error * slope).sum(axis=0)
    return sample_mean(values, each=_mean(values, errors).error)


def _mean(values: Array, errors: Array) -> Estimate:
    error = float(errors.mean()) if np.isfinite(errors).all() else math.inf
    return Estimate(float(values.mean()), error)
