"""q(y|x): softmax and Lambert's W against a general optimiser, and both limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from theorycheck.inference import label_weights


def example(seed: int, classes: int = 3, count: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return 4.0 * rng.normal(size=(classes, count)), rng.dirichlet(np.ones(classes), count).T


@pytest.mark.parametrize("weight", [1e-6, 0.1, 1.0, 30.0])
def test_against_a_general_optimiser(weight: float) -> None:
    a, p = example(0)
    found = label_weights(a, p, weight)
    assert found.r.sum(axis=0) == pytest.approx(1.0, abs=1e-14)
    for k in range(a.shape[1]):

        def negative(u: np.ndarray, k: int = k) -> float:
            log_r = u - logsumexp(u)
            r = np.exp(log_r)
            return -float(r @ a[:, k] - r @ log_r + weight * p[:, k] @ log_r)

        best = min(
            minimize(negative, start, method="BFGS", options={"gtol": 1e-9}).fun
            for start in np.random.default_rng(k).normal(size=(4, 3))
        )
        assert found.value[k] == pytest.approx(-best, abs=1e-7 * (1.0 + weight))
        assert found.value[k] >= -best - 1e-12 * (1.0 + weight)


def test_limits() -> None:
    a, p = example(1)
    plain = label_weights(a)
    assert np.allclose(plain.r, softmax(a, axis=0), atol=1e-15)
    assert np.allclose(plain.value, logsumexp(a, axis=0))
    assert np.allclose(label_weights(a, p, 1e-12).r, plain.r, atol=1e-9)
    assert np.allclose(label_weights(a, p, 1e9).r, p, atol=1e-7)
    assert np.array_equal(label_weights(a, p, np.inf).r, p)


@pytest.mark.parametrize("weight", [0.0, 0.5, 20.0])
def test_the_bend_is_the_derivative(weight: float) -> None:
    a, p = example(2)
    found = label_weights(a, p, weight)
    step = 1e-6
    for y in range(len(a)):
        moved = a.copy()
        moved[y] += step
        slope = (label_weights(moved, p, weight).r - found.r) / step
        wanted = -found.bend * found.bend[y] / found.bend.sum(axis=0)
        wanted[y] += found.bend[y]
        assert np.allclose(slope, wanted, atol=1e-5)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(-700.0, 700.0), min_size=2, max_size=5),
    st.floats(0.0, 1e4),
    st.integers(0, 1000),
)
def test_always_a_distribution_and_no_lower_than_any_other(
    offered: list[float], weight: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    a = np.array(offered)[:, None]
    p = rng.dirichlet(np.ones(len(a)))[:, None]
    found = label_weights(a, p, weight)
    assert np.isfinite(found.value).all()
    assert found.r.sum() == pytest.approx(1.0, abs=1e-12)
    other = rng.dirichlet(np.ones(len(a)))[:, None]
    with np.errstate(divide="ignore"):
        value = (other * a).sum() + ((weight * p - other) * np.log(other)).sum()
    assert found.value[0] >= value - 1e-9 * (1.0 + weight + np.abs(a).max())


def test_what_is_refused() -> None:
    a, p = example(3)
    with pytest.raises(ValueError, match="weight"):
        label_weights(a, p, -1.0)
    with pytest.raises(ValueError, match="weight"):
        label_weights(a, None, 1.0)
