"""The number of modes: against an independent count, the modes at one x, and known numbers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.brute_modes import number_of_modes
from theorycheck.dataset._reference import predicted_optimum
from theorycheck.errors import ModelError, SettingError
from theorycheck.inference._posterior import posterior
from theorycheck.inference._posterior_modes import (
    MODE_MASS,
    MODE_PROMINENCE,
    count_modes,
    prominent,
)
from theorycheck.models import Decoder, GenerativeModel, benchmark, load_model
from theorycheck.models._table import decoder_from_table
from theorycheck.quadrature._latent_panels import latent_panels

#: By how much, relative, the independent count's thresholds stand off either way: nodes and grid
#: do not have the same point for a maximum. At most 4 % of the x lie in between.
_OFF, _BETWEEN = 0.02, 0.04


def _model(name: str) -> GenerativeModel:
    kind, _, of = name.rpartition(" ")
    return predicted_optimum(of) if kind else benchmark(of)


@pytest.mark.parametrize(
    "name",
    ["figure8", "optimum figure8", "spiral_dots", "optimum spiral_dots", "absolute_value",
     "optimum circle", "clusters"],
)  # fmt: skip
def test_agrees_with_an_independent_count(name: str) -> None:
    model = _model(name)
    x = benchmark(name.split()[-1]).sample(150, 11)[1]
    counted = count_modes(model, x)
    least, most = (
        number_of_modes(
            model, x, prominence=scale * MODE_PROMINENCE, mass=scale * MODE_MASS, nodes=40_001
        )
        for scale in (1.0 + _OFF, 1.0 - _OFF)
    )
    assert ((least <= counted) & (counted <= most)).all()
    assert (least < most).mean() <= _BETWEEN


@pytest.mark.parametrize("name", ["figure8", "circle", "absolute_value", "optimum figure8"])
def test_agrees_with_the_modes_at_one_x(name: str) -> None:
    model = _model(name)
    panels = latent_panels(model)
    _, x = benchmark(name.split()[-1]).sample(120, 3)
    at_one = [posterior(panels, point).mode_count for point in x]
    assert count_modes(panels, x).tolist() == at_one


def test_known_numbers() -> None:
    line = load_model("expr:[z, 2*z]", noise_variance=0.5)
    assert (count_modes(line, line.sample(50, 0)[1]) == 1).all()
    square = load_model("expr:[z**2]", noise_variance=0.05)
    # z = ±√x by symmetry, and one mode around 0 for x well below.
    assert count_modes(square, [[2.0], [-1.0]]).tolist() == [2, 1]
    # A mode of a third of the mass counts below a third only.
    waves = load_model("expr:[sin(3*z)]", noise_variance=0.01)
    assert count_modes(waves, [[0.0]])[0] > count_modes(waves, [[0.0]], smallest_mass=0.3)[0]


@pytest.mark.parametrize(("depth", "modes"), [(0.9, 1), (1.1, 2)])
def test_the_prominence_that_makes_two_modes(depth: float, modes: int) -> None:
    """For f = z², log p(z|x) = −(z² − a)²/2σ² + const, a = x − σ²/2: a dip of a²/2σ² at z = 0."""
    v = 0.5
    c = 0.5 * v + np.sqrt(2.0 * v * depth * MODE_PROMINENCE)
    square = load_model("expr:[z**2]", noise_variance=v)
    assert count_modes(square, [[c]]).tolist() == [modes]
    assert posterior(square, [c]).mode_count == len(posterior(square, [c]).modes) == modes


def test_prominence_is_that_of_persistence() -> None:
    """Of three maxima the lowest belongs to the neighbour over the higher pass."""
    heights = np.array([0.0, 5.0, 1.0, 3.0, 2.995, 4.0, 0.0])
    assert prominent(heights, [1, 3, 5]) == ([1, 5], [2])
    # A row of shallow steps upwards is one slope, whichever step goes first.
    stairs = np.array([0.0, 1.0, 0.995, 2.0, 1.992, 3.0, 2.999, 2.9995, 0.0])
    assert prominent(stairs, [1, 3, 5, 7]) == ([5], [])


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
