"""Informativeness of the latents: closed forms, invariances, and brute force on dense grids."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import norm

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate, Kind, Verdict
from theorycheck.inference import LinearGaussianModel, MeanField, MeanFieldBoxes
from theorycheck.models import (
    Decoder,
    GenerativeModel,
    decoder_from_grid_table,
    decoder_from_table,
    load_model,
    with_used_latents,
)
from theorycheck.objectives import Informativeness, informativeness

Array = NDArray[np.float64]
#: Columns that are not orthogonal, by the number of data dimensions.
LOADINGS = {
    1: np.array([[0.9, -0.5]]),
    2: np.array([[1.0, 0.6], [-0.2, 0.8]]),
    3: np.array([[1.0, 0.3], [-0.2, 0.8], [0.5, 0.4]]),
}
VARIANCE = 0.3


def matrix_decoder(loadings: Array, variance: float = VARIANCE) -> GenerativeModel:
    """A decoder of which nobody is told that it is linear."""
    dim = loadings.shape[1]
    of = (lambda z: z[:, None] @ loadings.T) if dim == 1 else (lambda z: z @ loadings.T)
    decoder = Decoder.from_function(of, latent_dim=dim, name="matrix")
    return GenerativeModel(decoder, variance)


def gaussian_figures(loadings: Array, covariance: Array | None = None) -> dict[str, list[float]]:
    """All figures of a linear model, from covariances of (x, z) alone."""
    noise = VARIANCE * np.eye(len(loadings))
    own = loadings @ loadings.T + noise
    of_x = own if covariance is None else covariance
    k = loadings.shape[1]
    gain = np.linalg.solve(own, loadings).T
    posterior = np.eye(k) - gain @ loadings
    variance = 1.0 / np.diag(np.linalg.inv(posterior))
    means = gain @ of_x @ gain.T
    of_q, of_p = means + np.diag(variance), means + posterior

    def log_det(matrix: Array) -> float:
        return float(np.linalg.slogdet(matrix)[1])

    return {
        "q": [0.5 * math.log(of_q[j, j] / variance[j]) for j in range(k)],
        "kl": [0.5 * (of_q[j, j] - 1.0 - math.log(of_q[j, j])) for j in range(k)],
        "p": [0.5 * math.log(of_p[j, j] / posterior[j, j]) for j in range(k)],
        "variance": [float(means[j, j]) for j in range(k)],
        "joint": [
            0.5 * (log_det(of_q) - float(np.log(variance).sum())),
            0.5 * (log_det(of_p) - log_det(posterior)),
        ],
    }


def assert_meets(found: Informativeness, expected: dict[str, list[float]], slack: float) -> None:
    assert found.posterior is not None
    assert found.posterior_joint is not None
    pairs: list[tuple[Estimate, float]] = [
        (found.joint, expected["joint"][0]),
        (found.posterior_joint, expected["joint"][1]),
        *zip([one.informativeness for one in found.latents], expected["q"], strict=True),
        *zip([one.aggregate_kl for one in found.latents], expected["kl"], strict=True),
        *zip([one.mean_variance for one in found.latents], expected["variance"], strict=True),
        *zip(found.posterior, expected["p"], strict=True),
    ]
    for one, value in pairs:
        # Honest, and converged.
        assert abs(one.value - value) <= one.error + 1e-12
        assert one.error < slack


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_linear_models_in_closed_form(dim: int) -> None:
    found = informativeness(LinearGaussianModel(LOADINGS[dim], VARIANCE))
    assert_meets(found, gaussian_figures(LOADINGS[dim]), 1e-10)
    assert found.joint.kind is Kind.EXACT


@pytest.mark.parametrize("dim", [1, 2])
def test_a_plane_by_quadrature_meets_the_closed_forms(dim: int) -> None:
    found = informativeness(matrix_decoder(LOADINGS[dim]), max_nodes=3_000)
    assert_meets(found, gaussian_figures(LOADINGS[dim]), 1e-3)
    assert found.joint.kind is Kind.ESTIMATED


def test_one_latent_by_quadrature_meets_the_closed_forms() -> None:
    loadings = np.array([[0.9], [0.4]])
    found = informativeness(matrix_decoder(loadings), max_nodes=3_000)
    assert_meets(found, gaussian_figures(loadings), 1e-3)


def test_draws_hold_the_closed_forms_in_many_dimensions() -> None:
    found = informativeness(matrix_decoder(LOADINGS[3]), size=64, repeats=8, seed=1)
    assert_meets(found, gaussian_figures(LOADINGS[3]), 0.2)
    assert found.joint.kind is Kind.STATISTICAL


@pytest.mark.parametrize("known", [True, False], ids=["closed forms", "quadrature"])
def test_on_the_data_of_another_model_the_aggregate_is_not_the_prior(known: bool) -> None:
    data = LinearGaussianModel(np.array([[1.5, 0.0], [0.3, 0.2]]), 0.2)
    covariance = data.loadings @ data.loadings.T + 0.2 * np.eye(2)
    model = LinearGaussianModel(LOADINGS[2], VARIANCE) if known else matrix_decoder(LOADINGS[2])
    found = informativeness(model, data, max_nodes=3_000)
    assert_meets(found, gaussian_figures(LOADINGS[2], covariance), 1e-2)
    assert found.latents[0].aggregate_kl.value > 1e-3


def test_a_latent_that_f_does_not_use_says_nothing() -> None:
    decoder = Decoder.from_function(
        lambda z: np.stack([np.sin(2.0 * z[:, 0]), z[:, 0]], axis=1), latent_dim=2, name="unused"
    )
    found = informativeness(GenerativeModel(decoder, 0.2), max_nodes=1_500)
    assert found.posterior is not None
    used, unused = found.latents
    assert unused.informativeness.value < 1e-6
    assert found.posterior[1].value < 1e-6
    assert (used.active, unused.active) == (True, False)
    assert (used.informative, unused.informative) == (Verdict.HOLDS, Verdict.FAILS)
    assert used.informativeness.value > 1.0


def test_rotation_leaves_what_the_posterior_knows_of_all_latents() -> None:
    def f(z: Array) -> Array:
        return np.stack([z[:, 0] + 0.8 * np.tanh(z[:, 1]), np.tanh(z[:, 1])], axis=1)

    turn = np.array([[0.8, -0.6], [0.6, 0.8]])
    plain, turned = (
        informativeness(
            GenerativeModel(Decoder.from_function(of, latent_dim=2, name="f"), 1.0),
            max_nodes=900,
        )
        for of in (f, lambda z: f(z @ turn.T))
    )
    assert plain.posterior_joint is not None
    assert turned.posterior_joint is not None
    assert plain.posterior is not None
    assert turned.posterior is not None
    apart = plain.posterior_joint - turned.posterior_joint
    assert apart.contains(0.0)
    assert apart.error < 1e-5
    assert abs(plain.posterior[0].value - turned.posterior[0].value) > 0.01


def entropy(density: Array, cell: float) -> float:
    return -float(xlogy(density, density).sum()) * cell


def dense_posterior(model: GenerativeModel, x: Array, mass: Array) -> list[float]:
    """I_p of each latent, and of both, by sums over a dense grid of both latents."""
    z = np.linspace(-7.0, 7.0, 401)
    step = float(z[1] - z[0])
    first, second = np.meshgrid(z, z, indexing="ij")
    f = model.decoder(np.stack([first.ravel(), second.ravel()], axis=1))
    prior = norm.pdf(first) * norm.pdf(second)
    own = np.zeros(3)
    aggregates = [np.zeros_like(z), np.zeros_like(z), np.zeros_like(prior)]
    cells = (step, step, step**2)
    for point, weight in zip(x, mass, strict=True):
        joint = prior * np.prod(norm.pdf(point, f, model.sigma), axis=1).reshape(prior.shape)
        joint /= joint.sum() * step**2
        for k, one in enumerate((joint.sum(axis=1) * step, joint.sum(axis=0) * step, joint)):
            own[k] += weight * entropy(one, cells[k])
            aggregates[k] += weight * one
    return [entropy(d, cell) - o for d, cell, o in zip(aggregates, cells, own, strict=True)]


def dense_q(engine: MeanFieldBoxes, x: Array, mass: Array) -> list[float]:
    """I_q of each latent, and of both, by sums over a dense grid of both latents."""
    z = np.linspace(-7.0, 7.0, 401)
    step = float(z[1] - z[0])
    best = engine.optimal_q(x)
    bells = norm.pdf(z[:, None, None], best.mean, best.scale)
    own = [float(mass @ norm.entropy(0.0, s)) for s in best.scale.T]
    both = (bells[:, :, 0] * mass) @ bells[:, :, 1].T
    apart = [entropy(bells[:, :, k] @ mass, step) - own[k] for k in (0, 1)]
    return [*apart, entropy(both, step**2) - sum(own)]


@pytest.mark.parametrize("sampled", [True, False], ids=["table", "population"])
def test_a_curved_plane_against_dense_grids(sampled: bool) -> None:
    """Two latents, one data dimension, f bent in both."""
    decoder = Decoder.from_function(
        lambda z: (z[:, 0] + 0.6 * z[:, 0] * z[:, 1] + 0.3 * z[:, 1] ** 2)[:, None],
        latent_dim=2,
        name="bent",
    )
    model = GenerativeModel(decoder, 0.4)
    engine = MeanFieldBoxes(model)
    if sampled:
        x = model.sample(25, 5)[1]
        found = informativeness(engine, sample=x)
        mass = np.full(25, 0.04)
        of_q, of_p = dense_q(engine, x, mass), dense_posterior(model, x, mass)
    else:
        found = informativeness(engine, max_nodes=400)
        of_q, of_p = (
            referee(*over_the_line(engine, step))
            for referee, step in (
                (lambda x, mass: dense_q(engine, x, mass), 0.04),
                (lambda x, mass: dense_posterior(model, x, mass), 0.3),
            )
        )
    assert found.posterior is not None
    assert found.posterior_joint is not None
    got = [*(one.informativeness for one in found.latents), found.joint]
    # The referee's own grid in x has an error of its own where q jumps.
    allowed = 1e-7 if sampled else 1e-4
    for one, value in zip(got, of_q, strict=True):
        assert abs(one.value - value) <= one.error + allowed
        assert one.error < 0.02
    for one, value in zip([*found.posterior, found.posterior_joint], of_p, strict=True):
        assert abs(one.value - value) <= one.error + 1e-6
        assert one.error < 1e-3


def over_the_line(engine: MeanFieldBoxes, step: float) -> tuple[Array, Array]:
    """Nodes over p(x), D = 1, with their weights."""
    x = np.arange(-18.0, 26.0, step)[:, None]
    mass = np.exp(engine.log_density(x).value)
    return x, mass / mass.sum()


def test_of_a_sample_nothing_exceeds_log_n() -> None:
    x = np.array([[-2.0, 0.0], [0.0, 1.5], [2.0, -1.0], [0.0, -1.5], [1.5, 1.5]])
    found = informativeness(LinearGaussianModel(LOADINGS[2], 1e-3), sample=x)
    assert found.cap == pytest.approx(math.log(5.0))
    assert found.joint.value == pytest.approx(math.log(5.0), abs=1e-6)
    assert found.posterior_joint is not None
    assert found.posterior_joint.value == pytest.approx(math.log(5.0), abs=1e-6)
    for one in (found.joint, *(latent.informativeness for latent in found.latents)):
        assert one.lower <= math.log(5.0)
    # x is found again through both latents, not through one.
    near = informativeness(LinearGaussianModel(LOADINGS[2], 0.1), sample=x)
    assert near.latents[1].informativeness.value < near.joint.value < math.log(5.0)


def test_of_one_latent_the_joint_is_the_marginal() -> None:
    model = load_model("expr:sin(2*z)", noise_variance=0.1)
    for found in (
        informativeness(model, max_nodes=800),
        informativeness(MeanField(model), sample=model.sample(30, 2)[1]),
    ):
        assert found.posterior is not None
        assert found.posterior_joint is not None
        assert found.joint.value == pytest.approx(found.latents[0].informativeness.value, abs=1e-9)
        apart = found.posterior[0] - found.posterior_joint
        assert apart.contains(0.0)
        assert apart.error < 1e-5
        assert abs(found.total_correlation.value) < 1e-9


def test_ties_are_told() -> None:
    """Either branch of |z| serves: half of p(x) or more has two best q."""
    found = informativeness(load_model("expr:abs(z)", noise_variance=0.01), max_nodes=600)
    assert found.ambiguous > 0.5
    plain = informativeness(load_model("expr:z", noise_variance=0.1), max_nodes=600)
    assert plain.ambiguous == 0.0


def test_sums_and_means() -> None:
    found = informativeness(LinearGaussianModel(LOADINGS[2], VARIANCE))
    each = [one.informativeness.value for one in found.latents]
    assert found.total.value == pytest.approx(sum(each))
    assert found.mean.value == pytest.approx(sum(each) / 2.0)
    assert found.posterior is not None
    assert found.posterior_mean is not None
    assert found.posterior_mean.value == pytest.approx(
        sum(one.value for one in found.posterior) / 2.0
    )
    # What the aggregate has between its latents.
    assert found.total_correlation.value == pytest.approx(sum(each) - found.joint.value)
    assert found.total_correlation.value > 0.0


def test_bad_input() -> None:
    model = matrix_decoder(LOADINGS[2])
    with pytest.raises(ModelError, match="data dimensions"):
        informativeness(model, LinearGaussianModel([[1.0]], 0.1))
    with pytest.raises(SettingError, match="8 repetitions"):
        informativeness(model, repeats=1)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_latents_that_a_table_does_not_use_are_left_out(place: int) -> None:
    """Of f(z_place) the figures are those of one latent, and of the others zero exactly."""
    z = np.linspace(-2.0, 2.0, 7)
    f = np.stack([z, np.sin(2.0 * z)], axis=1)
    line = GenerativeModel(decoder_from_table(z, f, kind="linear"), 0.3)
    shape = [1, 1, 1, 2]
    shape[place] = z.size
    values = np.broadcast_to(
        f.reshape(shape), [*(z.size if k == place else 3 for k in range(3)), 2]
    )
    axes = [z if k == place else np.array([-1.0, 0.5, 1.0]) for k in range(3)]
    cube = GenerativeModel(decoder_from_grid_table(axes, values.copy(), name="cube"), 0.3)
    fewer, used = with_used_latents(cube)
    assert (fewer.latent_dim, used) == (1, (place,))
    one, three = informativeness(line, max_nodes=400), informativeness(cube, line, max_nodes=400)
    assert three.model == cube.name
    assert three.joint.value == pytest.approx(one.joint.value, abs=1e-9)
    assert three.posterior is not None
    for k, use in enumerate(three.latents):
        wanted = one.latents[0].informativeness.value if k == place else 0.0
        assert use.informativeness.value == pytest.approx(wanted, abs=1e-9)
        assert (use.informativeness.kind is Kind.EXACT) == (k != place)
        assert (three.posterior[k].value == 0.0) == (k != place)
    assert three.mean.value == pytest.approx(one.mean.value / 3.0, abs=1e-9)


def test_a_table_of_which_no_latent_is_used_knows_nothing() -> None:
    axis = np.array([-1.0, 1.0])
    flat = GenerativeModel(decoder_from_grid_table([axis, axis], np.ones((2, 2, 1))), 0.5)
    found = informativeness(flat, max_nodes=100)
    assert [use.active for use in found.latents] == [False, False]
    assert abs(found.joint.value) <= found.joint.error + 1e-12
