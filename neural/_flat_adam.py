"""Implements Adam on a matrix of parameters, a row for each restart, each stepped by itself."""

from __future__ import annotations

from typing import Any

import torch

#: Decay of the running means of gradient and square, and what is added to its root: Kingma and
#: Ba's values.
_FIRST, _SECOND, _EPSILON = 0.9, 0.999, 1e-8


class FlatAdam:
    """Implements Adam; every row counts its own steps.

    LIN steps the encoders of some restarts while others wait: a waiting row keeps its running
    means and its count, as if its optimiser had not been called.

    Parameters
    ----------
    parameters : Tensor, shape (R, P)
        Changed in place.
    clip : float
        Largest Euclidean norm of a row's gradient; longer ones are shortened to it.
    """

    def __init__(self, parameters: Any, clip: float) -> None:
        self.parameters = parameters
        self.clip = clip
        self.mean = torch.zeros_like(parameters)
        self.square = torch.zeros_like(parameters)
        self.count = torch.zeros(len(parameters), 1, dtype=torch.float64, device=parameters.device)

    def step(self, gradient: Any, rate: float, rows: Any = None) -> None:
        """Take one step.

        Parameters
        ----------
        gradient : Tensor, shape (R, P)
            Overwritten.
        rate : float
            Learning rate.
        rows : Tensor of bool, shape (R,), optional
            The rows to step; by default all.
        """
        length = torch.linalg.vector_norm(gradient, dim=1, keepdim=True)
        gradient.mul_((self.clip / length.clamp_min(1e-30)).clamp_max(1.0))
        if rows is None:
            self.count += 1.0
            self.mean.lerp_(gradient, 1.0 - _FIRST)
            self.square.mul_(_SECOND).addcmul_(gradient, gradient, value=1.0 - _SECOND)
            moved = 1.0
        else:
            chosen = rows[:, None]
            moved = chosen.to(gradient.dtype)
            self.count += chosen
            # where, not a product: a waiting row may have a gradient that is not finite.
            gradient = torch.where(chosen, gradient, self.mean)
            self.mean.lerp_(gradient, 1.0 - _FIRST)
            updated = self.square * _SECOND + (1.0 - _SECOND) * gradient * gradient
            self.square.copy_(torch.where(chosen, updated, self.square))
        # A row that never moved has count 0; its factor must stay finite.
        count = self.count.clamp_min(1.0)
        root = ((1.0 - _SECOND**count).sqrt()).float()
        size = (rate * moved / (1.0 - _FIRST**count)).float()
        denominator = (self.square.sqrt() / root).add_(_EPSILON)
        self.parameters.sub_(size * self.mean / denominator)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"mean": self.mean, "square": self.square, "count": self.count}

    def restore(self, state: dict[str, Any]) -> None:
        """Undo :meth:`state`."""
        for name, tensor in self.state().items():
            tensor.copy_(state[name])
