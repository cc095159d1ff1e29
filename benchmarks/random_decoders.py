"""Makes decoders on which a search for q can fail: smooth, kinked, stepped, steep, shuffled.

The protocol of ``benchmarks.global_q`` and of the tests: decoder k is drawn from the k-th seed of
its own, so that a decoder can be made again alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from theorycheck.models import Decoder, GenerativeModel, benchmark, decoder_from_table
from theorycheck.quadrature import LatentCells
from theorycheck.rearrangements import random_exchange

Array = NDArray[np.float64]

KINDS = ("smooth", "kinked", "stepped", "steep")
#: σ² that are drawn; the figures' benchmarks have 0.01 to 0.2.
VARIANCES = (0.0025, 0.01, 0.05, 0.2)


def fourier(a: Array, b: Array) -> Callable[[Array], Array]:
    """Return f(z) = Σ_k ½ [a_k cos 2πkΦ(z) + b_k sin 2πkΦ(z)], for a and b of shape (K, D)."""
    order = np.arange(1, len(a) + 1)

    def f(z: Array) -> Array:
        angle = 2.0 * np.pi * ndtr(z)[:, None] * order
        result: Array = 0.5 * (np.cos(angle) @ a + np.sin(angle) @ b)
        return result

    return f


def fourier_of_the_report() -> GenerativeModel:
    """Return the smooth decoder on which the search was first seen to miss, at x = −0.90733."""
    rng = np.random.default_rng(1)
    a = rng.normal(size=(5, 1))
    b = rng.normal(size=(5, 1))
    return GenerativeModel(Decoder.from_function(fourier(a, b)), 0.0025)


def steps(rng: np.random.Generator, jumps: int, dim: int) -> Decoder:
    """Return a step function with declared jumps, at normal latents and between normal levels."""
    edges = np.sort(rng.normal(size=jumps))
    return decoder_from_table(edges, rng.normal(size=(jumps + 1, dim)), kind="cells")


def random_model(index: int) -> GenerativeModel:
    """Return the decoder of this index: its kind, D = 1 to 5 and σ² cycle with it."""
    rng = np.random.default_rng([20_261, index])
    kind = KINDS[index % 4]
    dim = 1 + (index // 4) % 5
    variance = VARIANCES[int(rng.integers(len(VARIANCES)))]
    if kind == "smooth":
        order = int(rng.integers(2, 7))
        f = fourier(rng.normal(size=(order, dim)), rng.normal(size=(order, dim)))
        return GenerativeModel(Decoder.from_function(f), variance)
    if kind == "kinked":
        corners = np.sort(rng.normal(size=int(rng.integers(3, 13))) * 1.3)
        values = rng.normal(size=(corners.size, dim))
        return GenerativeModel(decoder_from_table(corners, values), variance)
    if kind == "stepped":
        return GenerativeModel(steps(rng, int(rng.integers(2, 21)), dim), variance)
    centre = rng.normal(size=(int(rng.integers(1, 6)), 1))
    slope = 10.0 ** rng.uniform(0.5, 2.5, size=centre.shape)
    height = rng.normal(size=(len(centre), dim))
    drift = rng.normal(size=dim)

    def steep(z: Array) -> Array:
        result: Array = np.tanh(slope * (z - centre)).T @ height + z[:, None] * drift
        return result

    return GenerativeModel(Decoder.from_function(steep), variance)


def shuffled_on_cells(name: str, cells: LatentCells, seed: int) -> Array:
    """Return a benchmark's f on cells with its pieces in another order: many wells, nats apart."""
    moved = random_exchange(np.random.default_rng(seed), 5, trivial=True)(cells.z)
    return cells.interpolate(cells.average(benchmark(name).decoder), moved)


def shuffled_model(name: str, cells: LatentCells, seed: int) -> GenerativeModel:
    """Return the same as a model that is constant on the cells."""
    f = shuffled_on_cells(name, cells, seed)
    decoder = decoder_from_table(cells.boundary, f, kind="cells")
    return GenerativeModel(decoder, benchmark(name).noise_variance)
