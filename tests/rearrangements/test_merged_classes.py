"""One decoder for the p(x) of all classes: its density is the mixture's."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.inference import ExactLabelled, MeanField, log_density
from theorycheck.models import LabelledModel, load_labelled_model
from theorycheck.objectives._averaging import divergence
from theorycheck.rearrangements import merged_classes, side_by_side

SEMI_CIRCLE = load_labelled_model("discrete_semi_circle")
#: Neither settles in its tails, the one for tanh, the other for |z|.
SAME_IMAGE = load_labelled_model("expr:[2*tanh(z/2 + y - 0.5)]", noise_variance=0.02)
THREE = load_labelled_model(
    "expr:[sin(z + y), abs(z - y/3)]", noise_variance=0.1, prior=[0.2, 0.5, 0.3], classes=3
)


def test_the_density_is_the_mixtures() -> None:
    """Half a circle: f settles at both ends, and p(x) is kept to rounding."""
    x = SEMI_CIRCLE.sample(60, 5)[1]
    wanted = ExactLabelled(SEMI_CIRCLE).log_density(x)
    for one in (side_by_side(SEMI_CIRCLE), merged_classes(SEMI_CIRCLE)):
        found = log_density(one, x)
        assert found.value == pytest.approx(wanted.value, abs=1e-10), one.name


@pytest.mark.parametrize("model", [SAME_IMAGE, THREE], ids=["one image", "three classes"])
def test_tails_that_do_not_settle_cost_next_to_nothing(model: LabelledModel) -> None:
    for one in (side_by_side(model), merged_classes(model)):
        lost = divergence(ExactLabelled(model), MeanField(one))
        assert -lost.error <= lost.value < 1e-4
        assert lost.error < 1e-5


def test_each_class_has_its_share_of_the_latents() -> None:
    beside = side_by_side(THREE)
    inner = beside.decoder.breakpoints
    assert inner is not None
    # Φ(z) = 0.2 and 0.7, and the kink of every class inside its own share.
    assert np.isclose(inner, -0.8416212, atol=1e-6).any()
    assert np.isclose(inner, 0.5244005, atol=1e-6).any()
    assert len(inner) == 5
    # At the cuts the tails of both neighbours: |z| is 4.26, less what the class moves it by.
    z = np.array([-0.8416213, -0.8416211, 0.5244004, 0.5244006])
    assert beside.decoder(z)[:, 1] == pytest.approx([4.265, 3.932, 4.598, 4.932], abs=0.01)


def test_one_image_is_run_along_once() -> None:
    """Two tanh side by side fold; merged they rise, so that every x has one mode."""
    merged = merged_classes(SAME_IMAGE)
    values = merged.decoder(np.linspace(-5.0, 5.0, 400))[:, 0]
    assert (np.diff(values) >= 0.0).all() or (np.diff(values) <= 0.0).all()
    x = SAME_IMAGE.sample(40, 6)[1]
    apart = MeanField(side_by_side(SAME_IMAGE)).kl(x).mean() - MeanField(merged).kl(x).mean()
    assert apart > 0.15
    assert merged.name.endswith("merged")
