"""Checks whether one q for all classes is global: ``python -m benchmarks.shared_q [MODELS] [X]``.

Labelled models of random decoders, C = 2, 3 and 5 with unequal priors: where does
:meth:`ExactLabelled.optimal_q` of q(y|x) q(z|x) end above what its certificate cannot exclude, by
how much at most, what does a search cost an x (processor time), and what would a user's own search
cost: multi-start L-BFGS on U written out with a Gauss-Hermite rule in q?
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from benchmarks.random_decoders import random_model
from theorycheck.inference import ExactLabelled, certify_shared_q
from theorycheck.models import GenerativeModel, LabelledModel, load_labelled_model

Array = NDArray[np.float64]

CLASSES = (2, 3, 5)
#: What the certificate is asked for, and nats above its bound from which an x counts as missed.
GAP, MISS = 1e-8, 1.1e-8
#: x at which L-BFGS is tried, and its starts.
PEER_POINTS, STARTS = 5, 12


def labelled_model(count: int, seed: int) -> LabelledModel:
    """Return C random decoders of one D with the σ² of the first, and a random prior."""
    rng = np.random.default_rng([11, count, seed])
    first = random_model(4 * (5 * seed + count % 2))
    same = [
        one
        for one in (random_model(k) for k in range(20 * seed, 20 * seed + 200))
        if one.data_dim == first.data_dim
    ]
    decoders = [one.decoder for one in same[:count]]
    prior = rng.dirichlet(np.full(count, 3.0))
    classes = [GenerativeModel(decoder, first.noise_variance) for decoder in decoders]
    return LabelledModel(classes, prior, f"random {count}-{seed}")


def models(each: int) -> Iterator[tuple[int, LabelledModel]]:
    """Yield the semi-circle and, for every C, some random models."""
    yield 2, load_labelled_model("discrete_semi_circle")
    for count in CLASSES:
        for seed in range(each):
            yield count, labelled_model(count, seed)


def peer(model: LabelledModel, x: Array, starts: int = STARTS) -> Array:
    """Return U by multi-start L-BFGS, its E_q by 64 Gauss-Hermite nodes, a plain x loop."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    weights = weights / weights.sum()
    log_prior, variance = model.log_prior, model.noise_variance
    constant = 0.5 * float(np.log(2.0 * np.pi * variance).sum())
    rng = np.random.default_rng(0)
    best = np.empty(len(x))
    for row, here in enumerate(x):

        def negative(q: Array, here: Array = here) -> float:
            z = q[0] + np.exp(q[1]) * nodes
            costs = [
                weights @ (np.square(here - one.decoder(z)) / variance).sum(axis=1)
                for one in model.classes
            ]
            kl = 0.5 * (q[0] ** 2 + np.exp(2.0 * q[1]) - 1.0) - q[1]
            return float(kl - logsumexp(log_prior - 0.5 * np.array(costs) - constant))

        found = [
            minimize(
                negative,
                [rng.normal(), rng.uniform(-3.0, 0.0)],
                method="L-BFGS-B",
                bounds=[(-8.0, 8.0), (-8.0, 2.0)],
            ).fun
            for _ in range(starts)
        ]
        best[row] = -min(found)
    return best


def main() -> None:
    """Print the table."""
    each, points = (int(v) for v in [*sys.argv[1:], *("6", "50")[len(sys.argv) - 1 :]])
    warm = ExactLabelled(labelled_model(2, 0))
    at = warm.model.sample(3, 0)[1]
    certify_shared_q(warm, at, warm.optimal_q(at), gap=GAP)
    print(
        "| model | D | x | missed | largest gap | ms an x | certified | L-BFGS, 12 starts | "
        "it is worse by at most |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for count, model in models(each):
        x = model.sample(points, 1)[1]
        exact = ExactLabelled(model)
        exact.optimal_q(x[:1])
        moments = [time.process_time()]
        optimum = exact.optimal_q(x)
        moments.append(time.process_time())
        gap = certify_shared_q(exact, x, optimum, gap=GAP).gap
        moments.append(time.process_time())
        own = peer(model, x[:PEER_POINTS])
        moments.append(time.process_time())
        spent = 1e3 * np.diff(moments) / [points, points, PEER_POINTS]
        print(
            f"| {model.name}, C = {count} | {model.data_dim} | {points} | "
            f"{int((gap > MISS).sum())} | {gap.max():.2g} | {spent[0]:.2f} | {spent[1]:.0f} | "
            f"{spent[2]:.0f} | {(optimum.bound[:PEER_POINTS] - own).max():.2g} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
