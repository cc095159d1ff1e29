"""The decoder f_θ: a function of the latent z, checked before anything is computed with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

from theorycheck.arrays import Array, Latents, Points
from theorycheck.errors import DecoderError, TheorycheckError

if TYPE_CHECKING:
    from theorycheck.models._table import Table

#: Latents at which a new f_θ is tried: irrational-looking, so that shapes and NaN show.
_PROBE = np.array([-2.7183, -1.4142, -0.5772, 0.0, 0.6931, 1.6180, 3.1416])

#: Distance in z at which f is scanned for what the quadrature nodes may miss: 36,000 evaluations
#: of f, some milliseconds for a formula or a small network. The prior mass of what is narrower is
#: below 2e-4.
DEFAULT_SCAN = 5e-4
#: Finest scan: 18 million evaluations.
_FINEST_SCAN = 1e-6


@dataclass(frozen=True)
class Decoder:
    """A decoder mean f_θ: R → R^D, vectorised over z.

    Build one with :meth:`from_function`, which finds D and checks f on a few latents.

    Parameters
    ----------
    function : callable
        Maps latents of shape (n,) to means of shape (n, D), float64.
    data_dim : int
        Number of data dimensions D.
    name : str
        What reports call the decoder.
    formula : str or None
        f in the expression language of :mod:`theorycheck.models._expression`, where it has one.
    breakpoints : tuple of float or None
        Latents at which f has a kink or a jump, ascending; None asks for detection.
    latent_dim : int
        Number of latents K. Only K = 1 is built.
    resolution : float
        Width in z: no bump, dip or gap of f that is wider is missed, since f is evaluated at
        latents so far apart. From 1e-6; inf asks for no such scan.
    single : bool
        Whether f is evaluated in single precision (float32): its rounding is in every radius then.
    table : Table or None
        The table that f is, where it is one: result files hold it.
    """

    function: Callable[[Latents], Points] = field(repr=False)
    data_dim: int
    name: str
    formula: str | None = None
    breakpoints: tuple[float, ...] | None = None
    latent_dim: int = 1
    resolution: float = DEFAULT_SCAN
    single: bool = False
    table: Table | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.latent_dim != 1:
            raise DecoderError(
                f"{self.name}: latent dimension K = {self.latent_dim}, but only K = 1 is built"
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
        function: Callable[[Latents], ArrayLike],
        *,
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
            z of shape (n,) to f(z) of shape (n, D), or (n,) for D = 1; with `vectorize`,
            one float to a sequence of D floats.
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

        def looped(z: Array) -> Array:
            rows = [np.atleast_1d(_plain(function(value))) for value in z]
            return np.stack(rows)

        raw: Callable[[Array], ArrayLike] = looped if vectorize else function
        data_dim = _checked(raw, _PROBE, label, None).shape[1]
        with np.errstate(all="ignore"):
            single = bool(_plain(raw(_PROBE)).dtype == np.float32)
        # In single precision the sums of a matrix product depend on how many rows it has.
        near = 1e-4 if single else 1e-9
        # One latent alone must work too, and a latent's value must not depend on its neighbours.
        together = _checked(raw, _PROBE, label, data_dim)
        for index in (1, 5):
            alone = _checked(raw, _PROBE[index : index + 1], label, data_dim)
            size = float(np.abs(together).max()) if single else 1.0
            if not np.allclose(alone[0], together[index], rtol=near, atol=near * size):
                raise DecoderError(
                    f"{label}: f(z) at z = {_PROBE[index]} depends on the other latents of the "
                    "batch; f must be a deterministic function of each z alone"
                )
        return cls(
            function=lambda z: _checked(raw, z, label, data_dim, single=single),
            data_dim=data_dim,
            name=label,
            formula=formula,
            breakpoints=None if breakpoints is None else tuple(breakpoints),
            resolution=resolution,
            single=single,
        )

    def __call__(self, z: ArrayLike) -> Float64[Array, "n {self.data_dim}"]:
        """Evaluate f at many latents.

        Parameters
        ----------
        z : array_like, shape (n,) or (n, 1)
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


def _plain(result: object) -> NDArray[Any]:
    """Return what f returned as an array; a tensor of PyTorch is detached first."""
    detached = result.detach().cpu() if hasattr(result, "detach") else result
    return np.asarray(detached)


def _checked(
    function: Callable[[Array], ArrayLike],
    z: Array,
    label: str,
    data_dim: int | None,
    *,
    single: bool = True,
) -> Array:
    """Call f and turn whatever it does wrong into one clear line."""
    try:
        with np.errstate(all="ignore"):
            returned = function(z)
    except TheorycheckError:
        raise
    except Exception as error:
        raise DecoderError(_explain(error, function, z, label)) from error
    try:
        result = _plain(returned)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DecoderError(
            f"{label}: f returned {type(returned).__name__}, which is no array of shape (n, D) "
            f"({reason})"
        ) from error
    if result.dtype.kind not in "fiub":
        raise DecoderError(f"{label}: f must return real floats, not dtype {result.dtype}")
    if result.dtype == np.float16 or (result.dtype == np.float32 and not single):
        raise DecoderError(
            f"{label}: f returns {result.dtype}; the engine needs float64, or float32 throughout"
        )
    if result.ndim == 1 and result.shape == z.shape:
        result = result[:, None]
    if result.ndim != 2 or result.shape[0] != z.size:
        expected = f"({z.size}, {data_dim or 'D'})"
        hint = ""
        if result.ndim == 2 and result.shape[1] == z.size:
            hint = "; return the transpose (np.stack(..., axis=-1))"
        elif result.ndim == 0 or (result.ndim == 1 and z.size > 1):
            hint = "; is f vectorised over z? If not, ask for vectorize"
        elif result.ndim > 2 and result.shape[0] == z.size:
            hint = "; flatten what each latent gives (reshape(len(z), -1))"
        raise DecoderError(
            f"{label}: f returned shape {result.shape} for {z.size} latents, "
            f"expected {expected}{hint}"
        )
    if data_dim is not None and result.shape[1] != data_dim:
        raise DecoderError(
            f"{label}: f returned {result.shape[1]} data dimensions, earlier {data_dim}"
        )
    values = np.ascontiguousarray(result, dtype=np.float64)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        where = int(np.flatnonzero(bad)[0])
        raise DecoderError(
            f"{label}: f({z[where]:.6g}) = {values[where].tolist()} is not finite; "
            "a decoder needs a finite f at every latent z"
        )
    return values


def _explain(error: Exception, function: Callable[[Array], ArrayLike], z: Array, label: str) -> str:
    """Say whether f fails on everything or only on arrays."""
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    try:
        function(float(z[0]))  # type: ignore[arg-type]
    except Exception:
        return f"{label}: f raised {reason}"
    return (
        f"{label}: f is not vectorised: it works for one latent but not for an array of them "
        f"({reason}); write it with numpy functions, or ask for vectorize "
        "(--vectorize on the command line)"
    )
