"""IWAE bounds with labels: nested sums for S = 2, draws for S = 5, their order and their limits."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy.special import logsumexp, xlogy

from theorycheck.errors import ModelError, SettingError
from theorycheck.inference import (
    CONDITIONAL,
    FACTORISED,
    ExactLabelled,
    inside_iwae_bound,
    iwae_bound,
    joint_iwae_bound,
    labelled_iwae_bound,
    shared_iwae_bound,
)
from theorycheck.models import LabelledModel, load_labelled_model

BENT = load_labelled_model("expr:[z + y*z**2/3, (1 - 2*y)*z]", noise_variance=0.2, prior=[0.3, 0.7])
WAVES = load_labelled_model(
    "expr:[sin(1.5*z + y) + y*z/2]", noise_variance=0.1, prior=[0.2, 0.5, 0.3], classes=3
)
MODELS = [BENT, WAVES]
#: A trapezoid rule in t = (z − μ)/s: exact to rounding on what is smooth.
_T = np.linspace(-9.0, 9.0, 1441)
_MASS = np.exp(-0.5 * _T**2)
_MASS = _MASS / _MASS.sum()

every_model = pytest.mark.parametrize("model", MODELS, ids=["bent", "waves"])


@cache
def exact(model: LabelledModel) -> ExactLabelled:
    return ExactLabelled(model)


def some_q(model: LabelledModel, count: int) -> tuple[np.ndarray, ...]:
    """Draws x, and any q(y|x), μ and s, each class with its own."""
    rng = np.random.default_rng(12)
    x = model.sample(count, rng)[1]
    best = exact(model).bound(x, CONDITIONAL)
    shares = rng.dirichlet(2.0 * np.ones(model.count), count).T
    mean = best.mean + 0.5 * best.scale * rng.normal(size=best.mean.shape)
    return x, shares, mean, best.scale * rng.uniform(0.7, 1.8, size=best.mean.shape)


def log_weights(model: LabelledModel, x: np.ndarray, y: int, z: np.ndarray) -> np.ndarray:
    """Log π_y p(x, z|y) at one x."""
    square = ((x - model.classes[y].decoder(z.ravel()).reshape(*z.shape, -1)) ** 2).sum(axis=-1)
    noise = float(model.noise_variance[0])
    log = -0.5 * square / noise - 0.5 * model.data_dim * math.log(2.0 * math.pi * noise)
    return np.asarray(log - 0.5 * z**2 - 0.5 * math.log(2.0 * math.pi) + model.log_prior[y])


def log_q(z: np.ndarray, mean: float, scale: float) -> np.ndarray:
    return np.asarray(
        -0.5 * ((z - mean) / scale) ** 2 - math.log(scale) - 0.5 * math.log(2.0 * math.pi)
    )


@every_model
def test_two_samples_against_nested_sums(model: LabelledModel) -> None:
    x, shares, mean, scale = some_q(model, 4)
    classes = labelled_iwae_bound(exact(model), x, 2, mean, scale)
    inside = inside_iwae_bound(classes, shares)
    joint = joint_iwae_bound(exact(model), x, 2, np.log(shares), mean, scale)
    for k, one in enumerate(x):
        columns, masses, each = [], [], []
        for y in range(model.count):
            z = mean[y, k] + scale[y, k] * _T
            log_w = log_weights(model, one, y, z) - log_q(z, mean[y, k], scale[y, k])
            pairs = np.logaddexp(log_w[:, None], log_w[None, :]) - math.log(2.0)
            each.append(float(_MASS @ pairs @ _MASS))
            columns.append(log_w - math.log(shares[y, k]))
            masses.append(shares[y, k] * _MASS)
        assert np.abs(classes.value[:, k] - each).max() < 1e-9
        wanted = float(shares[:, k] @ (np.array(each) - np.log(shares[:, k])))
        assert abs(inside.value[k] - wanted) < 1e-9
        log_w, mass = np.concatenate(columns), np.concatenate(masses)
        pairs = np.logaddexp(log_w[:, None], log_w[None, :]) - math.log(2.0)
        wanted = float(mass @ pairs @ mass)
        assert abs(joint.value[k] - wanted) < 1e-9
        # The sums' own rounding is some 1e-15.
        assert abs(joint.value[k] - wanted) < joint.error[k] + 1e-14
    assert joint.error.max() < 1e-10
    assert inside.error.max() < 1e-10


def test_five_pairs_drawn() -> None:
    x, shares, mean, scale = some_q(BENT, 3)
    found = joint_iwae_bound(exact(BENT), x, 5, np.log(shares), mean, scale)
    rng = np.random.default_rng(13)
    for k, one in enumerate(x):
        y = (rng.uniform(size=(40_000, 5)) > shares[0, k]).astype(int)
        z = mean[y, k] + scale[y, k] * rng.standard_normal(y.shape)
        log_w = np.where(
            y == 0, log_weights(BENT, one, 0, z), log_weights(BENT, one, 1, z)
        ) - np.log(shares[y, k])
        log_w = log_w - np.where(
            y == 0, log_q(z, mean[0, k], scale[0, k]), log_q(z, mean[1, k], scale[1, k])
        )
        drawn = logsumexp(log_w, axis=1) - math.log(5.0)
        assert abs(drawn.mean() - found.value[k]) < 5.0 * drawn.std() / math.sqrt(drawn.size)


@every_model
def test_the_order_of_the_bounds(model: LabelledModel) -> None:
    """L ≤ L_S ≤ log p(x, y); U ≤ U_S ≤ log p(x) inside and joint, and all rise with S."""
    x = model.sample(40, 14)[1]
    joint_density, _, _ = exact(model).log_joint(x)
    log_p = exact(model).log_density(x).value
    labelled = exact(model).labelled_bound(x)[0]
    unlabelled = exact(model).bound(x, CONDITIONAL)
    given = (unlabelled.log_class_posterior, unlabelled.mean, unlabelled.scale)
    below, inside_below, joint_below = labelled, unlabelled.value, unlabelled.value
    for samples in (1, 2, 6, 50):
        classes = labelled_iwae_bound(exact(model), x, samples)
        assert (classes.value >= below - 1e-9).all()
        assert (classes.value <= joint_density + 1e-9).all()
        inside = inside_iwae_bound(classes)
        assert (inside.value >= inside_below - 1e-9).all()
        assert (inside.value <= log_p + 1e-9).all()
        assert inside.value == pytest.approx(logsumexp(classes.value, axis=0), abs=1e-12)
        joint = joint_iwae_bound(exact(model), x, samples, *given)
        assert (joint.value >= joint_below - 1e-9).all()
        assert (joint.value <= log_p + 1e-9).all()
        below, inside_below, joint_below = classes.value, inside.value, joint.value
        if samples == 1:
            assert joint.value == pytest.approx(unlabelled.value, abs=1e-10)
            assert inside.value == pytest.approx(unlabelled.value, abs=1e-9)


@every_model
def test_the_limits_differ(model: LabelledModel) -> None:
    """Inside the sum a given q(y|x) costs KL[q(y|x) ‖ p(y|x)] for any S; drawn pairs do not."""
    x, shares, mean, _ = some_q(model, 6)
    scale = np.full_like(mean, 1.3)
    classes = labelled_iwae_bound(exact(model), x, 10**7, mean, scale)
    log_p = exact(model).log_density(x).value
    known, _ = exact(model).class_posterior(x)
    lost = (xlogy(shares, shares) - xlogy(shares, known)).sum(axis=0)
    assert lost.max() > 0.3
    assert inside_iwae_bound(classes, shares).value == pytest.approx(log_p - lost, abs=1e-4)
    assert inside_iwae_bound(classes).value == pytest.approx(log_p, abs=1e-4)
    joint = joint_iwae_bound(exact(model), x, 10**7, np.log(shares), mean, scale)
    assert joint.value == pytest.approx(log_p, abs=1e-4)


def test_one_q_for_all_classes() -> None:
    """The factorised family: S = 1 is its U, and equal classes are the IWAE of their f."""
    x = BENT.sample(20, 15)[1]
    bound = exact(BENT).bound(x, FACTORISED)
    given = (bound.log_class_posterior, bound.mean, bound.scale)
    assert joint_iwae_bound(exact(BENT), x, 1, *given).value == pytest.approx(
        bound.value, abs=1e-10
    )
    twice = ExactLabelled(LabelledModel([BENT.classes[1]] * 2, BENT.prior, "twice"))
    classes = labelled_iwae_bound(twice, x, 4, 0.1, 0.7)
    wanted = iwae_bound(twice.fields[0], x, 0.1, 0.7, 4).value
    assert inside_iwae_bound(classes).value == pytest.approx(wanted, abs=1e-12)
    log_prior = np.repeat(BENT.log_prior[:, None], len(x), axis=1)
    joint = joint_iwae_bound(twice, x, 4, log_prior, 0.1, 0.7)
    assert joint.value == pytest.approx(wanted, abs=1e-11)


@every_model
def test_the_best_q_for_all_classes(model: LabelledModel) -> None:
    """No random q is better, nor a neighbour; S = 1 is U of the factorised family."""
    rng = np.random.default_rng(18)
    x = model.sample(8, rng)[1]
    log_p = exact(model).log_density(x).value
    below = exact(model).bound(x, FACTORISED).value
    for samples in (1, 2, 20):
        best = shared_iwae_bound(exact(model), x, samples)
        assert (best.mean == best.mean[0]).all()
        value = inside_iwae_bound(best).value
        if samples == 1:
            assert value == pytest.approx(below, abs=1e-9)
        assert (value >= below - 1e-9).all()
        apart = inside_iwae_bound(labelled_iwae_bound(exact(model), x, samples)).value
        assert (value <= apart + 1e-9).all()
        assert (apart <= log_p + 1e-9).all()
        tries = [
            (rng.normal(scale=1.3, size=8), np.exp(rng.uniform(-3.5, 0.7, size=8)))
            for _ in range(30)
        ]
        mean, scale = best.mean[0], best.scale[0]
        tries += [(mean + shift * scale, scale) for shift in (-0.02, 0.02)]
        tries += [(mean, scale * factor) for factor in (0.98, 1.02)]
        for m, s in tries:
            tried = inside_iwae_bound(labelled_iwae_bound(exact(model), x, samples, m, s)).value
            assert (tried <= value + 1e-8).all()
        below = value


def test_a_class_that_is_never_drawn() -> None:
    x = BENT.sample(5, 16)[1]
    sure = np.array([np.zeros(len(x)), np.full(len(x), -np.inf)])
    joint = joint_iwae_bound(exact(BENT), x, 3, sure, 0.2, 0.8)
    classes = labelled_iwae_bound(exact(BENT), x, 3, 0.2, 0.8)
    assert joint.value == pytest.approx(classes.value[0], abs=1e-11)
    assert inside_iwae_bound(classes, np.exp(sure)).value == pytest.approx(
        classes.value[0], abs=1e-12
    )


def test_bad_input() -> None:
    x = BENT.sample(3, 17)[1]
    half = np.full((2, 3), 0.5)
    with pytest.raises(ModelError, match="both its mean and its scale"):
        labelled_iwae_bound(exact(BENT), x, 2, mean=0.0)
    with pytest.raises(ModelError, match=r"mean of q\(z\|x, y\) has shape"):
        labelled_iwae_bound(exact(BENT), x, 2, np.zeros((3, 3)), 1.0)
    with pytest.raises(ModelError, match="must be positive"):
        joint_iwae_bound(exact(BENT), x, 2, np.log(half), 0.0, -1.0)
    with pytest.raises(ModelError, match="contains NaN"):
        joint_iwae_bound(exact(BENT), x, 2, np.log(half), math.nan, 1.0)
    with pytest.raises(ModelError, match="must sum to 1"):
        joint_iwae_bound(exact(BENT), x, 2, np.log(0.9 * half), 0.0, 1.0)
    classes = labelled_iwae_bound(exact(BENT), x, 2, 0.0, 1.0)
    with pytest.raises(ModelError, match=r"q\(y\|x\) has shape"):
        inside_iwae_bound(classes, half[:1])
    with pytest.raises(ModelError, match=">= 0"):
        inside_iwae_bound(classes, [[1.5] * 3, [-0.5] * 3])
    with pytest.raises(SettingError, match="number of samples S"):
        labelled_iwae_bound(exact(BENT), x, 0)
