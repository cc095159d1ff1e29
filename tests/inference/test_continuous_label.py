"""Continuous labels: densities and bounds against brute force and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.stats import multivariate_normal, norm

from tests.brute_continuous import BruteContinuous
from theorycheck.errors import ModelError
from theorycheck.inference import (
    FLEXIBLE,
    MEAN_FIELD,
    NAIVE,
    NAIVE_CONDITIONAL,
    NAIVE_IWAE,
    ExactContinuousLabel,
    LabelRule,
)
from theorycheck.models import (
    ContinuousLabelModel,
    benchmark,
    continuous_semi_circle,
    load_continuous_label_model,
)

Array = np.ndarray
VARIANCE = 0.2


def bent(y: Array, z: Array) -> Array:
    """A sheet that is folded in y: posteriors of y with two modes."""
    return np.stack([z + 0.3 * np.sin(2.0 * y), 0.5 * y**2 - 0.5 * z + 0.3 * z**2], axis=-1)


@pytest.fixture(scope="module")
def semi_circle() -> ExactContinuousLabel:
    return ExactContinuousLabel(load_continuous_label_model("continuous_semi_circle"))


@pytest.fixture(scope="module")
def sheet() -> ExactContinuousLabel:
    return ExactContinuousLabel(ContinuousLabelModel(bent, VARIANCE, "bent"))


@pytest.fixture(scope="module")
def brute() -> BruteContinuous:
    return BruteContinuous(bent, VARIANCE, 0.05)


@pytest.fixture(scope="module")
def points(sheet: ExactContinuousLabel) -> Array:
    return sheet.model.sample(5, 3)[1]


def test_density_of_the_semi_circle(semi_circle: ExactContinuousLabel) -> None:
    """The issue's measure: 200 random x, against a dense grid of (y, z)."""
    _, x = semi_circle.model.sample(200, 11)
    brute = BruteContinuous(continuous_semi_circle, 0.01, 0.045)
    wanted = np.array([brute.log_density(one) for one in x])
    found = semi_circle.log_density(x)
    off = np.abs(found.value - wanted)
    assert off.max() < 1e-9
    assert (off <= found.error + 1e-12).all()
    # A second engine: the sum over labels of models of one latent.
    offers = semi_circle.offers(x[:40], bounds=False)
    value, error = semi_circle.rule.log_integral(offers.log_given)
    off = np.abs(value - wanted[:40])
    assert off.max() < 1e-8
    assert (off <= error + 1e-12).all()


def test_posteriors(sheet: ExactContinuousLabel, brute: BruteContinuous, points: Array) -> None:
    joint = np.array([brute.log_joint(one) for one in points])
    y = np.linspace(-2.0, 2.0, points.shape[0])
    value, error = sheet.log_joint(points, y)
    wanted = [np.interp(at, brute.y, row) for at, row in zip(y, joint, strict=True)]
    assert np.allclose(value, wanted, atol=1e-2)
    assert error.max() < 1e-9
    density, mean, scale = sheet.label_density(points)
    posterior = np.exp(joint - joint.max(axis=1, keepdims=True))
    posterior /= brute.step * posterior.sum(axis=1, keepdims=True)
    brute_mean = brute.step * posterior @ brute.y
    assert np.allclose(mean, brute_mean, atol=1e-7)
    brute_scale = np.sqrt(brute.step * posterior @ brute.y**2 - brute_mean**2)
    assert np.allclose(scale, brute_scale, atol=1e-7)
    inner = np.abs(sheet.rule.y) < 4.0
    at = np.exp(CubicSpline(brute.y, np.log(posterior + 1e-300), axis=1)(sheet.rule.y[inner]))
    assert np.allclose(density[inner].T, at, atol=1e-3)
    z = brute.y
    alone = sheet.latent_density(points, z)
    assert np.allclose(brute.step * alone.sum(axis=1), 1.0, atol=1e-7)
    each = sheet.latent_density(points, z, 0.7)
    f = bent(np.full(z.size, 0.7), z)
    unnormalised = np.array(
        [norm.pdf(z) * np.exp(-0.5 * ((one - f) ** 2).sum(axis=1) / VARIANCE) for one in points]
    )
    unnormalised /= brute.step * unnormalised.sum(axis=1, keepdims=True)
    assert np.allclose(each, unnormalised, atol=1e-9)


def test_naive_q_is_the_best(
    sheet: ExactContinuousLabel, brute: BruteContinuous, points: Array
) -> None:
    found = sheet.bound(points, NAIVE)
    q = sheet._naive.run(points)
    for k, x in enumerate(points):
        ends = np.concatenate([q.mean[k], np.log(q.scale[k])])
        assert abs(brute.naive(x, ends) - found.value[k]) < 1e-9
        if k < 3:
            assert brute.best_naive(x, k, 12) <= found.value[k] + 1e-8


def test_derivatives_of_the_naive_elbo(sheet: ExactContinuousLabel, points: Array) -> None:
    search = sheet._naive
    x = points[:3] / sheet.model.sigma
    at = np.array([[0.3, -0.2, -0.9, -0.7], [-0.5, 0.4, -0.2, -1.1], [1.2, 0.1, -1.3, -0.4]])
    here, h = search.local(x, at), 1e-4
    # Derivatives by μ are in units of s.
    unit = np.concatenate([np.exp(at[:, 2:]), np.ones((3, 2))], axis=1)
    for k in range(4):
        shift = np.zeros(4)
        shift[k] = h
        ahead, behind = (search.local(x, at + side * shift) for side in (1.0, -1.0))
        slope = (ahead.value - behind.value) / (2.0 * h) * unit[:, k]
        assert np.allclose(here.gradient[:, k], slope, rtol=1e-5, atol=1e-5)
        first = [
            one.gradient / np.concatenate([np.exp(p[:, 2:]), np.ones((3, 2))], axis=1)
            for one, p in ((ahead, at + shift), (behind, at - shift))
        ]
        row = (first[0] - first[1]) / (2.0 * h) * unit[:, k, None] * unit
        assert np.allclose(here.hessian[:, k], row, rtol=1e-4, atol=1e-4)


