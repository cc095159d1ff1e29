"""The largest |f′|: known slopes, kinks and jumps, another route, what networks are like."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theorycheck.models import Decoder, GenerativeModel, benchmark, load_model
from theorycheck.models._table import decoder_from_table
from theorycheck.quadrature._largest_slope import SLOPE_REACH, largest_slope
from theorycheck.quadrature._latent_panels import latent_panels

#: Relative shortfall that is stated.
SHORT = 1e-7


@pytest.mark.parametrize(
    ("formula", "slope"),
    [
        ("[sin(3*z)]", 3.0),
        ("[z, -2*z]", math.sqrt(5.0)),
        ("[cos(2*z), sin(2*z)]", 2.0),
        ("[tanh(200*(z - 0.3))]", 200.0),
        ("[abs(z), 3*abs(z - 1)]", math.sqrt(10.0)),
        # Steepest at the end of what counts.
        ("[z**2]", 2.0 * SLOPE_REACH),
        ("[0*z]", 0.0),
    ],
)
@pytest.mark.parametrize("variance", [1.0, 1e-3])
def test_known_slopes(formula: str, slope: float, variance: float) -> None:
    found = largest_slope(load_model(f"expr:{formula}", noise_variance=variance))
    assert slope * (1.0 - SHORT) <= found <= slope * (1.0 + 1e-12)


@pytest.mark.parametrize("name", ["figure8", "circle", "spiral_dots"])
def test_against_differences_on_an_even_grid(name: str) -> None:
    """Secants of f, 1e-5 apart, share nothing with the panels; they are short by up to 6e-5."""
    model = benchmark(name)
    z = np.linspace(-SLOPE_REACH, SLOPE_REACH, 800_001)
    f = model.decoder(z)
    even = float((np.linalg.norm(np.diff(f, axis=0), axis=1) / np.diff(z)).max())
    found = largest_slope(model)
    assert even * (1.0 - 1e-9) <= found <= even * (1.0 + 1e-4)


def test_kinks_that_nobody_declared() -> None:
    """As a network of rectifiers has: slopes jump, and a polynomial through one overshoots."""
    rng = np.random.default_rng(4)
    slope, at, weight = rng.normal(size=60), rng.uniform(-3.0, 3.0, 60), rng.normal(size=(60, 2))

    def f(z: np.ndarray) -> np.ndarray:
        return np.maximum(slope * (z[:, None] - at), 0.0) @ weight

    cuts = np.sort(np.concatenate([at, [-SLOPE_REACH, SLOPE_REACH]]))
    pieces = np.linalg.norm(np.diff(f(cuts), axis=0), axis=1) / np.diff(cuts)
    found = largest_slope(GenerativeModel(Decoder.from_function(f, name="rectifiers"), 0.05))
    assert found == pytest.approx(float(pieces.max()), rel=1e-6)


@settings(deadline=None, derandomize=True, max_examples=15)
@given(st.integers(0, 10_000))
def test_a_table_is_as_steep_as_its_steepest_piece(seed: int) -> None:
    rng = np.random.default_rng(seed)
    z = np.sort(rng.uniform(-3.9, 3.9, 40))
    values = rng.normal(size=(40, 2))
    pieces = np.linalg.norm(np.diff(values, axis=0), axis=1) / np.diff(z)
    model = GenerativeModel(decoder_from_table(z, values, kind="linear"), 0.1)
    assert largest_slope(model) == pytest.approx(float(pieces.max()), rel=1e-7)


def test_where_f_jumps_there_is_no_slope() -> None:
    assert largest_slope(load_model("expr:[sign(z)]", noise_variance=0.1)) == math.inf
    steps = decoder_from_table([-1.0, 0.5], [[0.0], [1.0], [0.0]], kind="cells")
    assert largest_slope(GenerativeModel(steps, 0.1)) == math.inf
    hidden = Decoder.from_function(lambda z: np.where(z < 0.321, z, z + 1.0), name="undeclared")
    assert largest_slope(GenerativeModel(hidden, 0.1)) == math.inf
    # Where no prior mass is a jump is none.
    far = decoder_from_table([5.5], [[0.0], [1.0]], kind="cells")
    assert largest_slope(GenerativeModel(far, 0.1)) == 0.0


def test_panels_do_as_well() -> None:
    model = benchmark("figure8")
    assert largest_slope(latent_panels(model)) == largest_slope(model)
