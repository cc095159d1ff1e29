"""Makes the batches of semi-supervised training: x without a label, and x with one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float64, Shaped

from neural._data import SampleSource, checked_sample, split_sample
from theorycheck.arrays import Array, Flags, Integers, Labels, Points
from theorycheck.errors import SettingError
from theorycheck.models import ContinuousLabelModel, LabelledModel

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
    y : Tensor, shape (streams, B'), or None
        Their labels; those of classes as whole numbers.
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
    # Whatever it holds: what is no label is refused by `checked`, in a line of its own.
    y: Shaped[Integers, " labels"]

    @property
    def known(self) -> Flags:
        """Tell which observations have a label, shape (N,)."""
        result: Flags = self.y != UNKNOWN
        return result

    @property
    def groups(self) -> Labels:
        """Number the groups that are split each by itself, shape (N,): classes, and unlabelled."""
        return self.y

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


@dataclass(frozen=True, eq=False)
class ContinuousLabelledSample:
    """Holds N observations of which some have a label that is a number.

    Parameters
    ----------
    x : ndarray, shape (N, D)
    y : ndarray, shape (N,)
        NaN where the label is not known.
    """

    x: Points
    y: Float64[Array, " labels"]

    @property
    def known(self) -> Flags:
        """Tell which observations have a label, shape (N,)."""
        result: Flags = ~np.isnan(self.y)
        return result

    @property
    def groups(self) -> Labels:
        """Number the groups that are split each by itself, shape (N,): unlabelled and labelled."""
        return self.known.astype(np.int64)

    @classmethod
    def drawn(
        cls, data: ContinuousLabelModel, size: int, share: float, seed: int
    ) -> ContinuousLabelledSample:
        """Draw N observations and keep the labels of a share of them.

        Parameters
        ----------
        data, size, share, seed
            As for :meth:`LabelledSample.drawn`.

        Returns
        -------
        ContinuousLabelledSample
        """
        draws, choice = np.random.default_rng(seed).spawn(2)
        y, _, x = data.sample_labelled(size, draws)
        y[choice.permutation(size)[round(share * size) :]] = np.nan
        return cls(x, y)

    def checked(self, data: ContinuousLabelModel, share: float) -> ContinuousLabelledSample:
        """Return it, or say in one line what is wrong with it.

        Parameters
        ----------
        data : ContinuousLabelModel
            What D is.
        share : float
            ℓ of the objective: labelled and unlabelled observations are needed as it says.

        Returns
        -------
        ContinuousLabelledSample

        Raises
        ------
        SettingError
            If x is unusable, a label is infinite, or fewer than two observations have a label, or
            have none, where the share asks for them.
        """
        x = checked_sample(self.x, data.data_dim)
        y = np.asarray(self.y, dtype=np.float64)
        if y.shape != (len(x),):
            raise SettingError(f"{y.size} labels for {len(x)} observations")
        if np.isinf(y).any():
            raise SettingError("a label is infinite: labels are numbers, NaN where not known")
        found = ContinuousLabelledSample(x, y)
        for wanted, number, which in (
            (share > 0.0, int(found.known.sum()), "with"),
            (share < 1.0, int((~found.known).sum()), "without"),
        ):
            # One to train on and one to validate, at least.
            if wanted and number < 2:
                raise SettingError(
                    f"{number} of {len(x)} observations are {which} a label; two are needed at "
                    "least: use more observations or another labelled share"
                )
        return found


AnySample = LabelledSample | ContinuousLabelledSample
_Sample = TypeVar("_Sample", LabelledSample, ContinuousLabelledSample)


class LabelledSampleSource:
    """Cuts the labelled and the unlabelled part of a sample into mini-batches.

    Parameters
    ----------
    sample : LabelledSample or ContinuousLabelledSample
    batch : int
        B of either kind; at most as many as there are.
    share : float
        ℓ; nothing is drawn that it leaves no weight.
    generator : torch.Generator
    device : str
    """

    def __init__(
        self, sample: AnySample, batch: int, share: float, generator: Any, device: str
    ) -> None:
        known = sample.known
        self._unlabelled = self._labelled = None
        self.batch = self.labelled_batch = batch
        if share < 1.0:
            self._unlabelled = SampleSource(sample.x[~known], batch, generator, device)
            self.batch = self._unlabelled.batch
        if share > 0.0:
            # A label is a whole number, which float32 holds.
            both: Array = np.column_stack([sample.x[known], sample.y[known]]).astype(np.float64)
            self._labelled = SampleSource(both, batch, generator, device)
            self.labelled_batch = self._labelled.batch

    def draw(self, streams: int = 1) -> LabelBatch:
        """Return the next mini-batches of each stream; together they pass through the sample."""
        x = None if self._unlabelled is None else self._unlabelled.draw(streams)
        if self._labelled is None:
            return LabelBatch(x, None, None)
        both = self._labelled.draw(streams)
        return LabelBatch(x, both[..., :-1], both[..., -1])

    def state(self) -> Any:
        """Return the rest of both orders."""
        parts = (self._unlabelled, self._labelled)
        return [None if part is None else part.state() for part in parts]

    def restore(self, state: Any) -> None:
        """Undo :meth:`state`."""
        for part, kept in zip((self._unlabelled, self._labelled), state, strict=True):
            if part is not None:
                part.restore(kept)


def split_labelled(sample: _Sample, share: float, seed: int) -> tuple[_Sample, _Sample]:
    """Split a sample into training and validation points, each class and the unlabelled apart.

    Parameters
    ----------
    sample : LabelledSample or ContinuousLabelledSample
    share : float
        Share of validation points.
    seed : int
        Seed of the split.

    Returns
    -------
    training, validation
        Of the same kind.
    """
    sides: tuple[list[Array], list[Array]] = ([], [])
    groups = sample.groups
    for label in np.unique(groups):
        rows = np.flatnonzero(groups == label)[:, None]
        for side, part in zip(sides, split_sample(rows, share, seed), strict=True):
            side.append(part[:, 0])
    training, validation = (np.concatenate(side) for side in sides)
    return (
        replace(sample, x=sample.x[training], y=sample.y[training]),
        replace(sample, x=sample.x[validation], y=sample.y[validation]),
    )
