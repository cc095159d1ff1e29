"""Generative models: σ² is checked, and draws have the law that they claim."""

from __future__ import annotations

import math

import numpy as np
import pytest

from theorycheck.errors import ModelError
from theorycheck.models._decoder import Decoder
from theorycheck.models._generative import GenerativeModel

PLANE = Decoder.from_function(
    lambda z: np.stack([z, -2.0 * z], axis=-1), name="plane", formula="[z, -2*z]"
)


@pytest.mark.parametrize("variance", [0.25, [0.25], (0.25, 0.25), np.array([0.25, 0.25])])
def test_noise_variance_is_one_or_one_each(variance: object) -> None:
    model = GenerativeModel(PLANE, variance)  # type: ignore[arg-type]
    assert model.noise_variance.tolist() == [0.25, 0.25]
    assert model.sigma.tolist() == [0.5, 0.5]
    assert (model.name, model.data_dim) == ("plane", 2)


def test_noise_variance_cannot_change_behind_our_back() -> None:
    mine = np.array([0.1, 0.2])
    model = GenerativeModel(PLANE, mine)
    mine[0] = 5.0
    assert model.noise_variance.tolist() == [0.1, 0.2]
    with pytest.raises(ValueError, match="read-only"):
        model.noise_variance[0] = 5.0
    assert model.with_noise_variance(0.3).noise_variance.tolist() == [0.3, 0.3]
    assert model.with_noise_variance(0.3).decoder is PLANE


@pytest.mark.parametrize(
    ("variance", "said"),
    [
        (0.0, "positive"),
        (-0.1, "positive"),
        ([0.1, 0.0], "positive"),
        (math.nan, "positive and finite"),
        (math.inf, "positive and finite"),
        ([0.1, 0.1, 0.1], "has 2 data dimension"),
        ([], "has 2 data dimension"),
        ([[0.1, 0.1]], "has 2 data dimension"),
        ("small", "must be numbers"),
        (None, "positive and finite"),
    ],
)
def test_bad_noise_variance(variance: object, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        GenerativeModel(PLANE, variance)  # type: ignore[arg-type]
    assert str(caught.value).startswith("plane: ")


def test_samples_are_reproducible() -> None:
    model = GenerativeModel(PLANE, [0.01, 4.0])
    a, b, c = (model.sample(50, seed) for seed in (7, np.random.default_rng(7), 8))
    assert (a[0] == b[0]).all()
    assert (a[1] == b[1]).all()
    assert (a[1] != c[1]).any()
    assert a[0].shape == (50,)
    assert a[1].shape == (50, 2)
    assert model.sample(0, 1)[1].shape == (0, 2)


def test_a_generator_moves_on() -> None:
    rng = np.random.default_rng(7)
    model = GenerativeModel(PLANE, 0.1)
    assert (model.sample(5, rng)[0] != model.sample(5, rng)[0]).all()


def test_samples_have_their_moments() -> None:
    model = GenerativeModel(PLANE, [0.01, 4.0])
    z, x = model.sample(200_000, 3)
    residual = x - model.decoder(z)
    assert residual.var(axis=0) == pytest.approx([0.01, 4.0], rel=0.02)
    assert np.abs(np.corrcoef(residual.T)[0, 1]) < 0.01
    assert np.cov(x.T) == pytest.approx(np.array([[1.01, -2.0], [-2.0, 8.0]]), rel=0.02)
    assert z.mean() == pytest.approx(0.0, abs=0.012)
    assert z.var() == pytest.approx(1.0, rel=0.02)


def test_to_dict() -> None:
    assert GenerativeModel(PLANE, [0.01, 4.0]).to_dict() == {
        "name": "plane", "formula": "[z, -2*z]", "data_dim": 2, "noise_variance": [0.01, 4.0],
    }  # fmt: skip
