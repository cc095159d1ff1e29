"""Makes the training batches: fresh draws from p(x), or parts of a fixed sample.

Everything lies on the training device; a step copies nothing from the host, but for fresh draws of
a ground truth with several latents.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Shaped
from numpy.typing import NDArray
from scipy.special import ndtri

from neural._points import ShiftedPoints, normal_quantile
from theorycheck.arrays import Array, Points
from theorycheck.errors import SettingError
from theorycheck.models import GenerativeModel

#: Atoms of equal mass that stand for the law of f(z).
POOL = 1 << 18
#: Points in each atom's cell at which the accuracy of that is measured.
_WITHIN = 4


class Source(Protocol):
    """Describes what a training loop draws from."""

    batch: int

    def draw(self, streams: int = 1) -> Any:
        """Return mini-batches of x, one for each stream, shape (streams, B, D), float32."""
        ...

    def state(self) -> Any:
        """Return what later draws depend on beside the generator, for a checkpoint."""
        ...

    def restore(self, state: Any) -> None:
        """Undo :meth:`state`."""
        ...


@dataclass(frozen=True, eq=False)
class Pool:
    """Holds f(z) at the medians of POOL cells of equal prior mass, on the training device.

    f is evaluated only here, so that any decoder in numpy can be trained on any device.

    Parameters
    ----------
    values : Tensor, shape (POOL, D), float32
    sigma : Tensor, shape (D,)
    accuracy : float
        Nats that KL[p ‖ law drawn from] is at most: E|f(z) − f(z_cell)|²/2σ², by the joint
        convexity of KL, measured on _WITHIN points a cell.
    device : str
    """

    values: Any
    sigma: Any
    accuracy: float
    device: str

    @classmethod
    def of(cls, model: GenerativeModel, device: str) -> Pool:
        """Evaluate a model's decoder."""
        centre = (np.arange(POOL) + 0.5) / POOL
        values = model.decoder(ndtri(centre))
        offsets = (np.arange(_WITHIN) + 0.5) / _WITHIN - 0.5
        moved = [
            np.square((model.decoder(ndtri(centre + offset / POOL)) - values) / model.sigma)
            for offset in offsets
        ]
        return cls(
            values=torch.from_numpy(values).float().to(device),
            sigma=torch.from_numpy(model.sigma.copy()).float().to(device),
            accuracy=0.5 * float(np.mean([part.sum(axis=1).mean() for part in moved])),
            device=device,
        )


class PopulationSource:
    """Draws fresh x from p(x) at every step.

    Parameters
    ----------
    pool : Pool
    batch : int
        B.
    generator : torch.Generator
        On the pool's device.
    """

    def __init__(self, pool: Pool, batch: int, generator: Any) -> None:
        self.batch = batch
        self._pool = pool
        dim = 1 + len(pool.sigma)
        self._points = ShiftedPoints(batch, dim, generator, pool.device)

    def draw(self, streams: int = 1) -> Any:
        """Return the next mini-batch of each stream, independent of the others."""
        uniform = self._points.uniform(streams)
        index = (uniform[..., 0] * POOL).long().clamp_(0, POOL - 1)
        noise = normal_quantile(uniform[..., 1:])
        return self._pool.values[index] + noise * self._pool.sigma

    def state(self) -> None:
        """Return nothing: the draws depend on the generator alone."""

    def restore(self, state: Any) -> None:
        """Do nothing."""


class DecoderSource:
    """Draws fresh x from the p(x) of a decoder of several latents, of which f is asked every time.

    Atoms that stand for all of z, as :class:`Pool` has them for one latent, would have to be too
    many; what is evaluated here is a batch, on the host.

    Parameters
    ----------
    model : GenerativeModel
        Of any K.
    batch : int
        B.
    generator : torch.Generator
        On the device.
    device : str
    """

    def __init__(self, model: GenerativeModel, batch: int, generator: Any, device: str) -> None:
        self.batch = batch
        self._model, self._device = model, device
        self._sigma = torch.from_numpy(model.sigma.copy()).float().to(device)
        dim = model.latent_dim + model.data_dim
        self._points = ShiftedPoints(batch, dim, generator, device)

    def draw(self, streams: int = 1) -> Any:
        """Return the next mini-batch of each stream, independent of the others."""
        latents = self._model.latent_dim
        normal = self._points.normal(streams)
        z = normal[..., :latents].double().cpu().numpy().reshape(-1, latents)
        f = self._model.decoder(z if latents > 1 else z[:, 0])
        mean = torch.from_numpy(f).float().to(self._device).view(streams, self.batch, -1)
        return mean + normal[..., latents:] * self._sigma

    def state(self) -> None:
        """Return nothing: the draws depend on the generator alone."""

    def restore(self, state: Any) -> None:
        """Do nothing."""


