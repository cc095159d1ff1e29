"""Starts: tears that keep N(0, 1), random curves of the data's size, annealing; laws of ascents."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from tests.optimum.conftest import Small
from theorycheck.models._benchmarks import benchmark
from theorycheck.optimum._coordinate_ascent import ascend
from theorycheck.optimum._e_step import EStep
from theorycheck.optimum._nodes import DataNodes, data_nodes
from theorycheck.optimum._starts import Start, anneal, ascend_from, random_curve, random_start, torn
from theorycheck.quadrature._latent_cells import latent_cells
from theorycheck.rearrangements._interval_exchange import random_exchange

Array = np.ndarray
many = settings(deadline=None, derandomize=True, max_examples=40)
few = settings(deadline=None, derandomize=True, max_examples=6)


@many
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_interval_exchange_preserves_the_prior(seed: int, pieces: int) -> None:
    """Φ(T) maps equally many of evenly spaced Φ(z) into every interval, to one a piece's end."""
    size = 4000
    u = (np.arange(size) + 0.5) / size
    moved = ndtr(random_exchange(np.random.default_rng(seed), pieces, trivial=True)(ndtri(u)))
    off = np.abs(np.sort(moved) - u).max()
    assert off <= (pieces + 1) / size
    # Not only in law: slope ±1 in Φ but for the cuts.
    steps = np.abs(np.diff(moved))
    assert (np.abs(steps - 1.0 / size) > 1e-9).sum() <= pieces - 1


def test_one_piece_is_the_identity_or_the_flip() -> None:
    z = np.linspace(-3.0, 3.0, 41)
    found = {
        bool(np.allclose(random_exchange(np.random.default_rng(k), 1, trivial=True)(z), sign * z))
        for k in range(8)
        for sign in (1.0, -1.0)
    }
    assert found == {True, False}


def test_random_curve_has_the_datas_size(small: Small) -> None:
    e_step = small()
    mass, x = e_step.nodes.mass, e_step.nodes.x
    spread = np.sqrt((mass @ (x - mass @ x) ** 2).sum())
    mean = mass @ x
    for amplitude in (0.1, 1.0):
        curves = [random_curve(np.random.default_rng(k), e_step, 4, amplitude) for k in range(200)]
        prior = e_step.cells.prior_mass
        size = np.sqrt(np.mean([prior @ ((c - mean) ** 2).sum(axis=1) for c in curves]))
        assert size == pytest.approx(amplitude * spread, rel=0.2)


def test_starts_are_those_of_their_seed(small: Small) -> None:
    e_step = small()
    truth = e_step.cells.average(benchmark("figure8").decoder)
    starts = [random_start(np.random.default_rng(k), e_step, truth) for k in range(40)]
    again = [random_start(np.random.default_rng(k), e_step, truth) for k in range(40)]
    for first, second in zip(starts, again, strict=True):
        assert first.kind == second.kind
        assert first.heat == second.heat
        assert np.array_equal(first.f, second.f)
    kinds = [start.kind for start in starts]
    assert {"annealed curve", "torn ground truth"} == set(kinds)
    assert 4 <= kinds.count("torn ground truth") <= 18


def test_a_tear_has_the_values_of_f(small: Small) -> None:
    e_step = small(cells=400)
    truth = e_step.cells.average(benchmark("figure8").decoder)
    start = torn(np.random.default_rng(0), e_step, truth, "hop")
    distance = np.linalg.norm(start.f[:, None] - truth[None], axis=2).min(axis=1)
    assert distance.max() < 0.02
    assert start.heat >= 1.0


def test_annealing(small: Small) -> None:
    e_step = small()
    truth = e_step.cells.average(benchmark("figure8").decoder)
    variance = np.full(2, 0.02)
    f, previous = anneal(e_step, Start("cold", truth), variance)
    assert f is truth
    assert previous is None
    f, previous = anneal(e_step, Start("warm", truth, heat=3.0), variance)
    assert previous is not None
    assert not np.array_equal(f, truth)
    # It ends where an ascent at the true σ² goes on from, and no higher than it began.
    ended = ascend_from(e_step, Start("warm", truth, heat=3.0), variance)
    assert ended[2] <= e_step(f, variance, previous).negative_elbo


#: Nats of the first E-step, and of the steps that follow from q of Newton's tolerance.
EXACT, FOLLOWING = 1e-11, 1e-6


def same(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    begin = abs(first[0] - second[0]) < EXACT * abs(first[0])
    return begin and bool(np.allclose(first, second, rtol=0.0, atol=FOLLOWING))


def history(nodes: DataNodes, f: Array, variance: Array) -> tuple[float, ...]:
    return ascend(EStep(nodes, latent_cells(len(f))), f, variance, most=6).history


@few
@given(st.integers(0, 10_000))
def test_flipping_z_changes_nothing(seed: int) -> None:
    nodes = data_nodes(benchmark("figure8"), 1.0, tail=1e-3, most=150)
    e_step = EStep(nodes, latent_cells(30))
    f = random_curve(np.random.default_rng(seed), e_step, 3, 1.0)
    variance = np.full(2, 0.02)
    straight = history(nodes, f, variance)
    assert same(straight, history(nodes, f[::-1].copy(), variance))


@few
@given(st.integers(0, 10_000), st.floats(0.0, 6.0))
def test_rotating_x_changes_nothing(seed: int, angle: float) -> None:
    nodes = data_nodes(benchmark("figure8"), 1.0, tail=1e-3, most=150)
    e_step = EStep(nodes, latent_cells(30))
    f = random_curve(np.random.default_rng(seed), e_step, 3, 1.0)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turned = DataNodes(nodes.x @ turn, nodes.mass, nodes.log_density, nodes.noise_variance)
    variance = np.full(2, 0.02)
    straight = history(nodes, f, variance)
    assert same(straight, history(turned, f @ turn, variance))
