"""The IWAE bound of two latents: against nested quadrature, sampling, one latent, closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.special import logsumexp

from theorycheck.errors import ModelError, SettingError
from theorycheck.inference import (
    MeanFieldBoxes,
    iwae_bound,
    optimal_iwae_q,
    optimal_plane_iwae_q,
    plane_iwae_bound,
)
from theorycheck.inference._plane_iwae import PlaneIwae
from theorycheck.models import Decoder, GenerativeModel, decoder_from_grid_table, load_model

MODELS = {
    "tilted": load_model("expr:[z1+0.3*z2, z2]", noise_variance=0.3),
    "folded": load_model("expr:[z1*z1+0.3*z2, sin(2*z2)+z1]", noise_variance=0.1),
    "line": load_model("expr:z1+0.5*z2*z2", noise_variance=0.2),
    "helix": load_model("expr:[cos(2*z1), sin(2*z1), z2]", noise_variance=0.05),
}
#: q as (shift of the optimal μ in s, factor on s): narrow, optimal, wide.
QS = [(0.0, 0.5), (0.0, 1.0), (0.6, 1.7)]


def trial_q(model: GenerativeModel, count: int, seed: int) -> tuple[np.ndarray, ...]:
    _, x = model.sample(count, seed)
    best = MeanFieldBoxes(model).optimal_q(x)
    shift, factor = np.array([QS[k % len(QS)] for k in range(count)]).T[:, :, None]
    return x, best.mean + shift * best.scale, best.scale * factor


def log_weights(
    model: GenerativeModel, x: np.ndarray, mean: np.ndarray, scale: np.ndarray, t: np.ndarray
) -> np.ndarray:
    """Return log w at t (..., 2), from the definition."""
    z = mean + scale * t
    f = model.decoder(z.reshape(-1, 2)).reshape(*z.shape[:-1], -1)
    log_w = -0.5 * (z**2).sum(-1) - 0.5 * ((x - f) ** 2 / model.noise_variance).sum(-1)
    log_w += 0.5 * (t**2).sum(-1) + np.log(scale).sum()
    return log_w - 0.5 * float(np.log(2.0 * np.pi * model.noise_variance).sum())


def dense_rule(panels: int, reach: float = 7.5) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes t (N, 2) and masses that the engine does not know: Gauss panels."""
    u, weight = leggauss(6)
    edges = np.linspace(-reach, reach, panels + 1)
    half = 0.5 * np.diff(edges)[:, None]
    one = (0.5 * (edges[1:] + edges[:-1])[:, None] + half * u).ravel()
    mass = (half * weight).ravel() * np.exp(-0.5 * one**2) / math.sqrt(2.0 * math.pi)
    t = np.stack(np.meshgrid(one, one, indexing="ij"), axis=-1).reshape(-1, 2)
    return t, np.outer(mass, mass).ravel()


@pytest.mark.parametrize("name", MODELS)
def test_two_samples_against_nested_quadrature(name: str) -> None:
    model = MODELS[name]
    x, mean, scale = trial_q(model, 3, 1)
    found = plane_iwae_bound(model, x, mean, scale, 2)
    t, mass = dense_rule(14)
    kept = mass > 1e-13
    t, mass = t[kept], mass[kept]
    for k in range(3):
        log_w = log_weights(model, x[k], mean[k], scale[k], t)
        exact = sum(
            float(m * (mass @ (np.logaddexp(one, log_w) - math.log(2.0))))
            for m, one in zip(mass, log_w, strict=True)
        )
        # The referee's own limit: its panels must resolve log(w₁ + w₂).
        assert abs(found.value[k] - exact) <= found.error[k] + 1e-6
        assert found.error[k] < 2e-7


