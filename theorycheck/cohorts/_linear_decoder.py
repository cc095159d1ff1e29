"""The linear decoder of each class: principal components, fitted in closed form.

What a network's decoder has to beat: the maximum-likelihood linear decoder of each class
(probabilistic PCA), with the classes' mean noise variance as the one σ².
"""

from __future__ import annotations

import numpy as np

from theorycheck.arrays import Array
from theorycheck.cohorts._cohort_model import CohortModel
from theorycheck.cohorts._splits import Split
from theorycheck.errors import SettingError


def checked_latents(latents: int, dim: int) -> None:
    """Check that a decoder of some columns can have so many latents.

    Parameters
    ----------
    latents, dim : int
        K and D.

    Raises
    ------
    SettingError
        If K is not from 1 to D − 1: no direction is left to say what σ² is.
    """
    if not 1 <= latents < dim:
        raise SettingError(f"{dim} columns bear 1 to {dim - 1} latents, not {latents}")


def linear_decoder(split: Split, latents: int, *, all_labels: bool = False) -> CohortModel:
    """Fit a linear decoder to each class of a split's training part.

    Parameters
    ----------
    split : Split
    latents : int
        K, 1 or 2, below D.
    all_labels : bool
        Use the hidden labels too; by default only rows whose label is observed.

    Returns
    -------
    CohortModel
        σ² is one for all columns, at least the split's floor; π the classes' shares of the rows.

    Raises
    ------
    SettingError
        If K is not below D, or a class has fewer than K + 2 rows.
    ModelError
        If K is not 1 or 2.
    """
    dim = split.cohort.data_dim
    checked_latents(latents, dim)
    used = np.ones_like(split.observed) if all_labels else split.observed
    means: list[Array] = []
    loadings: list[Array] = []
    left, prior = [], np.empty(len(split.cohort.classes))
    for label in range(len(prior)):
        own = split.x[used & (split.y == label)]
        if len(own) < latents + 2:
            raise SettingError(f"class {label} has {len(own)} row(s) to fit {latents} latent(s) to")
        values, vectors = np.linalg.eigh(np.cov(own.T, bias=True))
        rest = float(values[:-latents].mean())
        means.append(own.mean(axis=0))
        loadings.append(vectors[:, -latents:] * np.sqrt(np.maximum(values[-latents:] - rest, 0.0)))
        left.append(rest)
        prior[label] = len(own) / used.sum()
    variance = max(float(prior @ np.array(left)), split.floor.shared)
    return CohortModel(
        decoder=lambda label, z: z @ loadings[label].T + means[label],
        noise_variance=np.full(dim, variance),
        prior=prior,
        latent_dim=latents,
        name="linear",
    )
