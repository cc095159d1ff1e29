"""The mesh of panels in z: refined until each panel resolves f against σ, and is seen to.

A panel's rule and its series know f at 16 nodes only. It is accepted when they look resolved *and*
f agrees with the series at latents that the rule does not use: both edges, three places between,
and every point of the decoder's scan that lies inside. A panel that fails is cut at a jump of f
where one is found in it, else in the middle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from scipy.special import log_ndtr

from theorycheck.arrays import Array, Booleans
from theorycheck.models import GenerativeModel
from theorycheck.quadrature._breakpoints import locate_jumps
from theorycheck.quadrature._rules import NODES, ORDER, TRANSFORM, legendre_values
from theorycheck.quadrature._scan import Scan
from theorycheck.quadrature._single_precision import SINGLE, Rounding, measure_rounding

#: σ that f may move on a panel. At 3 the rule's error is below 1e-17 of the integrand's
#: maximum, at 6 it is 3e-12 (remainder term of the 16-point Gauss rule).
LARGEST_MOVE = 3.0
#: Widest panel: φ itself, and a q with s ~ 1, must be resolved as well.
LARGEST_WIDTH = 1.0
#: Largest Legendre coefficient of degree 14 and 15 that f may have, in σ.
RESOLUTION = 1e-12
#: Below this, a tail that bisection does not shrink is rounding noise in f, not structure.
NOISE = 1e-10
#: The series may miss f by this many times what its last coefficients and rounding account for.
MISFIT_ALLOWED = 64.0
#: Below this, a misfit that bisection does not shrink is noise too; it enters the panel's defect.
MISFIT_NOISE = 1e-8
#: Distance from a panel's edge to its outermost check, relative to max(1, |z|): 32 floats, since a
#: jump as computed may lie some floats beside a declared one.
INSET = 2.0**-47
#: Where breakpoints are declared, a jump besides them is an exception: in panels that the nodes do
#: not resolve it is looked for in every so many rounds only, as that takes five calls of f.
_PATIENCE = 8

_EPS = float(np.finfo(float).eps)
#: Between the nodes, at no fraction of the panel that a regular f would favour.
_INNER = np.array([-0.549306, 0.057722, 0.693147])
_INNER_BASIS = legendre_values(_INNER, ORDER - 1)
_SIGNS = (-1.0) ** np.arange(ORDER)
_ASCENDING = np.argsort(np.concatenate([NODES, _INNER, [-1.0, 1.0]]))

#: Panels too long for what is left of the budget that are halved a round, to see what of them fits.
_HALVED = 8


@dataclass(frozen=True, eq=False)
class Mesh:
    """Panels with f on them.

    Parameters
    ----------
    left, right : ndarray, shape (P,)
        Edges of the panels.
    f, coefficients : ndarray, shape (P, D, N)
        The decoder means at the nodes, and their Legendre series.
    defect : ndarray, shape (P,)
        Size of the last Legendre coefficients, or of a larger misfit that was seen, in σ.
    resolved : ndarray of bool, shape (P,)
        Whether a panel resolves f against σ.
    """

    left: Float64[Array, " panels"]
    right: Float64[Array, " panels"]
    f: Float64[Array, "panels D order"]
    coefficients: Float64[Array, "panels D order"]
    defect: Float64[Array, " panels"]
    resolved: Booleans

    def take(self, index: Booleans | NDArray[np.intp]) -> Mesh:
        """Return some of the panels."""
        return Mesh(*(getattr(self, field.name)[index] for field in fields(self)))


def inset(
    left: Float64[Array, " panels"], right: Float64[Array, " panels"]
) -> tuple[Float64[Array, " panels"], Float64[Array, " panels"]]:
    """Return how far inside its edges a panel is checked: shapes (P,), for left and right."""
    most = 2.0**-11 * (right - left)
    return (
        np.minimum(INSET * np.maximum(1.0, np.abs(left)), most),
        np.minimum(INSET * np.maximum(1.0, np.abs(right)), most),
    )


def refine(
    model: GenerativeModel,
    breakpoints: tuple[float, ...],
    reach: float,
    max_panels: int,
    scan: Scan,
) -> tuple[Mesh, tuple[float, ...]]:
    """Cut what is unresolved, heaviest first, until all is resolved or the budget is spent.

    Parameters
    ----------
    model : GenerativeModel
        The model of which f and σ² are taken.
    breakpoints : tuple of float
        Where panels begin and end from the first, ascending.
    reach : float
        Cover [-reach, reach].
    max_panels : int
        Budget.
    scan : Scan
        The scan of the model's f.

    Returns
    -------
    mesh : Mesh
        Ascending.
    jumps : tuple of float
        Jumps of f at which panels were cut beside.

    Raises
    ------
    DecoderError
        If f misbehaves at a node.
    """
    inner = [b for b in breakpoints if -reach < b < reach]
    corners = np.array([-reach, *inner, reach])
    pieces = [
        np.linspace(a, b, 1 + max(1, math.ceil((b - a) / LARGEST_WIDTH)))
        for a, b in pairwise(corners)
    ]
    left = np.concatenate([p[:-1] for p in pieces])
    right = np.concatenate([p[1:] for p in pieces])
    before = np.full((2, left.size), np.inf)
    done: list[Mesh] = []
    jumps: list[float] = []
    count, rounds = left.size, 0
    off = measure_rounding(model)
    patience = 1 if model.decoder.breakpoints is None else _PATIENCE
    while left.size:
        trial = _Trial.of(model, left, right, before, scan, off)
        split = trial.splittable & ~trial.mesh.resolved
        split = _affordable(split, trial.needed, log_mass(left, right), max_panels - count)
        count += int(split.sum())
        done.append(trial.mesh.take(~split))
        rounds += 1
        hunted = trial.smooth | (trial.torn & (rounds % patience == 0))
        cut = np.full(left.size, np.nan)
        cut[split & hunted] = trial.jumps(model, np.flatnonzero(split & hunted))
        cut = cut[split]
        jumps += cut[np.isfinite(cut)].tolist()
        # Beside a jump f is another function than it was across.
        before = np.tile(np.where(np.isfinite(cut), np.inf, trial.quality[:, split]), 2)
        cut = np.where(np.isfinite(cut), cut, 0.5 * (left[split] + right[split]))
        left, right = np.concatenate([left[split], cut]), np.concatenate([cut, right[split]])
    whole = Mesh(
        *(np.concatenate([getattr(m, field.name) for m in done]) for field in fields(Mesh))
    )
    return whole.take(np.argsort(whole.left)), tuple(sorted(set(jumps)))


def _affordable(split: Booleans, needed: Array, mass: Array, room: int) -> Booleans:
    """Choose the panels to cut such that those begun can be cut to the end.

    Those of most prior mass for the panels that they will need come first: cutting all of them
    and ending the budget half-way would leave all of them unresolved.
    """
    candidates = np.flatnonzero(split)
    if needed[candidates].sum() <= room:
        return split
    order = candidates[np.argsort(np.log(needed[candidates]) - mass[candidates], kind="stable")]
    fits = np.cumsum(needed[order]) <= room
    chosen = np.zeros_like(split)
    chosen[order[fits]] = True
    # Of what does not fit as a whole a part may: halve the best of it and look again.
    spare = room - int(needed[order[fits]].sum())
    chosen[order[~fits][: min(_HALVED, max(spare, 0))]] = True
    return chosen


@dataclass(frozen=True, eq=False)
class _Trial:
    """Panels on which f was evaluated and judged.

    `needed` (P,) is how many more panels f's way on each will take.
    `torn` (P,) says that the tail is too large and halving the width did not help, `smooth` (P,)
    that the nodes by themselves look resolved. `samples` (P, N + 5) and `values` (P, N + 5, D) are
    all latents of each panel in order, and f there in σ; `quality` (2, P) its tail and misfit, inf
    where not looked at; `step` (P, 2) the two scan points between which f parts most from what the
    panel makes of it.
    """

    mesh: Mesh
    splittable: Booleans
    torn: Booleans
    smooth: Booleans
    quality: Array
    samples: Array
    values: Array
    step: Array
    needed: Array

    @classmethod
    def of(
        cls, model: GenerativeModel, left: Array, right: Array, before: Array, scan: Scan,
        off: Rounding | None = None,
    ) -> _Trial:  # fmt: skip
        """Evaluate f on panels and judge which resolve it, and which can still be bisected."""
        half, centre = 0.5 * (right - left), 0.5 * (left + right)
        shares = [gap / half for gap in inset(left, right)]
        inner = centre[:, None] + half[:, None] * np.concatenate([NODES, _INNER])
        ends = np.column_stack([left + shares[0] * half, right - shares[1] * half])
        # Rounded, the last latents of a panel of some floats would be the first of the next.
        z = np.minimum(np.concatenate([inner, ends], axis=1), np.nextafter(right, left)[:, None])
        values = model.decoder(z.ravel()).reshape(*z.shape, model.data_dim).transpose(0, 2, 1)
        f = np.ascontiguousarray(values[:, :, :ORDER])
        coefficients = f @ TRANSFORM.T
        scaled, series = values / model.sigma[:, None], coefficients / model.sigma[:, None]
        nodes = scaled[:, :, :ORDER]
        steps = np.linalg.norm(np.diff(nodes, axis=2), axis=1)
        # The nodes stop short of the edges; the factor is the panel's width over theirs.
        move = steps.sum(axis=1) / NODES[-1]
        tail = np.abs(series[:, :, -2:]).max(axis=(1, 2))
        rounding = 8.0 * _EPS * np.abs(nodes).max(axis=(1, 2))
        if off is not None:
            rounding = off.of_panels(left, right, scaled)
        # Half the width divides the tail of a smooth f by thousands; noise stays where it is.
        # A latent is rounded by up to an ulp, which moves a steep f.
        far = np.maximum(np.abs(left), np.abs(right))
        wobble = 4.0 * _EPS * far / half * np.minimum(move, LARGEST_MOVE)
        plateau = (tail <= np.maximum(NOISE, wobble)) & (before[0] < 4.0 * tail)
        enough = np.maximum(RESOLUTION, rounding)
        smooth = (move <= LARGEST_MOVE) & ((tail <= enough) | plateau)

        checks = [series @ _INNER_BASIS.T]
        for share, signs in zip(shares, (_SIGNS, np.ones(ORDER)), strict=True):
            basis = legendre_values(1.0 - share, ORDER - 1) * signs
            checks.append(np.einsum("pdk,pk->pd", series, basis)[:, :, None])
        misfit = np.abs(scaled[:, :, ORDER:] - np.concatenate(checks, axis=2)).max(axis=(1, 2))
        allowed = MISFIT_ALLOWED * np.maximum(enough, tail) + wobble
        worst, step = scan.misfit(left, right, series, smooth)
        misfit = np.where(smooth, np.maximum(misfit, worst), np.inf)
        noise = (misfit <= MISFIT_NOISE) & (before[1] < 4.0 * misfit)
        resolved = smooth & ((misfit <= allowed) | noise)
        spacing = _EPS * np.maximum(far, 1e-3) if off is None else SINGLE * np.maximum(far, 1.0)
        splittable = half > 32.0 * spacing
        missed = np.where(smooth & (misfit > allowed), misfit, 0.0)
        if off is not None:
            # What is seen of the rounding, and what is not: the series has its own.
            missed = np.where(smooth, misfit, 0.0) + rounding
        return cls(
            mesh=Mesh(left, right, f, coefficients, np.maximum(tail, missed), resolved),
            splittable=splittable,
            torn=(tail > enough) & ((before[0] < 4.0 * tail) | np.isinf(before[0])),
            smooth=smooth,
            quality=np.stack([tail, misfit]),
            samples=z[:, _ASCENDING],
            values=scaled[:, :, _ASCENDING].transpose(0, 2, 1),
            step=step,
            needed=np.maximum(2.0 ** np.ceil(np.log2(np.maximum(move / LARGEST_MOVE, 1.0))), 2.0)
            - 1.0,
        )

    def jumps(self, model: GenerativeModel, index: NDArray[np.intp]) -> Array:
        """Look for a jump of f in panels: its place, or NaN, for each of `index`."""
        z, f = self.samples[index], self.values[index]
        widest = np.argmax(np.linalg.norm(np.diff(f, axis=1), axis=2), axis=1)
        rows = np.arange(index.size)
        low = np.column_stack([self.step[index, 0], z[rows, widest]])
        high = np.column_stack([self.step[index, 1], z[rows, widest + 1]])
        place = np.full(low.shape, np.nan)
        given = np.isfinite(low)
        place[given] = locate_jumps(model.decoder, model.sigma, low[given], high[given])
        found = np.where(np.isfinite(place[:, 0]), place[:, 0], place[:, 1])
        inside = (found > self.mesh.left[index]) & (found < self.mesh.right[index])
        return np.where(inside, found, np.nan)


def log_mass(left: Array, right: Array) -> Array:
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
