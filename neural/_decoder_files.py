"""Writes the decoder of a continuous label as a file in Python that is a MODEL by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: What each activation is in numpy and scipy, of h.
_FORMULAS = {
    "silu": "h * special.expit(h)",
    "tanh": "np.tanh(h)",
    "gelu": "0.5 * h * (1.0 + special.erf(h / np.sqrt(2.0)))",
    "softplus": "np.logaddexp(0.0, h)",
}
_HEAD = '''"""f(y, z) of a trained network, y and z of shape (n,): {name}."""

import numpy as np
from scipy import special

NOISE_VARIANCE = {noise}
LAYERS = {layers}


def decoder(y, z):
    """Return f, shape (n, D)."""
    h = np.stack([z, y], axis=1)
    for number, (weight, bias) in enumerate(LAYERS):
        if number:
            h = {activation}
        h = h @ np.array(weight) + np.array(bias)
    return h
'''


def decoder_source(
    state: Mapping[str, Any], activation: str, noise_variance: Sequence[float], name: str
) -> str:
    """Return the source of a file whose ``decoder`` is f(y, z).

    Parameters
    ----------
    state : mapping
        Weights that :meth:`neural._networks.BatchedMLP.state_dict` returned; inputs (z, y).
    activation : str
        A name in ACTIVATIONS.
    noise_variance : sequence of float
        σ², shape (D,).
    name : str
        What the network is.

    Returns
    -------
    str
        Needs numpy and scipy alone.
    """
    numbers = sorted({int(key.split(".")[0]) for key in state})
    layers = [
        (_rows(state[f"{number}.weight"].T), _rows(state[f"{number}.bias"])) for number in numbers
    ]
    return _HEAD.format(
        name=name.replace("\\", "/").replace('"', "'"),
        noise=list(noise_variance),
        layers=layers,
        activation=_FORMULAS[activation],
    )


def _rows(values: Any) -> Any:
    # float32 numbers are float64 numbers, too: nothing is lost.
    return np.asarray(values.double().numpy()).tolist()
