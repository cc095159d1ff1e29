"""Times one E-step with the sums of the M-step, at several sizes, and a plain loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtr

from theorycheck.models import benchmark as model_of
from theorycheck.optimum import DataNodes, EStep, PlaneEStep, Responsibilities, data_nodes
from theorycheck.quadrature import latent_cells, plane_cells

VARIANCE = np.full(2, 0.02)


def problem(nodes: int, cells: int) -> tuple[EStep, np.ndarray, Responsibilities]:
    """Return figure8's E-step, its f, and the sweep before, from which an ascent goes on."""
    e_step = EStep(_nodes(nodes), latent_cells(cells))
    f = e_step.cells.average(model_of("figure8").decoder)
    e_step(f, VARIANCE)
    return e_step, f, e_step(f, VARIANCE)


def _nodes(count: int) -> DataNodes:
    laid = data_nodes(model_of("figure8"), 0.25, tail=1e-6)
    kept = np.random.default_rng(0).permutation(len(laid.x))[:count]
    mass = laid.mass[kept] / laid.mass[kept].sum()
    return DataNodes(laid.x[kept], mass, laid.log_density[kept], laid.noise_variance)


@pytest.mark.parametrize("nodes", [500, 1000, 2000, 4000])
def test_e_and_m_step_over_nodes(benchmark: Any, nodes: int) -> None:
    """At 1,000 cells; the aim at 1,000 nodes is 50 ms."""
    e_step, f, last = problem(nodes, 1000)
    benchmark(e_step, f, VARIANCE, last.minima)


@pytest.mark.parametrize("cells", [125, 250, 500, 2000])
def test_e_and_m_step_over_cells(benchmark: Any, cells: int) -> None:
    """At 1,000 nodes."""
    e_step, f, last = problem(1000, cells)
    benchmark(e_step, f, VARIANCE, last.minima)


def plain_step(nodes: DataNodes, boundary: np.ndarray, f: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Take one E+M step as one would write it: scipy from the last q, κ as a matrix."""
    edges = np.concatenate([[-np.inf], boundary, [np.inf]])

    def masses(mean: float, scale: float) -> np.ndarray:
        return np.diff(ndtr((edges - mean) / scale))

    moved = np.empty((len(nodes.x), len(f)))
    for k, x in enumerate(nodes.x):
        cost = (0.5 * (x - f) ** 2 / VARIANCE).sum(axis=1)

        def value(at: np.ndarray, cost: np.ndarray = cost) -> float:
            s = np.exp(at[1])
            prior = 0.5 * (s * s + at[0] ** 2 - 1.0) - at[1]
            return float(prior + masses(at[0], s) @ cost)

        found = minimize(value, q[k], method="BFGS").x
        moved[k] = masses(found[0], np.exp(found[1]))
    weighted = nodes.mass[:, None] * moved
    result: np.ndarray = (weighted.T @ nodes.x) / np.maximum(weighted.sum(axis=0), 1e-14)[:, None]
    return result


def test_plain_scipy_loop(benchmark: Any) -> None:
    """The same at 1,000 cells for 20 nodes, and only locally; multiply by 50."""
    e_step, f, last = problem(20, 1000)
    q = last.minima[:, 0, :2]
    benchmark.pedantic(plain_step, (e_step.nodes, e_step.cells.boundary, f, q), rounds=2)


@pytest.mark.parametrize("side", [24, 48, 72])
def test_plane_e_and_m_step_over_cells(benchmark: Any, side: int) -> None:
    """Two latents, at 500 nodes and side² cells: f bends with both latents."""
    e_step = PlaneEStep(_nodes(500), plane_cells(side, side))
    figure8 = model_of("figure8").decoder
    f = e_step.cells.average(lambda z: figure8(z[:, 0] + 0.3 * z[:, 1] ** 2))
    e_step(f, VARIANCE)
    last = e_step(f, VARIANCE)
    benchmark(e_step, f, VARIANCE, last.minima)
