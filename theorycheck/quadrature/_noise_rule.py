"""Averages over p(x) as integrals over the latent and the noise: x = f(z) + σε.

E_p g = ∫ φ(z) E_ε g(f(z) + σε) dz is smooth in (z, ε) wherever the curve keeps to itself,
whatever σ: there a strip of the curve takes Gauss-Legendre nodes in z and Gauss-Hermite nodes in
ε, along the curve, towards its centre of curvature, and across. The expansion of g in the
orthogonal polynomials of each direction says how well that direction is resolved; strips are
halved, or get more nodes in a direction, where the error is largest, and are given up where boxes
in data space are the cheaper rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np
from jaxtyping import Bool, Float64

from theorycheck.arrays import Array, Booleans, Integers, PerPoint, Points
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature._curve_strips import STRIP_ORDER, Strips, halves, lengths, strip_nodes
from theorycheck.quadrature._latent_panels import LatentPanels
from theorycheck.quadrature._rules import gauss_legendre, legendre_transform

#: Nodes in ε that a direction may have. The outermost of 12 lies at 5.5 standard deviations.
ORDERS = (4, 6, 8, 12, 16, 22, 30)
#: At first: along the curve, towards its centre of curvature, and across both.
_FIRST = (0, 3, 1)
#: The same where a node more a direction would cost too much.
_FIRST_FROM_FOUR = (0, 2, 0)
#: How much more slowly than seen the coefficients may fall, and the share of the highest that
#: counts as error where they do not: with these two the error of |ε − c| at 24,000 random c is
#: never above the estimate, and 0.1 of it on average.
_DISTRUST, _SHARE = 6.0, 4.2
#: Nodes x evaluated in one call.
_BATCH = 60_000

#: Values (n, M) of M functions at x (n, D).
Integrand = Callable[[Points], Float64[Array, "n parts"]]


@dataclass(frozen=True, eq=False)
class NoiseIntegral:
    """Integrals of M functions over the strips that this rule took.

    Parameters
    ----------
    value, error : ndarray, shape (M,)
        The integrals and their error radii.
    x : ndarray, shape (n, D)
        Nodes.
    weight : ndarray, shape (n,)
        Their weights: prior density and noise density included.
    values : ndarray, shape (n, M)
        The functions at the nodes.
    reach : ndarray, shape (n, D + 1, D)
        The step in x from a node half-way to its neighbour, in each direction of (z, ε).
    apart : ndarray of bool, shape (P,)
        Panels that were given up, or that no strip held.
    missing_mass : float
        Prior mass of the strips that were not looked at.
    converged : bool
        Whether the tolerances were met.
    """

    value: Float64[Array, " parts"]
    error: Float64[Array, " parts"]
    x: Points
    weight: PerPoint
    values: Float64[Array, "n parts"]
    reach: Float64[Array, "n D+1 D"]
    apart: Bool[Booleans, " panels"]
    missing_mass: float
    converged: bool


@cache
def gauss_hermite(
    order: int,
) -> tuple[
    Float64[Array, " {order}"], Float64[Array, " {order}"], Float64[Array, "{order} {order}"]
]:
    """Return nodes and weights for N(0, 1), and the matrix to normalised Hermite coefficients.

    Parameters
    ----------
    order : int
        Number of nodes.

    Returns
    -------
    nodes, weights : ndarray, shape (order,)
        The weights add up to one.
    transform : ndarray, shape (order, order)
        Row j gives E[g(ε) He_j(ε)]/√j! from the values of g at the nodes.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    weights = weights / math.sqrt(2.0 * math.pi)
    rows = np.polynomial.hermite_e.hermevander(nodes, order - 1)
    norms = np.sqrt(np.cumprod(np.maximum(np.arange(order, dtype=float), 1.0)))
    return nodes, weights, np.ascontiguousarray((rows * weights[:, None] / norms).T)


@dataclass(eq=False)
class _Strip:
    first: int
    last: int
    orders: tuple[int, ...]
    x: Array
    weight: Array
    values: Array
    reach: Array
    integral: Array
    #: Error of each function (M,) in each direction of (z, ε): (D + 1, M).
    trouble: Array


