"""What tells one model from another: f at fixed latents, σ², breakpoints and D, never the name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from theorycheck.arrays import Array, Latents, PerDimension
from theorycheck.models._decoder import Decoder

#: Distance of the latents at which f is looked at, a power of two so that they are exact, and how
#: far out: finer than the scan of the engine (`DEFAULT_SCAN`), so that whatever a decomposition
#: sees of f by default, its fingerprint sees. The prior mass beyond is 2e-9.
_STEP, _REACH = 2.0**-11, 6.0
#: The same for two and three latents: 36,864 and 13,824 of them.
_STEPS = {2: 2.0**-4, 3: 2.0**-1}
#: Latents evaluated at once: values of a matrix product may depend on the size of the batch.
_CHUNK = 4096
#: Latents at which most pairs of decoders differ.
_FIRST = np.array([-1.359375, -0.53125, 0.21875, 0.84375, 2.015625])


def probe_latents(breakpoints: Sequence[float] | None) -> Latents:
    """Return the latents at which f is looked at, shape (n,).

    Parameters
    ----------
    breakpoints : sequence of float or None
        Declared kinks and jumps: the neighbouring floats on either side of each are added, not the
        point itself, where f need not be defined.

    Returns
    -------
    ndarray, shape (n,)
    """
    count = round(_REACH / _STEP)
    # Half-way between round numbers, at which a formula may have a pole.
    grid = (np.arange(-count, count) + 0.5) * _STEP
    points = np.array(breakpoints or (), dtype=np.float64)
    return np.concatenate([grid, np.nextafter(points, -np.inf), np.nextafter(points, np.inf)])


def _probes(decoder: Decoder) -> Latents | Float64[Array, "n K"]:
    """Return the latents at which a decoder of any K is looked at."""
    if decoder.latent_dim == 1:
        return probe_latents(decoder.breakpoints)
    step = _STEPS[decoder.latent_dim]
    count = round(_REACH / step)
    axis = (np.arange(-count, count) + 0.5) * step
    axes = np.meshgrid(*[axis] * decoder.latent_dim, indexing="ij")
    return np.stack([one.ravel() for one in axes], axis=1)


def fingerprint(decoder: Decoder, noise_variance: PerDimension) -> str:
    """Return the SHA-256 of what tells a model from others, in hexadecimal digits.

    The float64 values of f themselves are hashed, without rounding: two models of one fingerprint
    have the same f wherever it was looked at. (A machine whose sine rounds otherwise may therefore
    give the same formula another fingerprint.)

    Parameters
    ----------
    decoder : Decoder
        The model's decoder.
    noise_variance : ndarray, shape (D,)
        The model's σ².

    Returns
    -------
    str

    Raises
    ------
    DecoderError
        If f misbehaves at one of the latents.
    """
    digest = hashlib.sha256(f"theorycheck model 1, D = {decoder.data_dim}\n".encode())
    if decoder.latent_dim > 1:
        digest.update(f"K = {decoder.latent_dim}\n".encode())
    digest.update(f"{decoder.breakpoints}\n".encode())
    _add(digest, noise_variance)
    latents = _probes(decoder)
    for start in range(0, len(latents), _CHUNK):
        _add(digest, decoder(latents[start : start + _CHUNK]))
    return digest.hexdigest()


def differ_at_once(one: Decoder, other: Decoder) -> bool:
    """Tell whether two decoders differ at a handful of latents: most that differ do.

    Parameters
    ----------
    one, other : Decoder
        The two decoders, of one D and one K.

    Returns
    -------
    bool
        False says nothing.
    """
    first = _FIRST
    if one.latent_dim > 1:
        first = np.stack([np.roll(_FIRST, k) for k in range(one.latent_dim)], axis=1)
    return not np.array_equal(one(first), other(first))


def _add(digest: hashlib._Hash, values: Array) -> None:
    """Add float64 values; −0 counts as 0."""
    digest.update(np.ascontiguousarray(values + 0.0, dtype="<f8").tobytes())
