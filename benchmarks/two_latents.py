"""log p(x) and the best q with two latents, and three: beside importance sampling and a grid.

``python -m benchmarks.two_latents`` prints a table for D = 2 (a formula), D = 64 and D = 784
(random tanh networks of two hidden layers), and for a formula of three latents, D = 3; names of
cases as arguments leave the others out.
Importance sampling draws from the optimal q made 1.5 times wider, which a user would have to find
first; the dense grid is a square one around the prior, for two latents. Everything runs in one
process.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from theorycheck.inference import MeanFieldBoxes, OptimalProductQ
from theorycheck.models import Decoder, GenerativeModel, load_model

Array = NDArray[np.float64]

#: Draws an x of importance sampling, nodes a side of the grid, and z up to which it goes.
_DRAWS, _SIDE, _REACH = 5_000, 400, 6.0
#: x that the peers are timed on; the engine takes all.
_PROBED = 20


@dataclass(frozen=True)
class Case:
    """A decoder of two or three latents, and how many draws from p(x) are asked about."""

    name: str
    model: GenerativeModel
    points: int


def network(data_dim: int, width: int, seed: int) -> Decoder:
    """Return a random network z → tanh → tanh → logistic, means in (0, 1)."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(2, width))
    second = 1.5 * rng.normal(size=(width, width)) / math.sqrt(width)
    last = 2.0 * rng.normal(size=(width, data_dim)) / math.sqrt(width)

    def f(z: Array) -> Array:
        return 1.0 / (1.0 + np.exp(-np.tanh(np.tanh(z @ first) @ second) @ last))

    return Decoder.from_function(f, latent_dim=2, name=f"network, D = {data_dim}")


def cases() -> list[Case]:
    """Return the cases, small D first."""
    formula = load_model("expr:[z1+0.3*z2^2, sin(2*z2)+0.3*z1]", noise_variance=0.05)
    third = load_model("expr:[z1+0.3*z2, sin(z2)-0.2*z3, z3+0.2*z1^2]", noise_variance=0.3)
    return [
        Case("D2", formula, 5_000),
        Case("D64", GenerativeModel(network(64, 64, 0), 0.03), 1_797),
        Case("D784", GenerativeModel(network(784, 100, 0), 0.03), 1_000),
        Case("K3", third, 300),
    ]


def importance_sampled(
    model: GenerativeModel, x: Array, q: OptimalProductQ, rng: np.random.Generator
) -> Array:
    """Estimate log p(x) from draws of a q that is 1.5 times as wide as the optimal one."""
    result = np.empty(len(x))
    for n, point in enumerate(x):
        t = rng.standard_normal((_DRAWS, model.latent_dim))
        scale = 1.5 * q.scale[n]
        z = q.mean[n] + scale * t
        log_q = -0.5 * (t**2).sum(axis=1) - np.log(scale).sum()
        log_q -= 0.5 * model.latent_dim * math.log(2.0 * math.pi)
        result[n] = logsumexp(_log_joint(model, point, z) - log_q) - math.log(_DRAWS)
    return result


def on_a_grid(model: GenerativeModel, x: Array) -> Array:
    """Sum over a square grid of latents."""
    axis = np.linspace(-_REACH, _REACH, _SIDE)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    step = axis[1] - axis[0]
    f = model.decoder(z)
    prior = -0.5 * (z**2).sum(axis=1) - math.log(2.0 * math.pi)
    return np.array(
        [logsumexp(_noise(model, point, f) + prior) + 2.0 * math.log(step) for point in x]
    )


def _log_joint(model: GenerativeModel, x: Array, z: Array) -> Array:
    constant = 0.5 * model.latent_dim * math.log(2.0 * math.pi)
    prior = -0.5 * (z**2).sum(axis=1) - constant
    result: Array = _noise(model, x, model.decoder(z)) + prior
    return result


def _noise(model: GenerativeModel, x: Array, f: Array) -> Array:
    constant = 0.5 * float(np.log(2.0 * np.pi * model.noise_variance).sum())
    result: Array = -0.5 * (((x - f) / model.sigma) ** 2).sum(axis=1) - constant
    return result


def _timed(name: str, method: str, points: int, seconds: float, error: float) -> None:
    each = 1e6 * seconds / points
    print(f"| {name} | {method} | {points:,} | {seconds:.2f} | {each:,.0f} | {error:.0e} |")


def run(case: Case) -> None:
    """Print the rows of one case."""
    model = case.model
    x = model.sample(case.points, 1)[1]
    start = time.perf_counter()
    engine = MeanFieldBoxes(model)
    boxes = engine.boxes.size
    built = time.perf_counter() - start
    engine.log_density(x[:2])
    start = time.perf_counter()
    p = engine.log_density(x)
    _timed(case.name, "theorycheck", len(x), time.perf_counter() - start, float(p.error.max()))
    _timed(case.name, f"its {boxes:,} boxes, once", 1, built, 0.0)
    start = time.perf_counter()
    q = engine.optimal_q(x)
    _timed(case.name, "the best q of each x", len(x), time.perf_counter() - start, q.gap.max())
    few, rng = x[:_PROBED], np.random.default_rng(0)
    start = time.perf_counter()
    sampled = importance_sampled(model, few, q, rng)
    off = float(np.sqrt(np.mean((sampled - p.value[:_PROBED]) ** 2)))
    label = f"importance sampling, {_DRAWS:,} draws"
    _timed(case.name, label, len(few), time.perf_counter() - start, off)
    if model.latent_dim > 2:
        return
    start = time.perf_counter()
    dense = on_a_grid(model, few)
    off = float(np.abs(dense - p.value[:_PROBED]).max())
    label = f"grid of {_SIDE} x {_SIDE}"
    _timed(case.name, label, len(few), time.perf_counter() - start, off)


def main() -> None:
    """Print the table."""
    wanted = sys.argv[1:]
    print("| case | log p by | points | seconds | µs a point | error (nats) |")
    print("|---|---|---:|---:|---:|---:|")
    for case in cases():
        if not wanted or case.name in wanted:
            run(case)


if __name__ == "__main__":
    main()
