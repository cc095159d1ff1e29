"""Models with a continuous label: what a user writes for one, and the one line for what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import betaincinv, ndtr

from theorycheck.errors import DecoderError, ExpressionError, LoadingError, ModelError
from theorycheck.models import (
    ContinuousLabelModel,
    benchmark,
    load_continuous_label_model,
    load_labelled_model,
)

Y = np.array([-1.5, 0.2, 0.2, 2.0])
Z = np.array([0.3, -0.7, 1.1, 0.0])


def test_the_benchmark() -> None:
    model = load_continuous_label_model("continuous_semi_circle")
    assert model.noise_variance.tolist() == [0.01, 0.01]
    h, u = betaincinv(0.2, 0.2, ndtr(Y)), ndtr(Z)
    angle = np.pi * (h * np.sqrt(u) + (1.0 - h) * u**3)
    assert np.allclose(model.decoder(Y, Z), np.stack([np.cos(angle), np.sin(angle)], axis=1))
    alone = benchmark("continuous_semi_circle:y=0.2")
    assert np.allclose(model.given_label(0.2).decoder(Z), alone.decoder(Z))
    assert np.allclose(model.decoder(0.2, Z), alone.decoder(Z))
    with pytest.raises(LoadingError, match="--labels continuous"):
        load_labelled_model("continuous_semi_circle")


def test_an_expression_in_y_and_z() -> None:
    model = load_continuous_label_model("expr:[z + sin(y), y*z, 2]", noise_variance=0.5)
    assert np.allclose(
        model.decoder(Y, Z), np.stack([Z + np.sin(Y), Y * Z, np.full(4, 2.0)], axis=1)
    )
    with pytest.raises(ExpressionError, match="without y"):
        load_continuous_label_model("expr:[z]", noise_variance=0.5)
    with pytest.raises(ExpressionError, match="w"):
        load_continuous_label_model("expr:[y + w]", noise_variance=0.5)
    with pytest.raises(LoadingError, match="no noise variance"):
        load_continuous_label_model("expr:[y + z]")
    with pytest.raises(DecoderError, match="is not finite"):
        load_continuous_label_model("expr:[log(y)]", noise_variance=0.5)


def test_a_function_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\nNOISE_VARIANCE = 0.2\n"
        "def f(y, z):\n    return np.stack([z, y * z], axis=-1)\n"
        "def alone(z):\n    return z\n"
        "def branches(y, z):\n    return z if y > 0 else -z\n"
    )
    model = load_continuous_label_model(f"{file}:f")
    assert np.allclose(model.decoder(Y, Z), np.stack([Z, Y * Z], axis=1))
    assert model.noise_variance.tolist() == [0.2, 0.2]
    with pytest.raises(LoadingError, match="takes z alone"):
        load_continuous_label_model(f"{file}:alone")
    with pytest.raises(DecoderError, match=r"takes y and z of shape \(n,\) each"):
        load_continuous_label_model(f"{file}:branches")
    with pytest.raises(LoadingError, match="there is no model with a continuous label 'circle'"):
        load_continuous_label_model("circle")


def test_bad_functions_and_arguments() -> None:
    with pytest.raises(DecoderError, match="expected"):
        ContinuousLabelModel(lambda _y, z: np.zeros((3, z.size)), 0.1, "f")
    with pytest.raises(DecoderError, match="other pairs of the batch"):
        ContinuousLabelModel(lambda y, z: y + z - z.mean(), 0.1, "f")
    with pytest.raises(ModelError, match="positive"):
        ContinuousLabelModel(lambda y, z: y + z, -0.1, "f")
    model = ContinuousLabelModel(lambda y, z: y + z, 0.1, "f")
    with pytest.raises(DecoderError, match="one pair"):
        model.decoder(Y, Z[:3])


def test_draws_and_identity() -> None:
    model = ContinuousLabelModel(lambda y, z: np.stack([y, 2 * z], axis=-1), 0.1, "f")
    y, z, x = model.sample_labelled(2000, 1)
    noise = (x - model.decoder(y, z)) / np.sqrt(0.1)
    assert abs(noise.mean()) < 0.1
    assert np.allclose(np.cov(noise.T), np.eye(2), atol=0.1)
    assert abs(np.corrcoef(y, z)[0, 1]) < 0.1
    latents, again = model.sample(2000, 1)
    assert np.array_equal(again, x)
    assert np.array_equal(latents, np.stack([y, z], axis=1))
    same = ContinuousLabelModel(lambda y, z: np.stack([y, z + z], axis=-1), 0.1, "g")
    assert model.same_as(same)
    assert not model.same_as(model.with_noise_variance(0.2))
    assert not model.same_as(
        ContinuousLabelModel(lambda y, z: np.stack([y, z * 2.001], axis=-1), 0.1, "h")
    )
    assert model.to_dict() == {"name": "f", "data_dim": 2, "noise_variance": [0.1, 0.1]}


def test_collapsed() -> None:
    model = ContinuousLabelModel.collapsed(benchmark("circle"))
    assert np.array_equal(model.decoder(Y, Z), benchmark("circle").decoder(Z))
    assert model.given_label(3.0) is model.shared
    wider = model.with_noise_variance(0.5)
    assert wider.shared is not None
    assert wider.shared.noise_variance[0] == 0.5
