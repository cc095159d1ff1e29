"""Makes the batches of semi-supervised training: x without a label, and x with one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from neural._data import POOL, Pool, SampleSource, checked_sample, split_sample
from neural._points import ShiftedPoints, normal_quantile
from theorycheck.arrays import Array, Labels, Points
from theorycheck.errors import SettingError
from theorycheck.models import LabelledModel

#: What stands for a label that is not known.
UNKNOWN = -1


class LabelBatch(NamedTuple):
    """Holds one mini-batch for each stream of data.

    Parameters
    ----------
    x : Tensor, shape (streams, B, D), or None
        Without a label; None where all are labelled.
    labelled_x : Tensor, shape (streams, B', D), or None
        With a label; None where none is.
    y : Tensor of int, shape (streams, B'), or None
        Their labels.
    """

    x: Any
    labelled_x: Any
    y: Any


@dataclass(frozen=True, eq=False)
class LabelledSample:
    """Holds N observations of which some have a label: the paper's way to train.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    y : ndarray of int, shape (N,)
        0 to C − 1, or −1 where the label is not known.
    """

    x: Points
    y: Labels

    @classmethod
    def drawn(cls, data: LabelledModel, size: int, share: float, seed: int) -> LabelledSample:
        """Draw N observations and keep the labels of a share of them.

        Parameters
        ----------
        data : LabelledModel
            Ground truth.
        size : int
            N.
        share : float
            ℓ; round(ℓN) of them keep their label.
        seed : int
            Seed of draws and choice.

        Returns
        -------
        LabelledSample
        """
        draws, choice = np.random.default_rng(seed).spawn(2)
        y, _, x = data.sample_labelled(size, draws)
        hidden = choice.permutation(size)[round(share * size) :]
        y[hidden] = UNKNOWN
        return cls(x, y)

    def checked(self, data: LabelledModel, share: float) -> LabelledSample:
        """Return it, or say in one line what is wrong with it.

        Parameters
        ----------
        data : LabelledModel
            What D and C are.
        share : float
            ℓ of the objective: labelled and unlabelled observations are needed as it says.

        Returns
        -------
        LabelledSample

        Raises
        ------
        SettingError
            If x is unusable, a label is none of 0 to C − 1, a class has fewer than two labelled
            observations, or there are no unlabelled ones.
        """
        x = checked_sample(self.x, data.data_dim)
        given = np.asarray(self.y)
        if given.shape != (len(x),):
            raise SettingError(f"{given.size} labels for {len(x)} observations")
        whole = np.isfinite(given) & (given == np.rint(given)) & (given >= UNKNOWN)
        if not (whole & (given < data.count)).all():
            wrong = given[~(whole & (given < data.count))][0]
            raise SettingError(
                f"a label is {wrong}: labels are 0 to {data.count - 1}, and -1 where not known"
            )
        y = given.astype(np.int64)
        if share > 0.0:
            for label in range(data.count):
                # One to train on and one to validate, at least.
                if int((y == label).sum()) < 2:
                    raise SettingError(
                        f"class {label} has {int((y == label).sum())} labelled observation(s) of "
                        f"{len(x)}; two of each class are needed: use more observations or a "
                        "larger labelled share"
                    )
        if share < 1.0 and int((y == UNKNOWN).sum()) < 2:
            raise SettingError("fewer than two observations are without a label")
        return LabelledSample(x, y)


class LabelledPopulation:
    """Draws fresh x from p(x), and fresh (x, y) from p(x, y), at every step.

    Parameters
    ----------
    data : LabelledModel
    batch : int
        B of either kind.
    share : float
        ℓ; nothing is drawn that it leaves no weight.
    generator : torch.Generator
    device : str
    """

    def __init__(
        self, data: LabelledModel, batch: int, share: float, generator: Any, device: str
    ) -> None:
        self.batch = self.labelled_batch = batch
        self._share = share
        pools = [Pool.of(model, device) for model in data.classes]
        self._values = torch.cat([pool.values for pool in pools])
        self._sigma = pools[0].sigma
        edges = np.cumsum(data.prior)[:-1]
        self._edges = torch.from_numpy(edges).to(device)
        # The label is not the first coordinate: that one rises along the batch.
        self._points = ShiftedPoints(batch, 2 + data.data_dim, generator, device)

    def draw(self, streams: int = 1) -> LabelBatch:
        """Return the next mini-batches of each stream, independent of the others."""
        x = self._joint(streams)[0] if self._share < 1.0 else None
        labelled_x, y = self._joint(streams) if self._share > 0.0 else (None, None)
        return LabelBatch(x, labelled_x, y)

    def _joint(self, streams: int) -> tuple[Any, Any]:
        uniform = self._points.uniform(streams)
        y = torch.searchsorted(self._edges, uniform[..., 1].contiguous(), right=True)
        index = (uniform[..., 0] * POOL).long().clamp_(0, POOL - 1)
        noise = normal_quantile(uniform[..., 2:])
        return self._values[y * POOL + index] + noise * self._sigma, y

    def state(self) -> None:
        """Return nothing: the draws depend on the generator alone."""

    def restore(self, state: Any) -> None:
        """Do nothing."""


class LabelledSampleSource:
    """Cuts the labelled and the unlabelled part of a sample into mini-batches.

    Parameters
    ----------
    sample : LabelledSample
    batch : int
        B of either kind; at most as many as there are.
    share : float
        ℓ; nothing is drawn that it leaves no weight.
    generator : torch.Generator
    device : str
    """

    def __init__(
        self, sample: LabelledSample, batch: int, share: float, generator: Any, device: str
    ) -> None:
        known = sample.y != UNKNOWN
        self._unlabelled = self._labelled = None
        self.batch = self.labelled_batch = batch
        if share < 1.0:
            self._unlabelled = SampleSource(sample.x[~known], batch, generator, device)
            self.batch = self._unlabelled.batch
        if share > 0.0:
            # A label is a whole number, which float32 holds.
            both = np.column_stack([sample.x[known], sample.y[known]])
            self._labelled = SampleSource(both, batch, generator, device)
            self.labelled_batch = self._labelled.batch

    def draw(self, streams: int = 1) -> LabelBatch:
        """Return the next mini-batches of each stream; together they pass through the sample."""
        x = None if self._unlabelled is None else self._unlabelled.draw(streams)
        if self._labelled is None:
            return LabelBatch(x, None, None)
        both = self._labelled.draw(streams)
        return LabelBatch(x, both[..., :-1], both[..., -1].long())

    def state(self) -> Any:
        """Return the rest of both orders."""
        parts = (self._unlabelled, self._labelled)
        return [None if part is None else part.state() for part in parts]

    def restore(self, state: Any) -> None:
        """Undo :meth:`state`."""
        for part, kept in zip((self._unlabelled, self._labelled), state, strict=True):
            if part is not None:
                part.restore(kept)


def split_labelled(
    sample: LabelledSample, share: float, seed: int
) -> tuple[LabelledSample, LabelledSample]:
    """Split a sample into training and validation points, each class and the unlabelled apart.

    Parameters
    ----------
    sample : LabelledSample
    share : float
        Share of validation points.
    seed : int
        Seed of the split.

    Returns
    -------
    training, validation : LabelledSample
    """
    sides: tuple[list[Array], list[Array]] = ([], [])
    for label in np.unique(sample.y):
        rows = np.flatnonzero(sample.y == label)[:, None]
        for side, part in zip(sides, split_sample(rows, share, seed), strict=True):
            side.append(part[:, 0])
    training, validation = (np.concatenate(side) for side in sides)
    return (
        LabelledSample(sample.x[training], sample.y[training]),
        LabelledSample(sample.x[validation], sample.y[validation]),
    )
