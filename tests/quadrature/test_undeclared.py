"""Jumps, kinks and bumps that nobody declared: found, or said not to be looked for."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.undeclared import Case, misses, parted, random_bumps, random_steps
from tests.mutants import mutant
from theorycheck.errors import DecoderError, SettingError
from theorycheck.inference import _marginal as marginal
from theorycheck.inference._marginal import log_density
from theorycheck.models._decoder import DEFAULT_SCAN, Decoder
from theorycheck.models._generative import GenerativeModel
from theorycheck.objectives._decomposition import decompose
from theorycheck.quadrature import _latent_panels as latent_panels_module
from theorycheck.quadrature import _scan as scan
from theorycheck.quadrature._breakpoints import locate_jumps
from theorycheck.quadrature._latent_panels import LatentPanels, latent_panels

ONE = np.ones(1)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("make", [random_steps, random_bumps])
def test_radii_hold(make: Callable[[int, int], Case], seed: int) -> None:
    """As `python -m benchmarks.undeclared` does for a hundred of each."""
    case = make(seed, 1 + seed % 2)
    outside, worst = misses(case, 100, seed)
    assert outside == 0
    assert worst < 1e-6


@pytest.mark.parametrize("case", [random_steps(11, 1, 60), random_bumps(13, 1)])
def test_averages_hold(case: Case) -> None:
    assert parted(case) == {}


@pytest.mark.parametrize("seed", range(5))
def test_every_jump_is_found_to_the_float(seed: int) -> None:
    case = random_steps(seed, 2)
    panels = latent_panels(case.model())
    assert panels.unresolved_mass == 0.0
    found = np.array(panels.breakpoints)
    assert len(found) == len(case.cuts)
    off = np.abs(found - case.cuts)
    # Nearer to zero than 1e-3 floats are closer than 2.2e-19.
    assert np.where(np.abs(found) < 1e-3, off < 2.2e-19, off == 0.0).all()
    assert panels.place_f.shape == (2, 2 * len(found))
    left, right = case.function(found - 1e-15), case.function(found + 1e-15)
    assert np.abs(panels.place_f - np.concatenate([left, right]).T).max() < 1e-13
    width = np.exp(panels.place_log_mass + 0.5 * np.tile(found, 2) ** 2) * math.sqrt(2.0 * math.pi)
    assert (width > np.spacing(np.tile(found, 2))).all()
    assert (width < 1e-13).all()


def test_a_jump_between_the_last_node_and_the_edge_is_found() -> None:
    """Panels end at whole numbers at first; the outermost node is 0.0053 of a panel inside."""
    for gap in (1e-3, 1e-6, 1e-9, 1e-13):
        for place in (1.0 - gap, 1.0 + gap, -gap, gap):
            decoder = Decoder.from_function(lambda z, b=place: np.where(z < b, 0.0, 1.0))
            panels = latent_panels(GenerativeModel(decoder, 0.01))
            assert min(abs(b - place) for b in panels.breakpoints) <= 1e-15
            assert panels.unresolved_mass == 0.0


def test_jumps_and_kinks_on_an_edge_are_named() -> None:
    """No panel needs to be cut there, but posteriors and figures ask where f breaks."""
    places = list(range(-11, 12))
    for function in (np.floor, lambda z: np.abs(z - np.round(z) - 0.5 * np.sign(z - np.round(z)))):
        panels = latent_panels(GenerativeModel(Decoder.from_function(function), 0.01))
        assert all(min(abs(b - k) for b in panels.breakpoints) < 1e-13 for k in places)


def _spike(z: np.ndarray) -> np.ndarray:
    """The spike of prior mass 8e-6."""
    return np.where(np.abs(z - 2.71828) < 4e-4, 3.0, 0.0)


def test_the_spike_is_found_from_its_width_on() -> None:
    decoder = Decoder.from_function(_spike)
    # By the definition: H of two Gaussians that do not overlap, of weights m and 1 − m; each
    # posterior is the prior or the spike, whose q is a Gaussian inside it.
    found = decompose(GenerativeModel(decoder, 0.0025))
    assert found.verified_width == DEFAULT_SCAN < 8e-4
    assert found.pmo.value == pytest.approx(0.01199682, abs=1e-6)
    width = 8e-4 * math.exp(-0.5 * 2.71828**2) / math.sqrt(2.0 * math.pi)
    base = 0.5 * math.log(2.0 * math.pi * math.e * 0.0025)
    mixed = -width * math.log(width) - (1.0 - width) * math.log1p(-width)
    assert found.entropy.value == pytest.approx(base + mixed, abs=1e-9)
    coarse = decompose(GenerativeModel(decoder, 0.0025), resolution=0.3)
    # Between two latents 0.3 apart it need not be seen; then the result says so.
    assert coarse.verified_width > 8e-4
    assert coarse.to_dict()["verified_width"] == coarse.verified_width
    assert found.to_dict()["verified_width"] == DEFAULT_SCAN


def _found(width: float, share: float) -> int:
    """At how many of 8 places in the lattice a box of so many resolutions is found."""
    count = 0
    for place in np.linspace(0.6, 0.6 + width, 8, endpoint=False):
        box = Decoder.from_function(
            lambda z, a=place: np.where((z > a) & (z < a + share * width), 1.0, 0.0),
            resolution=width,
        )
        count += len(latent_panels(GenerativeModel(box, 0.01)).breakpoints) == 2
    return count


@pytest.mark.parametrize("width", [1e-2, 1e-3, 1e-4])
def test_what_is_wider_than_the_resolution_is_found(width: float) -> None:
    """At any place; half as wide, only at some: then the assertion above could fail."""
    assert _found(width, 1.01) == 8
    assert _found(width, 0.5) < 8


def test_a_coarser_scan_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    coarse = mutant(scan.scan_decoder, "decoder.resolution)", "(2.0 * decoder.resolution))")
    monkeypatch.setattr(latent_panels_module, "scan_decoder", coarse)
    assert _found(1e-3, 1.01) < 8


def test_declared_decoders_are_scanned_for_narrow_bumps_too() -> None:
    bump = Decoder.from_function(
        lambda z: np.sin(z) + np.exp(-(((z - 0.7) / 2e-4) ** 2)), breakpoints=()
    )
    panels = latent_panels(GenerativeModel(bump, 0.01))
    assert ((panels.left < 0.7003) & (panels.right > 0.6997)).sum() > 10
    blind = latent_panels(GenerativeModel(bump.with_resolution(math.inf), 0.01))
    assert blind.verified_width == math.inf
    assert blind.size < panels.size


def test_wrong_declarations_are_completed() -> None:
    decoder = Decoder.from_function(lambda z: np.where(z < 1 / 3, 0.0, 1.0), breakpoints=(0.333,))
    panels = latent_panels(GenerativeModel(decoder, 0.01))
    assert panels.breakpoints == (0.333, 1 / 3)
    x = np.linspace(-0.3, 1.3, 33)[:, None]
    right = log_density(GenerativeModel(decoder.with_breakpoints((1 / 3,)), 0.01), x)
    found = log_density(panels, x)
    assert (np.abs(found.value - right.value) <= found.error + right.error).all()


def test_locate_jumps_tells_jumps_from_slopes() -> None:
    decoder = Decoder.from_function(lambda z: np.where(z < 0.1234567, 0.0, 1.0) + np.sin(z))
    low, high = np.array([0.1, 0.2, -0.1, 0.123]), np.array([0.2, 0.3, 0.13, 0.1234])
    found = locate_jumps(decoder, ONE, low, high)
    assert found[[0, 2]].tolist() == [0.1234567] * 2
    assert np.isnan(found[[1, 3]]).all()
    sign = Decoder.from_function(np.sign)
    assert locate_jumps(sign, ONE, np.array([-0.3]), np.array([0.7])).tolist() == [0.0]
    steep = Decoder.from_function(lambda z: np.tanh(1e6 * z))
    assert np.isnan(locate_jumps(steep, ONE, np.array([-0.3]), np.array([0.7]))).all()


def _narrow_cell() -> tuple[LatentPanels, float]:
    """Panels of a cell 3e-9 wide, one edge of it found, and the share of it that is uncertain."""
    decoder = Decoder.from_function(
        lambda z: np.where((z > 0.5) & (z < 0.5 + 3e-9), 9.0, 0.0), breakpoints=(0.5 + 1e-9,)
    )
    panels = latent_panels(GenerativeModel(decoder, 0.01))
    assert len(panels.breakpoints) == 3
    # Two jumps, each known to 32 floats (of 1.0) either way.
    return panels, 2 * 64 * 2.0**-53 / 3e-9


def test_radius_counts_the_width_in_which_a_jump_may_lie() -> None:
    panels, share = _narrow_cell()
    assert log_density(panels, [[9.0]]).relative_error[0] > 0.4 * share > 1e-7
    careless = mutant(marginal._on_panels, "relative += share", "relative += 0.0")
    assert careless(panels, np.array([[9.0]])).relative_error[0] < 0.4 * share


def test_resolution_out_of_range() -> None:
    decoder = Decoder.from_function(np.sin)
    for resolution in (0.0, -1.0, 1e-9, math.nan):
        with pytest.raises(DecoderError, match="resolution must be at least"):
            decoder.with_resolution(resolution)
    wide = Decoder.from_function(lambda z: np.tile(z[:, None], (1, 6)), resolution=1e-6)
    with pytest.raises(SettingError, match="finest possible is 1"):
        latent_panels(GenerativeModel(wide, 0.01))
    assert decoder.with_resolution(1e-4).with_breakpoints((0.0,)).resolution == 1e-4
