"""Networks of the labelled model M2: decoder f(y, z), q(y|x), and q(z|·), many restarts at once.

The label goes in as a one-hot vector beside z or x; a continuous one as the number that it is. A
class's decoder is then a perceptron of z alone whose first biases have that class's weights in
them, so that the exact engine, and files of networks, take it as any other decoder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from neural._networks import Architecture, BatchedMLP, NetworkGroup


@dataclass(frozen=True, eq=False)
class LabelNetworks:
    """Holds decoder and inference networks of R restarts.

    Parameters
    ----------
    classes : int
        Numbers that a label is as an input: C of a one-hot vector, 1 of a continuous label.
    architecture : Architecture
        D, K, hidden layers and activation, the same for all of them.
    decoder : BatchedMLP
        (z, y) to f_y(z).
    classifier : BatchedMLP
        x to what q(y|x) is made of: logits of the classes, or the outputs of a
        :class:`neural._label_posteriors.LabelPosterior`.
    encoder : BatchedMLP
        (x, y) to μ and log s of q(z|x, y).
    shared : BatchedMLP or None
        x to μ and log s of q(z|x), which U of the factorised family has in place of q(z|x, y).
    inference : NetworkGroup
        All but the decoder.
    """

    classes: int
    architecture: Architecture
    decoder: BatchedMLP
    classifier: BatchedMLP
    encoder: BatchedMLP
    shared: BatchedMLP | None
    inference: NetworkGroup

    @classmethod
    def begun(
        cls,
        classes: int,
        architecture: Architecture,
        restarts: int,
        *,
        factorised: bool,
        generator: Any,
        device: str,
        outputs: int | None = None,
        noise_variances: int = 0,
    ) -> LabelNetworks:
        """Make networks with random weights; `outputs` of the classifier, C by default.

        As many log σ² as are asked for stand beside the decoder's weights, zero at first.
        """

        def network(inputs: int, outputs: int, extra: int = 0) -> BatchedMLP:
            return BatchedMLP(
                (inputs, *architecture.hidden, outputs),
                architecture.activation,
                restarts,
                generator=generator,
                extra=extra,
                device=device,
            )

        dim, gaussian = architecture.data_dim, architecture.encoder_sizes[-1]
        decoder = network(architecture.latent_dim + classes, dim, noise_variances)
        classifier = network(dim, classes if outputs is None else outputs)
        encoder = network(dim + classes, gaussian)
        shared = network(dim, gaussian) if factorised else None
        members = [classifier, encoder] if shared is None else [classifier, encoder, shared]
        group = NetworkGroup(members)
        return cls(classes, architecture, decoder, classifier, encoder, shared, group)

    def decoder_state(self, restart: int, label: int) -> dict[str, Any]:
        """Return one class's f_y of a restart, as the weights of a perceptron of z."""
        return _of_class(self.decoder.state_dict(restart), label, self.classes)

    def encoder_state(self, restart: int, label: int) -> dict[str, Any]:
        """Return one class's q(z|x, y) of a restart, as the weights of a perceptron of x."""
        return _of_class(self.encoder.state_dict(restart), label, self.classes)


def with_labels(values: Any, classes: int) -> Any:
    """Put every class's one-hot vector beside every row of values.

    Parameters
    ----------
    values : Tensor, shape (R, n, k)
    classes : int
        C.

    Returns
    -------
    Tensor, shape (R, C n, k + C)
        Class 0 of all rows first.
    """
    restarts, rows, _ = values.shape
    one_hot = torch.eye(classes, dtype=values.dtype, device=values.device)
    beside = one_hot[None, :, None].expand(restarts, -1, rows, -1)
    repeated = values[:, None].expand(-1, classes, -1, -1)
    return torch.cat([repeated, beside], dim=3).flatten(1, 2)


def with_own_label(values: Any, y: Any, classes: int) -> Any:
    """Put the one-hot vector of its own label beside every row.

    Parameters
    ----------
    values : Tensor, shape (R, n, k)
    y : Tensor of int, shape (R or 1, n)
    classes : int
        C.

    Returns
    -------
    Tensor, shape (R, n, k + C)
    """
    one_hot = torch.eye(classes, dtype=values.dtype, device=values.device)[y]
    return torch.cat([values, one_hot.expand(len(values), -1, -1)], dim=2)


def _of_class(state: Mapping[str, Any], label: int, classes: int) -> dict[str, Any]:
    """Fold a label into the first biases of a network whose last inputs are one-hot."""
    weight = state["0.weight"]
    own = weight.shape[1] - classes
    return {
        **state,
        "0.weight": weight[:, :own].contiguous(),
        "0.bias": state["0.bias"] + weight[:, own + label],
    }
