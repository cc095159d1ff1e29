"""The image of f as a curve, and how f traces it: a label s(z) along the curve.

For D >= 2 the label is the signed arc length: it runs back where f turns back on itself. For D = 1
it is f. Between turns and jumps s is monotone; such a stretch of latents is a strand. Where two
strands carry the same label f must take the same value, which is checked: only then is f = γ∘s with
one curve γ, and the law of s(Z) says all about the image law.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.optimize import brentq

from theorycheck.arrays import Array, Booleans, Latents, PerPoint
from theorycheck.models import GenerativeModel
from theorycheck.quadrature import NODES, TRANSFORM, LatentPanels, latent_panels

#: Speed |f′|/σ below which the direction of f is rounding.
_STILL = 1e-5
#: Cosine between the directions of two neighbouring nodes, or of the two sides of a kink, from
#: which f counts as turning back.
_TURNED_NODE, _TURNED_KINK = -0.9, -0.999_999
#: Distance in σ within which two values of f are the same point, and a jump is none.
SAME_POINT = 1e-6


@dataclass(frozen=True)
class Strand:
    """A stretch of latents on which the label is monotone and continuous.

    Parameters
    ----------
    first, last : int
        Panels, `last` excluded.
    left, right : float
        Latents at its ends.
    rising : bool
        Whether the label rises with z on it.
    low, high : float
        Range of the label.
    """

    first: int
    last: int
    left: float
    right: float
    rising: bool
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class TracedCurve:
    """f with a label along its image. Build with :func:`trace_curve`.

    Parameters
    ----------
    panels : LatentPanels
        Split at kinks, jumps and turns.
    series : ndarray, shape (P, n)
        Legendre series of the label on each panel.
    strands : tuple of Strand
        The strands, from left to right.
    jumps : tuple of float
        Latents where f jumps.
    """

    panels: LatentPanels
    series: Array
    strands: tuple[Strand, ...]
    jumps: tuple[float, ...]

    @property
    def model(self) -> GenerativeModel:
        """Return the model whose curve it is."""
        return self.panels.model

    @cached_property
    def slope_series(self) -> Array:
        """Return the Legendre series of ds/dz on each panel."""
        half = 0.5 * (self.panels.right - self.panels.left)
        result: Array = legendre.legder(self.series, axis=1) / half[:, None]
        return result

    @cached_property
    def ends(self) -> tuple[Array, Array]:
        """Return the labels at the left and at the right end of each panel."""
        signs = (-1.0) ** np.arange(self.series.shape[1])
        return self.series @ signs, self.series.sum(axis=1)

    def label(self, z: Latents) -> PerPoint:
        """Return s(z), shape (n,)."""
        panel = np.searchsorted(self.panels.left, z, side="right") - 1
        panel = np.clip(panel, 0, self.panels.size - 1)
        return self.on_panel(self.series, panel, z)

    def on_panel(self, series: Array, panel: NDArray[np.intp], z: Array) -> Array:
        """Evaluate a series at latents whose panels are known."""
        left, right = self.panels.left[panel], self.panels.right[panel]
        t = np.clip((2.0 * z - left - right) / (right - left), -1.0, 1.0)
        return np.asarray(legendre.legval(t, series[panel].T, tensor=False), dtype=np.float64)

    def modulo(self, period: float) -> TracedCurve:
        """Return the same curve with every strand's label taken modulo a length."""
        series = self.series.copy()
        strands = []
        for strand in self.strands:
            laps = round((strand.low - self.strands[0].low) / period)
            series[strand.first : strand.last, 0] -= laps * period
            low, high = strand.low - laps * period, strand.high - laps * period
            strands.append(replace(strand, low=low, high=high))
        return TracedCurve(self.panels, series, tuple(strands), self.jumps)


def trace_curve(
    model: GenerativeModel, *, turning: bool = True, cut: Iterable[float] = ()
) -> TracedCurve:
    """Follow f, find where it turns back, and label its points.

    Parameters
    ----------
    model : GenerativeModel
        Only its f matters; σ sets the tolerances.
    turning : bool
        Whether the label runs back where f turns back; otherwise it always rises (D >= 2).
    cut : iterable of float
        Further latents at which a strand is to end.

    Returns
    -------
    TracedCurve

    Raises
    ------
    DecoderError
        If f misbehaves.
    """
    first = latent_panels(model)
    turns = _turns(first) if turning or model.data_dim == 1 else set()
    points = sorted({*first.breakpoints, *turns, *cut})
    marked = GenerativeModel(model.decoder.with_breakpoints(points), model.noise_variance)
    panels = latent_panels(marked)
    jumps = _jumps(panels)
    series = panels.coefficients[:, 0, :] if model.data_dim == 1 else _arc_length(panels, turns)
    series = _oriented(series)
    strands = _strands(panels, series, {*turns, *cut, *jumps})
    return TracedCurve(panels, series, strands, jumps)


def _velocity(panels: LatentPanels, at: Array) -> Array:
    """Return f′ in σ at points of each panel's own variable: shape (P, n, D)."""
    half = 0.5 * (panels.right - panels.left)
    slopes = legendre.legder(panels.coefficients, axis=2)
    values = slopes @ legendre.legvander(at, slopes.shape[2] - 1).T
    scale = half[:, None, None] * panels.model.sigma[:, None]
    result: Array = np.swapaxes(values / scale, 1, 2)
    return result


