"""The landscape over two means: a linear decoder in closed form, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.errors import ModelError
from theorycheck.inference import ExactLinearGaussian, LinearGaussianModel
from theorycheck.models import load_model
from theorycheck.objectives import mean_landscape


def test_a_linear_decoder_is_a_quadratic() -> None:
    w, variance = np.array([[1.0, 0.8], [0.0, 0.6]]), 0.3
    model = load_model("expr:[z1+0.8*z2, 0.6*z2]", noise_variance=variance)
    known = ExactLinearGaussian(LinearGaussianModel(w, variance))
    found = mean_landscape(model, [0.4, -0.2])
    assert found.kl.shape == (81, 81)
    assert found.optimal_kl == pytest.approx(known.kl, abs=1e-10)
    precision = np.eye(2) + w.T @ w / variance
    means = np.stack(np.meshgrid(found.first, found.second, indexing="ij"), axis=-1)
    apart = means - found.optimum.mean[0]
    wanted = known.kl + 0.5 * np.einsum("ijk,kl,ijl->ij", apart, precision, apart)
    np.testing.assert_allclose(found.kl, wanted, atol=1e-6)
    wide = mean_landscape(model, [0.4, -0.2], first=[0.0, 1.0], second=[0.5], scale=[0.5, 0.5])
    assert wide.kl.shape == (2, 1)
    assert (wide.kl > found.optimal_kl).all()


def test_bad_input() -> None:
    model = load_model("expr:[z1, z2]", noise_variance=0.3)
    with pytest.raises(ModelError, match="one x"):
        mean_landscape(model, np.zeros((2, 2)))
    with pytest.raises(ModelError, match="both must be positive"):
        mean_landscape(model, [0.0, 0.0], scale=[1.0, -1.0])
    with pytest.raises(ModelError, match="for a decoder of two latents"):
        mean_landscape(load_model("circle"), [0.0, 0.0])
