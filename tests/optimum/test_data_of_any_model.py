"""Data of a model of any kind: searches, refits and checks on those of a linear-Gaussian model.

The referee is probabilistic PCA: no line f(z) = b + w z has a likelihood above that of the
principal axis, so that the best curve is at least as good as it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from tests.efforts import TINY
from theorycheck import decompose, load_model
from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Verdict
from theorycheck.inference import ExactLinearGaussian, LinearGaussianModel, MeanField
from theorycheck.objectives import ELBO, kl_map, pmo_landscape
from theorycheck.optimum import (
    Execution,
    PredictedOptimum,
    SearchSettings,
    best_line,
    check_stationarity,
    data_nodes,
    find_optimum,
)
from theorycheck.rearrangements import survey_zero_mleo
from theorycheck.results import ResultCache

#: Two latents whose loadings are not orthogonal, so that the mean-field q is no posterior.
PLANE = LinearGaussianModel([[1.0, 0.5], [0.2, 2.0]], 0.3, [1.0, -2.0], name="plane")
ORTHOGONAL = LinearGaussianModel([[1.0, 1.0], [1.0, -1.0]], 0.3)
ALONE = Execution(jobs=1)


def best_linear(model: LinearGaussianModel) -> LinearGaussianModel:
    """The K = 1 model of largest likelihood with the same σ², by Tipping and Bishop's formula."""
    variance = float(model.noise_variance[0])
    values, axes = np.linalg.eigh(ExactLinearGaussian(model).covariance)
    w = np.sqrt(values[-1] - variance) * axes[:, -1]
    return LinearGaussianModel(w[:, None], variance, model.offset)


@pytest.fixture(scope="module")
def found() -> PredictedOptimum:
    return find_optimum(PLANE, SearchSettings(effort=TINY, seed=1), execution=ALONE)


def test_the_best_curve_is_at_least_as_good_as_the_best_line(found: PredictedOptimum) -> None:
    line = decompose(best_linear(PLANE), PLANE, tolerance=1e-4)
    assert line.pmo.contains(0.0)
    assert found.excess.upper < line.excess.lower
    # MLEO and PMO are of the decoder found, a decoder of one latent, on data of two.
    again = decompose(found.model, PLANE, tolerance=1e-4)
    assert abs(again.excess.value - found.excess.value) <= again.excess.error + found.excess.error
    assert (found.data.latent_dim, found.model.latent_dim) == (2, 1)
    assert found.mleo.lower > 0.0


def test_there_is_no_ground_truth_to_ascend_from(found: PredictedOptimum) -> None:
    assert found.first == "principal axis"
    assert "principal axis" in {start.kind for start in found.starts}
    assert "ground truth" not in {start.kind for start in found.starts}
    told = found.to_dict()
    assert (told["ground_truth_ascent"], told["first_start"]) == (None, "principal axis")
    own = find_optimum(load_model("expr:z", noise_variance=0.3), SearchSettings(effort=TINY))
    assert own.to_dict()["ground_truth_ascent"] == own.first_ascent


def test_the_best_line_of_the_nodes_is_that_of_pca() -> None:
    nodes = data_nodes(PLANE, 0.3, tail=1e-10)
    line = best_line(nodes.x, nodes.mass, PLANE.noise_variance)
    exact = best_linear(PLANE)
    slope = line.decoder(np.array([1.0]))[0] - line.decoder(np.array([0.0]))[0]
    np.testing.assert_allclose(line.decoder(np.array([0.0]))[0], PLANE.offset, atol=1e-7)
    np.testing.assert_allclose(np.abs(slope), np.abs(exact.loadings[:, 0]), rtol=1e-6)
    # Noise alone has no axis.
    flat = LinearGaussianModel([[1e-9], [1e-9]], 0.3)
    nodes = data_nodes(flat, 0.3, tail=1e-10)
    still = best_line(nodes.x, nodes.mass, flat.noise_variance)
    np.testing.assert_allclose(still.decoder(np.array([-1.0, 1.0])), 0.0, atol=1e-3)


