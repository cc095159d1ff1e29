"""How far rounding moves a decoder that is evaluated in single precision (float32).

Its true f is the one that its formula means; what is returned lies beside it by δ(z). Nobody knows
δ, but its size shows twice: no result is nearer than the rounding of f and of the latent itself,
and what a calculation loses inside makes f rough, or a staircase, where latents are so near to
each other that no f bends. The sum of the two, with a margin, enters every radius as if it were
what a panel misses of f.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array
from theorycheck.models import GenerativeModel

#: Spacing of float32 at 1.
SINGLE = float(np.finfo(np.float32).eps)
#: Spacings by which f and the latent may be off. A rounding is half a spacing.
_OF_VALUE, _OF_LATENT = 1.0, 1.0
#: Standard deviations of the measured roughness that δ may have. With these three the bound is at
#: least twice the true |δ| on the networks and formulas of tests/quadrature/test_single_precision.
_OF_ROUGHNESS = 4.0
#: The roughness is measured at so many places between ± _REACH, on so many latents each, these
#: numbers of spacings apart. At the first three no f bends that turns less than 3,000 times a unit.
_PLACES, _REACH, _LATENTS = 721, 9.0, 16
_APART = (1.0, 8.0, 64.0, 512.0, 4096.0, 32768.0)
_BENT_FROM = 3
#: Spacings near zero are those of this latent.
_NEAR_ZERO = 1e-2
#: Steps of a staircase that are a larger share of how far f goes are jumps of f, not its rounding.
_LARGEST_STEP = 1e-3
#: Coefficients of fourth differences; those of independent errors have √70 times their deviation.
_FOURTH = np.array([1.0, -4.0, 6.0, -4.0, 1.0])


@dataclass(frozen=True, eq=False)
class Rounding:
    """The size of δ along z for one decoder.

    Parameters
    ----------
    z : ndarray, shape (m,)
        Where the roughness was measured, ascending.
    roughness : ndarray, shape (m,)
        Standard deviation of δ there, in σ.
    """

    z: Float64[Array, " places"]
    roughness: Float64[Array, " places"]

    def of_panels(
        self,
        left: Float64[Array, " panels"],
        right: Float64[Array, " panels"],
        scaled: Float64[Array, "panels D order"],
    ) -> Float64[Array, " panels"]:
        """Bound |δ| on panels.

        Parameters
        ----------
        left, right : ndarray, shape (P,)
            Edges.
        scaled : ndarray, shape (P, D, N)
            f/σ at latents of each panel, in any order.

        Returns
        -------
        ndarray, shape (P,)
            How far f may be off, in σ, over all data dimensions together.
        """
        size = np.sqrt((np.abs(scaled).max(axis=2) ** 2).sum(axis=1))
        span = np.sqrt((np.ptp(scaled, axis=2) ** 2).sum(axis=1))
        far = np.maximum(np.abs(left), np.abs(right))
        # A latent is rounded before f is evaluated; on a panel f moves by its span at most.
        slope = np.minimum(span / (right - left) * far * SINGLE * _OF_LATENT, span)
        step = self.z[1] - self.z[0]
        # The largest of the places in [left, right] and one beyond either end.
        first = np.clip(np.searchsorted(self.z, left - step), 0, self.z.size - 1)
        last = np.maximum(np.searchsorted(self.z, right + step), first + 1)
        ends = np.column_stack([first, last]).ravel()
        rough = np.maximum.reduceat(np.append(self.roughness, 0.0), ends)[::2]
        result: Array = _OF_VALUE * SINGLE * size + slope + _OF_ROUGHNESS * rough
        return result


def measure_rounding(model: GenerativeModel) -> Rounding | None:
    """Measure how rough single precision makes f.

    Parameters
    ----------
    model : GenerativeModel
        The model with an f in single precision.

    Returns
    -------
    Rounding or None
        None for a decoder in double precision.

    Raises
    ------
    DecoderError
        If f misbehaves at a latent.
    """
    if not model.decoder.single:
        return None
    centre = np.linspace(-_REACH, _REACH, _PLACES)
    rough = np.zeros((_PLACES, model.data_dim))
    step = np.zeros_like(rough)
    for index, apart in enumerate(_APART):
        spacing = apart * SINGLE * np.maximum(np.abs(centre), _NEAR_ZERO)
        z = centre[:, None] + spacing[:, None] * (np.arange(_LATENTS) - 0.5 * _LATENTS)
        f = (model.decoder(z.ravel()) / model.sigma).reshape(_PLACES, _LATENTS, -1)
        if index < _BENT_FROM:
            rough = np.maximum(rough, _deviation(f))
        if index == 0:
            most = _LARGEST_STEP * np.ptp(f[np.abs(centre) < 3.0], axis=(0, 1))
        found = _staircase(f)
        step = np.where((step == 0.0) & (found <= most), found, step)
    # Errors spread evenly over a step deviate by its √12th part.
    rough = np.maximum(rough, step / math.sqrt(12.0))
    return Rounding(centre, np.sqrt((rough**2).sum(axis=1)))


def _staircase(f: Array) -> Array:
    """Return the step of f (m, n, D) where it is a staircase on n latents, else 0: shape (m, D).

    Where digits were lost f goes in steps with flat pieces between. A kink has its flat piece at
    one end, and a jump is alone.
    """
    change = np.abs(np.diff(f, axis=1))
    moves = change > 0.0
    before = np.maximum.accumulate(moves, axis=1)
    after = np.maximum.accumulate(moves[:, ::-1], axis=1)[:, ::-1]
    stairs = (before & after & ~moves).any(axis=1)
    least = np.where(moves, change, np.inf).min(axis=1)
    return np.where(stairs, least, 0.0)


def _deviation(f: Array) -> Array:
    """Return the deviation of f (m, n, D) from smoothness over n latents: shape (m, D)."""
    windows = np.lib.stride_tricks.sliding_window_view(f, _FOURTH.size, axis=1)
    # The median passes over a kink or a jump. Of normal errors it is 0.674 deviations.
    result: Array = np.median(np.abs(windows @ _FOURTH), axis=1) / (0.674 * math.sqrt(70.0))
    return result