def integrate_noise(
    integrand: Integrand,
    panels: LatentPanels,
    strips: Strips,
    tolerance: Float64[Array, " parts"],
    *,
    lightest: float,
    price: Callable[[float], float],
    max_nodes: int = 1_500_000,
    progress: Progress = NO_PROGRESS,
) -> NoiseIntegral:
    """Integrate M functions over p(x), as far as it comes from strips, refining in (z, ε).

    Parameters
    ----------
    integrand : callable
        See :data:`Integrand`.
    panels : LatentPanels
        Panels of the model that p(x) belongs to.
    strips : Strips
        Strips of these panels.
    tolerance : ndarray, shape (M,)
        Error radius wanted for each function; inf for those that only ride along.
    lightest : float
        Strips of less prior mass are not looked at; together they are the `missing_mass`.
    price : callable
        Nodes that another rule would need for a piece of the curve of a given length, in σ; a
        strip that needs more is given up. It may return inf.
    max_nodes : int
        Budget of nodes x.
    progress : Progress
        Told about every round.

    Returns
    -------
    NoiseIntegral
    """
    dim = panels.model.data_dim
    prior = np.exp(panels.log_mass)
    length = lengths(panels)
    apart = strips.apart.copy()
    missing = 0.0
    tolerance = np.asarray(tolerance, dtype=float)
    todo: list[tuple[int, int, tuple[int, ...]]] = []
    start = _first_orders(dim)
    for first, last in zip(strips.first, strips.last, strict=True):
        mass = float(prior[first:last].sum())
        if mass < lightest:
            missing += mass
        else:
            todo.append((int(first), int(last), start))
    done: list[_Strip] = []
    spent = 0
    with progress.task("averaging over the latent and its noise", None) as advance:
        while todo:
            spent += sum(_size(orders) for _, _, orders in todo)
            done += _evaluate(integrand, panels, todo)
            advance(1)
            todo = []
            if not done:
                break
            error = np.array([s.trouble.sum(axis=0) for s in done])
            total = error.sum(axis=0)
            if np.all(total <= tolerance) or spent >= max_nodes:
                break
            worst = np.zeros(len(done), dtype=bool)
            for m in np.flatnonzero(total > tolerance):
                order = np.argsort(error[:, m])
                kept = int(np.searchsorted(np.cumsum(error[order, m]), 0.5 * tolerance[m]))
                worst[order[min(kept, order.size - 1) :]] = True
            relative = [
                np.where(np.isfinite(tolerance), s.trouble / tolerance, 0.0).max(axis=1)
                for s in done
            ]
            kept_strips = []
            for strip, bad, share in zip(done, worst, relative, strict=True):
                if not bad:
                    kept_strips.append(strip)
                    continue
                nodes, further = _refined(strip, share, panels)
                if further and nodes <= price(float(length[strip.first : strip.last].sum())):
                    todo += further
                elif math.isinf(price(1.0)):
                    kept_strips.append(strip)
                else:
                    apart[strip.first : strip.last] = True
            if not todo and len(kept_strips) == len(done):
                break
            done = kept_strips
    return _collect(done, apart, missing, tolerance, dim)


def _first_orders(dim: int) -> tuple[int, ...]:
    along, bend, across = _FIRST if dim < 4 else _FIRST_FROM_FOUR
    return (along, bend, *[across] * dim)[:dim]


def first_nodes(dim: int) -> int:
    """Return how many nodes a strip has at first, in D = `dim` data dimensions."""
    return _size(_first_orders(dim))


def _size(orders: tuple[int, ...]) -> int:
    return STRIP_ORDER * math.prod(ORDERS[k] for k in orders)


def _refined(
    strip: _Strip, share: Array, panels: LatentPanels
) -> tuple[int, list[tuple[int, int, tuple[int, ...]]]]:
    """Choose what a strip becomes, and how many nodes that takes; nothing: it is at its end."""
    orders = list(strip.orders)
    pieces = [(strip.first, strip.last)]
    # All directions that are within a tenth of the worst at once, to save rounds.
    bad = share > 0.1 * share.max()
    changed = False
    if bad[0] and strip.last - strip.first > 1:
        pieces = list(halves(panels, strip.first, strip.last))
        changed = True
    for k in np.flatnonzero(bad[1:]):
        if orders[k] + 1 < len(ORDERS):
            orders[k] += 1
            changed = True
    if not changed:
        return 0, []
    chosen = tuple(orders)
    return len(pieces) * _size(chosen), [(a, b, chosen) for a, b in pieces]