@pytest.mark.parametrize("name", MODELS)
def test_the_integral_over_t_of_dense_sums(name: str) -> None:
    """φ(τ) as a plain sum over 40,000 nodes, at 500 steps of log τ."""
    model, samples = MODELS[name], 5
    x, mean, scale = trial_q(model, 3, 13)
    found = plane_iwae_bound(model, x, mean, scale, samples)
    t, mass = dense_rule(34, 8.0)
    step = math.log(2.0) / 3.0
    for k in range(3):
        log_w = log_weights(model, x[k], mean[k], scale[k], t)
        log_mean = logsumexp(log_w, b=mass)
        end = 4.0 + log_mean - log_w[mass > 1e-18].min()
        total = 0.0
        for log_tau in np.arange(-36.0, min(end, 120.0), step):
            phi = mass @ np.exp(-np.exp(np.minimum(log_w - log_mean + log_tau, 7.0)))
            total += math.exp(-samples * math.exp(min(log_tau, 5.0))) - phi**samples
        assert abs(found.value[k] - (log_mean + step * total)) <= found.error[k] + 1e-9


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("samples", [5, 20])
def test_sampling_agrees(name: str, samples: int) -> None:
    model = MODELS[name]
    x, mean, scale = trial_q(model, 3, 2)
    found = plane_iwae_bound(model, x, mean, scale, samples)
    rng = np.random.default_rng(3)
    for k in range(3):
        t = rng.standard_normal((20_000, samples, 2))
        log_w = log_weights(model, x[k], mean[k], scale[k], t)
        drawn = logsumexp(log_w, axis=1) - math.log(samples)
        assert abs(drawn.mean() - found.value[k]) < 5.0 * drawn.std() / math.sqrt(drawn.size)


@pytest.mark.parametrize("name", MODELS)
def test_one_sample_is_the_elbo(name: str) -> None:
    model = MODELS[name]
    x, mean, scale = trial_q(model, 6, 4)
    found = plane_iwae_bound(model, x, mean, scale, 1)
    t, mass = dense_rule(30)
    exact = [mass @ log_weights(model, x[k], mean[k], scale[k], t) for k in range(6)]
    assert np.abs(found.value - exact).max() < 1e-9
    assert found.error.max() < 1e-9
    optimum = MeanFieldBoxes(model).optimal_q(x)
    at_best = plane_iwae_bound(model, x, optimum.mean, optimum.scale, 1)
    assert np.abs(at_best.value + optimum.negative_elbo).max() < 1e-9


@pytest.mark.parametrize("name", MODELS)
def test_between_elbo_and_evidence(name: str) -> None:
    model = MODELS[name]
    field = MeanFieldBoxes(model)
    x, mean, scale = trial_q(model, 6, 5)
    evidence = field.log_density(x)
    below = plane_iwae_bound(field, x, mean, scale, 1)
    for samples in (2, 3, 10, 100, 10_000):
        found = plane_iwae_bound(field, x, mean, scale, samples)
        room = found.error + below.error
        assert (found.value >= below.value - room).all()
        assert (found.value <= evidence.value + found.error + evidence.error).all()
        below = found
    first = plane_iwae_bound(field, x, mean, scale, 1)
    assert (below.value > first.value).all()


@pytest.mark.parametrize("samples", [2, 20])
def test_an_unused_latent_changes_nothing(samples: int) -> None:
    """f(z₁, z₂) = g(z₁): the engine for one latent says the same."""
    text = "[sin(3*{z}), 0.5*{z}]"
    plane = load_model(f"expr:{text.format(z='z1')}", noise_variance=0.04, latents=2)
    line = load_model(f"expr:{text.format(z='z')}", noise_variance=0.04)
    _, x = line.sample(8, 6)
    best, other = optimal_iwae_q(line, x, samples), optimal_plane_iwae_q(plane, x, samples)
    assert other.bound.value == pytest.approx(best.bound.value, abs=1e-8)
    assert (np.abs(other.bound.value - best.bound.value) <= other.bound.error + 1e-8).all()
    assert other.scale[:, 1] == pytest.approx(1.0, abs=1e-3)
    mean = np.stack([best.mean, np.zeros(8)], axis=1)
    scale = np.stack([best.scale, np.ones(8)], axis=1)
    same = plane_iwae_bound(plane, x, mean, scale, samples)
    assert same.value == pytest.approx(best.bound.value, abs=1e-9)
    wide = plane_iwae_bound(plane, x, mean, 2.0 * scale, samples)
    assert (wide.value < same.value - 1e-3).all()


