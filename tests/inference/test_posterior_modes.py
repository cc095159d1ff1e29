"""The number of modes: against the modes at one x, and where it is known."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.errors import ModelError, SettingError
from theorycheck.inference import _posterior_modes as posterior_modes
from theorycheck.inference._posterior import posterior
from theorycheck.inference._posterior_modes import MODE_MASS, count_modes
from theorycheck.models import Decoder, GenerativeModel, benchmark, load_model
from theorycheck.models._table import decoder_from_table
from theorycheck.quadrature._latent_panels import latent_panels


@pytest.mark.parametrize("name", ["figure8", "circle", "absolute_value", "clusters"])
def test_agrees_with_the_modes_at_one_x(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = benchmark(name)
    panels = latent_panels(model)
    _, x = model.sample(120, 3)
    expected = [sum(mode.mass > MODE_MASS for mode in posterior(panels, p).modes) for p in x]
    counted = count_modes(panels, x)
    # Only where the dip between two maxima is not worth the name is a mode left out.
    assert (counted != expected).mean() < 0.05
    assert (counted <= expected).all()
    monkeypatch.setattr(posterior_modes, "MODE_DIP", 0.0)
    assert count_modes(panels, x).tolist() == expected


def test_known_numbers() -> None:
    line = load_model("expr:[z, 2*z]", noise_variance=0.5)
    assert (count_modes(line, line.sample(50, 0)[1]) == 1).all()
    square = load_model("expr:[z**2]", noise_variance=0.05)
    # z = ±√x by symmetry, and one mode around 0 for x well below.
    assert count_modes(square, [[2.0], [-1.0]]).tolist() == [2, 1]
    # A mode of a third of the mass counts below a third only.
    waves = load_model("expr:[sin(3*z)]", noise_variance=0.01)
    assert count_modes(waves, [[0.0]])[0] > count_modes(waves, [[0.0]], smallest_mass=0.3)[0]


def test_corners_of_a_table_are_no_modes() -> None:
    """A curve of straight pieces has tiny dips at its corners where the curve itself has none."""
    z = np.linspace(-6.0, 6.0, 61)
    curve = load_model("expr:[z, sin(z)]", noise_variance=0.05)
    joined = GenerativeModel(
        decoder_from_table(z, curve.decoder(z), kind="linear", name="joined"), [0.05, 0.05]
    )
    x = curve.sample(200, 1)[1]
    assert (count_modes(joined, x) == count_modes(curve, x)).mean() > 0.98


def test_a_jump_makes_two_modes() -> None:
    sign = Decoder.from_function(
        lambda z: np.where(z < 0.0, -1.0, 1.0)[:, None], name="sign", breakpoints=(0.0,)
    )
    # Halfway between both values the posterior is the prior; near one it is half of it.
    assert count_modes(GenerativeModel(sign, 0.1), [[0.0], [1.0]]).tolist() == [1, 1]
    steps = Decoder.from_function(
        lambda z: np.where(np.abs(z) < 1.0, 1.0, 0.0)[:, None], name="box", breakpoints=(-1.0, 1.0)
    )
    assert count_modes(GenerativeModel(steps, 0.01), [[0.0]]).tolist() == [2]


def test_no_x_and_bad_input() -> None:
    model = load_model("expr:[z, 2*z]", noise_variance=0.5)
    assert count_modes(model, np.zeros((0, 2))).shape == (0,)
    with pytest.raises(SettingError, match="between 0 and 1"):
        count_modes(model, np.zeros((1, 2)), smallest_mass=1.0)
    with pytest.raises(ModelError):
        count_modes(model, np.zeros((1, 3)))
