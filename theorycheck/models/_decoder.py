"""The decoder f_θ: a function of the latent z, checked before anything is computed with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike

from theorycheck.arrays import Array, LatentsOfAnyK, Points
from theorycheck.errors import DecoderError
from theorycheck.models._called_decoder import checked_means, plain

if TYPE_CHECKING:
    from theorycheck.models._grid_table import GridTable
    from theorycheck.models._table import Table

#: Latents at which a new f_θ is tried: irrational-looking, so that shapes and NaN show.
_PROBE = np.array([-2.7183, -1.4142, -0.5772, 0.0, 0.6931, 1.6180, 3.1416])
#: Most latents K.
MOST_LATENTS = 3
#: Numbers of latents in words.
IN_WORDS = {1: "one", 2: "two", 3: "three"}
#: Distance in z at which f is scanned for what the quadrature nodes may miss: 36,000 evaluations
#: of f, some milliseconds for a formula or a small network. The prior mass of what is narrower is
#: below 2e-4.
DEFAULT_SCAN = 5e-4
#: Finest scan: 18 million evaluations.
_FINEST_SCAN = 1e-6


def _probe_of(latent_dim: int) -> Array:
    """Return the latents at which a new f_θ of K latents is tried: (7,) for K = 1, else (7, K)."""
    if latent_dim == 1:
        return _PROBE
    return np.stack([np.roll(_PROBE, 2 * k) for k in range(latent_dim)], axis=1)


def checked_latents(latent_dim: int, name: str) -> int:
    """Return a number of latents K, from 1 to 3.

    Parameters
    ----------
    latent_dim : int
        K.
    name : str
        What the error calls the decoder.

    Returns
    -------
    int

    Raises
    ------
    DecoderError
        If K is another number.
    """
    if not 1 <= latent_dim <= MOST_LATENTS:
        raise DecoderError(
            f"{name}: latent dimension K = {latent_dim}, but K must be from 1 to {MOST_LATENTS}: "
            "all of z is integrated over by quadrature"
        )
    return latent_dim


@dataclass(frozen=True)
class Decoder:
    """A decoder mean f_θ: R^K → R^D, vectorised over z.

    Build one with :meth:`from_function`, which finds D and checks f on a few latents.

    Parameters
    ----------
    function : callable
        Maps latents of shape (n,), or (n, K) for K > 1, to means of shape (n, D), float64.
    data_dim : int
        Number of data dimensions D.
    name : str
        What reports call the decoder.
    formula : str or None
        f in the expression language of :mod:`theorycheck.models._expression`, where it has one.
    breakpoints : tuple of float or None
        Latents at which f has a kink or a jump, ascending; None asks for detection. They are points
        of a line: only K = 1 has some.
    latent_dim : int
        Number of latents K, from 1 to 3.
    resolution : float
        Width in z: no bump, dip or gap of f that is wider is missed, since f is evaluated at
        latents so far apart. From 1e-6; inf asks for no such scan. With K > 1 there is none.
    single : bool
        Whether f is evaluated in single precision (float32): its rounding is in every radius then.
    table : Table, GridTable or None
        The table that f is, where it is one: result files hold it.
    """

    function: Callable[[LatentsOfAnyK], Points] = field(repr=False)
    data_dim: int
    name: str
    formula: str | None = None
    breakpoints: tuple[float, ...] | None = None
    latent_dim: int = 1
    resolution: float = DEFAULT_SCAN
    single: bool = False
    table: Table | GridTable | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        checked_latents(self.latent_dim, self.name)
        if self.latent_dim > 1 and self.breakpoints:
            raise DecoderError(
                f"{self.name}: breakpoints are points of a line, and f has {self.latent_dim} "
                "latents"
            )
        if self.data_dim < 1:
            raise DecoderError(f"{self.name}: data dimension must be at least 1")
        if not self.resolution >= _FINEST_SCAN:
            raise DecoderError(
                f"{self.name}: the resolution must be at least {_FINEST_SCAN:g}, "
                f"not {self.resolution:g}"
            )
        if self.breakpoints is not None:
            points = np.asarray(self.breakpoints, dtype=float)
            if not np.all(np.isfinite(points)):
                raise DecoderError(f"{self.name}: breakpoints must be finite")
            object.__setattr__(self, "breakpoints", tuple(sorted({float(b) for b in points})))

    @classmethod
    def from_function(
        cls,
        function: Callable[[LatentsOfAnyK], ArrayLike],
        *,
        latent_dim: int = 1,
        name: str | None = None,
        formula: str | None = None,
        breakpoints: Sequence[float] | None = None,
        vectorize: bool = False,
        resolution: float = DEFAULT_SCAN,
    ) -> Decoder:
        """Wrap a callable, find its data dimension and check it on a few latents.

        Parameters
        ----------
        function : callable
            z of shape (n,), or (n, K) for K > 1, to f(z) of shape (n, D), or (n,) for D = 1; with
            `vectorize`, one float, or one array (K,), to a sequence of D floats.
        latent_dim : int
            Number of latents K.
        name, formula, breakpoints, resolution
            Passed on to :class:`Decoder`.
        vectorize : bool
            Call `function` once per latent. Slow, but works for any scalar code.

        Returns
        -------
        Decoder

        Raises
        ------
        DecoderError
            If f raises, is not vectorised, or returns NaN, inf or the wrong shape or dtype.

        Notes
        -----
        An f that returns float32, as JAX and TensorFlow do unless told otherwise, is taken as it
        is; how far its rounding may move f is measured and part of every radius.
        """
        label = name or str(getattr(function, "__name__", "f"))
        probe = _probe_of(checked_latents(latent_dim, label))

        def looped(z: Array) -> Array:
            rows = [np.atleast_1d(plain(function(value))) for value in z]
            return np.stack(rows)

        raw: Callable[[Array], ArrayLike] = looped if vectorize else function
        data_dim = checked_means(raw, probe, label, None).shape[1]
        with np.errstate(all="ignore"):
            single = bool(plain(raw(probe)).dtype == np.float32)
        # In single precision the sums of a matrix product depend on how many rows it has.
        near = 1e-4 if single else 1e-9
        # One latent alone must work too, and a latent's value must not depend on its neighbours.
        together = checked_means(raw, probe, label, data_dim)
        for index in (1, 5):
            alone = checked_means(raw, probe[index : index + 1], label, data_dim)
            size = float(np.abs(together).max()) if single else 1.0
            if not np.allclose(alone[0], together[index], rtol=near, atol=near * size):
                raise DecoderError(
                    f"{label}: f(z) at z = {probe[index]} depends on the other latents of the "
                    "batch; f must be a deterministic function of each z alone"
                )
        return cls(
            function=lambda z: checked_means(raw, z, label, data_dim, single=single),
            data_dim=data_dim,
            name=label,
            formula=formula,
            breakpoints=None if breakpoints is None else tuple(breakpoints),
            latent_dim=latent_dim,
            resolution=resolution,
            single=single,
        )

    def __call__(self, z: ArrayLike) -> Float64[Array, "n {self.data_dim}"]:
        """Evaluate f at many latents.

        Parameters
        ----------
        z : array_like, shape (n,) or (n, 1) for K = 1, else (n, K)
            Latents.

        Returns
        -------
        ndarray, shape (n, D)

        Raises
        ------
        DecoderError
            If z has another shape or f misbehaves at one of them.
        """
        latents = np.asarray(z, dtype=np.float64)
        if self.latent_dim > 1:
            if latents.ndim != 2 or latents.shape[1] != self.latent_dim:
                raise DecoderError(
                    f"{self.name}: z must have shape (n, {self.latent_dim}), not {latents.shape}"
                )
            return self.function(latents)
        if latents.ndim == 2 and latents.shape[1] == 1:
            latents = latents[:, 0]
        if latents.ndim != 1:
            raise DecoderError(
                f"{self.name}: z must have shape (n,) or (n, 1), not {latents.shape}"
            )
        return self.function(latents)

    def with_breakpoints(self, breakpoints: Sequence[float]) -> Decoder:
        """Return the same decoder with its kinks and jumps declared."""
        return replace(self, breakpoints=tuple(breakpoints))

    def with_resolution(self, resolution: float) -> Decoder:
        """Return the same decoder, to be scanned for whatever is wider than this in z."""
        return replace(self, resolution=float(resolution))