def _direction(velocity: Array) -> tuple[Array, Booleans]:
    """Unit vectors, and whether f moves at all there."""
    speed = np.linalg.norm(velocity, axis=-1)
    return velocity / np.maximum(speed, 1e-300)[..., None], speed > _STILL


def _turns(panels: LatentPanels) -> set[float]:
    """Latents at which f turns back on its own path."""
    dim = panels.model.data_dim
    direction, moves = _direction(_velocity(panels, NODES).reshape(-1, dim))
    node = np.flatnonzero(moves)
    cosine = np.sum(direction[node[:-1]] * direction[node[1:]], axis=1)
    edge_direction, edge_moves = _direction(_velocity(panels, np.array([-1.0, 1.0])))
    found = set()
    for k in np.flatnonzero(cosine < 0.0):
        a, b = node[k], node[k + 1]
        kinks = [p for p in panels.breakpoints if panels.z[a] < p <= panels.z[b]]
        if kinks:
            right = int(np.searchsorted(panels.left, kinks[0]))
            sides = edge_direction[right - 1, 1] @ edge_direction[right, 0]
            if not (edge_moves[right - 1, 1] and edge_moves[right, 0]):
                sides = cosine[k]
            if sides < _TURNED_KINK or (dim == 1 and sides < 0.0):
                found.add(float(kinks[0]))
        elif cosine[k] < _TURNED_NODE:
            found.add(_standstill(panels, direction[a], float(panels.z[a]), float(panels.z[b])))
    return found


def _standstill(panels: LatentPanels, direction: Array, a: float, b: float) -> float:
    """Find where f stops moving along a direction between two nodes."""
    slopes = legendre.legder(panels.coefficients, axis=2)

    def along(z: float) -> float:
        i = max(0, min(int(np.searchsorted(panels.left, z, side="right")) - 1, panels.size - 1))
        t = (2.0 * z - panels.left[i] - panels.right[i]) / (panels.right[i] - panels.left[i])
        velocity = legendre.legval(t, slopes[i].T) / panels.model.sigma
        return float(velocity @ direction / (panels.right[i] - panels.left[i]))

    return float(brentq(along, a, b, xtol=1e-15, rtol=1e-15))


def _jumps(panels: LatentPanels) -> tuple[float, ...]:
    signs = (-1.0) ** np.arange(panels.coefficients.shape[2])
    first, last = panels.coefficients @ signs, panels.coefficients.sum(axis=2)
    size = np.linalg.norm((first[1:] - last[:-1]) / panels.model.sigma, axis=1)
    return tuple(panels.left[1:][size > SAME_POINT].tolist())


def _arc_length(panels: LatentPanels, turns: set[float]) -> Array:
    """Legendre series of the signed arc length, zero at the left end.

    A jump adds what it is along f's direction: the rounding-sized ones of f must not shift one lap
    of a closed curve against the next.
    """
    sigma = panels.model.sigma
    velocity = _velocity(panels, NODES) * sigma
    speed = np.linalg.norm(velocity, axis=2) * 0.5 * (panels.right - panels.left)[:, None]
    turned = np.isin(panels.left, list(turns))
    sign = (-1.0) ** np.cumsum(turned)
    series = legendre.legint(sign[:, None] * (speed @ TRANSFORM.T), lbnd=-1, axis=1)
    length = series.sum(axis=1)
    direction, _ = _direction(_velocity(panels, np.array([1.0]))[:-1, 0])
    signs = (-1.0) ** np.arange(panels.coefficients.shape[2])
    gap = (panels.coefficients[1:] @ signs - panels.coefficients[:-1].sum(axis=2)) / sigma
    step = np.sum(gap * direction, axis=1) * np.linalg.norm(gap * sigma, axis=1)
    step = sign[:-1] * step / np.maximum(np.linalg.norm(gap, axis=1), 1e-300)
    series[:, 0] += np.concatenate([[0.0], np.cumsum(length[:-1] + step)])
    return np.asarray(series, dtype=np.float64)


def _oriented(series: Array) -> Array:
    """Let the label rise on the whole, or, where f ends where it began, on the last stretch."""
    signs = (-1.0) ** np.arange(series.shape[1])
    first, last = float(series[0] @ signs), float(series[-1].sum())
    span = float(np.abs(series.sum(axis=1)).max())
    rise = last - first
    if abs(rise) <= 1e-9 * span:
        rise = last - float(series[-1] @ signs)
    return -series if rise < 0.0 else series


def _strands(panels: LatentPanels, series: Array, ends: set[float]) -> tuple[Strand, ...]:
    bounds = [0, *np.flatnonzero(np.isin(panels.left[1:], list(ends))) + 1, panels.size]
    signs = (-1.0) ** np.arange(series.shape[1])
    found = []
    for first, last in pairwise(int(b) for b in bounds):
        start, stop = float(series[first] @ signs), float(series[last - 1].sum())
        left, right = float(panels.left[first]), float(panels.right[last - 1])
        low, high = min(start, stop), max(start, stop)
        found.append(Strand(first, last, left, right, stop >= start, low, high))
    return tuple(found)
