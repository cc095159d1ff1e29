"""Strips of the curve: where it keeps to itself, and what is left to other rules."""

from __future__ import annotations

import numpy as np
import pytest

from theorycheck.inference._marginal import log_density
from theorycheck.models._decoder import Decoder
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.quadrature._curve_strips import curve_strips, lengths, only
from theorycheck.quadrature._latent_panels import LatentPanels, latent_panels


def _panels(formula: str, variance: float) -> LatentPanels:
    decoder = parse_expression(formula).to_decoder()
    return latent_panels(GenerativeModel(decoder, [variance] * decoder.data_dim))


def _held(panels: LatentPanels) -> np.ndarray:
    """Panels that some strip holds, counted."""
    strips = curve_strips(panels)
    held = np.zeros(panels.size, dtype=int)
    for first, last in zip(strips.first, strips.last, strict=True):
        held[first:last] += 1
    return held


@pytest.mark.parametrize(
    ("formula", "variance", "part"),
    [
        ("[7*z, 0*z]", 1e-4, 1.0),
        ("z", 1e-6, 1.0),
        ("[z, sin(3*z)]", 5e-4, 1.0),
        # The bends have a radius of 0.5 σ: the curve meets itself within the noise.
        ("[z, sin(3*z)]", 0.05, 0.0),
        # Every x has several z.
        ("sin(3*z)", 1e-4, 0.0),
    ],
)
def test_share_of_the_prior_that_keeps_to_itself(
    formula: str, variance: float, part: float
) -> None:
    panels = _panels(formula, variance)
    held = _held(panels)
    assert np.exp(panels.log_mass)[held > 0].sum() == pytest.approx(part, abs=1e-12)


def test_every_panel_is_in_one_strip_or_apart() -> None:
    panels = _panels("[10*(z**2 - 1), 10*(z**3 - z)]", 0.01)
    held, apart = _held(panels), curve_strips(panels).apart
    assert 0.02 < np.exp(panels.log_mass)[apart].sum() < 0.95
    inner = np.abs(0.5 * (panels.left + panels.right)) < 4.0
    assert np.array_equal(held[inner] + apart[inner], np.ones(int(inner.sum())))
    assert held.max() == 1


def test_a_crossing_is_apart() -> None:
    # The curve comes through the origin at z = −1 and z = 1.
    panels = _panels("[10*(z**2 - 1), 10*(z**3 - z)]", 0.01)
    apart = curve_strips(panels).apart
    middle = 0.5 * (panels.left + panels.right)
    # Within seven σ of the crossing another piece of the curve is too near, for certain.
    near = np.linalg.norm(panels.centre / panels.model.sigma, axis=1) < 7.0
    assert near[np.abs(middle - 1.0) < 0.1].any()
    assert apart[near].all()
    far = (np.abs(middle) > 1.4) & (np.abs(middle) < 6.0)
    assert not apart[far].any()


def test_strips_never_dwarf_their_neighbours_and_end_at_breakpoints() -> None:
    decoder = Decoder.from_function(
        lambda z: np.stack([50.0 * z, 50.0 * np.where(z > 0.3, 30.0, 0.0)], axis=-1),
        breakpoints=(0.3,),
    )
    panels = latent_panels(GenerativeModel(decoder, [0.01, 0.01]))
    strips = curve_strips(panels)
    way = lengths(panels)
    size = np.array([way[a:b].sum() for a, b in zip(strips.first, strips.last, strict=True)])
    assert np.isin(0.3, panels.left[strips.first])
    many = strips.last - strips.first > 1
    at_jump = np.searchsorted(panels.left[strips.first], 0.3)
    for beside in (at_jump - 1, at_jump):
        assert size[beside] <= 8.0 or not many[beside]
    grown = size[at_jump + 1 :] <= 2.0 * size[at_jump:-1] + 8.0
    assert grown[many[at_jump + 1 :]].all()


def test_what_a_bend_hides_is_cut_into_short_strips() -> None:
    """A bend of a few σ in a curve of thousands: f is a polynomial on every strip."""
    panels = _panels("[60*z, 3*tanh(40*(z - 0.4321))]", 0.01)
    strips = curve_strips(panels)
    holds = (panels.left[strips.first] < 0.4321) & (panels.right[strips.last - 1] > 0.4321)
    width = (panels.right[strips.last - 1] - panels.left[strips.first])[holds]
    assert width.size == 0 or width.max() < 0.05


def test_parts_of_the_density_add_up() -> None:
    panels = _panels("[z, sin(3*z)]", 0.01)
    chosen = np.random.default_rng(0).random(panels.size) < 0.5
    _, x = panels.model.sample(300, 1)
    parts = [np.exp(log_density(only(panels, mask), x).value) for mask in (chosen, ~chosen)]
    whole = np.exp(log_density(panels, x).value)
    assert np.abs(parts[0] + parts[1] - whole).max() <= 1e-12 * whole.max()
    assert min(part.max() for part in parts) > 0.01 * whole.max()


def test_a_part_has_no_density_where_its_latents_are_not() -> None:
    panels = _panels("[50*z, 0*z]", 0.01)
    part = only(panels, panels.right <= 0.0)
    x = np.array([[100.0, 0.0], [-100.0, 0.0]])
    there, here = log_density(part, x).value
    assert there < -1e4
    assert here == pytest.approx(log_density(panels, x).value[1], abs=1e-12)
