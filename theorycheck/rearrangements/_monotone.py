"""The monotone rearrangement: the curve of f traced once, with the same law (docs/theory.md).

With f = γ∘s (see `_traced_curve.py`) and F the distribution function of s(Z), g = γ ∘ F⁻¹ ∘ Φ has
the image law of f and runs along the curve in one direction. For D = 1 this is the quantile
function of f(Z). If f traces its image once, g is f.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from theorycheck.arrays import Array
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.quadrature import UNRESOLVED_MASS, latent_panels
from theorycheck.rearrangements._curve_law import CurveLaw
from theorycheck.rearrangements._traced_curve import SAME_POINT, TracedCurve, trace_curve

#: Labels at which two strands are compared.
_COMPARED = 64
#: Strands of a curve at most; each costs a solve at every latent.
_MOST_STRANDS = 200
#: Points along the curve between which it is searched for places where it runs over itself.
_POINTS = 4000
#: Cosine from which two stretches that meet run along each other rather than cross.
_PARALLEL = 0.95


class Tracing(enum.StrEnum):
    """How f traces its image."""

    ONCE = "once"
    FOLDED = "back and forth"
    CLOSED = "round a closed curve more than once"
    NONE = "not a curve that can be followed"


@dataclass(frozen=True, eq=False)
class MonotoneRearrangement:
    """The curve of f traced once, or why there is no such thing.

    Parameters
    ----------
    model : GenerativeModel or None
        None where `tracing` is NONE. The model that was given where it traces its image once.
    tracing : Tracing
        How often the curve is traced.
    reason : str
        Why there is none, or what it is, in plain words.
    """

    model: GenerativeModel | None
    tracing: Tracing
    reason: str

    def to_dict(self) -> dict[str, object]:
        """Return the entries for JSON."""
        return {"tracing": self.tracing.value, "reason": self.reason}


def monotone_rearrangement(model: GenerativeModel) -> MonotoneRearrangement:
    """Rearrange f so that it runs along its image in one direction.

    Parameters
    ----------
    model : GenerativeModel
        K = 1, any D.

    Returns
    -------
    MonotoneRearrangement

    Raises
    ------
    DecoderError
        If f misbehaves.
    """
    if latent_panels(model).unresolved_mass > UNRESOLVED_MASS:
        return _none("f is too steep or too rough to be followed")
    curve = trace_curve(model)
    if len(curve.strands) > _MOST_STRANDS:
        return _none(f"f turns or jumps {len(curve.strands) - 1} times, too often to be followed")
    if model.data_dim > 1 and curve.jumps:
        return _none(f"f jumps, first at z = {curve.jumps[0]:.6g}: its image is not one curve")
    if not _consistent(curve):
        # A cusp or a hairpin: f turns, but runs on beside its path.
        curve = trace_curve(model, turning=False)
    period, overlapping = None, False
    if model.data_dim > 1:
        period, overlapping = _period(curve)
    if overlapping and period is None:
        return _none("the image runs over itself on a part only, so no single order is given to it")
    if period is not None:
        wound = _wound(curve, period)
        if wound is None:
            return _none("the image is a closed curve that f runs along in both directions")
        return MonotoneRearrangement(
            _rearranged(wound),
            Tracing.CLOSED,
            "the image is a closed curve; it is cut where f begins",
        )
    if _traced_once(curve):
        return MonotoneRearrangement(model, Tracing.ONCE, "f traces its image once")
    count = len(curve.strands)
    reason = f"f traces its image back and forth, in {count} strands"
    return MonotoneRearrangement(_rearranged(curve), Tracing.FOLDED, reason)


def _none(reason: str) -> MonotoneRearrangement:
    return MonotoneRearrangement(None, Tracing.NONE, reason)


def _rearranged(curve: TracedCurve) -> GenerativeModel:
    law, model = CurveLaw(curve), curve.model
    slow = Decoder.from_function(
        lambda z: model.decoder(law.latent_at(law.quantile(z))),
        name=f"monotone rearrangement of {model.name}",
        breakpoints=law.breakpoints(),
        # f was scanned when its curve was traced; here a scan would take two solves a latent.
        resolution=math.inf,
    )
    panels = latent_panels(GenerativeModel(slow, model.noise_variance))
    fast = Decoder.from_function(
        _OnPanels(panels.left, panels.right, panels.coefficients),
        name=slow.name,
        breakpoints=slow.breakpoints,
        resolution=model.decoder.resolution,
    )
    return GenerativeModel(fast, model.noise_variance)


@dataclass(frozen=True, eq=False)
class _OnPanels:
    """g = γ ∘ F⁻¹ ∘ Φ, kept as the Legendre series that resolve it: two solves a latent are saved.

    A class, so that it travels to other processes.
    """

    left: Array
    right: Array
    coefficients: Array

    def __call__(self, z: Array) -> Array:
        z = np.clip(z, self.left[0], self.right[-1])
        panel = np.searchsorted(self.left[1:], z, side="right")
        left, right = self.left[panel], self.right[panel]
        t = (2.0 * z - left - right) / (right - left)
        series = self.coefficients[panel].transpose(2, 1, 0)
        values = np.polynomial.legendre.legval(t, series, tensor=False)
        return np.ascontiguousarray(values.T, dtype=np.float64)


def _traced_once(curve: TracedCurve) -> bool:
    """Whether the strands' labels rise throughout, one strand after the other."""
    if not all(strand.rising for strand in curve.strands):
        return False
    pairs = zip(curve.strands, curve.strands[1:], strict=False)
    return all(a.high <= b.low + 1e-12 * (1.0 + abs(a.high)) for a, b in pairs)


