"""Measures how cost grows with data nodes, with 1/σ, with cells and with threads."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numba
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from benchmarks.timing import Size, seconds
from theorycheck.inference import MeanField, log_density
from theorycheck.models import benchmark
from theorycheck.objectives import decompose
from theorycheck.optimum import EStep, data_nodes
from theorycheck.quadrature import latent_cells, latent_panels, trapezoid_grid
from theorycheck.report import EXACT, GAUSSIAN, new_figure, styled


@dataclass(frozen=True, eq=False)
class Curve:
    """Times over one quantity.

    Parameters
    ----------
    what, unit : str
        The name of what is timed, and the unit of what is varied.
    at, milliseconds : ndarray
    """

    what: str
    unit: str
    at: NDArray[np.float64]
    milliseconds: NDArray[np.float64]

    def rows(self) -> list[str]:
        """Return the lines of the table."""
        return [
            f"| {self.what} | {self._shown(a)} {self.unit} | {t:,.1f} |"
            for a, t in zip(self.at, self.milliseconds, strict=True)
        ]

    @staticmethod
    def _shown(value: float) -> str:
        return f"{value:,.0f}" if value >= 1.0 else f"{value:g}"


def _curve(what: str, unit: str, at: list[float], times: list[float]) -> Curve:
    return Curve(what, unit, np.array(at, dtype=float), 1e3 * np.array(times))


def over_data_nodes(size: Size) -> Curve:
    """Time log p on ever finer grids."""
    panels = latent_panels(benchmark("figure8"))
    steps = (1 / 3, 1 / 6, 1 / 12, 1 / 24)[: 4 if size.rounds > 1 else 1]
    grids = [trapezoid_grid(panels, step) for step in steps]
    times = [seconds(lambda s=step: trapezoid_grid(panels, s), size.rounds) for step in steps]
    return _curve("log p on a grid, figure8", "data nodes", [len(g.x) for g in grids], times)


def over_noise(size: Size) -> Curve:
    """Decompose with ever less noise."""
    levels = (2e-2, 6.3e-3, 2e-3, 6.3e-4, 2e-4)[: 5 if size.rounds > 1 else 1]
    base = benchmark("figure8")
    models = [base.with_noise_variance(level) for level in levels]
    times = [seconds(lambda m=model: decompose(m, tolerance=1e-5), 1) for model in models]
    return _curve("decompose figure8 to 1e-5", "= σ²", list(levels), times)


def over_tolerance(size: Size) -> Curve:
    """Decompose to ever more digits."""
    tolerances = (1e-4, 1e-5, 1e-6, 1e-7)[: 4 if size.rounds > 1 else 1]
    model = benchmark("figure8")
    times = [seconds(lambda t=tol: decompose(model, tolerance=t), 1) for tol in tolerances]
    return _curve("decompose figure8", "nats", list(tolerances), times)


def over_cells(size: Size) -> Curve:
    """Time one E-step and its sums, started from the one before, with ever more cells."""
    model = benchmark("figure8")
    nodes = data_nodes(latent_panels(model), 0.6)
    counts = (64, 128, 256, 512, 1024)[: 5 if size.rounds > 1 else 1]
    times = []
    for count in counts:
        cells = latent_cells(count)
        e_step, f = EStep(nodes, cells), cells.average(model.decoder)
        previous = e_step(f, model.noise_variance).minima
        times.append(
            seconds(lambda e=e_step, f=f, p=previous: e(f, model.noise_variance, p), size.rounds)
        )
    return _curve(f"E-step of the search, {len(nodes.x):,} data nodes", "cells",
                  list(counts), times)  # fmt: skip


def over_threads(size: Size) -> list[Curve]:
    """Time log p and the optimal q on more threads."""
    most = min(numba.config.NUMBA_NUM_THREADS, os.cpu_count() or 1)
    threads = sorted({1, *(2**k for k in range(1, 8) if 2**k <= most), most})
    panels = latent_panels(benchmark("figure8"))
    field = MeanField(panels)
    _, x = panels.model.sample(20_000 if size.rounds > 1 else 200, 0)
    field.optimal_q(x[:10])
    before = numba.get_num_threads()
    jobs = {
        "log p at 20,000 points": lambda: log_density(panels, x),
        "optimal q at 20,000 points": lambda: field.optimal_q(x),
    }
    curves = []
    try:
        for what, job in jobs.items():
            times = []
            for count in threads:
                numba.set_num_threads(count)
                times.append(seconds(job, size.rounds))
            curves.append(_curve(what, "threads", list(threads), times))
    finally:
        numba.set_num_threads(before)
    return curves


@styled
def scaling_figure(nodes: Curve, noise: Curve, cells: Curve, threads: list[Curve]) -> Figure:
    """Draw the four of them; a grey line is proportional cost."""
    figure = new_figure(5.6)
    panels = figure.subplots(2, 2)
    for axes, curve, power in (
        (panels[0, 0], nodes, 1.0), (panels[0, 1], noise, -0.5), (panels[1, 0], cells, 1.0),
    ):  # fmt: skip
        axes.plot(curve.at, curve.milliseconds, "o-", color=EXACT, lw=2)
        guide = curve.milliseconds[-1] * (curve.at / curve.at[-1]) ** power
        axes.plot(curve.at, guide, color="#B0B0B0", lw=1, zorder=0)
        axes.set(xscale="log", yscale="log", ylabel="time (ms)", title=curve.what)
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:,g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    panels[0, 0].set_xlabel("data nodes; grey: in proportion")
    panels[0, 1].set_xlabel("σ² (data units squared); grey: like 1/σ")
    panels[1, 0].set_xlabel("cells; grey: in proportion")
    last = panels[1, 1]
    most = float(max(curve.at[-1] for curve in threads))
    last.plot([1.0, most], [1.0, most], color="#B0B0B0", lw=1)
    for colour, marker, curve in zip((EXACT, GAUSSIAN), "os", threads, strict=True):
        gain = curve.milliseconds[0] / curve.milliseconds
        last.plot(curve.at, gain, marker + "-", color=colour, lw=2, label=curve.what)
    last.set(xlabel="threads; grey: in proportion", ylabel="times as fast as one thread")
    last.set_xticks(threads[0].at)
    last.legend()
    return figure
