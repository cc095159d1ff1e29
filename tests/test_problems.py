"""The table of test problems: its tags are true, its closed forms agree with scipy's quadrature."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from tests.problems import ALL_NAMES, CLOSED, PROBLEMS, TAGS, tagged

Z = np.random.default_rng(0).normal(scale=2.0, size=400)


def _joint(name: str, x: np.ndarray):  # type: ignore[no-untyped-def]
    """p(x, z) as a function of one z, straight from the definition."""
    problem = PROBLEMS[name]
    sigma = np.sqrt(problem.noise_variance)

    def value(z: float) -> float:
        mean = problem.model.decoder(np.array([z]))[0]
        return float(stats.norm.pdf(z) * stats.norm.pdf(x, mean, sigma).prod())

    return value


def _integral(name: str, x: np.ndarray, moment: int) -> float:
    """∫ z^moment p(x, z) dz by scipy, split at kinks and at the peaks of each piece."""
    problem = PROBLEMS[name]
    variance = np.array(problem.noise_variance)
    cuts = {-12.0, 12.0}
    for piece in problem.pieces:
        cuts |= {max(-12.0, min(12.0, end)) for end in (piece.lower, piece.upper)}
        mean, scale = piece.moments(x[None], variance)
        cuts |= {float(np.clip(mean[0] + k * scale, -12.0, 12.0)) for k in (-9, -3, 0, 3, 9)}
    joint = _joint(name, x)
    edges = sorted(cuts)
    return sum(
        integrate.quad(lambda z: z**moment * joint(z), a, b, epsabs=0.0, epsrel=1e-10)[0]
        for a, b in itertools.pairwise(edges)
        if b - a > 1e-13 and max(joint(t) for t in np.linspace(a, b, 9)) > 0.0
    )


def test_names_are_unique_and_tags_known() -> None:
    assert len(set(ALL_NAMES)) == len(ALL_NAMES)
    for name in ALL_NAMES:
        problem = PROBLEMS[name]
        assert problem.name == name
        assert problem.tags
        assert problem.tags <= TAGS
        assert len(problem.noise_variance) == problem.model.data_dim
    assert {PROBLEMS[name].model.data_dim for name in ALL_NAMES} == {1, 2, 3}
    assert all(tagged(tag) for tag in TAGS)


@pytest.mark.parametrize("name", ALL_NAMES)
def test_tags_are_true(name: str) -> None:
    problem = PROBLEMS[name]
    decoder, tags = problem.model.decoder, problem.tags
    assert ("kinked" in tags) == bool(decoder.breakpoints)
    assert ("smooth" in tags) == (not decoder.breakpoints)
    if "linear" in tags:
        second = decoder(Z + 1.0) - 2.0 * decoder(Z) + decoder(Z - 1.0)
        assert np.abs(second).max() < 1e-12 * (1.0 + np.abs(decoder(Z)).max())
    if "narrow" in tags:
        assert min(problem.noise_variance) < 1e-3
    if "steep" in tags:
        grid = np.linspace(-4.0, 4.0, 400_001)
        slope = np.abs(np.diff(decoder(grid), axis=0)).max() / (grid[1] - grid[0])
        assert slope > 10.0
    if "flat" in tags:
        h = 1e-3
        change = np.abs(decoder(Z + h) - decoder(Z)).max(axis=1)
        assert np.mean(change < 1e-2 * h) > 0.1
    if problem.even:
        assert np.abs(decoder(Z) - decoder(-Z)).max() == 0.0


@pytest.mark.parametrize("name", CLOSED)
def test_pieces_are_the_decoder(name: str) -> None:
    problem = PROBLEMS[name]
    covered = np.zeros(Z.size, dtype=int)
    for piece in problem.pieces:
        inside = (piece.lower < Z) & (piece.upper > Z)
        covered += inside
        line = Z[inside, None] * np.array(piece.slope) + np.array(piece.offset)
        assert np.abs(line - problem.model.decoder(Z[inside])).max() < 1e-12
    assert (covered == 1).all()


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_against_scipy(name: str) -> None:
    problem = PROBLEMS[name]
    _, x = problem.model.sample(3, 5)
    x = np.concatenate([x, x[:1] + 3.0 * problem.model.sigma])
    log_density, mean = problem.log_density(x), problem.posterior_mean(x)
    for k in range(len(x)):
        mass = _integral(name, x[k], 0)
        assert math.log(mass) == pytest.approx(log_density[k], rel=1e-9, abs=1e-9)
        assert _integral(name, x[k], 1) / mass == pytest.approx(mean[k], rel=1e-7, abs=1e-7)


@pytest.mark.parametrize("name", [n for n in CLOSED if PROBLEMS[n].entropy is not None])
def test_entropy_against_sampling(name: str) -> None:
    problem = PROBLEMS[name]
    _, x = problem.model.sample(40_000, 11)
    surprise = -problem.log_density(x)
    error = float(surprise.std()) / math.sqrt(len(x))
    assert problem.entropy == pytest.approx(float(surprise.mean()), abs=5.0 * error)
