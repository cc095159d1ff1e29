"""Labelled models: what is accepted, what is refused by one line, and what they draw."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.errors import ModelError
from theorycheck.models import LabelledModel, benchmark, load_model


def semi_circle(prior: list[float] | None = None) -> LabelledModel:
    classes = [benchmark(f"discrete_semi_circle:y={y}") for y in (0, 1)]
    return LabelledModel(classes, prior, "discrete_semi_circle")


def test_shares_are_equal_by_default_and_normalised() -> None:
    assert semi_circle().prior.tolist() == [0.5, 0.5]
    assert semi_circle([0.3, 0.7]).prior.tolist() == pytest.approx([0.3, 0.7])
    assert semi_circle().count == 2
    assert semi_circle().to_dict()["prior"] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("prior", "said"),
    [
        ([0.5, 0.6], "must sum to 1"),
        ([1.0, 0.0], "must be positive"),
        ([-0.5, 1.5], "must be positive"),
        ([1.0], "1 prior shares for 2 classes"),
        (["a", "b"], "must be numbers"),
        ([float("nan"), 1.0], "must be positive"),
    ],
)
def test_what_is_no_prior(prior: list[float], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        semi_circle(prior)


def test_classes_that_do_not_fit() -> None:
    one = load_model("expr:[z, z]", noise_variance=0.1)
    with pytest.raises(ModelError, match="two classes or more"):
        LabelledModel([one])
    with pytest.raises(ModelError, match="class 1 has 1 data dimension"):
        LabelledModel([one, load_model("expr:z", noise_variance=0.1)])
    with pytest.raises(ModelError, match="σ² of class 1 differs"):
        LabelledModel([one, load_model("expr:[z, z]", noise_variance=0.2)])


def test_fingerprints_know_prior_and_order() -> None:
    own = semi_circle()
    assert own.fingerprint == semi_circle().fingerprint
    assert own.fingerprint != semi_circle([0.4, 0.6]).fingerprint
    turned = LabelledModel(own.classes[::-1], None, own.name)
    assert own.fingerprint != turned.fingerprint
    assert own.fingerprint != own.with_noise_variance(0.02).fingerprint


def test_draws_have_the_shares_and_the_decoders() -> None:
    model = semi_circle([0.25, 0.75])
    y, z, x = model.sample_labelled(20_000, 3)
    assert set(y) == {0, 1}
    assert abs((y == 1).mean() - 0.75) < 5.0 * np.sqrt(0.25 * 0.75 / y.size)
    for label, one in enumerate(model.classes):
        own = y == label
        rest = (x[own] - one.decoder(z[own])) / model.sigma
        assert abs(rest.mean()) < 5.0 / np.sqrt(rest.size)
        assert rest.std() == pytest.approx(1.0, abs=0.03)
    assert np.array_equal(model.sample(20_000, 3)[1], x)
