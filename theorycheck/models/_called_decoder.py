"""Calling a user's f: whatever it does wrong becomes one clear line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from theorycheck.arrays import Array
from theorycheck.errors import DecoderError, TheorycheckError


def plain(result: object) -> NDArray[Any]:
    """Return what f returned as an array; a tensor of PyTorch is detached first.

    Parameters
    ----------
    result : object
        What f returned.

    Returns
    -------
    ndarray
    """
    detached = result.detach().cpu() if hasattr(result, "detach") else result
    return np.asarray(detached)


def checked_means(
    function: Callable[[Array], ArrayLike],
    z: Array,
    label: str,
    data_dim: int | None,
    *,
    single: bool = True,
) -> Array:
    """Call f and turn whatever it does wrong into one clear line.

    Parameters
    ----------
    function : callable
        The user's f.
    z : ndarray, shape (n,) for K = 1, else (n, K)
        Latents.
    label : str
        What the error calls f.
    data_dim : int or None
        D, where it is known already.
    single : bool
        Take float32 as well.

    Returns
    -------
    ndarray, shape (n, D)

    Raises
    ------
    DecoderError
        If f raises, or returns NaN, inf or the wrong shape or dtype.
    """
    try:
        with np.errstate(all="ignore"):
            returned = function(z)
    except TheorycheckError:
        raise
    except Exception as error:
        raise DecoderError(_explain(error, function, z, label)) from error
    try:
        result = plain(returned)
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
    count = len(z)
    if result.shape == (count,):
        result = result[:, None]
    if result.ndim != 2 or result.shape[0] != count:
        expected = f"({count}, {data_dim or 'D'})"
        hint = ""
        if result.ndim == 2 and result.shape[1] == count:
            hint = "; return the transpose (np.stack(..., axis=-1))"
        elif result.ndim == 0 or (result.ndim == 1 and count > 1):
            hint = "; is f vectorised over z? If not, ask for vectorize"
        elif result.ndim > 2 and result.shape[0] == count:
            hint = "; flatten what each latent gives (reshape(len(z), -1))"
        what = "latents" if z.ndim == 1 else f"latents z of shape {z.shape}"
        raise DecoderError(
            f"{label}: f returned shape {result.shape} for {count if z.ndim == 1 else 'the'} "
            f"{what}, expected {expected}{hint}"
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
            f"{label}: f({_latent(z[where])}) = {values[where].tolist()} is not finite; "
            "a decoder needs a finite f at every latent z"
        )
    return values


def _explain(error: Exception, function: Callable[[Array], ArrayLike], z: Array, label: str) -> str:
    """Say whether f fails on everything or only on arrays."""
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    if z.ndim == 2:
        return f"{label}: f raised {reason}; it was given z of shape {z.shape}"
    try:
        function(float(z[0]))  # type: ignore[arg-type]
    except Exception:
        return f"{label}: f raised {reason}"
    return (
        f"{label}: f is not vectorised: it works for one latent but not for an array of them "
        f"({reason}); write it with numpy functions, or ask for vectorize "
        "(--vectorize on the command line)"
    )


def _latent(z: Any) -> str:
    """Write one latent, a number for each of its K dimensions."""
    return ", ".join(f"{value:.6g}" for value in np.atleast_1d(z))
