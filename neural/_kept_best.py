"""Keeps every restart as it was when its objective on validation data was lowest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


class KeptBest:
    """Holds the best parameters that each restart has had: early stopping, restart by restart.

    Parameters
    ----------
    parameters : sequence of Tensor, shape (R, ·)
        What is kept, and put back by :meth:`put_back`.
    """

    def __init__(self, parameters: Sequence[Any]) -> None:
        self._parameters = [one.detach() for one in parameters]
        self._kept = [one.clone() for one in self._parameters]
        self._lowest = torch.full(
            (len(self._kept[0]),), torch.inf, dtype=torch.float64, device=self._kept[0].device
        )

    def look(self, objective: Any) -> None:
        """Keep the restarts whose objective (R,), nats, is lower than it ever was."""
        better = objective < self._lowest
        for kept, own in zip(self._kept, self._parameters, strict=True):
            kept[better] = own[better]
        self._lowest = torch.minimum(self._lowest, objective)

    def put_back(self) -> None:
        """Give every restart its best parameters, if it was ever looked at."""
        seen = self._lowest.isfinite()
        for kept, own in zip(self._kept, self._parameters, strict=True):
            own[seen] = kept[seen]

    def state(self) -> list[Any]:
        """Return what a checkpoint keeps."""
        return [self._lowest, *self._kept]

    def restore(self, state: list[Any]) -> None:
        """Undo :meth:`state`."""
        for own, kept in zip(self.state(), state, strict=True):
            own.copy_(kept)
