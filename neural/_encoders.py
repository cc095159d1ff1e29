"""Makes a torch encoder the plain function that everything outside this package takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from theorycheck.errors import ModelError
from theorycheck.evaluation import Encoder

Array = NDArray[np.float64]


def encoder_of_module(module: Any) -> Encoder:
    """Wrap a torch module that maps (n, D) to (n, 2), μ and log s, in float64.

    Parameters
    ----------
    module : torch.nn.Module
        Encoder, x of shape (n, D) to (n, 2): μ and log s.

    Returns
    -------
    callable
        x (n, D) to μ and s.
    """

    def encode(x: Array) -> tuple[Array, Array]:
        with torch.no_grad():
            output = module(torch.from_numpy(np.ascontiguousarray(x))).numpy()
        if output.ndim != 2 or output.shape[1] != 2:
            raise ModelError(f"the encoder returned shape {output.shape}, expected (n, 2)")
        return output[:, 0], np.exp(output[:, 1])

    return encode
