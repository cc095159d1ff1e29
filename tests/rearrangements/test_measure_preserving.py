"""Maps that preserve N(0, 1): the law of T(Z), digits beside cuts and in the tails."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from theorycheck.errors import SettingError
from theorycheck.rearrangements._interval_exchange import exchange, random_exchange, rotation
from theorycheck.rearrangements._measure_preserving import (
    LatentMap,
    fold,
    local_fold,
    reflection,
    uneven_fold,
)
from theorycheck.rearrangements._normal_intervals import normal_mass

MAPS = [
    reflection(),
    fold(2),
    fold(3),
    fold(2, guard=0.01),
    uneven_fold("skew", (0.9, 0.1)),
    local_fold(0.3, 0.5),
    local_fold(0.0, 0.2, 2),
    local_fold(0.8, 1.0, 4, guard=0.01),
    rotation(0.3),
    rotation(0.6, guard=0.02),
    exchange("tear", (0.0, 0.2, 0.7, 1.0), (2, 0, 1), (False, True, False), guard=0.05),
    random_exchange(np.random.default_rng(1), 5),
]


@pytest.mark.parametrize("latent_map", MAPS, ids=lambda m: m.name)
def test_the_law_is_preserved(latent_map: LatentMap) -> None:
    """Of evenly spread Φ(z), Pr[T(Z) <= t] is counted."""
    count = 200_000
    z = ndtri((np.arange(count) + 0.5) / count)
    moved = latent_map(z)
    for t in (-2.0, -0.6, 0.0, 0.3, 1.7):
        assert abs(np.mean(moved <= t) - ndtr(t)) < 20.0 / count


@pytest.mark.parametrize("latent_map", MAPS, ids=lambda m: m.name)
def test_preimages_are_mapped_back(latent_map: LatentMap) -> None:
    for t in (-1.3, 0.2, 0.9):
        back = np.array(latent_map.preimages(t))
        assert np.abs(latent_map(back) - t).max() < 1e-12


@pytest.mark.parametrize("latent_map", MAPS, ids=lambda m: m.name)
def test_what_meets_at_a_cut(latent_map: LatentMap) -> None:
    for cut, (before, after) in zip(latent_map.cuts, latent_map.meeting_points(), strict=True):
        sides = latent_map(np.array([np.nextafter(cut, -np.inf), cut]))
        for side, end in zip(sides, (before, after), strict=True):
            # An end at infinity is approached as the cut is.
            assert abs(ndtr(side) - ndtr(end)) < 1e-14


def test_normal_mass_keeps_its_digits() -> None:
    pairs = [(-1.0, -1.0 + 1e-9), (0.3, 0.7), (5.0, 5.4), (-9.0, -8.0), (8.0, 12.0), (-0.2, 3.0)]
    with mpmath.workdps(40):
        exact = [float(mpmath.ncdf(b) - mpmath.ncdf(a)) for a, b in pairs]
    found = normal_mass(np.array([a for a, _ in pairs]), np.array([b for _, b in pairs]))
    assert np.allclose(found, exact, rtol=1e-14, atol=0.0)


def test_reflection_is_exact() -> None:
    z = np.linspace(-8.0, 8.0, 33)
    assert np.allclose(reflection()(z), -z, rtol=1e-14, atol=1e-15)


def test_bad_input() -> None:
    with pytest.raises(SettingError, match="at least 2 branches"):
        fold(1)
    with pytest.raises(SettingError, match="share the mass 1"):
        uneven_fold("f", (0.5, 0.6))
    with pytest.raises(SettingError, match="ascend from 0 to 1"):
        exchange("f", (0.0, 0.5, 0.4, 1.0), (0, 1, 2), (False,) * 3)
    with pytest.raises(SettingError, match="in which order"):
        exchange("f", (0.0, 0.5, 1.0), (0, 0), (False, False))
    with pytest.raises(SettingError, match="between 0 and 1"):
        rotation(1.0)
    with pytest.raises(SettingError, match="at least 2 pieces"):
        random_exchange(np.random.default_rng(0), 1)
