"""Derivations about labels against the engine, and against plain sums on random numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp, softmax, xlogy

from theorycheck.inference import CONDITIONAL, FACTORISED, ExactLabelled, label_weights
from theorycheck.models import LabelledModel, load_labelled_model

SEMI_CIRCLE = load_labelled_model("discrete_semi_circle")
#: Bent lines that cross, of unequal weight: overlaps of the posteriors from nothing to much.
BENT = load_labelled_model("expr:[z + y*z**2/3, (1 - 2*y)*z]", noise_variance=0.2, prior=[0.3, 0.7])
_Z = np.linspace(-9.0, 9.0, 36_001)


def _kl(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.asarray((xlogy(one, one) - xlogy(one, other)).sum(axis=0))


def overlap(model: LabelledModel, x: np.ndarray) -> np.ndarray:
    """B = ∫ √(p(z|x, 0) p(z|x, 1)) dz on a dense grid."""
    roots = []
    for one in model.classes:
        f = one.decoder(_Z)
        square = ((x[:, None, :] - f) ** 2 / model.noise_variance).sum(axis=2)
        log = -0.5 * square - 0.5 * _Z**2
        roots.append(np.exp(0.5 * (log - logsumexp(log, axis=1, keepdims=True))))
    return np.asarray((roots[0] * roots[1]).sum(axis=1))


@pytest.mark.parametrize("model", [SEMI_CIRCLE, BENT], ids=["semi-circle", "bent"])
def test_one_q_for_two_classes_misses_the_floor(model: LabelledModel) -> None:
    """collapse_floor: log p(x) − U ≥ −log(m + (1 − m) B²) at every x."""
    exact = ExactLabelled(model)
    x = model.sample(40, 3)[1]
    share, _ = exact.class_posterior(x)
    m = share.max(axis=0)
    floor = -np.log(m + (1.0 - m) * overlap(model, x) ** 2)
    gap = exact.log_density(x).value - exact.bound(x, FACTORISED).value
    assert (gap >= floor - 1e-9).all()
    # It says something: half of the gap and more, on the average.
    assert floor.mean() > 0.5 * gap.mean() > 0.02


def test_the_floor_is_reached_as_the_noise_vanishes() -> None:
    """collapse_floor: on curves with one image, log p(x) − U → −log max p(y|x)."""
    apart = []
    for variance in (0.01, 0.001, 0.0001):
        model = load_labelled_model("discrete_semi_circle", noise_variance=variance)
        exact = ExactLabelled(model)
        # Away from the ends, where the classes cross and the densities are steep.
        angle = np.linspace(0.6, 2.4, 9)
        x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        m = exact.class_posterior(x)[0].max(axis=0)
        gap = exact.log_density(x).value - exact.bound(x, FACTORISED).value
        apart.append(np.abs(gap + np.log(m)).max())
    assert apart[1] < 0.5 * apart[0]
    assert apart[2] < 0.02


def test_the_gap_of_the_conditional_family_in_closed_form() -> None:
    """semi_supervised_families, step 3; and by collapse_threshold it is at most Σ ρ k."""
    exact = ExactLabelled(BENT)
    x = BENT.sample(30, 4)[1]
    joint, _, _ = exact.log_joint(x)
    short = joint - exact.labelled_bound(x)[0]
    share, _ = exact.class_posterior(x)
    gap = exact.log_density(x).value - exact.bound(x, CONDITIONAL).value
    assert gap == pytest.approx(-np.log((share * np.exp(-short)).sum(axis=0)), abs=1e-10)
    assert (gap <= (share * short).sum(axis=0) + 1e-10).all()


@pytest.mark.parametrize("weight", [0.05, 1.0, 20.0])
def test_the_label_term(weight: float) -> None:
    """semi_supervised_label_term: the gap of any other q(y|x), the bound from λ, both rates."""
    rng = np.random.default_rng(8)
    a, p = 3.0 * rng.normal(size=(4, 30)), rng.dirichlet(np.ones(4), 30).T
    found = label_weights(a, p, weight)
    r, s = found.r, softmax(a, axis=0)

    def objective(q: np.ndarray) -> np.ndarray:
        return np.asarray((q * a - xlogy(q, q) + weight * p * np.log(q)).sum(axis=0))

    other = rng.dirichlet(np.ones(4), 30).T
    t = other / r
    wanted = _kl(other, r) + weight * (p * (t - 1.0 - np.log(t))).sum(axis=0)
    assert objective(r) - objective(other) == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    # λ from the slope in any class.
    multiplier = (a - found.log_r - 1.0 + weight * p / r)[0]
    assert found.bound == pytest.approx(multiplier + 1.0 - weight, abs=1e-9)
    lost = _kl(r, s) + weight * _kl(p, r)
    assert (lost <= np.minimum(weight, 1.0) * _kl(p, s) + 1e-12).all()
