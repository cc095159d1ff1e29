"""Measures exponentials a second, those of log p(x) and those of the machine's best loop.

On a model whose panels all matter at every x, log p at n points takes exactly n times (latent
nodes) exponentials, each with the squares and sums that go with it. The best loop does nothing but
exponentials, in the first-level cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from benchmarks.timing import seconds
from theorycheck.inference import log_density
from theorycheck.models import benchmark
from theorycheck.quadrature import latent_panels
from theorycheck.quadrature.kernels import WINDOW, exp_nonpositive

#: Numbers in the loop's array: 16 kB, half of a usual first-level cache.
_CACHED = 2048
#: Passes over it.
_PASSES = 20_000


@numba.njit(fastmath={"reassoc", "nsz", "arcp", "contract"}, error_model="numpy")  # type: ignore[untyped-decorator]
def _loop(values: Any, out: Any, passes: int) -> None:
    for _ in range(passes):
        for i in range(values.shape[0]):
            out[i] = exp_nonpositive(values[i])
        # The next pass depends on this one, so that none is left out.
        values[0] = -0.5 * out[0]


@dataclass(frozen=True)
class Roofline:
    """Exponentials a second, in units of 1e9, on one thread.

    Parameters
    ----------
    log_density : float
        Exponentials a second inside log p(x), with all that goes with them.
    own_loop : float
        The project's exponential alone.
    numpy_loop : float
        numpy's, array by array.
    """

    log_density: float
    own_loop: float
    numpy_loop: float

    @property
    def share(self) -> float:
        """Return what is reached of the better loop."""
        return self.log_density / max(self.own_loop, self.numpy_loop)


def measure(rounds: int = 3, points: int = 64_000) -> Roofline:
    """Measure all three on one thread."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        values = np.random.default_rng(0).uniform(-30.0, 0.0, _CACHED)
        out = np.empty_like(values)
        _loop(values, out, 1)
        passes = max(1, _PASSES // (1 if rounds > 1 else 50))
        own = passes * _CACHED / seconds(lambda: _loop(values, out, passes), rounds)

        def plain() -> None:
            for _ in range(passes // 4 + 1):
                np.exp(values, out=out)

        numpy_rate = (passes // 4 + 1) * _CACHED / seconds(plain, rounds)
        panels = latent_panels(benchmark("circle").with_noise_variance(1.0))
        _, x = panels.model.sample(points, 0)
        x = np.clip(x, -1.5, 1.5)
        # Every panel is visited: its bound never falls WINDOW below the largest.
        spread = float(np.linalg.norm(x, axis=1).max()) + 1.0
        visited = panels.log_mass - 0.5 * spread**2 >= float(panels.log_mass.max()) - WINDOW
        nodes = panels.f.shape[1] // len(panels.log_mass) * int(visited.sum())
        log_density(panels, x[:64])
        reached = points * nodes / seconds(lambda: log_density(panels, x), rounds)
    finally:
        numba.set_num_threads(threads)
    return Roofline(reached / 1e9, own / 1e9, numpy_rate / 1e9)
