"""The helix under a flat prior: the displacement of its radius, by another route, and its sign."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from benchmarks.helix import helix

#: An even number of nodes: none on the axis of symmetry, where two q are equally good.
WIDTH, SIDE = 0.5, 8


def kl(u: complex, radius: float) -> tuple[float, float]:
    """KL of the best Gaussian over the phase, by a search, and the density of u."""
    phase = np.linspace(-6.0, 6.0, 601)
    step = phase[1] - phase[0]
    log_joint = -0.5 * (phase / WIDTH) ** 2 - math.log(WIDTH * math.sqrt(2.0 * math.pi))
    log_joint -= 0.5 * np.abs(u - radius * np.exp(1j * phase)) ** 2 + math.log(2.0 * math.pi)
    density = float(np.exp(log_joint).sum() * step)

    def cost(q: np.ndarray) -> float:
        # The sum resolves no narrower q, and holds none that lies farther out.
        if not (math.log(0.1) < q[1] < math.log(1.5) and abs(q[0]) < 3.0):
            return math.inf
        t = (phase - q[0]) / math.exp(q[1])
        log_q = -0.5 * t**2 - q[1] - 0.5 * math.log(2.0 * math.pi)
        return float((np.exp(log_q) * (log_q - log_joint)).sum() * step)

    starts = [(float(np.angle(u)), -0.7), (0.0, -0.3)]
    options = {"xatol": 1e-9, "fatol": 1e-14}
    found = [minimize(cost, s, method="Nelder-Mead", options=options).fun for s in starts]
    return min(found) + math.log(density), density


@pytest.mark.parametrize("radius", [2.0])
def test_displacement_is_the_slope_of_the_pmo_at_held_data(radius: float) -> None:
    """Envelope theorem; outwards, against the slope. The same coarse nodes for both routes."""
    axis = np.linspace(-radius - 6.0, radius + 6.0, SIDE)
    small = 1e-3
    slope = pmo = 0.0
    for u in (axis[:, None] + 1j * axis).ravel():
        value, density = kl(complex(u), radius)
        if density < 1e-9:
            continue
        mass = density * (axis[1] - axis[0]) ** 2
        # KL falls where the radius of the decoder grows, x held.
        change = kl(complex(u), radius + small)[0] - kl(complex(u), radius - small)[0]
        slope += mass * change / (2.0 * small)
        pmo += mass * value
    found = helix(radius, WIDTH, SIDE)
    assert found.pmo == pytest.approx(pmo, rel=1e-5)
    assert found.displacement == pytest.approx(-slope, rel=1e-3)


def test_the_radius_stands_still_somewhere_between() -> None:
    thin, wide = helix(1.2, 0.8, 31), helix(2.4, 0.8, 31)
    assert thin.displacement < -1e-4 < 1e-4 < wide.displacement
    assert min(thin.pmo, wide.pmo) > 1e-3
    # Under a normal prior it would be moved: fixed_point_aggregate.
    assert max(thin.moment, wide.moment) < -1e-3
