"""By how much any q of a family can beat the one found, for each kind of exact model."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from theorycheck.arrays import PerPoint
from theorycheck.errors import SettingError
from theorycheck.inference._certificate import certify_optimal_q
from theorycheck.inference._exact_model import ExactModel
from theorycheck.inference._family import FACTORISED, Family
from theorycheck.inference._label_certificate import certify_shared_q
from theorycheck.inference._labelled import ExactLabelled
from theorycheck.inference._mean_field import MeanField


def certified_gap(
    model: ExactModel, x: ArrayLike, family: Family | None = None, *, gap: float = 1e-9
) -> PerPoint:
    """Bound by how much any q of the family beats the one found, at every x.

    Parameters
    ----------
    model : ExactModel
        A model of one latent, labelled or not.
    x : array_like, shape (n, D)
        Data points.
    family : Family, optional
        What q may be; by default the model's first.
    gap : float
        How close the bound should come, nats.

    Returns
    -------
    ndarray, shape (n,)
        Nats.

    Raises
    ------
    SettingError
        If there is no bound over all q of such a model.
    """
    if isinstance(model, MeanField):
        return certify_optimal_q(model, x, gap=gap).gap
    if not isinstance(model, ExactLabelled):
        raise SettingError(f"{model.model.name}: only the q of one latent can be certified")
    if family == FACTORISED:
        return certify_shared_q(model, x, gap=gap).gap
    # U = log Σ exp L(x, y) rises by no more than the L(x, y) that rises most.
    each = [certify_optimal_q(field, x, gap=gap).gap for field in model.fields]
    result: PerPoint = np.max(each, axis=0)
    return result
