"""Computes many small multilayer perceptrons at once; the first dimension is the restart.

On the CPU a small network costs less to compute than to call, so R restarts are trained as one
batched product of matrices. All weights of all restarts lie in one matrix with a row a restart:
an optimiser then needs a few operations on that matrix, and can be told to leave rows alone.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from theorycheck.errors import SettingError, nearest

#: Smooth ones only: a smooth f is integrated to rounding without a search for kinks.
ACTIVATIONS: Mapping[str, tuple[Any, Any]] = {
    "silu": (nn.functional.silu, nn.SiLU),
    "tanh": (torch.tanh, nn.Tanh),
    "gelu": (nn.functional.gelu, nn.GELU),
    "softplus": (nn.functional.softplus, nn.Softplus),
}
#: Standard deviation of the first weights times √inputs. At PyTorch's own 0.58 three hidden layers
#: of GELU begin as a nearly constant f, and most of a run is spent on leaving it.
_GAIN = 1.4

#: Upper limit of log s. The prior's width is e^0; IWAE's q are wider than the ELBO's, not by this.
LARGEST_LOG_SCALE = 2.0


@dataclass(frozen=True)
class Architecture:
    """Describes the networks of a VAE; encoder and decoder are alike.

    Parameters
    ----------
    data_dim : int
        D. The encoder maps R^D to (μ, log s), the decoder R^K to R^D.
    hidden : tuple of int
        Units of the hidden layers.
    activation : str
        A name in ACTIVATIONS.
    latent_dim : int
        K.

    Raises
    ------
    SettingError
        If a size is not positive or there is no such activation.
    """

    data_dim: int
    hidden: tuple[int, ...] = (50, 50, 50)
    activation: str = "gelu"
    latent_dim: int = 1

    def __post_init__(self) -> None:
        if min(self.data_dim, self.latent_dim) < 1 or not self.hidden or min(self.hidden) < 1:
            raise SettingError(
                f"a network needs positive sizes, not D = {self.data_dim}, K = "
                f"{self.latent_dim}, hidden layers {list(self.hidden)}"
            )
        if self.activation not in ACTIVATIONS:
            raise SettingError(
                f"there is no activation '{self.activation}': "
                f"{nearest(self.activation, ACTIVATIONS)}"
            )

    @property
    def encoder_sizes(self) -> tuple[int, ...]:
        """Return the widths from x to (μ, log s)."""
        return (self.data_dim, *self.hidden, 2 * self.latent_dim)

    @property
    def decoder_sizes(self) -> tuple[int, ...]:
        """Return the widths from z to f(z)."""
        return (self.latent_dim, *self.hidden, self.data_dim)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as checkpoints keep them."""
        return {
            "data_dim": self.data_dim,
            "hidden": list(self.hidden),
            "activation": self.activation,
            "latent_dim": self.latent_dim,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Architecture:
        """Undo :meth:`to_dict`."""
        return cls(
            int(values["data_dim"]),
            tuple(values["hidden"]),
            str(values["activation"]),
            int(values.get("latent_dim", 1)),
        )


class BatchedMLP:
    """Holds R perceptrons of one shape.

    Parameters
    ----------
    sizes : sequence of int
        Widths of the layers, input and output included.
    activation : str
        A name in ACTIVATIONS.
    restarts : int
        R.
    generator : torch.Generator or None
        Generator of the first weights; None leaves them at zero. It is on the CPU always, so that
        a seed means the same start everywhere.
    extra : int
        Further parameters a restart, kept in the same matrix, zero at first (log σ²).
    device : str

    Attributes
    ----------
    flat : Tensor, shape (R, P), float32
        All parameters.
    leaves : list of Tensor
        Views of `flat`, which gradients are taken of: weight (R, in, out) and bias (R, 1, out)
        of each layer, then the extra parameters (R, extra) if there are any.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str,
        restarts: int,
        *,
        generator: Any = None,
        extra: int = 0,
        device: str = "cpu",
    ) -> None:
        self.sizes = tuple(sizes)
        self.activation = activation
        self.restarts = restarts
        self._function = ACTIVATIONS[activation][0]
        count = sum((a + 1) * b for a, b in pairwise(self.sizes))
        start = torch.zeros(restarts, count + extra)
        if generator is not None:
            self._initialise(start, generator)
        self._extra_count = extra
        self.bind(start.to(device))

    def bind(self, flat: Any) -> None:
        """Keep the parameters in another matrix (R, P), whose values they become."""
        self.flat = flat
        self.leaves: list[Any] = []
        offset = 0
        for inputs, outputs in pairwise(self.sizes):
            for shape in ((inputs, outputs), (1, outputs)):
                size = shape[0] * shape[1]
                view = self.flat[:, offset : offset + size].view(self.restarts, *shape)
                self.leaves.append(view.requires_grad_())
                offset += size
        self.weights = list(self.leaves)
        self.extra: Any = self.flat[:, offset:].requires_grad_() if self._extra_count else None
        if self._extra_count:
            self.leaves.append(self.extra)

    def __call__(self, inputs: Any) -> Any:
        """Map inputs (R or 1, n, in) to outputs (R, n, out)."""
        return torch.baddbmm(self.weights[-1], self.features(inputs), self.weights[-2])

    def features(self, inputs: Any) -> Any:
        """Return what the last layer is given, shape (R, n, width)."""
        hidden = inputs.expand(self.restarts, -1, -1)
        for layer in range(0, len(self.weights) - 2, 2):
            weight, bias = self.weights[layer], self.weights[layer + 1]
            hidden = self._function(torch.baddbmm(bias, hidden, weight))
        return hidden

    def is_weight(self) -> Any:
        """Tell for every column of `flat` whether it is a weight (1.0) or a bias or extra (0.0)."""
        mask = torch.zeros(self.flat.shape[1])
        offset = 0
        for inputs, outputs in pairwise(self.sizes):
            mask[offset : offset + inputs * outputs] = 1.0
            offset += (inputs + 1) * outputs
        return mask.to(self.flat.device)

    def state_dict(self, restart: int) -> dict[str, Any]:
        """Return one restart's weights as those of the ``nn.Sequential`` of :func:`sequential`."""
        state = {}
        for number, leaf in enumerate(self.weights):
            layer, is_bias = divmod(number, 2)
            values = leaf[restart].detach().cpu()
            if is_bias:
                state[f"{2 * layer}.bias"] = values[0].clone()
            else:
                state[f"{2 * layer}.weight"] = values.T.contiguous()
        return state

    def copy_with(self, flat: Any) -> BatchedMLP:
        """Return networks of this shape with other parameters, those beyond the layers left out."""
        copy = BatchedMLP(self.sizes, self.activation, self.restarts, device=str(flat.device))
        with torch.no_grad():
            copy.flat.copy_(flat[:, : copy.flat.shape[1]])
        return copy

    def module(self, restart: int) -> Any:
        """Return one restart as an ``nn.Sequential`` in float64, to be judged."""
        return sequential(self.sizes, self.activation, self.state_dict(restart))

    def _initialise(self, start: Any, generator: Any) -> None:
        offset = 0
        for inputs, outputs in pairwise(self.sizes):
            for size, scale in ((inputs * outputs, _GAIN), (outputs, 1.0)):
                draw = torch.randn(self.restarts, size, generator=generator)
                start[:, offset : offset + size] = draw * (scale / math.sqrt(inputs))
                offset += size


class NetworkGroup:
    """Holds networks of several shapes that one optimiser steps, their parameters in one matrix.

    Parameters
    ----------
    members : sequence of BatchedMLP
        Of the same restarts; their parameters become views of the matrix of the group.

    Attributes
    ----------
    flat : Tensor, shape (R, P), float32
    leaves : list of Tensor
        Those of the members, in their order.
    """

    def __init__(self, members: Sequence[BatchedMLP]) -> None:
        self.members = tuple(members)
        self.flat = torch.cat([member.flat.detach() for member in members], dim=1)
        offset = 0
        for member in members:
            size = member.flat.shape[1]
            member.bind(self.flat[:, offset : offset + size])
            offset += size

    @property
    def leaves(self) -> list[Any]:
        """Return what gradients are taken of."""
        return [leaf for member in self.members for leaf in member.leaves]


def sequential(sizes: Sequence[int], activation: str, state: Mapping[str, Any]) -> Any:
    """Make one restart an ``nn.Sequential`` in float64, to be judged.

    Parameters
    ----------
    sizes : sequence of int
    activation : str
    state : mapping
        Weights that :meth:`BatchedMLP.state_dict` returned.

    Returns
    -------
    torch.nn.Sequential

    Raises
    ------
    RuntimeError
        If the weights do not fit the sizes.
    """
    layers: OrderedDict[str, Any] = OrderedDict()
    last = len(sizes) - 2
    for number, (inputs, outputs) in enumerate(pairwise(sizes)):
        layers[str(2 * number)] = nn.Linear(inputs, outputs)
        if number < last:
            layers[str(2 * number + 1)] = ACTIVATIONS[activation][1]()
    network = nn.Sequential(layers)
    network.load_state_dict(dict(state))
    return network.double().eval().requires_grad_(False)


def applied(function: Callable[[Any], Any], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Call a function of a tensor, such as a module in float64, on an array, without gradients."""
    with torch.no_grad():
        result: NDArray[np.float64] = function(torch.from_numpy(np.ascontiguousarray(x))).numpy()
    return result


def capped(log_scale: Any) -> Any:
    """Hold log s below LARGEST_LOG_SCALE, smoothly; far below it is left as it is.

    No optimal q is much wider than the prior, but an encoder between training points can be:
    e^{2 log s} of a single x then swamps every other.
    """
    return LARGEST_LOG_SCALE - nn.functional.softplus(LARGEST_LOG_SCALE - log_scale)


def gaussian(output: Any) -> tuple[Any, Any]:
    """Return μ and log s, each (…, K), of the output (…, 2K) of an encoder."""
    latents = output.shape[-1] // 2
    return output[..., :latents], capped(output[..., latents:])


class EncoderModule(nn.Module):  # type: ignore[misc]
    """Makes an encoder a module that maps x (n, D) to μ and log s, (n, 2K).

    Parameters
    ----------
    network : torch.nn.Module
        The network that :func:`sequential` returned.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Any) -> Any:
        """Return μ and log s."""
        return torch.cat(gaussian(self.network(x)), dim=1)
