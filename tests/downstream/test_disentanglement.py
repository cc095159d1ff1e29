"""Rotations of two latents: closed forms of linear decoders, and brute force for the factors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri, xlogy
from scipy.stats import multivariate_normal, norm

from theorycheck.downstream import (
    Disentanglement,
    SameData,
    coordinatewise,
    disentangle,
    evaluated,
    factor_information,
    rotation,
    twist,
)
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Kind, Verdict
from theorycheck.inference import LinearGaussianModel, MeanFieldBoxes
from theorycheck.models import Decoder, GenerativeModel, load_model
from theorycheck.rearrangements import reflection

Array = NDArray[np.float64]
LOADINGS = np.array([[1.0, 0.8], [0.0, 0.6]])
VARIANCE = 0.5


def turn(angle: float) -> Array:
    return np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def hadamard(loadings: Array, variance: float = VARIANCE) -> float:
    m = loadings.T @ loadings + variance * np.eye(2)
    return 0.5 * float(np.log(np.diag(m)).sum() - np.linalg.slogdet(m)[1])


@pytest.fixture(scope="module")
def linear() -> Disentanglement:
    return disentangle(LinearGaussianModel(LOADINGS, VARIANCE), angles=5, max_nodes=1_000)


def test_linear_decoders_follow_the_closed_form_at_every_angle(linear: Disentanglement) -> None:
    for angle, found in zip(linear.angles, linear.pmo, strict=True):
        expected = hadamard(LOADINGS @ turn(float(angle)))
        assert abs(found.value - expected) <= found.error + 1e-12
        assert found.error < 1e-6
    assert abs(linear.gain.value - hadamard(LOADINGS)) <= linear.gain.error + 1e-9
    assert linear.prefers_another is Verdict.HOLDS
    assert linear.cares is Verdict.HOLDS


def test_the_preferred_rotation_makes_the_columns_orthogonal(linear: Disentanglement) -> None:
    _, vectors = np.linalg.eigh(LOADINGS.T @ LOADINGS)
    expected = math.atan2(vectors[1, 0], vectors[0, 0]) % (math.pi / 2.0)
    assert abs(linear.angle.value - expected) <= linear.angle.error
    assert linear.angle.error < 0.01
    turned = LOADINGS @ turn(linear.angle.value)
    assert abs((turned.T @ turned)[0, 1]) < 0.01
    assert linear.entangles is Verdict.HOLDS


def binned_information(correlation: float, bins: int) -> float:
    """I of a Gaussian latent and a Gaussian factor in equally likely bins, by a dense sum."""
    z = np.linspace(-9.0, 9.0, 4_001)
    step = float(z[1] - z[0])
    edges = np.concatenate([[-np.inf], ndtri(np.arange(1, bins) / bins), [np.inf]])
    spread = math.sqrt(1.0 - correlation**2)
    below = norm.cdf((edges[:, None] - correlation * z) / spread)
    joint = norm.pdf(z) * np.diff(below, axis=0)
    marginals = joint.sum(axis=1, keepdims=True) * step * norm.pdf(z)
    return float((xlogy(joint, joint) - xlogy(joint, marginals)).sum()) * step


def test_information_on_factors_against_dense_sums(linear: Disentanglement) -> None:
    """For a linear decoder a latent of the aggregate and a factor are jointly Gaussian."""
    for angle, one in ((0.0, linear.given), (linear.angle.value, linear.preferred)):
        w = LOADINGS @ turn(angle)
        covariance = w @ w.T + VARIANCE * np.eye(2)
        gain = np.linalg.solve(covariance, w).T
        precision = np.eye(2) + w.T @ w / VARIANCE
        aggregate = gain @ covariance @ gain.T + np.diag(1.0 / np.diag(precision))
        # Means of q are `gain` x, and x has the loadings of f itself on the factors.
        with_factors = gain @ LOADINGS
        expected = np.empty((2, 2))
        for j in (0, 1):
            for k in (0, 1):
                found = one.factors.matrix[j][k]
                correlation = with_factors[j, k] / math.sqrt(aggregate[j, j])
                expected[j, k] = binned_information(float(correlation), one.factors.bins)
                assert abs(found.value - expected[j, k]) <= found.error + 1e-9
                assert found.error < 1e-2
        mig = np.abs(expected[0] - expected[1]).mean() / math.log(one.factors.bins)
        assert abs(one.factors.mig.value - mig) <= one.factors.mig.error


def test_draws_hold_the_same_figures_in_many_dimensions() -> None:
    loadings = np.vstack([LOADINGS, [0.3, -0.2]])
    model = LinearGaussianModel(loadings, VARIANCE)
    found = disentangle(model, angles=4, size=32, repeats=8, seed=1)
    assert found.gain.kind is Kind.STATISTICAL
    for angle, one in zip(found.angles, found.pmo, strict=True):
        assert abs(one.value - hadamard(loadings @ turn(float(angle)))) <= one.error + 1e-11
    w = loadings
    precision = np.eye(2) + w.T @ w / VARIANCE
    covariance = w @ w.T + VARIANCE * np.eye(3)
    gain = np.linalg.solve(covariance, w).T
    aggregate = gain @ covariance @ gain.T + np.diag(1.0 / np.diag(precision))
    for j in (0, 1):
        for k in (0, 1):
            correlation = float((gain @ w)[j, k] / math.sqrt(aggregate[j, j]))
            one = found.given.factors.matrix[j][k]
            assert abs(one.value - binned_information(correlation, 20)) <= one.error


def test_orthogonal_columns_of_one_length_leave_no_preference() -> None:
    found = disentangle(LinearGaussianModel(np.eye(2), 1.0), angles=4, max_nodes=1_000)
    assert found.cares is not Verdict.HOLDS
    assert found.prefers_another is not Verdict.HOLDS
    assert found.spread.upper < 1e-6


@pytest.fixture(scope="module")
def bent() -> SameData:
    model = load_model("expr:[z1 + 0.4*tanh(z2), 0.8*tanh(z2)]", noise_variance=0.6)
    return SameData(model, max_nodes=1_200, size=16, repeats=8, seed=0)


def test_swaps_and_reflections_change_nothing(bent: SameData) -> None:
    here = bent.pmo(bent.at(rotation(0.0)))
    quarter = bent.pmo(bent.at(rotation(0.5 * math.pi)))
    mirrored = bent.pmo(bent.at(coordinatewise(reflection())))
    for other in (quarter, mirrored):
        assert abs(other.value - here.value) < 1e-8
    eighth = bent.pmo(bent.at(rotation(0.25 * math.pi)))
    assert (eighth - here).lower > 0.0


def test_kl_at_the_nodes_is_that_of_each_decoder_by_itself(bent: SameData) -> None:
    """Log p(x) of f∘T by an engine of its own, and a search from its own boxes."""
    some = np.argsort(-bent.weights.mass)[:60:6]
    for given in (rotation(0.4), twist(0.7, 0.2)):
        alone = MeanFieldBoxes(given.applied(bent.model)).kl(bent.rule.x[some])
        assert bent.at(given).kl[some] == pytest.approx(alone, abs=1e-9)


def test_the_average_holds_that_of_draws(bent: SameData) -> None:
    given = twist(0.7, 0.2)
    model = given.applied(bent.model)
    found = bent.pmo(bent.at(given))
    _, x = model.sample(400, 11)
    kl = MeanFieldBoxes(model).kl(x)
    assert abs(found.value - kl.mean()) <= found.error + 5.0 * kl.std() / 20.0
    assert found.error < 1e-3


def test_neighbours_starts_do_not_change_the_optimum(bent: SameData) -> None:
    first = bent.at(rotation(0.0))
    near = first.minima[:, :, :4]
    assert bent.at(rotation(0.0), near).kl == pytest.approx(first.kl, abs=1e-8)


@pytest.mark.parametrize("given", [rotation(0.7), twist(1.1), rotation(0.3).then(twist(-0.5))])
def test_maps_keep_the_density(given: object) -> None:
    model = load_model("expr:[z1 + 0.4*tanh(z2), 0.8*tanh(z2)]", noise_variance=0.3)
    _, x = model.sample(8, 4)
    one = MeanFieldBoxes(model).log_density(x)
    other = MeanFieldBoxes(given.applied(model)).log_density(x)  # type: ignore[attr-defined]
    assert (np.abs(one.value - other.value) <= one.error + other.error + 1e-11).all()


def test_a_stretched_map_would_not() -> None:
    """The check above can fail: z ↦ 1.1 z does not preserve N(0, I)."""
    _, x = LinearGaussianModel(LOADINGS, VARIANCE).sample(8, 4)
    logs = [
        multivariate_normal(np.zeros(2), w @ w.T + VARIANCE * np.eye(2)).logpdf(x)
        for w in (LOADINGS, 1.1 * LOADINGS)
    ]
    assert np.abs(logs[0] - logs[1]).max() > 1e-3


def test_information_of_what_is_told_apart_is_that_of_the_bins(bent: SameData) -> None:
    """Latents that name the bin say log B; latents that say nothing say 0."""
    count = len(bent.rule.x)
    place = np.arange(count) % 4
    bins = np.eye(4)[place]
    mean = np.column_stack([10.0 * place, np.zeros(count)])
    found = factor_information(mean, np.full((count, 2), 0.1), (bins,), bent.weights, 0.0)
    share = np.array([bent.weights.mass[place == k].sum() for k in range(4)])
    share /= share.sum()
    entropy = -float(xlogy(share, share).sum())
    assert found.matrix[0][0].value == pytest.approx(entropy, abs=1e-9)
    assert found.matrix[1][0].value == pytest.approx(0.0, abs=1e-9)
    assert found.mig.value == pytest.approx(entropy / math.log(4.0), abs=1e-9)


def test_evaluated_names_its_map(bent: SameData) -> None:
    found = evaluated(bent, twist(0.5))
    assert "twist" in found.name
    assert found.pmo.value > 0.0


def test_bad_input() -> None:
    line = load_model("expr:z", noise_variance=0.1)
    with pytest.raises(ModelError, match="1 latent; there are rotations"):
        disentangle(line)
    plane = GenerativeModel(Decoder.from_function(lambda z: z, latent_dim=2, name="plane"), 0.1)
    with pytest.raises(SettingError, match="4 angles are needed at least"):
        disentangle(plane, angles=2)
    with pytest.raises(SettingError, match="8 repetitions"):
        disentangle(plane, repeats=1)
    with pytest.raises(SettingError, match="finite"):
        rotation(math.inf)
