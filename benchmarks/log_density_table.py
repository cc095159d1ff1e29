"""Times log p(x) by the engine and by what one would use instead."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from benchmarks.annealing import annealed_log_density
from benchmarks.peers import (
    cheapest_grid,
    grid_log_density,
    importance_log_density,
    quad_log_density,
)
from benchmarks.timing import Size, seconds
from theorycheck.inference import MeanField, log_density
from theorycheck.models import benchmark
from theorycheck.quadrature import latent_panels, trapezoid_grid
from theorycheck.report import EXACT, GAUSSIAN, new_figure, styled

#: Accuracy asked of a uniform grid, nats, and the most latents it may have.
_ASKED, _MOST = 1e-10, 20_000
#: x with log p this far below the largest are not looked at.
_DEEP = 25.0


@dataclass(frozen=True)
class Timed:
    """One method on one benchmark.

    Parameters
    ----------
    benchmark, method : str
    points : int
    time : float
        Seconds an x.
    error : float
        Nats.
    note : str
    ours : bool
    """

    benchmark: str
    method: str
    points: int
    time: float
    error: float
    note: str = ""
    ours: bool = False

    def row(self, unit: float) -> str:
        """Return the line of the table; `unit` is the time that ratios are of."""
        error = f"{self.error:.0e}{self.note}"
        micro = self.time * 1e6
        shown = f"{micro:,.0f}" if micro >= 100 else f"{micro:.3g}"
        times = self.time / unit
        ratio = f"{times:,.0f}" if times >= 10.0 else f"{times:.2g}"
        return (
            f"| {self.benchmark} | {self.method} | {self.points:,} | {shown} | {ratio} | {error} |"
        )


def timed_log_densities(name: str, size: Size) -> list[Timed]:
    """Time log p at all data nodes (grid step σ/3) and at single points, by each method."""
    panels = latent_panels(benchmark(name))
    model = panels.model
    grid = trapezoid_grid(panels, 1.0 / 3.0)
    count = len(grid.x)
    on_grid = seconds(lambda: trapezoid_grid(panels, 1.0 / 3.0), size.rounds) / count
    points = seconds(lambda: log_density(panels, grid.x), size.rounds) / count
    likely = grid.log_density > grid.log_density.max() - _DEEP
    stride = max(1, int(likely.sum()) // 400)
    probe = grid.x[likely][::stride]
    exact = log_density(panels, probe)
    accuracy = float(np.abs(grid.log_density[likely][::stride] - exact.value).max())
    result = [
        Timed(name, "theorycheck, nodes of a grid", count, on_grid, accuracy, ours=True),
        Timed(name, "theorycheck, arbitrary points", count, points,
              float(np.median(exact.error)), ours=True),
    ]  # fmt: skip
    # Uniform grids never get there across a kink, a jump or steps this steep.
    nodes = cheapest_grid(model, probe, exact.value, _ASKED, _MOST)
    reached, note = _ASKED, ""
    if nodes < 0:
        nodes = _MOST
        reached = float(np.abs(grid_log_density(model, probe, nodes) - exact.value).max())
        note = ", not reached"
    spent = seconds(lambda: grid_log_density(model, probe, nodes), size.rounds) / len(probe)
    label = f"numpy + scipy logsumexp, {nodes:,} latents"
    result.append(Timed(name, label, len(probe), spent, reached, note))
    few_stride = max(1, len(probe) // 12)
    few = probe[::few_stride]
    breaks = np.array([*panels.breakpoints]) if panels.breakpoints else np.linspace(-2, 2, 5)
    start = time.perf_counter()
    integrated = quad_log_density(model, few, breaks)
    spent = (time.perf_counter() - start) / len(few)
    error = float(np.abs(integrated - exact.value[::few_stride]).max())
    result.append(Timed(name, "scipy quad with breakpoints", len(few), spent, error))
    optimum = MeanField(panels).optimal_q(probe)
    start = time.perf_counter()
    sampled = importance_log_density(model, probe, optimum.mean, optimum.scale)
    spent = (time.perf_counter() - start) / len(probe)
    result.append(Timed(name, "importance sampling, 5,000 draws, torch", len(probe), spent,
                        _rms(sampled - exact.value)))  # fmt: skip
    some_stride = max(1, len(probe) // size.points)
    some = probe[::some_stride]
    start = time.perf_counter()
    annealed = annealed_log_density(model, some, chains=size.chains, temperatures=size.temperatures)
    spent = (time.perf_counter() - start) / len(some)
    label = f"annealed importance sampling, {size.chains} chains x {size.temperatures}"
    result.append(Timed(name, label, len(some), spent, _rms(annealed - exact.value[::some_stride])))
    return result


def _rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(difference**2)))


@styled
def log_density_figure(timed: list[Timed]) -> Figure:
    """Draw error against time for one benchmark; lower left is better."""
    figure = new_figure(4.0)
    axes = figure.add_subplot()
    for one, marker in zip(timed, "osD^vP", strict=True):
        if np.isfinite(one.error):
            axes.plot(
                1e6 * one.time, max(one.error, 1e-16), marker, ms=10, label=one.method,
                color=EXACT if one.ours else GAUSSIAN, linestyle="none",
            )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="time for one x (µs)", ylabel="error (nats)")
    axes.set_title(f"log p(x) on {timed[0].benchmark}: lower left is better")
    figure.legend(loc="outside lower left", ncols=2)
    return figure
