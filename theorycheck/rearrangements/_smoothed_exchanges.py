"""Interval exchanges made continuous by short steep bridges: what finite networks can reach.

An interval exchange f∘T jumps at its cuts. Straight bridges of slope B over them make a continuous
decoder whose
MLEO falls to 0 as B grows, and whose PMO goes to that of f∘T: whether condition (2) of Theorem 1
holds depends on how steep the decoders of the class may be (docs/theory.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from theorycheck.arrays import Array
from theorycheck.errors import SettingError
from theorycheck.models import Decoder, GenerativeModel
from theorycheck.objectives import Decomposition, Evaluated, decompose
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import largest_slope
from theorycheck.rearrangements._measure_preserving import LatentMap
from theorycheck.rearrangements._rearrangement import rearranged
from theorycheck.rearrangements._zero_mleo_class import MEMBER_TOLERANCE

#: Narrowest and widest bridge; a bridge stays within a third of the way to the next cut.
_NARROWEST, _WIDEST, _SHARE = 1e-9, 2.0, 1.0 / 3.0


@dataclass(frozen=True, eq=False)
class SmoothedExchange(Evaluated):
    """An interval exchange is evaluated with bridges of one slope.

    Parameters
    ----------
    slope : float
        Slope B of the bridges, in units of x per unit of z.
    largest_slope : float
        The largest |f′| over all latents up to |z| = 4: B, unless the torn curve is steeper.
    decomposition : Decomposition
        J, MLEO and PMO of the decoder.
    """

    slope: float
    largest_slope: float
    decomposition: Decomposition

    def to_dict(self) -> dict[str, object]:
        """Return the row for JSON."""
        return {
            "slope": self.slope,
            "largest_slope": self.largest_slope,
            **self.figures.to_dict(),
        }


def smoothed_exchange(
    model: GenerativeModel, latent_map: LatentMap, slope: float
) -> GenerativeModel:
    """Join the pieces of an interval exchange by straight bridges of a given slope.

    Parameters
    ----------
    model : GenerativeModel
        The model of which f is rearranged.
    latent_map : LatentMap
        The map T, an interval exchange.
    slope : float
        Slope B > 0 of the bridges, in units of x per unit of z.

    Returns
    -------
    GenerativeModel
        The model of f∘T outside the bridges, and continuous.

    Raises
    ------
    SettingError
        If B is not positive, or so small that bridges would overlap.
    """
    if not (math.isfinite(slope) and slope > 0.0):
        raise SettingError(f"the slope of the bridges must be positive and finite, not {slope}")
    torn = rearranged(model, latent_map)
    cuts = latent_map.cuts
    widths = [_width(torn, cuts, i, slope) for i in range(cuts.size) if _gap(torn, cuts[i]) > 1e-9]
    left = np.array([c - w for c, w in widths])
    right = np.array([c + w for c, w in widths])
    points = {*(torn.decoder.breakpoints or ()), *left.tolist(), *right.tolist()}
    inside = {p for p in points if any(a < p < b for a, b in zip(left, right, strict=True))}
    decoder = Decoder.from_function(
        _Bridged(torn.decoder, left, right),
        name=f"{torn.name}, bridges of slope {slope:g}",
        breakpoints=sorted(points - inside),
        resolution=torn.decoder.resolution,
    )
    return GenerativeModel(decoder, model.noise_variance)


def smoothed_exchanges(
    data: GenerativeModel,
    latent_map: LatentMap,
    slopes: Sequence[float],
    *,
    tolerance: float = MEMBER_TOLERANCE,
    progress: Progress = NO_PROGRESS,
) -> tuple[SmoothedExchange, ...]:
    """Compute MLEO and PMO of an interval exchange against the slope of its bridges.

    Parameters
    ----------
    data : GenerativeModel
        The ground truth, which is rearranged.
    latent_map : LatentMap
        The map T, an interval exchange.
    slopes : sequence of float
        Slopes B > 0 of the bridges, in units of x per unit of z.
    tolerance : float
        Error radius wanted for every PMO, nats.
    progress : Progress
        Told about every decoder.

    Returns
    -------
    tuple of SmoothedExchange
        The decoders, in the order of `slopes`.

    Raises
    ------
    SettingError
        If :func:`smoothed_exchange` refuses a slope.
    """
    models = [smoothed_exchange(data, latent_map, slope) for slope in slopes]
    rows = []
    with progress.task("smoothed tears", len(models)) as advance:
        for slope, model in zip(slopes, models, strict=True):
            found = decompose(model, data, tolerance=tolerance)
            rows.append(SmoothedExchange(slope, largest_slope(model), found))
            advance(1)
    return tuple(rows)


@dataclass(frozen=True, eq=False)
class _Bridged:
    """f∘T with straight lines over [left, right]; a class, so that it travels to processes."""

    torn: Decoder
    left: Array
    right: Array

    def __call__(self, z: Array) -> Array:
        f = self.torn(z)
        for a, b in zip(self.left, self.right, strict=True):
            inside = (z > a) & (z < b)
            if inside.any():
                ends = self.torn(np.array([a, b]))
                share = (z[inside] - a) / (b - a)
                f[inside] = ends[0] + share[:, None] * (ends[1] - ends[0])
        return f


def _gap(torn: GenerativeModel, cut: float) -> float:
    ends = torn.decoder(np.array([np.nextafter(cut, -np.inf), cut]))
    return float(np.linalg.norm(ends[1] - ends[0]))


def _width(torn: GenerativeModel, cuts: Array, index: int, slope: float) -> tuple[float, float]:
    """Return the cut and the half-width at which its bridge has the slope."""
    cut = float(cuts[index])
    others = np.delete(cuts, index)
    widest = min(_WIDEST, _SHARE * float(np.abs(others - cut).min(initial=np.inf)))

    def excess(log_half: float) -> float:
        half = math.exp(log_half)
        ends = torn.decoder(np.array([cut - half, cut + half]))
        return math.log(max(float(np.linalg.norm(ends[1] - ends[0])), 1e-300) / (2 * half * slope))

    low, high = math.log(_NARROWEST), math.log(widest)
    if excess(low) <= 0.0:
        return cut, _NARROWEST
    if excess(high) > 0.0:
        raise SettingError(
            f"bridges of slope {slope:g} would overlap at the cut z = {cut:.4g}: they must be "
            f"steeper than {slope * math.exp(excess(high)):.3g}"
        )
    return cut, math.exp(float(brentq(excess, low, high, xtol=1e-12)))
