"""−ELBO = H + MLEO + PMO: each term against closed forms and against routes of our own."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from tests import brute_force
from tests.problems import PROBLEMS, gaussian_entropy, linear, tagged
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Estimate
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives._decomposition import Decomposition, decompose
from theorycheck.quadrature._data_nodes import quasi_monte_carlo


@cache
def _decomposition(name: str, tolerance: float = 1e-6) -> Decomposition:
    return decompose(PROBLEMS[name].model, tolerance=tolerance)


def _gaussian_kl(data: object, model: object) -> float:
    """KL[p ‖ p_f] of two linear problems, in closed form."""
    (p,), (q,) = data.pieces, model.pieces  # type: ignore[attr-defined]
    covariances = [
        np.outer(piece.slope, piece.slope) + np.diag(problem.noise_variance)  # type: ignore[attr-defined]
        for piece, problem in ((p, data), (q, model))
    ]
    solved = np.linalg.solve(covariances[1], covariances[0])
    gap = np.array(p.offset) - np.array(q.offset)
    value = np.trace(solved) - len(gap) + gap @ np.linalg.solve(covariances[1], gap)
    return 0.5 * float(value - np.linalg.slogdet(solved)[1])


PLANAR = [name for name in tagged("linear") if PROBLEMS[name].model.data_dim <= 2]
WITH_ENTROPY = [n for n in PROBLEMS if PROBLEMS[n].entropy is not None and n != "linear_space"]


@pytest.mark.parametrize("name", [n for n in WITH_ENTROPY if n != "linear_narrow"])
def test_entropy_in_closed_form(name: str) -> None:
    entropy = _decomposition(name).entropy
    assert abs(entropy.value - PROBLEMS[name].entropy) <= 1e-11
    assert abs(entropy.value - PROBLEMS[name].entropy) <= entropy.error
    assert entropy.error < 1e-8


@pytest.mark.parametrize("name", [n for n in PLANAR if n != "linear_narrow"])
def test_linear_decoders_lose_nothing(name: str) -> None:
    result = _decomposition(name)
    assert abs(result.pmo.value) <= 1e-12
    assert (result.mleo.value, result.mleo.error) == (0.0, 0.0)
    for found, variance in zip(
        result.residual_variance, PROBLEMS[name].noise_variance, strict=True
    ):
        # With the exact posterior as q the refit is unbiased (Theorem 2).
        assert found.contains(variance)


MODELS = {
    "wider": linear("a", (1.0,), (0.0,), 0.3),
    "shifted": linear("b", (-0.8,), (0.7,), 0.05),
    "nearly the same": linear("c", (1.0,), (1e-3,), 0.1),
}


@pytest.mark.parametrize("name", MODELS)
def test_mleo_between_gaussians(name: str) -> None:
    data = linear("data", (1.0,), (0.0,), 0.1)
    result = decompose(MODELS[name].model, data.model)
    exact = _gaussian_kl(data, MODELS[name])
    assert result.mleo.value == pytest.approx(exact, abs=1e-10)
    assert result.mleo.contains(exact)
    assert result.entropy.value == pytest.approx(data.entropy, abs=1e-11)
    assert result.excess.value == pytest.approx(exact, abs=1e-9)


def test_mleo_between_gaussians_in_the_plane() -> None:
    data = linear("data", (1.0, 0.5), (0.0, 0.2), 0.2, 0.4)
    model = linear("model", (0.3, -0.6), (0.1, 0.0), 0.5, 0.3)
    result = decompose(model.model, data.model, tolerance=1e-4)
    exact = _gaussian_kl(data, model)
    assert result.mleo.value == pytest.approx(exact, abs=1e-10)
    assert result.mleo.contains(exact)


@pytest.mark.parametrize("name", ["absolute_value", "figure8", "wave", "ramp", "half_line"])
def test_pmo_is_stable_and_honest(name: str) -> None:
    """Coarse tolerances against a reference at 3e-7 (D = 2) or 1e-8."""
    reference = _decomposition(name, 3e-7 if PROBLEMS[name].model.data_dim == 2 else 1e-8).pmo
    for tolerance in (1e-3, 1e-4, 1e-6):
        pmo = _decomposition(name, tolerance).pmo
        # 1e-8: mass of boxes that are not looked at, times the largest KL.
        assert pmo.error <= tolerance + 2e-8
        assert abs(pmo.value - reference.value) <= pmo.error + reference.error


ORIENTATION = {"figure8": 0.102, "circle": 0.028, "absolute_value": 0.614, "clusters": 0.494}


@pytest.mark.parametrize("name", ORIENTATION)
def test_benchmarks_are_near_their_orientation_figures(name: str) -> None:
    """Known roughly, from outside this engine: they catch a wrong definition, not a wrong digit."""
    value = _decomposition(name, 1e-4).pmo.value
    assert value == pytest.approx(ORIENTATION[name], abs=2e-3)


@pytest.mark.parametrize("name", ["half_line", "ramp", "two_near_gaussians"])
def test_equation_3_by_brute_force(name: str) -> None:
    """E_p(−ELBO) by our own quadrature in x and z, p(x) in closed form."""
    problem = PROBLEMS[name]
    sigma = float(problem.model.sigma[0])
    f = problem.model.decoder(np.linspace(-5.5, 5.5, 1001))
    x = np.arange(f.min() - 7.0 * sigma, f.max() + 7.0 * sigma, sigma / 24.0)
    weight = np.exp(problem.log_density(x[:, None])) * sigma / 24.0
    x, weight = x[weight > 1e-12], weight[weight > 1e-12]
    best = problem.mean_field.optimal_q(x)
    values = [
        brute_force.negative_elbo(
            problem.model, x[k : k + 1], best.mean[k], math.log(best.scale[k])
        )[0]
        for k in range(len(x))
    ]
    result = _decomposition(name)
    # A kink of KL(x) costs the trapezoid rule O(h²).
    assert weight @ values == pytest.approx(result.negative_elbo.value, abs=2e-5)
    entropy = -weight @ problem.log_density(x[:, None])
    assert entropy == pytest.approx(result.entropy.value, abs=1e-8)


@pytest.mark.parametrize("name", ["figure8", "absolute_value", "clusters"])
def test_equation_3_by_sampling(name: str) -> None:
    problem = PROBLEMS[name]
    draws = quasi_monte_carlo(problem.model, size=512, repeats=16, seed=4)
    best = problem.mean_field.optimal_q(draws.x.reshape(-1, 2))
    value, error = draws.average(best.negative_elbo.reshape(16, -1))
    result = _decomposition(name, 1e-4).negative_elbo
    assert abs(value - result.value) <= error + result.error
    assert error < 0.05


def test_excess_is_not_negative_for_any_model() -> None:
    """J = MLEO + PMO >= MLEO >= 0 for models that have nothing to do with the data."""
    data = PROBLEMS["wave"].model
    for name in ("half_line", "ramp", "two_near_gaussians", "linear_wide"):
        result = decompose(PROBLEMS[name].model, data, tolerance=1e-4)
        assert result.mleo.lower > 0.0
        assert result.excess.value == result.mleo.value + result.pmo.value
        assert result.pmo.upper >= 0.0
        sum_of_parts = result.entropy.value + result.mleo.value + result.pmo.value
        assert result.negative_elbo.value == pytest.approx(sum_of_parts, rel=1e-15)


def test_three_dimensions_by_quasi_monte_carlo() -> None:
    data = PROBLEMS["linear_space"]
    model = linear("model", (0.7, 0.4, -1.2), (0.1, 1.0, -2.0), 0.1, 1.0, 0.05)
    result = decompose(model.model, data.model, size=256)
    exact = _gaussian_kl(data, model)
    assert data.entropy is not None
    assert result.entropy.contains(data.entropy)
    assert result.mleo.contains(exact)
    assert result.mleo.error < 0.2 * exact
    assert abs(result.pmo.value) < 1e-11
    assert "seed 0" in result.method


def test_a_given_sample() -> None:
    problem = PROBLEMS["linear_plane"]
    _, x = problem.model.sample(5000, 9)
    result = decompose(problem.model, problem.model, sample=x)
    assert problem.entropy is not None
    assert result.entropy.contains(problem.entropy)
    assert abs(result.pmo.value) <= 1e-11
    assert result.entropy.error < 0.2


def test_anisotropic_padding_changes_only_the_entropy() -> None:
    plain = PROBLEMS["half_line"].model
    padded = GenerativeModel(
        Decoder.from_function(lambda z: np.stack([np.abs(z), 0.0 * z], axis=-1), breakpoints=[0.0]),
        [0.04, 3.0],
    )
    a, b = decompose(plain, tolerance=1e-5), decompose(padded, tolerance=1e-5)
    assert abs(b.pmo.value - a.pmo.value) <= a.pmo.error + b.pmo.error
    assert b.entropy.value - a.entropy.value == pytest.approx(gaussian_entropy(3.0), abs=1e-10)


def test_to_dict_is_plain() -> None:
    result = decompose(PROBLEMS["ramp"].model, tolerance=1e-3, eta=[0.1])
    printed = result.to_dict()
    assert {"model", "data", "noise_variance", "entropy", "mleo", "pmo", "excess"} <= set(printed)
    assert Estimate.from_dict(printed["pmo"]) == result.pmo
    assert printed["eta_partition"][0]["eta"] == 0.1  # type: ignore[index]


BAD: list[tuple[dict[str, object], type[Exception], str]] = [
    ({"eta": [0.0]}, SettingError, "eta"),
    ({"eta": [0.1, -1.0]}, SettingError, "eta"),
    ({"eta": [math.nan]}, SettingError, "eta"),
    ({"tolerance": 0.0}, SettingError, "tolerance"),
    ({"tolerance": -1.0}, SettingError, "tolerance"),
    ({"tolerance": math.nan}, SettingError, "tolerance"),
    ({"data": PROBLEMS["figure8"].model}, ModelError, "dimensions"),
    ({"sample": [0.1, math.nan]}, ModelError, "NaN"),
    ({"sample": np.zeros((4, 2))}, ModelError, "shape"),
    ({"certify": -1}, SettingError, "certify"),
]


@pytest.mark.parametrize(("options", "error", "said"), BAD)
def test_bad_input(options: dict[str, object], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        decompose(PROBLEMS["ramp"].model, **options)  # type: ignore[arg-type]
