"""Times log p(x) at all data nodes of a benchmark, by the engine and its peers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.peers import cheapest_grid, grid_log_density, quad_log_density
from theorycheck.inference import log_density
from theorycheck.models import benchmark as model_of
from theorycheck.quadrature import latent_panels, trapezoid_grid

NAMES = ["figure8", "circle", "absolute_value", "clusters", "spiral_dots"]


@pytest.mark.parametrize("name", NAMES)
def test_all_data_nodes_on_the_grid(benchmark: Any, name: str) -> None:
    panels = latent_panels(model_of(name))
    grid = benchmark(trapezoid_grid, panels, 1.0 / 3.0)
    benchmark.extra_info["nodes"] = len(grid.x)


@pytest.mark.parametrize("name", NAMES)
def test_arbitrary_points(benchmark: Any, name: str) -> None:
    panels = latent_panels(model_of(name))
    _, x = panels.model.sample(20_000, 0)
    benchmark(log_density, panels, x)


@pytest.mark.parametrize("name", ["figure8", "circle", "clusters"])
def test_numpy_logsumexp(benchmark: Any, name: str) -> None:
    panels = latent_panels(model_of(name))
    grid = trapezoid_grid(panels, 1.0 / 3.0)
    x = grid.x[grid.log_density > grid.log_density.max() - 25.0]
    probe = x[:: max(1, len(x) // 400)]
    nodes = cheapest_grid(panels.model, probe, log_density(panels, probe).value, 1e-10)
    benchmark.pedantic(grid_log_density, (panels.model, grid.x, nodes), rounds=3)
    benchmark.extra_info["latent_nodes"] = nodes


def test_scipy_quad(benchmark: Any) -> None:
    panels = latent_panels(model_of("figure8"))
    _, x = panels.model.sample(20, 0)
    benchmark.pedantic(quad_log_density, (panels.model, x, np.linspace(-2, 2, 5)), rounds=2)
