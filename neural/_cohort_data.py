"""Makes the splits of a table with few labels what networks with labels are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neural._label_data import (
    UNKNOWN,
    LabelBatch,
    LabelledSample,
    LabelledSampleSource,
    split_labelled,
)
from theorycheck.cohorts import Split, linear_decoder
from theorycheck.errors import SettingError
from theorycheck.streams import spawned_seed

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CohortSplits:
    """Holds the training parts of P splits of one cohort, each a stream of data of its own.

    Parameters
    ----------
    splits : tuple of Split
    training, validation : tuple of LabelledSample
        What is stepped on, and what restarts are selected and stopped by.
    noise_variance : ndarray, shape (P, 1)
        σ² at the start: that of the linear decoder of the rows with a label.
    """

    splits: tuple[Split, ...]
    training: tuple[LabelledSample, ...]
    validation: tuple[LabelledSample, ...]
    noise_variance: Array

    @classmethod
    def of(
        cls, splits: Sequence[Split], latents: int, validation_share: float, seed: int
    ) -> CohortSplits:
        """Divide the training part of each split into steps and validation.

        Parameters
        ----------
        splits : sequence of Split
            Of one cohort, with as many labels each.
        latents : int
            K.
        validation_share : float
            Share of rows for validation, of each class and of those without a label.
        seed : int

        Returns
        -------
        CohortSplits

        Raises
        ------
        SettingError
            If there is no split, they are of several cohorts or sizes, or a class has too few rows.
        """
        if not splits:
            raise SettingError("there is no split to train on")
        sizes = {(one.cohort.name, len(one.y), int(one.observed.sum())) for one in splits}
        if len(sizes) > 1:
            raise SettingError("splits that are trained together must be of one cohort and size")
        parts = []
        for one in splits:
            labels = np.where(one.observed, one.y, UNKNOWN)
            sample = LabelledSample(one.x, labels)
            _check(sample, len(one.cohort.classes))
            own = spawned_seed(seed, one.number)
            parts.append(split_labelled(sample, validation_share, own))
        variances = [linear_decoder(one, latents).noise_variance[:1] for one in splits]
        return cls(
            tuple(splits),
            tuple(part[0] for part in parts),
            tuple(part[1] for part in parts),
            np.array(variances),
        )

    @property
    def name(self) -> str:
        """Name of the cohort."""
        return self.splits[0].cohort.name

    @property
    def count(self) -> int:
        """Number of classes C."""
        return len(self.splits[0].cohort.classes)

    @property
    def data_dim(self) -> int:
        """Number of features D."""
        return self.splits[0].cohort.data_dim

    @property
    def log_prior(self) -> Array:
        """Log share of each class among the rows with a label, shape (P, C)."""
        result: Array = np.log(np.array([one.prior for one in self.splits]))
        return result

    @property
    def noise_floor(self) -> Array:
        """Smallest σ² that each split bears, shape (P, 1)."""
        return np.array([[one.floor.shared] for one in self.splits])


class CohortSource:
    """Cuts the training parts of P splits into mini-batches, a stream for each.

    Parameters
    ----------
    samples : sequence of LabelledSample
    batch : int
        B of either kind; at most as many as there are.
    share : float
        ℓ; nothing is drawn that it leaves no weight.
    generator : torch.Generator
    device : str
    """

    def __init__(
        self,
        samples: Sequence[LabelledSample],
        batch: int,
        share: float,
        generator: Any,
        device: str,
    ) -> None:
        self._sources = [
            LabelledSampleSource(sample, batch, share, generator, device) for sample in samples
        ]
        self.batch = self._sources[0].batch
        self.labelled_batch = self._sources[0].labelled_batch

    def draw(self, streams: int = 1) -> LabelBatch:
        """Return the next mini-batches, one of each split."""
        if streams != len(self._sources):
            raise SettingError(f"{streams} streams of data, but {len(self._sources)} splits")
        parts = [source.draw() for source in self._sources]
        return LabelBatch(*[_joined(columns) for columns in zip(*parts, strict=True)])

    def state(self) -> Any:
        """Return the rest of all orders."""
        return [source.state() for source in self._sources]

    def restore(self, state: Any) -> None:
        """Undo :meth:`state`."""
        for source, kept in zip(self._sources, state, strict=True):
            source.restore(kept)


def _joined(parts: Sequence[Any]) -> Any:
    return None if parts[0] is None else torch.cat(list(parts))


def _check(sample: LabelledSample, classes: int) -> None:
    counts = [int((sample.y == label).sum()) for label in range(classes)]
    if min(counts) < 2:
        raise SettingError(
            f"class {int(np.argmin(counts))} has {min(counts)} row(s) with a label; two are "
            "needed, one to train on and one to validate"
        )