def _consistent(curve: TracedCurve) -> bool:
    """Whether f takes the same value wherever the label is the same."""
    if curve.model.data_dim == 1 or len(curve.strands) == 1:
        return True
    law = CurveLaw(curve)
    for i, one in enumerate(curve.strands):
        for j in range(i):
            low = max(one.low, curve.strands[j].low)
            high = min(one.high, curve.strands[j].high)
            if high > low:
                at = np.linspace(low, high, _COMPARED + 2)[1:-1]
                f = [curve.model.decoder(law.on_strand(k, at)) for k in (i, j)]
                if _distance(curve, f[0], f[1]).max() > SAME_POINT:
                    return False
    return True


def _distance(curve: TracedCurve, a: Array, b: Array) -> Array:
    return np.asarray(np.linalg.norm((a - b) / curve.model.sigma, axis=1), dtype=np.float64)


def _period(curve: TracedCurve) -> tuple[float | None, bool]:
    """Return the length of a closed curve that is run along more than once, and any overlap."""
    law = CurveLaw(curve)
    low, high = law.low, law.high
    step = (high - low) / _POINTS
    if not step > 0.0:
        return None, False
    at = np.asarray(low + step * (np.arange(_POINTS) + 0.5), dtype=np.float64)
    points = curve.model.decoder(law.latent_at(at))
    tangent = np.gradient(points, step, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1), 1e-300)[:, None]
    pairs = cKDTree(points).query_pairs(0.75 * step, output_type="ndarray")
    pairs = pairs[np.abs(pairs[:, 0] - pairs[:, 1]) > 5]
    cosine = np.abs(np.sum(tangent[pairs[:, 0]] * tangent[pairs[:, 1]], axis=1))
    pairs = pairs[cosine > _PARALLEL]
    # A closed curve that is run along once meets itself at its ends only.
    inner = pairs[(pairs.min(axis=1) > 3) & (pairs.max(axis=1) < _POINTS - 4)]
    if inner.size == 0:
        return None, False
    lag = float(np.median(np.abs(at[inner[:, 0]] - at[inner[:, 1]])))
    period = _sharpened(curve, law, lag, step)
    compared: Array = np.linspace(low, high - period, _COMPARED + 2)[1:-1]
    f = [curve.model.decoder(law.latent_at(compared + shift)) for shift in (0.0, period)]
    closed = high - period > 5.0 * step and _distance(curve, f[0], f[1]).max() < SAME_POINT
    return (period, True) if closed else (None, True)


def _sharpened(curve: TracedCurve, law: CurveLaw, lag: float, step: float) -> float:
    """Find the period to rounding: where the curve comes back to one of its points."""
    start = np.array([0.5 * (law.low + law.high - lag)])
    f: Callable[[Array], Array] = lambda s: curve.model.decoder(law.latent_at(s))  # noqa: E731
    home = f(start)[0]
    for _ in range(20):
        here = f(start + lag)[0]
        tangent = (f(start + lag + 1e-4 * step)[0] - f(start + lag - 1e-4 * step)[0]) / (
            2e-4 * step
        )
        move = float((home - here) @ tangent / max(float(tangent @ tangent), 1e-300))
        lag += float(np.clip(move, -step, step))
        if abs(move) < 1e-14 * lag:
            break
    return lag


def _wound(curve: TracedCurve, period: float) -> TracedCurve | None:
    """Label a closed curve modulo its length, cut where f begins; None if f turns back on it."""
    if len(curve.strands) > 1:
        return None
    law = CurveLaw(curve)
    laps = int(np.ceil((law.high - law.low) / period - 1e-9))
    at: Array = law.low + period * np.arange(1.0, laps)
    cuts = law.on_strand(0, at)
    again = trace_curve(curve.model, turning=False, cut=cuts.tolist())
    return again.modulo(period)