def test_a_linear_decoder() -> None:
    """Orthogonal columns: q reaches log p(x). Others: a correlation is lost, less with larger S."""
    straight = load_model("expr:[z1+0.3*z2, 0.3*z1-z2]", noise_variance=0.3)
    _, x = straight.sample(5, 7)
    evidence = MeanFieldBoxes(straight).log_density(x).value
    assert optimal_plane_iwae_q(straight, x, 5).bound.value == pytest.approx(evidence, abs=1e-9)
    tilted = MODELS["tilted"]
    a = np.array([[1.0, 0.3], [0.0, 1.0]])
    m = a.T @ a + 0.3 * np.eye(2)
    gap = 0.5 * (math.log(m[0, 0] * m[1, 1]) - math.log(np.linalg.det(m)))
    evidence = MeanFieldBoxes(tilted).log_density(x).value
    gaps = [evidence - optimal_plane_iwae_q(tilted, x, S).bound.value for S in (1, 2, 5, 20)]
    # The posterior of a linear decoder has one shape for all x, and so has what is lost.
    assert np.ptp(gaps, axis=1) == pytest.approx(0.0, abs=1e-8)
    assert gaps[0] == pytest.approx(gap, abs=1e-9)
    assert gaps[0][0] > gaps[1][0] > gaps[2][0] > gaps[3][0] > 0.0


@pytest.mark.parametrize("name", ["folded", "helix"])
def test_no_random_q_is_better(name: str) -> None:
    model, samples = MODELS[name], 5
    _, x = model.sample(4, 8)
    best = optimal_plane_iwae_q(model, x, samples)
    assert (best.bound.value >= optimal_plane_iwae_q(model, x, 2).bound.value).all()
    rng = np.random.default_rng(9)
    engine = PlaneIwae(model, samples)
    for _ in range(25):
        near = rng.uniform() < 0.5
        mean = best.mean + best.scale * rng.normal(scale=0.3, size=(4, 2))
        scale = best.scale * np.exp(rng.normal(scale=0.2, size=(4, 2)))
        if not near:
            mean = rng.normal(size=(4, 2))
            scale = np.exp(rng.uniform(-2.5, 0.3, size=(4, 2)))
        tried = engine.bound(x, np.concatenate([mean, np.log(scale)], axis=1), 1e-4)
        assert (tried[:, 0] - tried[:, 1] <= best.bound.value + 1e-7).all()


def test_derivatives_are_those_of_the_value() -> None:
    model, step = MODELS["folded"], 2e-3
    x, mean, scale = trial_q(model, 3, 10)
    engine = PlaneIwae(model, 5)
    points = np.concatenate([mean, np.log(scale)], axis=1)
    found = engine.local(x, points, (3, 3))
    unit = np.concatenate([scale, np.ones((3, 2))], axis=1)

    def value(*moves: tuple[int, float]) -> np.ndarray:
        at = points.copy()
        for axis, sign in moves:
            at[:, axis] += sign * step * unit[:, axis]
        result: np.ndarray = engine.local(x, at, (3, 3)).value
        return result

    signs = (1.0, -1.0)
    for a in range(4):
        slope = (value((a, 1.0)) - value((a, -1.0))) / (2.0 * step)
        assert found.gradient[:, a] == pytest.approx(slope, abs=2e-4, rel=1e-3)
        for b in range(4):
            bend = sum(i * j * value((a, i), (b, j)) for i in signs for j in signs)
            curve = bend / (4.0 * step**2)
            assert found.hessian[:, a, b] == pytest.approx(curve, abs=2e-3, rel=5e-3)


