"""The PMO's radius at its printed size, against a referee that shares no code with the engine."""

from __future__ import annotations

import numpy as np
import pytest

from tests.pmo_referee import Referee
from theorycheck import GenerativeModel, decompose, load_model
from theorycheck.objectives import PMO_TOLERANCE

#: Nats that the referee's last step may have moved; it is off by a small part of that.
_MOVED, _PART = 1e-6, 0.2


def decoder(dim: int, seed: int) -> tuple[GenerativeModel, Referee]:
    """A random smooth curve: a line, a sine and a cosine in each dimension."""
    rng = np.random.default_rng([dim, seed])
    line, wave = rng.normal(size=dim).round(6), rng.normal(size=(2, dim)).round(6)
    frequency = rng.uniform(0.6, 2.5, size=2).round(6)
    variance = rng.uniform(0.05, 0.5, size=dim).round(6)

    def f(z: np.ndarray) -> np.ndarray:
        z = z[:, None]
        return line * z + wave[0] * np.sin(frequency[0] * z) + wave[1] * np.cos(frequency[1] * z)

    parts = [
        f"{line[d]}*z + {wave[0, d]}*sin({frequency[0]}*z) + {wave[1, d]}*cos({frequency[1]}*z)"
        for d in range(dim)
    ]
    formula = f"expr:[{', '.join(parts)}]"
    return load_model(formula, noise_variance=variance), Referee(f, variance)


def holds(dim: int, seed: int, step: float) -> None:
    model, referee = decoder(dim, seed)
    exact, moved = referee.pmo(step)
    found = decompose(model).pmo
    # What a grid does not see, and rounding, come on top of what is refined for.
    assert found.error <= 2.0 * PMO_TOLERANCE
    assert moved < _MOVED
    assert abs(found.value - exact) <= found.error + _PART * moved + 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_the_radius_on_a_line(seed: int) -> None:
    holds(1, seed, 0.02)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 28))
def test_the_radius_on_a_line_for_more_decoders(seed: int) -> None:
    holds(1, seed, 0.02)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_the_radius_in_the_plane(seed: int) -> None:
    """Some nine minutes each."""
    holds(2, seed, 0.06)
