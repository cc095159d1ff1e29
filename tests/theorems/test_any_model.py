"""Both theorems' checks and the curve over σ² at a ground truth of two latents.

Textbook algebra of Gaussians is the referee, written anew here.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.efforts import TINY
from theorycheck import decompose
from theorycheck.errors import ModelError
from theorycheck.estimate import Verdict
from theorycheck.inference import LinearGaussianModel
from theorycheck.optimum import Execution, SearchSettings, find_optimum
from theorycheck.theorems import (
    check_theorem1,
    check_theorem2,
    find_noise_optima,
    noise_curve,
)

W, VARIANCE = np.array([[1.0, 0.5], [0.2, 2.0]]), np.array([0.3, 0.5])
PLANE = LinearGaussianModel(W, VARIANCE, name="plane")
ORTHOGONAL = LinearGaussianModel([[1.0, 1.0], [1.0, -1.0]], 0.3, name="orthogonal")
SETTINGS, ALONE = SearchSettings(effort=TINY), Execution(jobs=1)


def refit() -> np.ndarray:
    """Diag E_p E_q (x − W z)(x − W z)ᵀ with the best diagonal q."""
    precision = np.eye(2) + W.T @ (W / VARIANCE[:, None])
    left = np.eye(2) - W @ np.linalg.solve(precision, (W / VARIANCE[:, None]).T)
    width = np.diag(1.0 / np.diag(precision))
    covariance = W @ W.T + np.diag(VARIANCE)
    return np.asarray(np.diag(left @ covariance @ left.T + W @ width @ W.T))


def test_theorem_2() -> None:
    check = check_theorem2(PLANE)
    assert check.verdict is Verdict.HOLDS
    for found, exact in zip(check.refit_at_ground_truth, refit(), strict=True):
        assert found.contains(exact)
        assert found.error < 1e-6
    for found, exact in zip(check.exact_posterior, VARIANCE, strict=True):
        assert found.contains(exact)
        assert found.error < 2e-9 * exact
    assert check_theorem2(ORTHOGONAL).verdict is Verdict.FAILS


@pytest.mark.parametrize("latents", [1, 4])
def test_theorem_2_of_draws(latents: int) -> None:
    """D = 3 goes by draws, whose radius is statistical: with the exact posterior σ² is unbiased."""
    loadings = np.random.default_rng(latents).normal(size=(3, latents))
    check = check_theorem2(LinearGaussianModel(loadings, [0.1, 0.2, 0.3]), tolerance=1e-2)
    for found, exact in zip(check.exact_posterior, (0.1, 0.2, 0.3), strict=True):
        assert found.contains(exact)
        assert str(found.kind) == "statistical"


def test_theorem_1() -> None:
    found = find_optimum(PLANE, SETTINGS, execution=ALONE)
    check = check_theorem1(PLANE, optimum=found)
    assert check.stationarity.verdict is Verdict.FAILS
    assert check.ground_truth_is_minimum is Verdict.FAILS
    # KL(x) is the same everywhere: the premise holds up to it, and not beyond.
    kl = decompose(PLANE).pmo.value
    assert check.premise_verdict is Verdict.HOLDS
    for one in check.premise:
        if abs(one.eta - kl) > 1e-6:
            assert (one.verdict is Verdict.HOLDS) == (one.eta < kl)
    # The truth's J is small: no curve of one latent comes as low.
    assert [a.prefers for a in check.alternatives] == [Verdict.FAILS]
    assert check.zero_mleo is None
    still = check_theorem1(ORTHOGONAL)
    assert still.stationarity.verdict is Verdict.HOLDS
    assert still.ground_truth_is_minimum is Verdict.INCONCLUSIVE


def test_an_optimum_of_other_data_is_refused() -> None:
    found = find_optimum(ORTHOGONAL, SETTINGS, execution=ALONE)
    with pytest.raises(ModelError, match="the optimum is that of orthogonal, not of plane"):
        check_theorem1(PLANE, optimum=found)
    with pytest.raises(ModelError, match="an optimum on the data of orthogonal, not of plane"):
        check_theorem2(PLANE, optimum=found)
    # The same numbers under another name are the same model.
    again = LinearGaussianModel(ORTHOGONAL.loadings, 0.3, name="again")
    assert check_theorem2(again, optimum=found, tolerance=1e-2).optimum is not None


def test_the_curve_over_the_noise_variance() -> None:
    curve = noise_curve(PLANE, [0.3, 0.9], SETTINGS, execution=ALONE)
    assert [point.floor for point in curve.points] == [0.0, 0.0]
    values, axes = np.linalg.eigh(W @ W.T + np.diag(VARIANCE))
    for point in curve.points:
        # No worse than the principal axis at that σ².
        line = np.sqrt(max(values[-1] - point.noise_variance, 0.0)) * axes[:, -1]
        line_model = LinearGaussianModel(line[:, None], point.noise_variance)
        best = decompose(line_model, PLANE, tolerance=1e-4)
        assert point.excess.lower < best.excess.upper + 1e-3
    # More noise serves one latent better: it stands for the second one.
    assert curve.lowest.noise_variance == 0.9


def test_noise_optima() -> None:
    held, joint = find_noise_optima(PLANE, SETTINGS, execution=ALONE)
    check = check_theorem2(PLANE, tolerance=1e-2, optimum=held, joint=joint)
    assert check.joint is not None
    assert check.joint.found.excess.lower < held.excess.upper
