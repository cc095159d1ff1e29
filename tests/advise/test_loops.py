"""Prominences and loops: brute force over levels, gudhi where it is there, and known clouds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import label
from scipy.stats import gaussian_kde

from theorycheck.advise import _loops, loop_prominences, prominences
from theorycheck.models import benchmark

Array = np.ndarray


def grid_edges(shape: tuple[int, int]) -> Array:
    cell = np.arange(shape[0] * shape[1]).reshape(shape)
    down = np.stack([cell[1:].ravel(), cell[:-1].ravel()], axis=1)
    right = np.stack([cell[:, 1:].ravel(), cell[:, :-1].ravel()], axis=1)
    return np.concatenate([down, right])


def by_levels(height: Array) -> list[float]:
    """Prominences of the maxima of a grid by looking at every superlevel set."""
    found = []
    levels = np.unique(height)[::-1]
    for peak in levels:
        for level in levels[levels <= peak]:
            parts, _ = label(height >= level)
            mine = parts == parts[height == peak]
            if height[mine].max() > peak:
                if level < peak:
                    found.append(float(peak - level))
                break
        else:
            found.append(math.inf)
    return sorted(found, reverse=True)


@pytest.mark.parametrize("seed", range(4))
def test_prominences_against_every_level(seed: int) -> None:
    height = np.random.default_rng(seed).permutation(63).reshape(7, 9).astype(float)
    found = prominences(height.ravel(), grid_edges(height.shape))
    assert found == pytest.approx(by_levels(height))
    assert len(found) > 5


def test_prominences_of_parts_and_ties() -> None:
    """Two parts that nothing joins, and a plateau, which is one maximum."""
    height = np.array([0.0, 2.0, 1.0, 3.0, 5.0, 5.0, 5.0, 1.0])
    edges = np.array([[0, 1], [2, 1], [2, 3], [3, 2], [4, 5], [5, 6], [6, 7]])
    assert prominences(height, edges) == pytest.approx([math.inf, math.inf, 1.0])
    assert prominences(np.zeros(3), np.empty((0, 2), dtype=int)).tolist() == [math.inf] * 3


@pytest.mark.parametrize("seed", range(3))
def test_holes_against_gudhi(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loops of superlevel sets of a random field, by persistence in dimension 1."""
    gudhi = pytest.importorskip("gudhi")
    field = np.random.default_rng(seed).normal(size=(12, 15))
    padded = np.pad(field, 1, constant_values=-9.0)
    monkeypatch.setattr(_loops, "plane_log_density", lambda _: padded)
    monkeypatch.setattr(_loops, "RIM", math.inf)
    found = loop_prominences(np.random.default_rng(0).normal(size=(60, 2)))
    # Cells at the top dimension: superlevel sets join over sides and corners.
    cubes = gudhi.CubicalComplex(top_dimensional_cells=-padded)
    cubes.compute_persistence()
    pairs = cubes.persistence_intervals_in_dimension(1)
    expected = np.sort(pairs[:, 1] - pairs[:, 0])[::-1]
    assert len(expected) > 5
    assert found == pytest.approx(expected)


def test_a_hole_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring of height 5 with a pass of 4, and 1 within; a notch at the rim is no hole."""
    field = np.zeros((7, 7))
    field[1:6, 1:6] = 5.0
    field[2:5, 2:5] = 1.0
    field[1, 3] = 4.0
    monkeypatch.setattr(_loops, "plane_log_density", lambda _: field)
    rows = np.random.default_rng(0).normal(size=(60, 2))
    assert loop_prominences(rows) == pytest.approx([3.0])
    # Joined over a corner it is still closed ...
    field[1, 1] = 0.0
    assert loop_prominences(rows) == pytest.approx([3.0])
    # ... a pass far below the ring is a gap ...
    field[1, 3] = 3.0
    assert len(loop_prominences(rows)) == 0
    # ... and over a side it is open.
    field[1, 3] = 0.5
    assert len(loop_prominences(rows)) == 0


def test_the_density_against_scipy() -> None:
    """Inside, where the floor of four rows does not matter, up to the cells' width."""
    rows = _loops.leading_plane(np.random.default_rng(1).normal(size=(4000, 3)))
    found = _loops.plane_log_density(rows)
    width = _loops.BANDWIDTH * 4000 ** (-1.0 / 6.0)
    half = found.shape[0] // 2
    kernel = gaussian_kde(rows.T, bw_method=width * math.sqrt(3999 / 4000))
    for row, column in ((0, 0), (4, -3), (-8, 6)):
        point = [[row * width / 2.0], [column * width / 2.0]]
        effective = 4000 * 4.0 * math.pi * width**2 * kernel(point)[0]
        assert found[half + row, half + column] == pytest.approx(
            math.log(effective + 4.0), abs=0.03
        )


def test_loops_of_known_clouds() -> None:
    circle = loop_prominences(benchmark("circle").sample(1500, 0)[1])
    assert circle[0] > 2.0
    assert len(circle) == 1 or circle[1] < 0.3
    figure8 = loop_prominences(benchmark("figure8").sample(8000, 0)[1])
    assert (figure8 > 0.5).sum() == 2
    rng = np.random.default_rng(2)
    assert (loop_prominences(rng.normal(size=(1500, 2))) < 0.3).all()


def test_loops_do_not_depend_on_the_axes() -> None:
    """Turned, stretched, and with columns of less variance beside it."""
    x = benchmark("circle").sample(1000, 0)[1]
    moved = x @ np.array([[2.0, 1.0], [0.0, 0.5]])
    assert loop_prominences(moved)[0] == pytest.approx(loop_prominences(x)[0], abs=0.3)
    rng = np.random.default_rng(3)
    wide = np.column_stack([x, 0.3 * rng.normal(size=(1000, 2))])
    assert loop_prominences(wide)[0] > 2.0


def test_clouds_without_a_plane() -> None:
    x = np.random.default_rng(4).normal(size=(200, 1))
    assert len(loop_prominences(x)) == 0
    assert (loop_prominences(np.column_stack([x, 2.0 * x])) < 0.5).all()
