"""Ratios, accuracies and scaling in one run: ``python -m benchmarks.table``.

Prints the Markdown that ``docs/speed.md`` shows.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.peers import (
    cheapest_grid,
    grid_log_density,
    importance_log_density,
    lbfgs_optimal_q,
    quad_log_density,
)
from theorycheck.inference.marginal import log_density
from theorycheck.inference.mean_field import MeanField
from theorycheck.models.benchmarks import benchmark
from theorycheck.objectives.decomposition import decompose
from theorycheck.quadrature.data_nodes import trapezoid_grid
from theorycheck.quadrature.latent_panels import latent_panels


def seconds(job: Callable[[], object], rounds: int = 3) -> float:
    """Return the least time of a few rounds."""
    best = np.inf
    for _ in range(rounds):
        start = time.perf_counter()
        job()
        best = min(best, time.perf_counter() - start)
    return best


def log_density_rows(name: str) -> list[str]:
    """Compare log p at all data nodes (grid step σ/3)."""
    panels = latent_panels(benchmark(name))
    model = panels.model
    grid = trapezoid_grid(panels, 1.0 / 3.0)
    count = len(grid.x)
    ours = seconds(lambda: trapezoid_grid(panels, 1.0 / 3.0)) / count
    points = seconds(lambda: log_density(panels, grid.x)) / count
    x = grid.x[grid.log_density > grid.log_density.max() - 25.0]
    probe = x[:: max(1, len(x) // 400)]
    exact = log_density(panels, probe)
    on_grid = grid.log_density[grid.log_density > grid.log_density.max() - 25.0]
    accuracy = float(np.abs(on_grid[:: max(1, len(x) // 400)] - exact.value).max())
    nodes = cheapest_grid(model, probe, exact.value, 1e-10)
    reached = "1e-10"
    if nodes < 0:
        # Uniform grids never get there across a kink, a jump or steps this steep.
        nodes = 20_000
        missed = np.abs(grid_log_density(model, probe, nodes) - exact.value).max()
        reached = f"{missed:.0e}, not reached"
    numpy_time = seconds(lambda: grid_log_density(model, probe, nodes)) / len(probe)
    few = probe[:: max(1, len(probe) // 12)]
    breaks = np.array([*panels.breakpoints]) if panels.breakpoints else np.linspace(-2, 2, 5)
    start = time.perf_counter()
    integrated = quad_log_density(model, few, breaks)
    quad_time = (time.perf_counter() - start) / len(few)
    quad_error = float(np.abs(integrated - exact.value[:: max(1, len(probe) // 12)]).max())
    optimum = MeanField(panels).optimal_q(probe)
    sampled = importance_log_density(model, probe, optimum.mean, optimum.scale)
    sampling_time = seconds(
        lambda: importance_log_density(model, probe, optimum.mean, optimum.scale), 2
    ) / len(probe)
    worse = float(np.sqrt(np.mean((sampled - exact.value) ** 2)))
    return [
        f"| {name} | data nodes of the grid | {count:,} | {ours * 1e6:.3f} | 1 | {accuracy:.0e} |",
        f"| {name} | arbitrary points | {count:,} | {points * 1e6:.2f} | {points / ours:.0f} | "
        f"{float(np.median(exact.error)):.0e} |",
        f"| {name} | numpy + scipy logsumexp, {nodes:,} latents | {len(probe)} | "
        f"{numpy_time * 1e6:.2f} | {numpy_time / ours:,.0f} | {reached} |",
        f"| {name} | scipy quad with breakpoints | {len(few)} | {quad_time * 1e6:,.0f} | "
        f"{quad_time / ours:,.0f} | {quad_error:.0e} |",
        f"| {name} | importance sampling, 5,000 draws, torch | {len(probe)} | "
        f"{sampling_time * 1e6:,.0f} | {sampling_time / ours:,.0f} | {worse:.0e} |",
    ]


def optimal_q_row(name: str) -> str:
    """Compare the optimal q with multi-start L-BFGS."""
    field = MeanField(benchmark(name))
    _, x = field.model.sample(5_000, 0)
    field.optimal_q(x[:10])
    ours = seconds(lambda: field.optimal_q(x)) / len(x)
    few = x[:20]
    found = lbfgs_optimal_q(field.model, few)
    peer = seconds(lambda: lbfgs_optimal_q(field.model, few), 1) / len(few)
    missed = int(np.sum(found > field.optimal_q(few).negative_elbo + 1e-6))
    return (
        f"| {name} | {ours * 1e6:.1f} | {peer * 1e6:,.0f} | {peer / ours:,.0f} | "
        f"{missed} of {len(few)} |"
    )


def scaling_rows() -> list[str]:
    """Show how the cost grows with data nodes, with 1/σ and with accuracy."""
    rows = []
    panels = latent_panels(benchmark("figure8"))
    for step in (1 / 3, 1 / 6, 1 / 12):
        grid = trapezoid_grid(panels, step)
        spent = seconds(lambda step=step: trapezoid_grid(panels, step))
        rows.append(f"| log p on a grid, step σ/{1 / step:.0f} | {len(grid.x):,} nodes | "
                    f"{spent * 1e3:.1f} |")  # fmt: skip
    for variance in (2e-2, 2e-3, 2e-4):
        model = benchmark("figure8").with_noise_variance(variance)
        spent = seconds(lambda model=model: decompose(model, tolerance=1e-5), 1)
        rows.append(
            f"| decompose figure8, tolerance 1e-5 | σ² = {variance:g} | {spent * 1e3:,.0f} |"
        )
    for tolerance in (1e-4, 1e-5, 1e-6, 1e-7):
        model = benchmark("figure8")
        spent = seconds(lambda t=tolerance, model=model: decompose(model, tolerance=t), 2)
        rows.append(
            f"| decompose figure8, σ² = 0.02 | tolerance {tolerance:g} | {spent * 1e3:,.0f} |"
        )
    return rows


def main() -> None:
    """Print the tables."""
    names = ["figure8", "circle", "absolute_value", "clusters", "spiral_dots"]
    print(f"Python {platform.python_version()}, {platform.machine()}, numpy {np.__version__}\n")
    print("| benchmark | log p by | points | µs a point | ratio | error (nats) |")
    print("|---|---|---:|---:|---:|---:|")
    for name in names:
        print("\n".join(log_density_rows(name)), flush=True)
    print("\n| benchmark | optimal q, µs a point | 10 x L-BFGS, µs | ratio | L-BFGS missed it |")
    print("|---|---:|---:|---:|---:|")
    for name in names:
        print(optimal_q_row(name), flush=True)
    print("\n| benchmark | decompose, seconds |\n|---|---:|")
    for name in names:
        model = benchmark(name)
        decompose(model, tolerance=1e-2)
        print(f"| {name} | {seconds(lambda model=model: decompose(model), 2):.2f} |", flush=True)
    command = [sys.executable, "-c", "import theorycheck"]
    spent = seconds(lambda: subprocess.run(command, check=True), 5)
    print(f"| import theorycheck (a fresh process, Python's own start included) | {spent:.2f} |")
    print("\n| what | at | milliseconds |\n|---|---|---:|")
    print("\n".join(scaling_rows()))


if __name__ == "__main__":
    main()
