"""How often the most probable class is the true one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theorycheck.arrays import Labels, PerClass
from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate


@dataclass(frozen=True)
class Accuracy:
    """Shares of points whose most probable class is the true one.

    Parameters
    ----------
    plain : Estimate
        Of all points.
    balanced : Estimate
        The mean over classes of the share of each: chance is 1/C, however unequal they are.
    """

    plain: Estimate
    balanced: Estimate


def accuracy(
    class_posterior: PerClass, y: Labels, posterior_error: PerClass | None = None
) -> Accuracy:
    """Compare argmax p(y|x) with labels.

    Parameters
    ----------
    class_posterior : ndarray, shape (C, n)
        p(y|x).
    y : ndarray of int, shape (n,)
        The true labels, of all classes.
    posterior_error : ndarray, shape (C, n), optional
        Radius of p(y|x): points at which two classes lead within it are in the radius.

    Returns
    -------
    Accuracy

    Raises
    ------
    ModelError
        If a class has no points, so that its share is not defined.
    """
    classes = len(class_posterior)
    counts = np.bincount(y, minlength=classes)
    if len(counts) > classes or (counts == 0).any():
        raise ModelError(f"balanced accuracy needs labels of all {classes} classes and no others")
    best = class_posterior.argmax(axis=0)
    undecided = np.zeros(len(y), dtype=np.bool_)
    if posterior_error is not None:
        columns = np.arange(len(y))
        lowest = class_posterior[best, columns] - posterior_error[best, columns]
        highest = class_posterior + posterior_error
        highest[best, columns] = -np.inf
        undecided = highest.max(axis=0) >= lowest
    right = best == y
    shares = [float(right[y == label].mean()) for label in range(classes)]
    open_shares = [float(undecided[y == label].mean()) for label in range(classes)]
    return Accuracy(
        plain=Estimate(float(right.mean()), float(undecided.mean())),
        balanced=Estimate(float(np.mean(shares)), float(np.mean(open_shares))),
    )
