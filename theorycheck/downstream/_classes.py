"""Two classes of the ground truth, by z, and classifiers of x that are known exactly.

The paper's setting (section 5.1): a classifier is right where the data are and arbitrary off the
manifold, where it has seen none. Of all that are, `OffManifoldClassifier` is the least favourable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import Booleans, Counts, Latents, PerPoint, Points
from theorycheck.errors import SettingError
from theorycheck.inference import as_points, log_density
from theorycheck.models import GenerativeModel, as_generative
from theorycheck.quadrature import LARGEST_REACH, LatentPanels, latent_panels
from theorycheck.quadrature.kernels import BLOCK

#: Log weight of what has none: e to it is 0 in every sum.
_NOTHING = -1e6


@dataclass(frozen=True)
class LatentClasses:
    """Classes 0, 1, 0, … of z between thresholds: y = (number of thresholds up to z) mod 2.

    Parameters
    ----------
    splits : tuple of float
        The thresholds, ascending, at least one.

    Raises
    ------
    SettingError
        If there is none, or they are not finite and ascending.
    """

    splits: tuple[float, ...] = (0.0,)

    def __init__(self, splits: Sequence[float] = (0.0,)) -> None:
        given = tuple(float(s) for s in splits)
        if not given or not all(math.isfinite(s) for s in given):
            raise SettingError("classes need at least one finite threshold of z")
        if any(a >= b for a, b in pairwise(given)):
            raise SettingError(f"the thresholds of z must ascend, not {list(given)}")
        object.__setattr__(self, "splits", given)

    def of(self, z: Latents) -> Counts:
        """Return the class of every latent.

        Parameters
        ----------
        z : ndarray, shape (n,)
            Latents.

        Returns
        -------
        ndarray of int, shape (n,)
        """
        return (np.searchsorted(self.splits, z, side="right") % 2).astype(np.int64)


@runtime_checkable
class Classifier(Protocol):
    """A classifier of x into two classes by the sign of a margin."""

    def margin(self, x: ArrayLike) -> PerPoint:
        """Return a number above 0 where class 1 is chosen, for x (n, D)."""
        ...


@dataclass(frozen=True, eq=False)
class BayesClassifier:
    """The classifier of least error: log p(y = 1 | x) − log p(y = 0 | x), by quadrature over z.

    Parameters
    ----------
    model : GenerativeModel
        The ground truth, of one latent.
    classes : LatentClasses
        Which z belong to which class.

    Raises
    ------
    ModelError
        If the model is not of one latent.
    """

    model: GenerativeModel
    classes: LatentClasses

    @cached_property
    def _panels(self) -> tuple[LatentPanels, LatentPanels]:
        """Panels that end at the thresholds, with the prior mass of one class only."""
        model = as_generative(self.model)
        known = latent_panels(model).breakpoints
        decoder = model.decoder.with_breakpoints(sorted({*known, *self.classes.splits}))
        # As far as φ goes: they are not to be continued, since that would be with both classes.
        whole = latent_panels(GenerativeModel(decoder, model.noise_variance), reach=LARGEST_REACH)
        belongs = self.classes.of(0.5 * (whole.left + whole.right))
        return _weighing(whole, belongs == 0), _weighing(whole, belongs == 1)

    def log_joint(self, x: ArrayLike) -> tuple[PerPoint, PerPoint]:
        """Return log p(x) and the log-odds of class 1, nats.

        Parameters
        ----------
        x : array_like, shape (n, D)
            Data points.

        Returns
        -------
        log_density, odds : ndarray, shape (n,)
        """
        points = as_points(x, self.model.data_dim)
        zero, one = (log_density(panels, points).value for panels in self._panels)
        return np.logaddexp(zero, one), one - zero

    def margin(self, x: ArrayLike) -> PerPoint:
        """Return the log-odds of class 1, nats, for x (n, D)."""
        return self.log_joint(x)[1]


def _weighing(panels: LatentPanels, chosen: Booleans) -> LatentPanels:
    """Return the panels with no prior mass but on those that are chosen."""
    lost = np.where(chosen, 0.0, _NOTHING)
    mass = panels.log_mass + lost
    return replace(
        panels,
        log_weight=panels.log_weight + np.repeat(lost, panels.z.size // panels.size),
        log_mass=mass,
        block_log_mass=np.logaddexp.reduceat(mass, np.arange(0, panels.size, BLOCK)),
    )


@dataclass(frozen=True, eq=False)
class OffManifoldClassifier:
    """Bayes' classifier where log p(x) >= threshold, and its opposite elsewhere.

    Of all classifiers that are right where the data are it is the one that a defence has most to
    fear: everywhere else it is wrong.

    Parameters
    ----------
    bayes : BayesClassifier
        The classifier of least error.
    threshold : float
        log p(x), nats, from which it is right.
    """

    bayes: BayesClassifier
    threshold: float

    def margin(self, x: ArrayLike) -> PerPoint:
        """Return sign(b) min(|b|, log p(x) − threshold) with the log-odds b, for x (n, D).

        It is continuous wherever log p(x) is above the threshold, and across it, so that an attack
        by gradients can find its way out of the data as well as across a class boundary.
        """
        density, odds = self.bayes.log_joint(x)
        result: PerPoint = np.sign(odds) * np.minimum(np.abs(odds), density - self.threshold)
        return result


@dataclass(frozen=True, eq=False)
class FunctionClassifier:
    """A classifier of one's own.

    Parameters
    ----------
    function : callable
        x (n, D) to a margin (n,): above 0 for class 1.
    """

    function: Callable[[Points], PerPoint]

    def margin(self, x: ArrayLike) -> PerPoint:
        """Return what the function returns, for x (n, D)."""
        found: PerPoint = np.asarray(self.function(np.asarray(x, float)), float)
        return found


def log_density_quantile(log_density: PerPoint, share: float) -> float:
    """Return the log p(x) below which a share of x lies.

    Parameters
    ----------
    log_density : ndarray, shape (n,)
        log p(x) at draws from p(x), nats.
    share : float
        From 0 to 1.

    Returns
    -------
    float

    Raises
    ------
    SettingError
        If the share is out of range.
    """
    if not 0.0 <= share <= 1.0:
        raise SettingError(f"a share of x must be from 0 to 1, not {share}")
    return float(np.quantile(log_density, share))
