"""The law of the label s(Z) along a traced curve: distribution function, quantiles, preimages."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from theorycheck.arrays import Array, Latents, PerPoint
from theorycheck.rearrangements._normal_intervals import normal_mass
from theorycheck.rearrangements._traced_curve import TracedCurve

#: Iterations of a Newton's method that falls back on bisection; bisection alone needs about 55.
_ITERATIONS = 90
_EPS = float(np.finfo(float).eps)


class CurveLaw:
    """F(s) = Pr[s(Z) <= s], and what follows from it.

    Parameters
    ----------
    curve : TracedCurve
        The curve whose law it is.
    """

    def __init__(self, curve: TracedCurve) -> None:
        self.curve = curve
        self.low = min(strand.low for strand in curve.strands)
        self.high = max(strand.high for strand in curve.strands)

    @cached_property
    def _knots(self) -> tuple[Array, Array, Array]:
        """Labels of all panel ends, ascending, with the masses below and above each."""
        start, stop = self.curve.ends
        knots = np.unique(np.concatenate([start, stop]))
        below, above, _ = self._masses(knots)
        return knots, np.maximum.accumulate(below), np.minimum.accumulate(above)

    def on_strand(self, index: int, label: PerPoint) -> Latents:
        """Return the latents of a strand that carry the labels; its ends where none does.

        Parameters
        ----------
        index : int
            Number of the strand.
        label : ndarray, shape (n,)
            Labels s.

        Returns
        -------
        ndarray, shape (n,)
        """
        strand, curve = self.curve.strands[index], self.curve
        sign = 1.0 if strand.rising else -1.0
        panels = slice(strand.first, strand.last)
        start = np.maximum.accumulate(sign * curve.ends[0][panels])
        wanted = sign * np.asarray(label, dtype=np.float64)
        panel = np.clip(np.searchsorted(start, wanted, side="right") - 1, 0, start.size - 1)
        panel = panel + strand.first
        low, high = curve.panels.left[panel].copy(), curve.panels.right[panel].copy()
        # A label beyond the strand is at its end, and at the panel's where rounding says so.
        low = np.where(wanted >= sign * curve.ends[1][panel], high, low)
        high = np.where(wanted <= sign * curve.ends[0][panel], low, high)
        z = 0.5 * (low + high)
        active = np.flatnonzero(high > low)
        rounding = 4.0 * _EPS * max(abs(strand.low), abs(strand.high))
        for _ in range(_ITERATIONS):
            if active.size == 0:
                break
            at, here = z[active], panel[active]
            gap = sign * curve.on_panel(curve.series, here, at) - wanted[active]
            slope = sign * curve.on_panel(curve.slope_series, here, at)
            z[active] = _next(at, gap, slope, low, high, active)
            moved = np.abs(z[active] - at) > 4.0 * _EPS * np.maximum(np.abs(at), 1.0)
            # At a turn of f the label is flat: more cannot be told of z than what is told of it.
            active = active[moved & (np.abs(gap) > rounding)]
        return z

    def latent_at(self, label: PerPoint) -> Latents:
        """Return a latent with each label, shape (n,), on the first strand that carries it."""
        label = np.clip(np.asarray(label, dtype=np.float64), self.low, self.high)
        result = np.full(label.shape, np.nan)
        for i, strand in enumerate(self.curve.strands):
            here = np.isnan(result) & (label >= strand.low) & (label <= strand.high)
            if here.any():
                result[here] = self.on_strand(i, label[here])
        missing = np.isnan(result)
        if missing.any():
            # Between the ranges of two strands, across a jump of f: the nearer end.
            ends = np.array([[s.low, s.high] for s in self.curve.strands])
            gaps = np.abs(label[missing][:, None, None] - ends)
            nearest = np.argmin(gaps.min(axis=2), axis=1)
            for i in np.unique(nearest):
                rows = np.flatnonzero(missing)[nearest == i]
                result[rows] = self.on_strand(int(i), label[rows])
        return result

    def quantile(self, z: Latents) -> PerPoint:
        """Return F⁻¹(Φ(z)), shape (n,), worked out in the nearer tail."""
        z = np.asarray(z, dtype=np.float64)
        knots, below, above = self._knots
        lower_half = z < 0.0
        wanted = ndtr(-np.abs(z))
        # First knot at which at least Φ(z) lies below, or at most 1 − Φ(z) above.
        left = np.searchsorted(below, wanted, side="left")
        right = above.size - np.searchsorted(above[::-1], wanted, side="right")
        index = np.clip(np.where(lower_half, left, right), 1, knots.size - 1)
        low, high = knots[index - 1].copy(), knots[index].copy()
        s = 0.5 * (low + high)
        active = np.flatnonzero(high > low)
        smallest = 1e-3 * (self.high - self.low)
        for _ in range(_ITERATIONS):
            if active.size == 0:
                break
            at, half = s[active], lower_half[active]
            mass_below, mass_above, density = self._masses(at)
            # Of logarithms, which bend little in the tails.
            mass = np.where(half, mass_below, mass_above)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                gap = np.where(half, 1.0, -1.0) * np.log(mass / wanted[active])
                slope = density / mass
            s[active] = _next(at, gap, slope, low, high, active)
            moved = np.abs(s[active] - at) > 4.0 * _EPS * np.maximum(np.abs(at), smallest)
            active = active[moved & (np.abs(gap) > 4.0 * _EPS)]
        return np.asarray(s, dtype=np.float64)

    def breakpoints(self) -> tuple[float, ...]:
        """Latents at which F⁻¹∘Φ, or f along it, has a kink or a jump."""
        curve = self.curve
        labels = {end for strand in curve.strands for end in (strand.low, strand.high)}
        at = np.array(curve.panels.breakpoints)
        labels.update(curve.label(at).tolist())
        labels.update(curve.label(np.nextafter(at, -np.inf)).tolist())
        below, above, _ = self._masses(np.array(sorted(labels)))
        z = np.where(below < above, ndtri(np.minimum(below, 0.5)), -ndtri(np.minimum(above, 0.5)))
        return tuple(np.unique(z[np.isfinite(z)]).tolist())

    def _masses(self, label: Array) -> tuple[Array, Array, Array]:
        """F, 1 − F and F′ at the labels."""
        below, above, density = (np.zeros(label.shape) for _ in range(3))
        for i, strand in enumerate(self.curve.strands):
            # The first and the last strand carry the tails beyond the panels too.
            left = -np.inf if i == 0 else strand.left
            right = np.inf if i + 1 == len(self.curve.strands) else strand.right
            inside = (label > strand.low) & (label < strand.high)
            z = np.where((label >= strand.high) == strand.rising, right, left)
            at = self.on_strand(i, label[inside])
            z[inside] = at
            before, after = normal_mass(left, z), normal_mass(z, right)
            below += before if strand.rising else after
            above += after if strand.rising else before
            panel = np.searchsorted(self.curve.panels.left, at, side="right") - 1
            panel = np.clip(panel, strand.first, strand.last - 1)
            slope = np.abs(self.curve.on_panel(self.curve.slope_series, panel, at))
            normal = np.exp(-0.5 * at**2) / np.sqrt(2.0 * np.pi)
            density[inside] += normal / np.maximum(slope, 1e-300)
        return below, above, density


def _next(
    at: Array, gap: Array, slope: Array, low: Array, high: Array, rows: NDArray[np.intp]
) -> Array:
    """Narrow the brackets of some rows; a Newton step inside them, else their middle."""
    low[rows] = np.where(gap <= 0.0, at, low[rows])
    high[rows] = np.where(gap >= 0.0, at, high[rows])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        newton = at - gap / slope
    inside = (newton >= low[rows]) & (newton <= high[rows])
    middle = 0.5 * (low[rows] + high[rows])
    return np.where(np.isfinite(newton) & inside, newton, middle)
