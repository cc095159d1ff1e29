"""Seeks a curved decoder that its M-step leaves unchanged: ``python -m benchmarks.fixed_points``.

It looks, over sums of a line and seven tanh on D = 1 (spread 1, PMO of at least 0.01 nats), for the
least gain of an M-step on the decoder's own p(x), as a share of its PMO. A fixed point with
PMO > 0 would end at 0 (docs/proofs/theorem1.md). Eight starts, some minutes.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from theorycheck.estimate import Estimate
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.optimum import LATENT_WEIGHTS, LATENTS, own_m_step

Array = NDArray[np.float64]

NOISE_VARIANCE = 0.3
STARTS, EVALUATIONS = 8, 250
#: Centres and steepness of the tanh.
CENTRES, STEEPNESS = np.linspace(-1.8, 1.8, 7), 1.5
#: PMO, nats, below which a decoder is taken to be affine already.
LEAST_PMO = 0.01
_PRIOR = LATENT_WEIGHTS * np.exp(-0.5 * LATENTS**2) / np.sqrt(2.0 * np.pi)


def decoder(parameters: Array) -> GenerativeModel:
    """Return the sum of a line and seven tanh, scaled to spread 1."""

    def plain(z: Array) -> Array:
        steps = np.tanh(STEEPNESS * (np.atleast_1d(z)[:, None] - CENTRES))
        return np.asarray(parameters[0] * np.atleast_1d(z) + steps @ parameters[1:])

    values = plain(LATENTS)
    mean = float(_PRIOR @ values)
    spread = float(np.sqrt(_PRIOR @ (values - mean) ** 2)) + 1e-12
    f = Decoder(lambda z: ((plain(z) - mean) / spread)[:, None], 1, "line and tanh")
    return GenerativeModel(f, np.array([NOISE_VARIANCE]))


def share(parameters: Array) -> tuple[Estimate, Estimate]:
    """Return the M-step's gain and the PMO, nats."""
    step = own_m_step(decoder(parameters))
    return step.gain, step.pmo


def objective(parameters: Array) -> float:
    """Return the log of gain/PMO, and more where the PMO is below its least."""
    gain, pmo = share(parameters)
    short = max(np.log(LEAST_PMO / max(pmo.value, 1e-12)), 0.0)
    return float(np.log(max(gain.value, 1e-15) / max(pmo.value, 1e-12)) + 10.0 * short)


def main() -> None:
    """Print where each start ended."""
    starts = int([*sys.argv[1:], str(STARTS)][0])
    print("| start | gain | PMO | gain/PMO | evaluations |")
    print("|---:|---:|---:|---:|---:|", flush=True)
    for seed in range(starts):
        begin = np.random.default_rng(seed).normal(size=1 + CENTRES.size)
        found = minimize(
            objective, begin, method="Nelder-Mead",
            options={"maxfev": EVALUATIONS, "adaptive": True, "initial_simplex": _simplex(begin)},
        )  # fmt: skip
        gain, pmo = share(found.x)
        print(
            f"| {seed} | {gain.value:.4g} ± {gain.error:.1g} | {pmo.value:.4g} ± {pmo.error:.1g} | "
            f"{gain.value / pmo.value:.3f} | {found.nfev} |",
            flush=True,
        )


def _simplex(begin: Array) -> Array:
    return np.vstack([begin, begin + 0.5 * np.eye(begin.size)])


if __name__ == "__main__":
    main()
