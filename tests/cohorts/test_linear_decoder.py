"""The linear decoder of each class, held against the maximum of its likelihood."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from theorycheck.arrays import Array
from theorycheck.cohorts import Cohort, Split, linear_decoder, split_cohort
from theorycheck.errors import SettingError


@pytest.fixture(scope="module")
def split() -> Split:
    """Two classes with one loading and σ² each of their own."""
    rng = np.random.default_rng(0)
    y = np.arange(4000) % 2
    w = np.array([[1.0, 0.5, -0.5], [0.2, -1.0, 0.7]])
    x = rng.normal(size=(4000, 1)) * w[y] + 2.0 * y[:, None] + 0.5 * rng.normal(size=(4000, 3))
    cohort = Cohort("linear", ("a", "b", "c"), ("0", "1"), x, y.astype(np.int64))
    return split_cohort(cohort, count=1)[0]


def covariance(loading: Array, variance: Array) -> Array:
    return loading @ loading.T + np.diag(variance)


@pytest.mark.parametrize("latents", [1, 2])
def test_it_is_what_the_rows_say(split: Split, latents: int) -> None:
    model = linear_decoder(split, latents, all_labels=True)
    zero = np.zeros((1, latents))
    for label in range(2):
        own = split.x[split.y == label]
        mean = np.asarray(model.decoder(label, zero))[0]
        loading = np.asarray(model.decoder(label, np.eye(latents))).T - mean[:, None]
        np.testing.assert_allclose(mean, own.mean(axis=0))
        # Beside the shared σ² it is the class's own covariance but for what sampling leaves.
        found = covariance(loading, model.noise_variance)
        np.testing.assert_allclose(found, np.cov(own.T), atol=0.05)
        # No loading near it has a higher likelihood at that class's own σ².
        left = np.linalg.eigvalsh(np.cov(own.T, bias=True))[:-latents].mean()
        best = multivariate_normal(mean, covariance(loading, np.full(3, left))).logpdf(own).sum()
        rng = np.random.default_rng(label)
        for _ in range(20):
            other = loading + 0.05 * rng.normal(size=loading.shape)
            law = multivariate_normal(mean, covariance(other, np.full(3, left)))
            assert law.logpdf(own).sum() < best


def test_only_observed_labels_count(split: Split) -> None:
    model = linear_decoder(split, 1)
    own = split.x[split.observed & (split.y == 1)]
    mean = np.asarray(model.decoder(1, np.zeros((1, 1))))[0]
    np.testing.assert_allclose(mean, own.mean(axis=0))
    np.testing.assert_allclose(model.prior, split.prior)


def test_the_floor_holds() -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(0, 2, (200, 1)) * np.array([[1.0, 1.0]])  # on a line, of two points
    cohort = Cohort("atoms", ("a", "b"), ("0", "1"), x, np.arange(200) % 2)
    split = split_cohort(cohort, count=1, labelled_share=1.0)[0]
    np.testing.assert_allclose(linear_decoder(split, 1).noise_variance, split.floor.shared)


def test_bad_input(split: Split) -> None:
    with pytest.raises(SettingError, match="1 to 2 latents"):
        linear_decoder(split, 3)
    small = Cohort("few", ("a", "b"), ("0", "1"), np.arange(40.0).reshape(20, 2), np.arange(20) % 2)
    with pytest.raises(SettingError, match=r"class 0 has 1 row\(s\)"):
        linear_decoder(split_cohort(small, count=1)[0], 1)
