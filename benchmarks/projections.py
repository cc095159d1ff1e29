"""Projection on a decoder's image: the global search beside gradient descent from random starts.

``python -m benchmarks.projections`` prints, for draws from benchmarks that an attacker has moved by
up to 3σ, the time of each x and the share of x whose nearest point is missed by more than 0.01 σ;
names of benchmarks as arguments leave the others out. The recipes are those of Defense-GAN's code
(10 restarts, 200 steps, rate 10, momentum 0.7), the same at a rate that suits data of two
dimensions, and that without restarts. f′ by central differences. Everything runs in one process.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from theorycheck.downstream import (
    DEFENSE_GAN,
    DEFENSE_GAN_SMALL_RATE,
    ONE_START,
    DecoderImage,
    Projection,
    descend_to_image,
)
from theorycheck.models import GenerativeModel, benchmark, load_model

_POINTS = 1_000
_MISSED = 0.01
_NAMES = ("circle", "figure8", "clusters", "spiral_dots", "two latents")
_RECIPES = {
    "10 restarts, rate 10": DEFENSE_GAN,
    "10 restarts, rate 0.1": DEFENSE_GAN_SMALL_RATE,
    "1 start, rate 0.1": ONE_START,
}


def _model(name: str) -> GenerativeModel:
    if name == "two latents":
        return load_model("expr:[z1+0.3*z2^2, sin(2*z2)]", noise_variance=0.05)
    return benchmark(name)


def main(names: list[str]) -> None:
    """Print the table."""
    print(f"{'decoder':12} {'how':24} {'µs an x':>9} {'missed':>8} {'excess, σ':>10}")
    for name in names or _NAMES:
        model = _model(name)
        _, x = model.sample(_POINTS, 0)
        rng = np.random.default_rng(1)
        step = rng.standard_normal(x.shape)
        step *= 3.0 * rng.random((_POINTS, 1)) / np.linalg.norm(step, axis=1, keepdims=True)
        x = x + step * model.sigma
        begin = time.perf_counter()
        image = DecoderImage(model)
        built = time.perf_counter() - begin
        image.project(x[:50])
        begin = time.perf_counter()
        best = image.project(x, tolerance=1e-6)
        _row(name, f"global ({built:.2f} s once)", time.perf_counter() - begin, best, best)
        for words, recipe in _RECIPES.items():
            begin = time.perf_counter()
            found = descend_to_image(model, x, recipe, seed=2)
            _row("", words, time.perf_counter() - begin, found, best)


def _row(name: str, words: str, seconds: float, found: Projection, best: Projection) -> None:
    excess = found.distance - best.distance
    missed = float((excess > _MISSED).mean())
    each = 1e6 * seconds / _POINTS
    print(f"{name:12} {words:24} {each:9.0f} {missed:8.3f} {excess.mean():10.4f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