def fresh_draws(model: GenerativeModel, device: str) -> Callable[[int, Any], Source]:
    """Return how fresh draws from a model's p(x) are made, from a batch's size and a generator.

    Parameters
    ----------
    model : GenerativeModel
        Of any K; f of one latent is evaluated here, once.
    device : str

    Returns
    -------
    callable
    """
    if model.latent_dim > 1:
        return lambda batch, generator: DecoderSource(model, batch, generator, device)
    pool = Pool.of(model, device)
    return lambda batch, generator: PopulationSource(pool, batch, generator)


class SampleSource:
    """Cuts a fixed sample into mini-batches, in a new order each epoch.

    Parameters
    ----------
    sample : ndarray, shape (N, D)
    batch : int
        B; at most N are used a step, and what does not fill the last batch of an epoch is left
        out of it.
    generator : torch.Generator
    device : str
    """

    def __init__(self, sample: Array, batch: int, generator: Any, device: str) -> None:
        self._sample = torch.from_numpy(np.array(sample, dtype=np.float32)).to(device)
        self._generator, self._device = generator, device
        self.batch = min(batch, len(self._sample))
        self._order = torch.empty(0, dtype=torch.int64, device=device)

    def draw(self, streams: int = 1) -> Any:
        """Return the next mini-batch of each stream; together they pass through the sample."""
        return torch.stack([self._next() for _ in range(streams)])

    def _next(self) -> Any:
        if len(self._order) < self.batch:
            self._order = torch.randperm(
                len(self._sample), generator=self._generator, device=self._device
            )
        chosen, self._order = self._order[: self.batch], self._order[self.batch :]
        return self._sample[chosen]

    def state(self) -> Any:
        """Return the rest of the epoch's order."""
        return self._order.clone()

    def restore(self, state: Any) -> None:
        """Undo :meth:`state`."""
        self._order = state.to(self._device)


def checked_sample(sample: Any, data_dim: int, smallest: int = 2) -> Points:
    """Return a data set to train on, or say what is wrong with it.

    Parameters
    ----------
    sample : array_like, shape (N, D), or (N,) for D = 1
    data_dim : int
        D of the model.
    smallest : int
        Fewest points allowed: some are needed to train and some to validate.

    Returns
    -------
    ndarray, shape (N, D)

    Raises
    ------
    SettingError
        If it is empty, too small, of another D, or has NaN or inf.
    """
    points = np.asarray(sample, dtype=np.float64)
    if points.ndim == 1 and data_dim == 1:
        points = points[:, None]
    if points.size == 0:
        raise SettingError("the data set is empty")
    if points.ndim != 2 or points.shape[1] != data_dim:
        raise SettingError(f"the data set has shape {points.shape}, expected (N, {data_dim})")
    bad = ~np.isfinite(points).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise SettingError(
            f"the data set has NaN or inf in {int(bad.sum())} row(s), the first is row {row}"
        )
    if len(points) < smallest:
        raise SettingError(
            f"the data set has {len(points)} point(s); at least {smallest} are needed"
        )
    return points


def split_sample(
    sample: Shaped[NDArray[Any], "N D"], share: float, seed: int
) -> tuple[Shaped[NDArray[Any], "training D"], Shaped[NDArray[Any], "validation D"]]:
    """Split a data set into training and validation points at random.

    Parameters
    ----------
    sample : ndarray, shape (N, D)
    share : float
        Share of validation points; at least one point goes to each side.
    seed : int
        Seed of the split.

    Returns
    -------
    training, validation : ndarray, shapes (training, D) and (validation, D)
    """
    order = np.random.default_rng(seed).permutation(len(sample))
    held = min(max(1, math.floor(share * len(sample))), len(sample) - 1)
    return sample[order[held:]], sample[order[:held]]
