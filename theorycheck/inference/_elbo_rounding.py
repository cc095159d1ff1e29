"""How far the rounding of a decoder in single precision may move −ELBO_x(q)."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from theorycheck.arrays import Array, PerPoint
from theorycheck.quadrature import LatentPanels

#: Bins in z over which the largest rounding of f is taken, and how far they go.
_BINS, _REACH = 256, 9.0
#: Posteriors worked on at once.
_CHUNK = 4096


class ElboRounding:
    """E_q of what δ(z), the rounding of f, does to |x − f|²/σ², for many q at once.

    Parameters
    ----------
    panels : LatentPanels
        Panels of the model; their `defect` bounds |δ| in σ.
    """

    def __init__(self, panels: LatentPanels) -> None:
        self.edges = np.linspace(-_REACH, _REACH, _BINS + 1)
        first = np.clip(np.searchsorted(self.edges, panels.left, side="right") - 1, 0, _BINS - 1)
        last = np.clip(np.searchsorted(self.edges, panels.right, side="left") - 1, 0, _BINS - 1)
        largest = np.zeros(_BINS)
        # A panel is at most one wide: some fifteen bins.
        for step in range(int((last - first).max(initial=0)) + 1):
            np.maximum.at(largest, np.minimum(first + step, last), panels.defect)
        self.squares = largest**2

    def of(self, mean: PerPoint, scale: PerPoint, squares: PerPoint) -> PerPoint:
        """Bound the change of E_q |x − f|²/σ² that the rounding of f can make.

        Parameters
        ----------
        mean, scale : ndarray, shape (n,)
            μ and s of each q.
        squares : ndarray, shape (n,)
            E_q |x − f|²/σ², summed over data dimensions.

        Returns
        -------
        ndarray, shape (n,)
            2 E_q |x − f||δ|/σ + E_q δ²/σ² at most, by Cauchy and Schwarz; −ELBO_x changes by half
            of it.
        """
        size = np.empty(mean.size)
        for begin in range(0, mean.size, _CHUNK):
            part = slice(begin, begin + _CHUNK)
            below = ndtr((self.edges[None, 1:-1] - mean[part, None]) / scale[part, None])
            # The outermost bins hold all that lies beyond them.
            ones, zeros = np.ones((len(below), 1)), np.zeros((len(below), 1))
            size[part] = np.diff(below, axis=1, prepend=zeros, append=ones) @ self.squares
        result: Array = 2.0 * np.sqrt(np.maximum(squares, 0.0) * size) + size
        return result
