"""Cooling: f followed while σ² falls from that of a constant, on the rows of a table.

At a large σ² the landscape over f has few optima, and cooling follows them; a σ² that is fitted
from the first on grows until f is constant, which is a local optimum.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, PerDimension
from theorycheck.optimum._e_step import EStep, Responsibilities
from theorycheck.optimum._lipschitz import limit_steepness
from theorycheck.optimum._starts import PRINCIPAL_AXIS, best_line, random_curve
from theorycheck.streams import spawned_seed

#: Sweeps of an M-step under a bound, far fewer than it takes to the end: the next stage goes on.
_SWEEPS = 60
#: σ² at which a cooling begins, in the columns' mean variance; its factor from stage to stage; how
#: far it goes; E-steps a stage. On figure8 and circle slower cooling ended no lower.
_HOTTEST, _COOLING, _COLDEST, _STEPS_A_STAGE = 0.7, 0.8, 1e-3, 2
#: Nats above the lowest objective so far from which a colder stage is not going to be lower.
_WORSE = 1.0
#: Half-waves of a random start at most, and its size in the data's: the cooling unfolds it.
_WAVES, _AMPLITUDE = 4, 0.1


def cold_start(e_step: EStep, number: int, seed: int) -> tuple[str, Float64[Array, "cells D"]]:
    """Return a start's name and f: the principal axis (number 0), or a small random curve."""
    x, mass = e_step.nodes.x, e_step.nodes.mass
    if number == 0:
        small = np.full(x.shape[1], 0.1 * _spread(e_step))
        return PRINCIPAL_AXIS, e_step.cells.average(best_line(x, mass, small).decoder)
    rng = np.random.default_rng(spawned_seed(seed, number))
    waves = int(rng.integers(1, _WAVES + 1))
    return "cooled curve", random_curve(rng, e_step, waves, _AMPLITUDE)


@dataclass(frozen=True, eq=False)
class Stage:
    """Where a cooling stands: f, the σ² (D,) it is at, and the E-step made there."""

    f: Float64[Array, "cells D"]
    noise_variance: PerDimension
    found: Responsibilities


def cooling(
    e_step: EStep,
    f: Float64[Array, "cells D"],
    bound: float | None,
    coldest: float,
    *,
    steps: int = _STEPS_A_STAGE,
) -> Iterator[Stage]:
    """Cool σ² down stage by stage, f following; stop where the objective has risen far.

    Parameters
    ----------
    e_step : EStep
    f : ndarray, shape (M, D)
        Start.
    bound : float or None
        Bound on |f′|.
    coldest : float
        σ² at which to stop.
    steps : int
        E-steps a stage.

    Yields
    ------
    Stage
        The last of every σ², f before the M-step.
    """
    heat, lowest = _HOTTEST * _spread(e_step), math.inf
    previous: Array | None = None
    while heat > max(coldest, _COLDEST * _spread(e_step)):
        variance = np.full(f.shape[1], heat)
        for _ in range(steps):
            e_step.look_again()
            stage = Stage(f, variance, e_step(f, variance, previous))
            previous, f = stage.found.minima, stage.found.target
            if bound is not None:
                weight = stage.found.aggregate[:, None] / variance
                f = limit_steepness(f, weight, e_step.cells.z, bound, start=stage.f, sweeps=_SWEEPS)
        yield stage
        lowest = min(lowest, stage.found.negative_elbo)
        if stage.found.negative_elbo > lowest + _WORSE:
            return
        heat *= _COOLING


def _spread(e_step: EStep) -> float:
    """Mean variance of the columns."""
    x, mass = e_step.nodes.x, e_step.nodes.mass
    return float((mass @ (x - mass @ x) ** 2).mean())
