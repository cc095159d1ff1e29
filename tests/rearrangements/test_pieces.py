"""Natural pieces of a curve: where it is cut, how many arrangements there are, and their law."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.special import ndtr

from theorycheck.errors import SettingError
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._expression import parse_expression
from theorycheck.models._generative import GenerativeModel
from theorycheck.rearrangements._image_law import characteristic_difference
from theorycheck.rearrangements._measure_preserving import LatentMap, local_fold
from theorycheck.rearrangements._pieces import _blocks, arranged_pieces, natural_cuts
from theorycheck.rearrangements._rearrangement import is_continuous, rearranged, zero_mleo_members


def model(text: str, variance: float = 0.05) -> GenerativeModel:
    return GenerativeModel(parse_expression(text).to_decoder(text), variance)


def test_clusters_are_cut_between_them() -> None:
    """Where u = 2π/(1 + exp(−πz/2)) is odd: half of the way from one cluster to the next."""
    change = -2.0 / np.pi * np.log(2.0 * np.pi / np.array([1.0, 3.0, 5.0]) - 1.0)
    found = np.array(natural_cuts(benchmark("clusters")))
    # A node of the panels there: a cluster's edge is where f has gone a thousandth of the way.
    assert np.abs(found - ndtr(change)).max() < 2e-3


def test_corners_and_jumps_are_cuts_and_a_smooth_curve_has_none() -> None:
    assert natural_cuts(benchmark("absolute_value")) == pytest.approx((0.5,))
    assert natural_cuts(model("z + 3*sign(z - 1)")) == pytest.approx((float(ndtr(1.0)),))
    for name in ("figure8", "circle"):
        assert natural_cuts(benchmark(name)) == ()
        assert arranged_pieces(benchmark(name), 24) == ([], 0)
    assert natural_cuts(model("0*z")) == ()


def _mirror(one: LatentMap) -> tuple[object, ...]:
    targets, flips = one.targets[::-1], tuple(not flip for flip in one.flipped[::-1])
    return (targets, flips)


def test_all_orders_and_directions_of_four_pieces() -> None:
    """4! 2⁴ / 2 − 1 = 191 besides the curve itself, none of them another's mirror image."""
    maps, count = arranged_pieces(benchmark("clusters"), 1000)
    assert count == len(maps) == math.factorial(4) * 2**3 - 1
    seen = {(one.targets, one.flipped) for one in maps}
    assert len(seen) == count
    assert not seen & {_mirror(one) for one in maps}
    # The 23 other orders come first, and of them the three that only rotate.
    assert not any(any(one.flipped) for one in maps[:23])
    assert any(maps[23].flipped)
    assert [one.name for one in maps[:3]] == ["pieces 2 3 4 1", "pieces 3 4 1 2", "pieces 4 1 2 3"]
    assert arranged_pieces(benchmark("clusters"), 5)[0] == maps[:5]
    assert {one.kind for one in maps} == {"pieces"}


def test_blocks_are_arrangements() -> None:
    every = set(_blocks(6))
    for order, flips in every:
        assert sorted(order) == list(range(6))
        # Either nothing is reversed, or the reversed pieces are a block that descends.
        run = [i for i, flip in zip(order, flips, strict=True) if flip]
        assert all(a - b == 1 for a, b in itertools.pairwise(run))
    assert len(every) == math.comb(7, 3) + math.comb(7, 2)


@pytest.mark.parametrize("index", [0, 7, 100])
def test_the_law_of_f_is_kept(index: int) -> None:
    data = benchmark("clusters")
    one = arranged_pieces(data, 200)[0][index]
    assert characteristic_difference(rearranged(data, one), data)[0].value < 1e-9


def test_local_folds_are_continuous_and_near_the_identity() -> None:
    data = benchmark("figure8")
    z = np.linspace(-3.0, 3.0, 400)
    for one in (local_fold(0.2, 0.4), local_fold(0.0, 0.1, 2), local_fold(0.9, 1.0, 2)):
        assert is_continuous(data, one)
        moved = ndtr(one(z)) - ndtr(z)
        width = one.targets[-2][1] - one.targets[-2][0] if len(one.targets) > 3 else 0.1
        assert 0.0 < np.abs(moved).max() <= width + 1e-12
        assert characteristic_difference(rearranged(data, one), data)[0].value < 1e-9
    for low, high, branches in ((0.2, 0.4, 2), (0.4, 0.2, 3), (-0.1, 0.5, 3), (0.2, 0.4, 1)):
        with pytest.raises(SettingError):
            local_fold(low, high, branches)


def test_the_class_holds_what_was_asked_for() -> None:
    data = benchmark("clusters")
    members, _ = zero_mleo_members(data, folds=(), local_folds=(3,), tears=0, pieces=4)
    kinds = [member.kind for member in members]
    # Of either base three rotations; three parts folded in three, two of them in two.
    assert (kinds.count("rotation"), kinds.count("pieces"), kinds.count("fold")) == (6, 4, 5)
    untorn, _ = zero_mleo_members(data, folds=(), tears=-1)
    assert all(m.continuous for m in untorn if m.kind not in {"ground truth", "monotone"})
    with pytest.raises(SettingError, match="pieces must be"):
        zero_mleo_members(data, pieces=-1)
    with pytest.raises(SettingError, match="pieces must be"):
        zero_mleo_members(data, local_folds=(0,))
