"""The entropy of an aggregate q(z) = Σ_i m_i q(z|x_i) of Gaussians with independent latents.

The density is evaluated on a tensor grid by matrix products: every component factorises over the
latents. The trapezoid rule converges faster than any power of its step for integrands this smooth;
the rule of twice the step, in it, says how far it is. Components may be dealt out to parts, which
say how far the nodes x behind them are from all of p(x).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Counts, Integers, PerPoint

#: Step of the rule in the smallest scale, by K, scales that it reaches beyond the means, and its
#: nodes at most: then the step is wider and the radius says so.
_STEP = {1: 0.25, 2: 0.35, 3: 0.5}
_REACH, _MOST_NODES = 8.5, {1: 60_000, 2: 2_250_000, 3: 2_000_000}
#: Numbers held at once.
_AT_ONCE = 4_000_000
_LOG_2PI = math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class AggregateEntropies:
    """Entropies of an aggregate and of its parts, nats.

    Parameters
    ----------
    whole : float
        −∫ q log q of all components together.
    error : float
        How far it may be off.
    within : ndarray, shape (S,)
        −∫ q_s log q of each part's own aggregate q_s under the whole one q.
    outside : ndarray, shape (S,)
        −∫ q_s log q_{−s} under that of all other parts; NaN for a single part.
    alone : ndarray, shape (S,)
        −∫ q_s log q_s.
    """

    whole: float
    error: float
    within: Float64[Array, " parts"]
    outside: Float64[Array, " parts"]
    alone: Float64[Array, " parts"]


def own_entropies(scale: Float64[Array, "n K"]) -> PerPoint:
    """Return the entropy of each q(z|x), nats.

    Parameters
    ----------
    scale : ndarray, shape (n, K)
        Its scales.

    Returns
    -------
    ndarray, shape (n,)
    """
    result: Array = np.log(scale).sum(axis=1) + 0.5 * scale.shape[1] * (1.0 + _LOG_2PI)
    return result


def aggregate_entropies(
    mean: Float64[Array, "n K"],
    scale: Float64[Array, "n K"],
    mass: PerPoint,
    part: Counts | None = None,
) -> AggregateEntropies:
    """Compute the entropy of Σ_i m_i N(μ_i, diag s_i²), K up to 3.

    Parameters
    ----------
    mean, scale : ndarray, shape (n, K)
        μ and s of the components.
    mass : ndarray, shape (n,)
        Their weights; they are divided by their sum.
    part : ndarray of int, shape (n,), optional
        Number of the part that each belongs to, from 0; by default there is one.

    Returns
    -------
    AggregateEntropies
    """
    part = np.zeros(len(mean), dtype=np.int64) if part is None else part
    order = np.argsort(mean[:, 0], kind="stable")
    mean, scale, part = mean[order], scale[order], part[order]
    mass = mass[order] / mass.sum()
    axes = [_nodes(m, s, mean.shape[1]) for m, s in zip(mean.T, scale.T, strict=True)]
    cell = math.prod(float(z[1] - z[0]) for z in axes)
    count = int(part.max()) + 1
    share = np.bincount(part, weights=mass, minlength=count)
    fine, coarse = 0.0, 0.0
    sums = np.zeros((3, count))
    for rows, columns, density in _blocks(axes, mean, scale, mass, part):
        whole = density.sum(axis=0)
        terms = _times_log(whole, whole)
        fine += float(terms.sum())
        coarse += float(terms[rows][:, columns].sum())
        if count > 1:
            sums[0] += [_times_log(own, whole).sum() for own in density]
            others = np.maximum(whole - density, 1e-300)
            sums[1] += [
                _times_log(own, rest).sum() for own, rest in zip(density, others, strict=True)
            ]
            sums[2] += [_times_log(own, own).sum() for own in density]
    value = -fine * cell
    error = abs(fine - coarse * 2.0 ** len(axes)) * cell + 1e-12 * (1.0 + abs(value))
    if count == 1:
        return AggregateEntropies(
            value, error, np.array([value]), np.array([np.nan]), np.array([value])
        )
    within, outside, alone = -sums * cell / share
    return AggregateEntropies(
        value, error, within, outside + np.log1p(-share), alone + np.log(share)
    )


def _nodes(mean: PerPoint, scale: PerPoint, latents: int) -> Array:
    """Lay equally spaced nodes over one latent of all components."""
    # Not below a hundredth of the typical scale: a single collapsed q would set the step of all.
    narrow = max(float(scale.min()), 0.01 * float(np.median(scale)))
    low, high = float((mean - _REACH * scale).min()), float((mean + _REACH * scale).max())
    most = int(_MOST_NODES[latents] ** (1.0 / latents))
    count = min(max(math.ceil((high - low) / (_STEP[latents] * narrow)), 64), most)
    # An even number of steps, so that every second node is a rule of its own.
    return np.linspace(low, high, 2 * (count // 2) + 1)


def _times_log(weight: Array, density: Array) -> Array:
    """Return weight · log density, zero where the weight is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Array = np.where(weight > 0.0, weight * np.log(density), 0.0)
    return result


def _blocks(
    axes: list[Array], mean: Array, scale: Array, mass: Array, part: Integers
) -> Iterator[tuple[Integers, Integers, Array]]:
    """Yield the densities of all parts (S, rows, last) on some rows of the grid at a time.

    A row is a node of all latents but the last. With them come the rows and the columns of those
    nodes that are even along every latent.
    """
    *leading, last = axes
    count = int(part.max()) + 1
    weight = mass / np.prod(scale * math.sqrt(2.0 * math.pi), axis=1)
    along_last = _bells(last, mean[:, -1], scale[:, -1]) if leading else None
    shape = tuple(z.size for z in leading) or (1,)
    rows = math.prod(shape) if leading else last.size
    each = max(1, min(rows, _AT_ONCE // max(len(mean), count * (last.size if leading else 1))))
    if not leading:
        shape = (last.size,)
        leading = [last]
    for start in range(0, rows, each):
        places = np.unravel_index(np.arange(start, min(start + each, rows)), shape)
        at = [z[index] for z, index in zip(leading, places, strict=True)]
        reach = _REACH * scale[:, 0]
        # Components too far from all of these nodes add nothing.
        near = (mean[:, 0] + reach > at[0].min()) & (mean[:, 0] - reach < at[0].max())
        near = np.flatnonzero(near)
        bells = np.ones((at[0].size, near.size))
        for k, z in enumerate(at):
            bells *= _bells(z, mean[near, k], scale[near, k])
        bells *= weight[near]
        density = np.zeros((count, at[0].size, 1 if along_last is None else last.size))
        for s in range(count):
            own = part[near] == s
            chosen = bells if count == 1 else bells[:, own]
            if along_last is None:
                density[s, :, 0] = chosen.sum(axis=1)
            else:
                density[s] = chosen @ along_last[:, near if count == 1 else near[own]].T
        even_rows = np.flatnonzero(np.logical_and.reduce([index % 2 == 0 for index in places]))
        even_last = np.arange(0, density.shape[2], 2)
        yield even_rows, even_last, density


def _bells(z: Array, mean: Array, scale: Array) -> Array:
    """Return exp(−(z − μ)²/2s²), shape (nodes, components)."""
    result: Array = np.exp(-0.5 * ((z[:, None] - mean) / scale) ** 2)
    return result
