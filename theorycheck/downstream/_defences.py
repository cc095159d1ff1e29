"""Defences that use a generative model: what becomes of x before a classifier sees it.

Each is a function of the model alone, so that σ², f and K can be swapped: the truth's, or those
that the ELBO selects. All are deterministic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri

from theorycheck.arrays import Array, Counts, PerPoint, Points
from theorycheck.downstream._classes import Classifier, log_density_quantile
from theorycheck.downstream._projection import REACH, DecoderImage, checked_reach
from theorycheck.errors import SettingError, nearest
from theorycheck.inference import MeanField, exact_model
from theorycheck.models import GenerativeModel

#: The decision on an x that is refused.
REJECTED = 2
#: Distance, σ, that an x in the image of a decoder with K >= D may be given by the search.
_IN_IMAGE = 1e-3
#: σ that the distances of defences may be left open by.
_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Defended:
    """A classifier behind a defence.

    Parameters
    ----------
    name : str
        The defence.
    classifier : Classifier
        What classifies x once the defence is through with it.
    purify : callable or None
        x (n, D) to the points that are classified in their place; None: x itself.
    accept : callable or None
        x (n, D) to a slack (n,): x is refused where it is below 0; None: none is.
    """

    name: str
    classifier: Classifier
    purify: Callable[[Points], Points] | None = None
    accept: Callable[[Points], PerPoint] | None = None

    def margin(self, x: ArrayLike) -> PerPoint:
        """Return the classifier's margin for what the defence makes of x (n, D)."""
        points = np.asarray(x, float)
        return self.classifier.margin(points if self.purify is None else self.purify(points))

    def slack(self, x: ArrayLike) -> PerPoint:
        """Return by how much x (n, D) is accepted; below 0 it is refused; inf where none is."""
        points = np.asarray(x, float)
        return np.full(len(points), np.inf) if self.accept is None else self.accept(points)

    def decide(self, x: ArrayLike) -> Counts:
        """Return class 0 or 1, or REJECTED, for x (n, D)."""
        points = np.asarray(x, float)
        decision = np.full(len(points), REJECTED, dtype=np.int64)
        taken = self.slack(points) >= 0.0
        if taken.any():
            decision[taken] = self.margin(points[taken]) > 0.0
        return decision


@dataclass(frozen=True)
class DefenceSettings:
    """What defences are set to.

    Parameters
    ----------
    false_rejections : float
        Share of clean x that those which refuse are set to refuse, from 0 to 1.
    reach : float
        |z_k| up to which z belongs to the image that x is projected on, or is far from.

    Raises
    ------
    SettingError
        If one of them is out of range.
    """

    false_rejections: float = 0.01
    reach: float = REACH

    def __post_init__(self) -> None:
        if not 0.0 < self.false_rejections < 1.0:
            raise SettingError(
                f"the share of false rejections must be between 0 and 1: {self.false_rejections}"
            )
        checked_reach(self.reach)


def undefended(classifier: Classifier) -> Defended:
    """Return the classifier as it is.

    Parameters
    ----------
    classifier : Classifier
        Any.

    Returns
    -------
    Defended
    """
    return Defended("none", classifier)


def projection_defence(
    model: GenerativeModel, classifier: Classifier, settings: DefenceSettings
) -> Defended:
    """Classify the nearest point of the decoder's image in place of x (Defense-GAN, INC).

    Parameters
    ----------
    model : GenerativeModel
        The decoder; its σ² matters only where it differs between dimensions.
    classifier : Classifier
        Any.
    settings : DefenceSettings
        How far the image goes.

    Returns
    -------
    Defended
    """
    image = DecoderImage(model, reach=settings.reach)
    return Defended(
        "projection", classifier, purify=lambda x: image.project(x, tolerance=_TOLERANCE).f
    )