def _frames(panels: LatentPanels, z: Array, width: Array) -> Array:
    """Return an orthonormal frame in units of σ for each strip: along, towards the bend, across.

    Shape (S, D, D), the last index being the direction.
    """
    sigma = panels.model.sigma
    dim = sigma.size
    step = 1e-3 * width
    at = [panels.model.decoder(z + shift * step) / sigma for shift in (-1.0, 0.0, 1.0)]
    tangent = at[2] - at[0]
    bend = at[2] - 2.0 * at[1] + at[0]
    frames = np.empty((z.size, dim, dim))
    for s in range(z.size):
        guess = np.column_stack([tangent[s], bend[s], np.eye(dim)])
        q, r = np.linalg.qr(guess)
        # Where the curve stands still or is straight any frame will do.
        if abs(r[0, 0]) <= 1e-12 or (dim > 1 and abs(r[1, 1]) <= 1e-9 * abs(r[0, 0])):
            seed = tangent[s] if abs(r[0, 0]) > 1e-12 else np.eye(dim)[0]
            basis = np.column_stack([seed, np.eye(dim)])
            q = np.linalg.qr(basis)[0]
        frames[s] = q[:, :dim]
    return frames


def _evaluate(
    integrand: Integrand,
    panels: LatentPanels,
    todo: list[tuple[int, int, tuple[int, ...]]],
) -> list[_Strip]:
    """Evaluate strips, those of the same orders together."""
    results: list[_Strip] = []
    for orders in sorted({entry[2] for entry in todo}):
        same = [entry for entry in todo if entry[2] == orders]
        batch = max(1, _BATCH // _size(orders))
        for k in range(0, len(same), batch):
            part = same[k : k + batch]
            first = np.array([entry[0] for entry in part])
            last = np.array([entry[1] for entry in part])
            results += _evaluate_batch(integrand, panels, first, last, orders)
    return results


def _evaluate_batch(
    integrand: Integrand,
    panels: LatentPanels,
    first: Integers,
    last: Integers,
    orders: tuple[int, ...],
) -> list[_Strip]:
    sigma = panels.model.sigma
    dim = sigma.size
    z, z_weight = strip_nodes(panels, first, last)
    width = panels.right[last - 1] - panels.left[first]
    middle = 0.5 * (panels.left[first] + panels.right[last - 1])
    frames = _frames(panels, middle, width)
    rules = [gauss_hermite(ORDERS[k]) for k in orders]
    noise = np.array(list(product(*(rule[0] for rule in rules))))
    noise_weight = np.prod(np.array(list(product(*(rule[1] for rule in rules)))), axis=1)
    f = panels.model.decoder(z.ravel()).reshape(len(first), STRIP_ORDER, dim)
    moves = np.einsum("ek,sdk->sed", noise, frames) * sigma
    x = f[:, :, None, :] + moves[:, None, :, :]
    weight = z_weight[:, :, None] * noise_weight
    values = integrand(np.ascontiguousarray(x.reshape(-1, dim)))
    count = values.shape[1]
    shape = (len(first), STRIP_ORDER, *(len(rule[0]) for rule in rules), count)
    tensor = values.reshape(shape)
    trouble = _trouble(tensor, z_weight, rules)
    integral = np.einsum("szn,sznm->sm", weight, tensor.reshape(*weight.shape, count))
    # Half-way to the neighbouring node, in every direction.
    ahead = 0.5 * np.asarray(np.gradient(f, axis=1))
    reach = np.empty((*x.shape[:3], dim + 1, dim))
    reach[:, :, :, 0, :] = ahead[:, :, None, :]
    for k, (nodes, _, _) in enumerate(rules):
        half = 0.5 * np.gradient(nodes)
        along = frames[:, :, k] * sigma
        index = np.array(list(product(*(range(len(rule[0])) for rule in rules))))[:, k]
        reach[:, :, :, k + 1, :] = along[:, None, None, :] * half[index][None, None, :, None]
    flat = STRIP_ORDER * len(noise)
    return [
        _Strip(
            int(first[s]),
            int(last[s]),
            orders,
            x[s].reshape(flat, dim),
            weight[s].reshape(flat),
            values.reshape(len(first), flat, count)[s],
            reach[s].reshape(flat, dim + 1, dim),
            integral[s],
            trouble[s],
        )
        for s in range(len(first))
    ]


def _trouble(tensor: Array, z_weight: Array, rules: list[tuple[Array, Array, Array]]) -> Array:
    """Bound what each direction misses of each function: shape (S, D + 1, M).

    The coefficients of one direction are averaged in absolute value over the nodes of the others.
    """
    strips, _, *_, count = tensor.shape
    dims = len(rules)
    # z: the integrand is φ(z) times the function; the rule is exact for degree 15.
    density = z_weight / gauss_legendre(STRIP_ORDER)[1]
    in_z = tensor * density.reshape(*density.shape, *[1] * (dims + 1))
    series = np.moveaxis(np.tensordot(in_z, legendre_transform(STRIP_ORDER), axes=(1, 1)), -1, 1)
    # Integrals over [−1, 1] of the highest degrees are at most twice their coefficients.
    size = 2.0 * np.abs(series)
    for axis in range(dims - 1, -1, -1):
        size = np.tensordot(size, rules[axis][1], axes=(2 + axis, 0))
    out = np.empty((strips, dims + 1, count))
    out[:, 0] = _missed(size, STRIP_ORDER)
    for axis in range(dims):
        nodes, _, transform = rules[axis]
        series = np.moveaxis(np.tensordot(tensor, transform, axes=(2 + axis, 1)), -1, 2 + axis)
        size = np.abs(series)
        for other in range(dims - 1, -1, -1):
            if other != axis:
                size = np.tensordot(size, rules[other][1], axes=(2 + other, 0))
        # Now (S, z, degree, M).
        mean = np.einsum("sz,szjm->sjm", z_weight, size)
        out[:, axis + 1] = _missed(mean, len(nodes))
    return out


def _missed(size: Array, order: int) -> Array:
    """Extrapolate coefficients (S, degree, M) to the degree 2·order, where a Gauss rule errs.

    They fall geometrically where the function is analytic; half of that fall is believed. Where
    they do not fall, as at a kink, the highest ones themselves count. Several degrees are taken
    together, because those of a kink oscillate.
    """
    window = max(2, min(4, order // 3))
    high = size[:, -window:].max(axis=1)
    # The mean, of degree 0, says nothing about the rest.
    middle = size[:, max(1, order - 2 * window) : order - window].max(axis=1)
    fall = np.minimum(1.0, _DISTRUST * high / (middle + 1e-300))
    result: Array = _SHARE * high * fall ** (order / (2.0 * window))
    return result


def _collect(
    done: list[_Strip],
    apart: Booleans,
    missing: float,
    tolerance: Array,
    dim: int,
) -> NoiseIntegral:
    count = tolerance.size
    if not done:
        return NoiseIntegral(
            np.zeros(count), np.zeros(count), np.empty((0, dim)), np.empty(0),
            np.empty((0, count)), np.empty((0, dim + 1, dim)), apart, missing, True,
        )  # fmt: skip
    error = np.array([s.trouble.sum(axis=0) for s in done]).sum(axis=0)
    value = np.array([s.integral for s in done]).sum(axis=0)
    return NoiseIntegral(
        value=value,
        # Rounding of the sum itself.
        error=error + 1e-14 * np.array([np.abs(s.integral) for s in done]).sum(axis=0),
        x=np.concatenate([s.x for s in done]),
        weight=np.concatenate([s.weight for s in done]),
        values=np.concatenate([s.values for s in done]),
        reach=np.concatenate([s.reach for s in done]),
        apart=apart,
        missing_mass=missing,
        converged=bool(np.all(error <= tolerance)),
    )