def test_data_of_one_latent_by_either_engine() -> None:
    """The optimum on a line's data is the line, J = 0, whoever says what p(x) is."""
    closed = LinearGaussianModel([[1.0], [0.5]], 0.25)
    engine = load_model("expr:[z, 0.5*z]", noise_variance=0.25)
    found = [
        find_optimum(data, SearchSettings(effort=TINY, seed=2), execution=ALONE)
        for data in (closed, engine, MeanField(engine))
    ]
    for one in found:
        assert -one.excess.error <= one.excess.value < 5e-3
    # The same searches, from a line that the nodes say and from f itself.
    assert found[1].excess == found[2].excess
    assert abs(found[0].excess.value - found[1].excess.value) < 2e-3


def test_what_is_not_kept_in_files(found: PredictedOptimum, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="plane: a search on such data is not kept in files"):
        find_optimum(PLANE, execution=Execution(state_file=tmp_path / "state"))
    with pytest.raises(SettingError, match="plane: results are kept in files for decoders of one"):
        found.save(tmp_path / "r.npz")
    # A cache is not asked, and not written to.
    cached = Execution(jobs=1, cache=ResultCache(tmp_path))
    across = LinearGaussianModel([[1.0, 0.5]], 0.3)
    find_optimum(across, SearchSettings(effort=TINY, seed=1), execution=cached)
    assert not list(tmp_path.iterdir())


def test_one_m_step_in_closed_form() -> None:
    """½ E |W z − W' z|²/σ² at the best W', found by a descent that shares no formula with it."""
    exact = ExactLinearGaussian(PLANE)
    w, variance = PLANE.loadings, PLANE.noise_variance
    posterior = np.linalg.inv(np.eye(2) + w.T @ np.diag(1.0 / variance) @ w)
    gain = posterior @ w.T @ np.diag(1.0 / variance)
    width = np.diag(1.0 / np.diag(np.linalg.inv(posterior)))

    def cost(flat: np.ndarray) -> float:
        v = flat.reshape(2, 2)
        left = np.eye(2) - v @ gain
        moment = left @ exact.covariance @ left.T + v @ width @ v.T
        return 0.5 * float((np.diag(moment) / variance).sum())

    descent = minimize(cost, w.ravel(), tol=1e-14)
    moved = check_stationarity(PLANE)
    assert moved.m_step_gain.value == pytest.approx(cost(w.ravel()) - descent.fun, abs=1e-9)
    assert moved.verdict is Verdict.FAILS
    assert check_stationarity(ORTHOGONAL).verdict is Verdict.HOLDS
    assert check_stationarity(ORTHOGONAL, ORTHOGONAL).m_step_gain.contains(0.0)
    # K = 1 on other data goes through the panels.
    line = load_model("expr:[z, 2*z]", noise_variance=0.3)
    assert check_stationarity(line, PLANE).verdict is Verdict.FAILS
    with pytest.raises(ModelError, match="needs a decoder of one latent"):
        check_stationarity(PLANE, line)


@pytest.mark.parametrize(
    "needs_one_latent",
    [
        lambda: pmo_landscape(PLANE, [0.0, 0.0]),
        lambda: kl_map(PLANE),
        lambda: kl_map(load_model("expr:[z, z]", noise_variance=0.3), PLANE),
        lambda: survey_zero_mleo(PLANE),  # type: ignore[arg-type]
        lambda: pmo_landscape(ExactLinearGaussian(PLANE), [0.0, 0.0]),
    ],
)
def test_what_needs_one_latent_says_so(needs_one_latent: object) -> None:
    with pytest.raises(ModelError, match="plane: this is computed for decoders of one latent") as e:
        needs_one_latent()  # type: ignore[operator]
    assert "latents: 2" in str(e.value)
    assert "\n" not in str(e.value)


def test_the_elbo_of_a_model_of_two_latents() -> None:
    evaluation = ELBO.evaluate(PLANE, PLANE)
    assert evaluation.excess == evaluation.gap == decompose(PLANE).pmo