def reconstruction_defence(model: GenerativeModel, classifier: Classifier) -> Defended:
    """Classify the reconstruction E_q*[f(z)] in place of x, q* the best Gaussian q(z|x).

    Parameters
    ----------
    model : GenerativeModel
        Decoder and σ², on both of which q* depends.
    classifier : Classifier
        Any.

    Returns
    -------
    Defended

    Notes
    -----
    E_q f is the mean of the reconstructions f(z), z ~ q*: what a VAE's decoder gives on average.
    The q is the one that a perfect encoder would return. It is the best of the minima found from a
    table and, where that is too coarse, from posterior modes; no bound excludes others.
    """
    exact = exact_model(model)

    def purify(x: Points) -> Points:
        if isinstance(exact, MeanField):
            q = exact.optimal_q(x, certify=False)
            return exact.expectations(x, q.mean, q.scale)[0]
        return exact.best_q(x).mean_f

    return Defended("reconstruction", classifier, purify=purify)


def density_defence(
    model: GenerativeModel, classifier: Classifier, clean: Points, settings: DefenceSettings
) -> Defended:
    """Refuse x whose log p(x) is below a quantile of that of clean x.

    Parameters
    ----------
    model : GenerativeModel
        Its p(x) is what is thresholded.
    classifier : Classifier
        Any.
    clean : ndarray, shape (m, D)
        Clean x that the threshold is taken from, as a user would.
    settings : DefenceSettings
        The share of them that is refused.

    Returns
    -------
    Defended
    """
    exact = exact_model(model)
    known = exact.log_density(clean).value
    threshold = log_density_quantile(known, settings.false_rejections)
    return Defended("density", classifier, accept=lambda x: exact.log_density(x).value - threshold)


def distance_defence(
    model: GenerativeModel, classifier: Classifier, settings: DefenceSettings
) -> Defended:
    """Refuse x that are farther from the decoder's image than σ accounts for.

    Parameters
    ----------
    model : GenerativeModel
        Decoder and σ².
    classifier : Classifier
        Any.
    settings : DefenceSettings
        The share of clean x that would be refused where the image is flat, and how far it goes.

    Returns
    -------
    Defended

    Notes
    -----
    (distance/σ)² is χ² with D − K degrees of freedom where the image is flat, the threshold its
    quantile. With K >= D the image has no thickness to leave: x in it are accepted, others not.
    """
    image = DecoderImage(model, reach=settings.reach)
    limit = distance_limit(model.data_dim - model.latent_dim, settings.false_rejections)

    def slack(x: Points) -> PerPoint:
        found: Array = limit - image.project(x, tolerance=_TOLERANCE).distance
        return found

    return Defended("distance", classifier, accept=slack)


def distance_limit(degrees: int, false_rejections: float) -> float:
    """Return the distance, in σ, that a share of flat clean x exceeds.

    Parameters
    ----------
    degrees : int
        D − K.
    false_rejections : float
        That share.

    Returns
    -------
    float
        The root of a χ² quantile; next to nothing for K >= D.
    """
    if degrees < 1:
        return _IN_IMAGE
    return math.sqrt(float(chdtri(degrees, false_rejections)))


#: The defences by name, in the order of tables.
DEFENCES = ("projection", "reconstruction", "density", "distance")


def defence(
    name: str,
    model: GenerativeModel,
    classifier: Classifier,
    clean: Points,
    settings: DefenceSettings | None = None,
) -> Defended:
    """Put a named defence of a model before a classifier.

    Parameters
    ----------
    name : str
        One of DEFENCES, or "none".
    model : GenerativeModel
        The model that the defence uses, of one latent or two.
    classifier : Classifier
        Any.
    clean : ndarray, shape (m, D)
        Clean x, for defences with a threshold that is a quantile.
    settings : DefenceSettings, optional
        The share of false rejections.

    Returns
    -------
    Defended

    Raises
    ------
    SettingError
        If there is no such defence.
    """
    chosen = settings or DefenceSettings()
    if name == "none":
        return undefended(classifier)
    if name == "projection":
        return projection_defence(model, classifier, chosen)
    if name == "reconstruction":
        return reconstruction_defence(model, classifier)
    if name == "density":
        return density_defence(model, classifier, clean, chosen)
    if name == "distance":
        return distance_defence(model, classifier, chosen)
    raise SettingError(f"there is no defence '{name}': {nearest(name, ('none', *DEFENCES))}")
