"""Makes a torch encoder the plain function that everything outside this package takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from theorycheck.errors import ModelError, SettingError, nearest
from theorycheck.evaluation import Encoder

Array = NDArray[np.float64]

#: What an encoder may return beside μ, and how s follows from it.
SECONDS: dict[str, Callable[[Array], Array]] = {
    "log-scale": np.exp,
    "log-variance": lambda value: np.exp(0.5 * value),
    "scale": lambda value: value,
    "variance": np.sqrt,
}


def encoder_of_module(module: Any, returns: str = "log-scale", latents: int = 1) -> Encoder:
    """Wrap a torch module, or a function of arrays, as an encoder in float64.

    Parameters
    ----------
    module : torch.nn.Module or callable
        x of shape (n, D) to μ and a second quantity: one tensor (n, 2K), or two of (n, K). A
        callable that is no module is given a numpy array.
    returns : {"log-scale", "log-variance", "scale", "variance"}
        What the second quantity is.
    latents : int
        K.

    Returns
    -------
    callable
        x (n, D) to μ and s, each (n,) for one latent and (n, K) for more.

    Raises
    ------
    SettingError
        If `returns` is none of these.
    """
    if returns not in SECONDS:
        raise SettingError(f"an encoder returns no '{returns}': {nearest(returns, SECONDS)}")
    scale_of = SECONDS[returns]
    of_arrays = not isinstance(module, torch.nn.Module) and not hasattr(module, "__self__")

    def encode(x: Array) -> tuple[Array, Array]:
        given = np.ascontiguousarray(x)
        with torch.no_grad():
            output = module(given if of_arrays else torch.from_numpy(given))
        mean, second = _parts(output, len(x), latents)
        with np.errstate(invalid="ignore", over="ignore"):
            scale: Array = scale_of(second)
        return (mean[:, 0], scale[:, 0]) if latents == 1 else (mean, scale)

    return encode


def _parts(output: Any, size: int, latents: int) -> tuple[Array, Array]:
    """Return μ and the second quantity, (n, K) each."""
    if isinstance(output, tuple | list) and len(output) >= 2:
        mean, second = (_array(part).reshape(size, -1) for part in output[:2])
        shapes = f"{mean.shape} and {second.shape}"
    else:
        both = _array(output)
        shapes = str(both.shape)
        if both.ndim != 2 or both.shape[1] != 2 * latents:
            raise ModelError(f"the encoder returned shape {shapes}, expected (n, {2 * latents})")
        mean, second = both[:, :latents], both[:, latents:]
    if mean.shape != (size, latents) or second.shape != (size, latents):
        raise ModelError(f"the encoder returned shapes {shapes}, expected (n, {latents}) each")
    return mean, second


def _array(values: Any) -> Array:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu().numpy()
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"the encoder returned {type(values).__name__}, expected μ and s as tensors"
        ) from error
