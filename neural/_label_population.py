"""Draws fresh x, and fresh pairs (x, y), from a labelled model, at every step."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from scipy.special import ndtri

from neural._data import POOL, Pool
from neural._label_data import LabelBatch
from neural._points import ROOTS, ShiftedPoints, normal_quantile
from theorycheck.models import ContinuousLabelModel, LabelledModel


class LabelPool(Protocol):
    """Describes what stands for the law of (y, f): atoms on the training device.

    Attributes
    ----------
    coordinates : int
        Uniform numbers that choose an atom.
    sigma : Tensor, shape (D,)
    """

    coordinates: int
    sigma: Any

    def at(self, uniform: Any) -> tuple[Any, Any]:
        """Return f (…, D) and y (…) of uniform numbers (…, coordinates)."""
        ...


class ClassPool:
    """Holds f_y at atoms of equal prior mass, for each class.

    Parameters
    ----------
    data : LabelledModel
    device : str
    """

    coordinates = 2

    def __init__(self, data: LabelledModel, device: str) -> None:
        pools = [Pool.of(model, device) for model in data.classes]
        self._values = torch.cat([pool.values for pool in pools])
        self.sigma = pools[0].sigma
        edges = np.cumsum(data.prior)[:-1]
        self._edges = torch.from_numpy(edges).to(device)

    def at(self, uniform: Any) -> tuple[Any, Any]:
        """Return f_y and y."""
        # The label is not the first coordinate: that one rises along the batch.
        y = torch.searchsorted(self._edges, uniform[..., 1].contiguous(), right=True)
        return self._values[y * POOL + _atom(uniform)], y


class ContinuousPool:
    """Holds f(y, z) at a lattice of POOL pairs, y rising along it, for a label y ~ N(0, 1).

    Parameters
    ----------
    data : ContinuousLabelModel
    device : str
    """

    coordinates = 1

    def __init__(self, data: ContinuousLabelModel, device: str) -> None:
        index = np.arange(POOL) + 0.5
        y, z = ndtri(index / POOL), ndtri((index * ROOTS[2]) % 1.0)
        self._y = torch.from_numpy(y).float().to(device)
        self._values = torch.from_numpy(data.decoder(y, z)).float().to(device)
        self.sigma = torch.from_numpy(data.sigma.copy()).float().to(device)

    def at(self, uniform: Any) -> tuple[Any, Any]:
        """Return f and y."""
        atom = _atom(uniform)
        return self._values[atom], self._y[atom]


class LabelledPopulation:
    """Draws fresh x from p(x), and fresh (x, y) from p(x, y), at every step.

    Parameters
    ----------
    pool : LabelPool
    batch : int
        B of either kind.
    share : float
        ℓ; nothing is drawn that it leaves no weight.
    generator : torch.Generator
    device : str
    """

    def __init__(
        self, pool: LabelPool, batch: int, share: float, generator: Any, device: str
    ) -> None:
        self.batch = self.labelled_batch = batch
        self._share, self._pool = share, pool
        dim = pool.coordinates + len(pool.sigma)
        self._points = ShiftedPoints(batch, dim, generator, device)

    def draw(self, streams: int = 1) -> LabelBatch:
        """Return the next mini-batches of each stream, independent of the others."""
        x = self._joint(streams)[0] if self._share < 1.0 else None
        labelled_x, y = self._joint(streams) if self._share > 0.0 else (None, None)
        return LabelBatch(x, labelled_x, y)

    def _joint(self, streams: int) -> tuple[Any, Any]:
        uniform = self._points.uniform(streams)
        f, y = self._pool.at(uniform)
        noise = normal_quantile(uniform[..., self._pool.coordinates :])
        return f + noise * self._pool.sigma, y

    def state(self) -> None:
        """Return nothing: the draws depend on the generator alone."""

    def restore(self, state: Any) -> None:
        """Do nothing."""


def label_pool(data: LabelledModel | ContinuousLabelModel, device: str) -> LabelPool:
    """Evaluate the decoder of a labelled model, on a device.

    Parameters
    ----------
    data : LabelledModel or ContinuousLabelModel
    device : str

    Returns
    -------
    LabelPool
    """
    if isinstance(data, ContinuousLabelModel):
        return ContinuousPool(data, device)
    return ClassPool(data, device)


def _atom(uniform: Any) -> Any:
    return (uniform[..., 0] * POOL).long().clamp_(0, POOL - 1)
