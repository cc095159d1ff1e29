"""Adaptive panels in z: where f is evaluated, once, for every integral over the latent.

A panel is accepted when f moves by at most LARGEST_MOVE σ on it and the last Legendre
coefficients of f are at rounding level: then both p_θ(x) and E_q f are integrated to rounding
for every x and for every q that the posterior can ask for. Where that cannot be reached within
the budget, the prior mass concerned is kept, and every error radius downstream includes it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from theorycheck.models.generative import GenerativeModel
from theorycheck.quadrature.breakpoints import find_breakpoints
from theorycheck.quadrature.kernels.log_density import BLOCK
from theorycheck.quadrature.rules import NODES, ORDER, TRANSFORM, WEIGHTS, legendre_values

Array = NDArray[np.float64]

#: |z| up to which panels go at first; the prior mass beyond is 4e-33.
REACH = 12.0
#: Largest |z| at which φ(z) is still a normal number.
LARGEST_REACH = 37.0
#: σ that f may move on a panel. At 3 the rule's error is below 1e-17 of the integrand's
#: maximum, at 6 it is 3e-12 (remainder term of the 16-point Gauss rule).
LARGEST_MOVE = 3.0
#: Widest panel: φ itself, and a q with s ~ 1, must be resolved as well.
LARGEST_WIDTH = 1.0
#: Largest Legendre coefficient of degree 14 and 15 that f may have, in σ.
RESOLUTION = 1e-12
#: Below this, a tail that bisection does not shrink is rounding noise in f, not structure.
NOISE = 1e-10
#: Panels at most; at 16 nodes and D = 2 this many take 25 MB.
MAX_PANELS = 20_000
#: Unresolved prior mass from which a result is called unresolved rather than given a radius.
UNRESOLVED_MASS = 1e-6

_EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class LatentPanels:
    """f on panels of Gauss-Legendre nodes that resolve it against σ.

    Build with :func:`latent_panels`. P panels, N = 16 nodes each, D data dimensions.

    Parameters
    ----------
    model : GenerativeModel
    reach : float
        The panels cover [-reach, reach].
    left, right : ndarray, shape (P,)
        Panel edges.
    z, rule_weight, log_weight : ndarray, shape (P N,)
        Nodes, ascending, their weights for ∫ dz, and the log of weight times φ(z).
    f : ndarray, shape (D, P N)
        Decoder means at the nodes.
    coefficients : ndarray, shape (P, D, N)
        Legendre series of f on each panel.
    log_width : ndarray, shape (P N,)
        Log of the Laplace width 1/√(1 + |f′|²/σ²) of a posterior with its mode at the node;
        a jump at an edge of the panel counts as if it were spread over the panels beside it.
    centre, radius : ndarray, shapes (P, D) and (P,)
        A ball around f on the panel; radius in σ.
    defect : ndarray, shape (P,)
        Size of the last Legendre coefficients of f, in σ.
    log_mass : ndarray, shape (P,)
        Log prior mass of the panel.
    block_centre, block_radius, block_log_mass : ndarray
        The same for runs of BLOCK panels.
    unresolved_mass : float
        Prior mass of the panels that do not resolve f.
    breakpoints : tuple of float
        Kinks and jumps at which panels were split.
    """

    model: GenerativeModel
    reach: float
    left: Array
    right: Array
    z: Array
    rule_weight: Array
    log_weight: Array
    f: Array
    coefficients: Array
    log_width: Array
    centre: Array
    radius: Array
    defect: Array
    log_mass: Array
    block_centre: Array
    block_radius: Array
    block_log_mass: Array
    unresolved_mass: float
    breakpoints: tuple[float, ...]

    @property
    def size(self) -> int:
        """Number of panels P."""
        return int(self.left.size)

    @property
    def missing_mass(self) -> float:
        """Prior mass that is unresolved or beyond the reach."""
        return self.unresolved_mass + 2.0 * float(ndtr(-self.reach))

    @property
    def peak_log_density(self) -> float:
        """Log of the largest value that N(x; f, σ²) takes: -(D/2) log 2π - Σ log σ_d."""
        sigma = self.model.sigma
        return -0.5 * sigma.size * math.log(2.0 * math.pi) - float(np.log(sigma).sum())


def latent_panels(
    model: GenerativeModel, *, reach: float = REACH, max_panels: int = MAX_PANELS
) -> LatentPanels:
    """Refine panels in z until they resolve f against σ.

    Parameters
    ----------
    model : GenerativeModel
    reach : float
        Cover [-reach, reach]; at most 37.
    max_panels : int
        Budget. When it is spent, the panels of largest prior mass have been refined first.

    Returns
    -------
    LatentPanels

    Raises
    ------
    DecoderError
        If f misbehaves at a node.
    """
    reach = min(reach, LARGEST_REACH)
    declared = model.decoder.breakpoints
    if declared is not None:
        return _assemble(model, reach, declared, _refine(model, declared, reach, max_panels))
    first = _refine(model, (), reach, max_panels)
    found = find_breakpoints(model.decoder, first.left, first.right)
    if found:
        second = _refine(model, found, reach, max_panels)
        # Around a true kink or jump dozens of panels become unnecessary.
        if second.left.size + 8 * len(found) < first.left.size:
            return _assemble(model, reach, found, second)
    return _assemble(model, reach, (), first)


@dataclass(frozen=True)
class _Mesh:
    left: Array
    right: Array
    f: Array
    coefficients: Array
    resolved: NDArray[np.bool_]


def _refine(
    model: GenerativeModel, breakpoints: tuple[float, ...], reach: float, max_panels: int
) -> _Mesh:
    """Bisect what is unresolved, heaviest first, until all is resolved or the budget is spent."""
    inner = [b for b in breakpoints if -reach < b < reach]
    corners = np.array([-reach, *inner, reach])
    pieces = [
        np.linspace(a, b, 1 + max(1, math.ceil((b - a) / LARGEST_WIDTH)))
        for a, b in pairwise(corners)
    ]
    left = np.concatenate([p[:-1] for p in pieces])
    right = np.concatenate([p[1:] for p in pieces])
    parent_tail = np.full(left.size, np.inf)
    done: list[_Mesh] = []
    count = left.size
    while left.size:
        mesh, splittable, tail = _evaluate(model, left, right, parent_tail)
        split = splittable & ~mesh.resolved
        room = max_panels - count
        if int(split.sum()) > room:
            candidates = np.flatnonzero(split)
            order = np.argsort(-_log_mass(left[candidates], right[candidates]), kind="stable")
            split = np.zeros_like(split)
            split[candidates[order[: max(room, 0)]]] = True
        count += int(split.sum())
        done.append(_select(mesh, ~split))
        middle = 0.5 * (left[split] + right[split])
        left, right = (
            np.concatenate([left[split], middle]),
            np.concatenate([middle, right[split]]),
        )
        parent_tail = np.tile(tail[split], 2)
    order = np.argsort(np.concatenate([m.left for m in done]))
    return _Mesh(
        *(
            np.concatenate([getattr(m, name) for m in done])[order]
            for name in ("left", "right", "f", "coefficients", "resolved")
        )
    )


def _select(mesh: _Mesh, keep: NDArray[np.bool_]) -> _Mesh:
    return _Mesh(
        mesh.left[keep],
        mesh.right[keep],
        mesh.f[keep],
        mesh.coefficients[keep],
        mesh.resolved[keep],
    )


def _evaluate(
    model: GenerativeModel, left: Array, right: Array, parent_tail: Array
) -> tuple[_Mesh, NDArray[np.bool_], Array]:
    """Evaluate f on panels and judge which resolve it, and which can still be bisected."""
    half = 0.5 * (right - left)
    z = 0.5 * (left + right)[:, None] + half[:, None] * NODES
    values = model.decoder(z.ravel()).reshape(left.size, ORDER, model.data_dim)
    f = np.ascontiguousarray(values.transpose(0, 2, 1))
    coefficients = f @ TRANSFORM.T
    scaled = f / model.sigma[:, None]
    steps = np.linalg.norm(np.diff(scaled, axis=2), axis=1)
    # The nodes stop short of the edges; the factor is the panel's width over theirs.
    move = steps.sum(axis=1) / NODES[-1]
    tail = np.abs(coefficients[:, :, -2:] / model.sigma[:, None]).max(axis=(1, 2))
    rounding = 8.0 * _EPS * np.abs(scaled).max(axis=(1, 2))
    # Half the width divides the tail of a smooth f by thousands; noise stays where it is.
    plateau = (tail <= NOISE) & (parent_tail < 4.0 * tail)
    resolved = (move <= LARGEST_MOVE) & ((tail <= np.maximum(RESOLUTION, rounding)) | plateau)
    splittable = half > 32.0 * _EPS * np.maximum(np.maximum(np.abs(left), np.abs(right)), 1e-3)
    return _Mesh(left, right, f, coefficients, resolved), splittable, tail


def _log_mass(left: Array, right: Array) -> Array:
    """Log prior mass of [left, right], without cancellation in either tail."""
    flip = left > 0.0
    a = np.where(flip, -right, left)
    b = np.where(flip, -left, right)
    upper = log_ndtr(b)
    with np.errstate(divide="ignore"):
        result: Array = upper + np.log1p(-np.exp(np.minimum(log_ndtr(a) - upper, -1e-300)))
    # Panels so narrow that the difference is lost: density times width.
    narrow = (b - a) * np.exp(-0.5 * (0.5 * (a + b)) ** 2) / math.sqrt(2.0 * math.pi)
    lost = (right - left) < 1e-5
    result[lost] = np.log(np.maximum(narrow[lost], 1e-320))
    return result


def _assemble(
    model: GenerativeModel, reach: float, breakpoints: tuple[float, ...], mesh: _Mesh
) -> LatentPanels:
    half = 0.5 * (mesh.right - mesh.left)
    z = 0.5 * (mesh.left + mesh.right)[:, None] + half[:, None] * NODES
    rule_weight = half[:, None] * WEIGHTS
    log_weight = np.log(rule_weight) - 0.5 * z**2 - 0.5 * math.log(2.0 * math.pi)
    sigma = model.sigma
    slopes = _differentiate(mesh.coefficients) @ legendre_values(NODES, ORDER - 2).T
    slopes /= half[:, None, None] * sigma[:, None]
    steepness = np.sqrt((slopes**2).sum(axis=1)) + _jump_steepness(mesh, sigma)[:, None]
    log_width = -0.5 * np.log1p(steepness**2)
    # The ball must hold f between the nodes and out to the edges, too.
    lower, upper = mesh.f.min(axis=2), mesh.f.max(axis=2)
    centre = 0.5 * (lower + upper)
    spread = np.linalg.norm((mesh.f - centre[:, :, None]) / sigma[:, None], axis=1).max(axis=1)
    radius = 1.05 * spread + 1e-9
    log_mass = _log_mass(mesh.left, mesh.right)
    tail = np.abs(mesh.coefficients[:, :, -2:] / sigma[:, None]).max(axis=(1, 2))
    starts = np.arange(0, mesh.left.size, BLOCK)
    block_centre = 0.5 * (np.minimum.reduceat(lower, starts) + np.maximum.reduceat(upper, starts))
    block_of = np.arange(mesh.left.size) // BLOCK
    to_block = np.linalg.norm((centre - block_centre[block_of]) / sigma, axis=1) + radius
    return LatentPanels(
        model=model,
        reach=reach,
        left=mesh.left,
        right=mesh.right,
        z=z.ravel(),
        rule_weight=rule_weight.ravel(),
        log_weight=log_weight.ravel(),
        f=np.ascontiguousarray(mesh.f.transpose(1, 0, 2).reshape(model.data_dim, -1)),
        coefficients=np.ascontiguousarray(mesh.coefficients),
        log_width=log_width.ravel(),
        centre=centre,
        radius=radius,
        defect=tail,
        log_mass=log_mass,
        block_centre=block_centre,
        block_radius=np.maximum.reduceat(to_block, starts),
        block_log_mass=np.logaddexp.reduceat(log_mass, starts),
        unresolved_mass=float(np.exp(log_mass[~mesh.resolved]).sum()),
        breakpoints=tuple(breakpoints),
    )


def _jump_steepness(mesh: _Mesh, sigma: Array) -> Array:
    """Jumps of f at the edges of each panel, over the panels' width: shape (P,), in σ.

    A decoder that is constant on many cells is flat inside each, yet its posteriors are as
    narrow as those of the curve that it follows.
    """
    signs = (-1.0) ** np.arange(ORDER)
    first, last = mesh.coefficients @ signs, mesh.coefficients.sum(axis=2)
    size = np.linalg.norm((first[1:] - last[:-1]) / sigma, axis=1)
    width = 0.5 * (mesh.right[1:] - mesh.left[:-1])
    # Of a continuous f the two values agree but for the error of its series.
    steep = np.where(size > 1e-6, size / width, 0.0)
    result: Array = np.maximum(np.append(steep, 0.0), np.insert(steep, 0, 0.0))
    return result


def _differentiate(coefficients: Array) -> Array:
    """Legendre coefficients of the derivative in the panel's own variable on [-1, 1]."""
    derivative: Array = np.polynomial.legendre.legder(coefficients, axis=-1).astype(np.float64)
    return derivative
