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
#: Latents that are solved for at once, some 300 bytes each.
_SOLVED = 1 << 18
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
        label = np.asarray(label, dtype=np.float64)
        return self._on_strands(np.full(label.shape, index), label)

    def _on_strands(self, index: NDArray[np.intp], label: Array) -> Array:
        """The same for strands that differ from label to label: one solve for all of them."""
        curve = self.curve
        sign, rounding, panel = np.empty(label.shape), np.empty(label.shape), np.empty_like(index)
        for i in np.unique(index):
            here, strand = index == i, curve.strands[i]
            sign[here] = 1.0 if strand.rising else -1.0
            rounding[here] = 4.0 * _EPS * max(abs(strand.low), abs(strand.high))
            starts = curve.ends[0][strand.first : strand.last]
            start = np.maximum.accumulate(starts if strand.rising else -starts)
            number = np.searchsorted(start, sign[here] * label[here], side="right") - 1
            panel[here] = np.clip(number, 0, start.size - 1) + strand.first
        wanted = sign * label
        low, high = curve.panels.left[panel].copy(), curve.panels.right[panel].copy()
        # A label beyond the strand is at its end, and at the panel's where rounding says so.
        low = np.where(wanted >= sign * curve.ends[1][panel], high, low)
        high = np.where(wanted <= sign * curve.ends[0][panel], low, high)
        z = 0.5 * (low + high)
        active = np.flatnonzero(high > low)
        for _ in range(_ITERATIONS):
            if active.size == 0:
                break
            at, here = z[active], panel[active]
            gap = sign[active] * curve.on_panel(curve.series, here, at) - wanted[active]
            slope = sign[active] * curve.on_panel(curve.slope_series, here, at)
            z[active] = _next(at, gap, slope, low, high, active)
            moved = np.abs(z[active] - at) > 4.0 * _EPS * np.maximum(np.abs(at), 1.0)
            # At a turn of f the label is flat: more cannot be told of z than what is told of it.
            active = active[moved & (np.abs(gap) > rounding[active])]
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
        most = max(_SOLVED // len(self.curve.strands), 1)
        parts = [self._masses_of(label[k : k + most]) for k in range(0, max(label.size, 1), most)]
        below, above, density = (np.concatenate(found) for found in zip(*parts, strict=True))
        return below, above, density

    def _masses_of(self, label: Array) -> tuple[Array, Array, Array]:
        curve, strands = self.curve, self.curve.strands
        rising = np.array([[strand.rising] for strand in strands])
        first, last, low, high, left, right = (
            np.array([[getattr(strand, name)] for strand in strands])
            for name in ("first", "last", "low", "high", "left", "right")
        )
        # The first and the last strand carry the tails beyond the panels too.
        left[0], right[-1] = -np.inf, np.inf
        inside = (label > low) & (label < high)
        index, column = np.nonzero(inside)
        z = np.where((label >= high) == rising, right, left)
        at = self._on_strands(index, label[column])
        z[inside] = at
        before, after = normal_mass(left, z), normal_mass(z, right)
        panel = np.searchsorted(curve.panels.left, at, side="right") - 1
        panel = np.clip(panel, first[index, 0], last[index, 0] - 1)
        slope = np.abs(curve.on_panel(curve.slope_series, panel, at))
        normal = np.exp(-0.5 * at**2) / np.sqrt(2.0 * np.pi)
        density = np.zeros(z.shape)
        density[inside] = normal / np.maximum(slope, 1e-300)
        return (
            np.where(rising, before, after).sum(axis=0),
            np.where(rising, after, before).sum(axis=0),
            density.sum(axis=0),
        )


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