def test_gaussian_label_q_is_the_best(
    sheet: ExactContinuousLabel, brute: BruteContinuous, points: Array
) -> None:
    """IWAE's limit over z: what is left is KL[q(y) ‖ p(y|x)] of the best Gaussian."""
    found = sheet.bound(points, NAIVE_IWAE)
    for k, x in enumerate(points):
        joint = brute.log_joint(x)
        here = brute.gaussian(joint, found.mean[k : k + 1], found.scale[k : k + 1])[0]
        assert abs(here - found.value[k]) < 1e-8
        assert found.error[k] < 1e-6
        if k < 3:
            assert brute.best_gaussian(joint) <= found.value[k] + 1e-8


def test_bounds_of_each_label(sheet: ExactContinuousLabel, points: Array) -> None:
    """L on another rule over y: U of the two families is the same to what the rules say."""
    finer = LabelRule(np.linspace(-6.0, 6.0, 11))
    other = ExactContinuousLabel(sheet.model, finer)
    x = points[:2]
    for family in (NAIVE_CONDITIONAL, FLEXIBLE):
        one, two = sheet.bound(x, family), other.bound(x, family)
        assert (np.abs(one.value - two.value) <= one.error + two.error).all()
        assert one.error.max() < 1e-3
    best = other.bound(x, NAIVE_CONDITIONAL)
    offers = other.offers(x).bound
    assert offers is not None
    for k in range(2):
        t = (finer.y - best.mean[k]) / best.scale[k]
        q = norm.pdf(t) / best.scale[k]
        terms = offers[:, k] - 0.5 * finer.y**2 - 0.5 * math.log(2.0 * math.pi) - np.log(q + 1e-300)
        assert abs((finer.weight * q) @ terms - best.value[k]) < 1e-5


def test_families_in_order(sheet: ExactContinuousLabel, points: Array) -> None:
    offers = sheet.offers(points)
    naive, conditional, flexible, iwae = (
        sheet.bound(points, family, offers).value for family in sheet.families
    )
    log_p = sheet.log_density(points).value
    assert (naive < conditional).all()
    assert (conditional < np.minimum(flexible, iwae)).all()
    assert (np.maximum(flexible, iwae) <= log_p + 1e-8).all()
    with pytest.raises(ModelError, match="there is no mean-field Gaussian here"):
        sheet.bound(points, MEAN_FIELD)


@pytest.fixture(scope="module")
def linear() -> ExactContinuousLabel:
    return ExactContinuousLabel(load_continuous_label_model("expr:[z + 0.7*y]", noise_variance=0.3))


def test_a_linear_decoder(linear: ExactContinuousLabel) -> None:
    """Everything is Gaussian: only a q that makes y and z independent misses something."""
    x = np.array([[-2.0], [0.3], [1.7]])
    total = 1.0 + 0.49 + 0.3
    log_p = multivariate_normal(np.zeros(1), total).logpdf(x)
    assert np.allclose(linear.log_density(x).value, log_p, atol=1e-11)
    offers = linear.offers(x)
    for family in (NAIVE_CONDITIONAL, FLEXIBLE, NAIVE_IWAE):
        found = linear.bound(x, family, offers)
        assert np.allclose(found.value, log_p, atol=1e-8)
        assert np.allclose(found.mean, 0.7 * x[:, 0] / total, atol=1e-4)
        assert np.allclose(found.scale, math.sqrt(1.0 - 0.49 / total), atol=1e-4)
    precision = np.eye(2) + np.outer([0.7, 1.0], [0.7, 1.0]) / 0.3
    kl = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])
    naive = linear.bound(x, NAIVE)
    assert np.allclose(log_p - naive.value, kl, atol=1e-9)
    assert np.allclose(naive.scale, 1.0 / math.sqrt(precision[0, 0]), atol=1e-6)


def test_an_f_without_a_label() -> None:
    circle = benchmark("circle")
    exact = ExactContinuousLabel(
        ContinuousLabelModel.collapsed(circle), LabelRule(np.arange(-9.0, 10.0))
    )
    _, x = circle.sample(6, 0)
    field = exact.given(1.3)
    assert field is exact.given(-2.0)
    bound = -field.optimal_q(x).negative_elbo
    for family in exact.families:
        found = exact.bound(x, family)
        wanted = field.log_density(x).value if family == NAIVE_IWAE else bound
        assert np.array_equal(found.value, wanted)
        assert (found.scale == 1.0).all()
    offers = exact.offers(x)
    assert offers.bound is not None
    assert np.array_equal(offers.bound[0], offers.bound[-1])
    general = ContinuousLabelModel(lambda _, z: circle.decoder(z), circle.noise_variance, "circle")
    other = ExactContinuousLabel(general, exact.rule)
    naive = other.bound(x, NAIVE)
    assert np.allclose(naive.value, bound, atol=1e-8)
    assert np.allclose(other.log_density(x).value, field.log_density(x).value, atol=1e-10)


def test_draws(linear: ExactContinuousLabel) -> None:
    x = linear.draws(size=256, repeats=4, seed=0).x
    assert x.shape == (4, 256, 1)
    assert abs(x.var() - 1.79) < 0.05
    with pytest.raises(ModelError, match="one label for each x"):
        linear.log_joint(np.zeros((2, 1)), [0.0])