def test_kinks_and_jumps_keep_an_honest_radius() -> None:
    """No trapezoid rule converges fast there: less is known, and the radius says so."""
    for text in ("[abs(z1)+0.3*z2, z2]", "[2*sign(z1)+z2, z2]"):
        model = load_model(f"expr:{text}", noise_variance=0.05)
        _, x = model.sample(4, 11)
        t, mass = dense_rule(60, 8.0)
        mean, scale = np.array([0.1, 0.2]), np.array([0.7, 0.4])
        found = plane_iwae_bound(model, x, mean, scale, 10**6)
        for k in range(4):
            # So many draws leave log E_q w, which a rule with its edge at the kink knows.
            at = t.copy()
            at[:, 0] -= mean[0] / scale[0]
            shifted = mass * np.exp(-0.5 * (at[:, 0] ** 2 - t[:, 0] ** 2))
            log_w = log_weights(model, x[k], mean, scale, at)
            exact = logsumexp(log_w, b=shifted)
            assert abs(found.value[k] - exact) <= found.error[k] + 1e-4
        assert (found.error > 1e-9).all()


def test_what_is_told_of_steep_weights_holds() -> None:
    """A q much wider than the posterior: a finer rule is within the radius of each coarser one."""
    model = MODELS["folded"].with_noise_variance(0.002)
    _, x = model.sample(4, 12)
    best = MeanFieldBoxes(model).optimal_q(x)
    points = np.concatenate([best.mean, np.log(best.scale) + 1.5], axis=1)
    engine = PlaneIwae(model, 3)
    finest = engine.by_rule(x, points, (5, 5))
    for level in (2, 3, 4):
        coarse = engine.by_rule(x, points, (level, level))
        assert (np.abs(coarse[:, 0] - finest[:, 0]) <= coarse[:, 1] + finest[:, 1]).all()


@pytest.mark.parametrize("samples", [0, 1.5, True, 10**10])
def test_bad_samples(samples: object) -> None:
    for call in (
        lambda: plane_iwae_bound(MODELS["line"], [0.1], 0.0, 1.0, samples),  # type: ignore[arg-type]
        lambda: optimal_plane_iwae_q(MODELS["line"], [0.1], samples),  # type: ignore[arg-type]
    ):
        with pytest.raises(SettingError, match="number of samples S"):
            call()


@pytest.mark.parametrize(
    ("x", "mean", "scale", "said"),
    [
        ([0.1], 0.0, 0.0, "must be positive"),
        ([0.1], math.nan, 1.0, "mean of q contains NaN"),
        ([0.1], 0.0, math.inf, "scale of q contains NaN or inf"),
        ([0.1], [0.0, 0.0, 0.0], 1.0, "mean of q has shape"),
        ([[0.1, 0.2]], 0.0, 1.0, "x has shape"),
    ],
)
def test_bad_input(x: object, mean: object, scale: object, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        plane_iwae_bound(MODELS["line"], x, mean, scale, 2)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_one_latent_and_three_are_for_others() -> None:
    with pytest.raises(ModelError, match="of one latent and of two, not of 3"):
        PlaneIwae(load_model("expr:[z1, z2+z3]", noise_variance=0.1), 2)
    with pytest.raises(ModelError):
        iwae_bound(MODELS["line"], [0.1], 0.0, 1.0, 2)


def test_a_table_is_evaluated_as_the_function_that_it_is() -> None:
    """Along one latent after the other, with kinks: the same f as at pairs of latents."""
    rng = np.random.default_rng(14)
    z1, z2 = np.sort(rng.normal(size=9)), np.sort(rng.normal(size=7))
    table = decoder_from_grid_table([z1, z2], rng.normal(size=(9, 7, 2)))
    plain = Decoder.from_function(lambda z: table(z), latent_dim=2, name="plain")
    assert plain.table is None
    variance = np.array([0.2, 0.3])
    models = GenerativeModel(table, variance), GenerativeModel(plain, variance)
    x, points = rng.normal(size=(3, 2)), np.array([[0.2, -0.5, -0.4, 0.3]] * 3)
    one, two = (PlaneIwae(model, 5).by_rule(x, points, (3, 2)) for model in models)
    assert one[:, :5] == pytest.approx(two[:, :5], abs=1e-12)
    # Kinks are in the radius.
    finer = PlaneIwae(models[0], 5).by_rule(x, points, (6, 6))
    assert (np.abs(one[:, 0] - finer[:, 0]) <= one[:, 1]).all()
    assert (one[:, 1] > 1e-6).all()
