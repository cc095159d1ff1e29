"""Small problems of the optimum: few data nodes, few cells, so that an ascent takes a moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.problems import PROBLEMS
from theorycheck.models._benchmarks import benchmark
from theorycheck.models._generative import GenerativeModel
from theorycheck.optimum import Effort, find_optimum
from theorycheck.optimum._e_step import EStep
from theorycheck.optimum._nodes import data_nodes
from theorycheck.optimum._result import PredictedOptimum
from theorycheck.optimum._settings import SearchSettings
from theorycheck.quadrature._latent_cells import latent_cells

Small = Callable[..., EStep]

#: The least that a search can be and still have all its stages.
TINY = Effort(
    starts=4, coarse_cells=32, middle_cells=48, fine_cells=64, coarse_step=1.2, middle_step=1.0,
    fine_step=0.8, most_nodes=150, refined=2, rounds=1, hops=2, most=60, tolerance=1e-3,
)  # fmt: skip


@pytest.fixture(scope="session")
def figure8() -> GenerativeModel:
    return benchmark("figure8")


@pytest.fixture
def small() -> Small:
    """Return an E-step on a benchmark's data with few nodes and cells."""

    def make(name: str = "figure8", cells: int = 40, most: int = 200) -> EStep:
        nodes = data_nodes(benchmark(name), 1.0, tail=1e-3, most=most)
        return EStep(nodes, latent_cells(cells))

    return make


@pytest.fixture(scope="session")
def tiny_effort() -> Effort:
    return TINY


@pytest.fixture(scope="session")
def cheap() -> GenerativeModel:
    """Return a model with D = 1, whose exact evaluation takes a moment too."""
    return PROBLEMS["wave"].model


@pytest.fixture(scope="session")
def cheap_optimum(cheap: GenerativeModel) -> PredictedOptimum:
    """Return a search on it with the least effort."""
    return find_optimum(cheap, SearchSettings(effort=TINY, seed=3))


@pytest.fixture(scope="session")
def tiny_optimum(figure8: GenerativeModel) -> PredictedOptimum:
    """Return a search on figure8 with the least effort."""
    return find_optimum(figure8, SearchSettings(effort=TINY, seed=3))
