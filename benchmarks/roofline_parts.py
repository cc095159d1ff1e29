"""Where the time of log p(x) goes: its inner loop, part by part, beside the exponential alone.

``python -m benchmarks.roofline_parts``. Every kernel works through the same lanes and nodes as
`theorycheck/quadrature/kernels/_log_density.py` does, and has one part more than the one before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from benchmarks.roofline import _loop
from theorycheck.models import benchmark
from theorycheck.quadrature import HIGH_DEGREES, MIDDLE_DEGREES, latent_panels
from theorycheck.quadrature.kernels import WINDOW, exp_nonpositive, log_density_batch

_JIT = numba.njit(fastmath={"reassoc", "nsz", "arcp", "contract"}, error_model="numpy")
#: x worked through together, x in all, and how often each kernel is timed: the least time counts.
_LANES, _POINTS, _ROUNDS = 32, 1_600, 200


@_JIT  # type: ignore[untyped-decorator]
def _exponentials(x: Any, f: Any, weight: Any, out: Any) -> None:
    """Add up exp of what is there already: no distances, one sum."""
    e = np.empty(_LANES)
    for g in range(x.shape[0]):
        total = np.zeros(_LANES)
        for i in range(f.shape[1]):
            w = weight[i]
            for k in range(_LANES):
                total[k] += exp_nonpositive(w - x[g, 0, k])
        e[:] = total
        out[g] = e


@_JIT  # type: ignore[untyped-decorator]
def _distances(x: Any, f: Any, weight: Any, out: Any) -> None:
    """The same of weight − ½ |x − f|²."""
    e = np.empty(_LANES)
    for g in range(x.shape[0]):
        total = np.zeros(_LANES)
        for i in range(f.shape[1]):
            e[:] = weight[i]
            for d in range(x.shape[1]):
                mean = f[d, i]
                for k in range(_LANES):
                    t = x[g, d, k] - mean
                    e[k] -= 0.5 * t * t
            for k in range(_LANES):
                total[k] += exp_nonpositive(e[k])
        out[g] = total


@_JIT  # type: ignore[untyped-decorator]
def _means(x: Any, f: Any, weight: Any, out: Any) -> None:
    """With E[f | x] beside."""
    e = np.empty(_LANES)
    for g in range(x.shape[0]):
        total = np.zeros(_LANES)
        mean_f = np.zeros((x.shape[1], _LANES))
        for i in range(f.shape[1]):
            e[:] = weight[i]
            for d in range(x.shape[1]):
                mean = f[d, i]
                for k in range(_LANES):
                    t = x[g, d, k] - mean
                    e[k] -= 0.5 * t * t
            for k in range(_LANES):
                v = exp_nonpositive(e[k])
                e[k] = v
                total[k] += v
            for d in range(x.shape[1]):
                mean = f[d, i]
                for k in range(_LANES):
                    mean_f[d, k] += e[k] * mean
        out[g] = total + mean_f[0]


@_JIT  # type: ignore[untyped-decorator]
def _with_errors(x: Any, f: Any, weight: Any, out: Any) -> None:
    """With the four sums of the error estimate too: all that log p(x) needs of a node."""
    e = np.empty(_LANES)
    sums = np.empty((4, _LANES))
    for g in range(x.shape[0]):
        total = np.zeros(_LANES)
        mean_f = np.zeros((x.shape[1], _LANES))
        for i in range(f.shape[1]):
            n = i % 16
            if n == 0:
                sums[:] = 0.0
            e[:] = weight[i]
            for d in range(x.shape[1]):
                mean = f[d, i]
                for k in range(_LANES):
                    t = x[g, d, k] - mean
                    e[k] -= 0.5 * t * t
            h0, h1 = HIGH_DEGREES[0, n], HIGH_DEGREES[1, n]
            m0, m1 = MIDDLE_DEGREES[0, n], MIDDLE_DEGREES[1, n]
            for k in range(_LANES):
                v = exp_nonpositive(e[k])
                e[k] = v
                total[k] += v
                sums[0, k] += h0 * v
                sums[1, k] += h1 * v
                sums[2, k] += m0 * v
                sums[3, k] += m1 * v
            for d in range(x.shape[1]):
                mean = f[d, i]
                for k in range(_LANES):
                    mean_f[d, k] += e[k] * mean
        out[g] = total + mean_f[0] + sums[0]


def _rate(count: float, call: Callable[[], object]) -> float:
    """Return 1e9 exponentials a second, by the shortest of many short runs."""
    call()
    best = np.inf
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return count / best / 1e9


def main() -> None:
    """Print the parts."""
    numba.set_num_threads(1)
    values = np.random.default_rng(0).uniform(-30.0, 0.0, 2048)
    cached = np.empty_like(values)
    alone = _rate(500 * values.size, lambda: _loop(values, cached, 500))
    print(f"exp alone, in cache             {alone:.2f}e9 a second")
    panels = latent_panels(benchmark("circle").with_noise_variance(1.0))
    _, x = panels.model.sample(_POINTS, 0)
    x = np.clip(x, -1.5, 1.5)
    spread = float(np.linalg.norm(x, axis=1).max()) + 1.0
    visited = panels.log_mass - 0.5 * spread**2 >= float(panels.log_mass.max()) - WINDOW
    nodes = np.repeat(visited, panels.f.shape[1] // len(visited))
    f, weight = np.ascontiguousarray(panels.f[:, nodes]), panels.log_weight[nodes]
    lanes = np.ascontiguousarray(x.reshape(-1, _LANES, x.shape[1]).transpose(0, 2, 1))
    out = np.empty((len(lanes), _LANES))
    count = _POINTS * f.shape[1]
    for name, kernel, given in (
        ("exp, one sum", _exponentials, np.abs(lanes)),
        ("… of squared distances", _distances, lanes),
        ("… and E[f | x]", _means, lanes),
        ("… and the error's four sums", _with_errors, lanes),
    ):
        rate = _rate(count, lambda k=kernel, a=given: k(a, f, weight, out))  # type: ignore[misc]
        print(f"{name:31s} {rate:.2f}e9 a second, {rate / alone:.0%}")
    value, error, mean = np.empty(_POINTS), np.empty(_POINTS), np.empty_like(x)

    def whole() -> None:
        log_density_batch(
            x, 1.0 / panels.model.sigma, panels.log_weight, panels.f, panels.defect, panels.balls,
            panels.blocks, value, error, mean,
        )  # fmt: skip

    rate = _rate(count, whole)
    print(f"log p(x) as it is               {rate:.2f}e9 a second, {rate / alone:.0%}")


if __name__ == "__main__":
    main()
