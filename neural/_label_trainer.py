"""Trains the networks of the labelled model M2: what one run of VAE, IWAE or LIN steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from neural._label_data import UNKNOWN, LabelledPopulation, LabelledSample, LabelledSampleSource
from neural._label_settings import LabelSettings
from neural._label_stepper import LabelSource, LabelStepper, LabelSupply
from neural._stepper import VALIDATION
from neural._streams import Stream, stream_seed
from theorycheck.models import LabelledModel


class LabelTrainer(LabelStepper):
    """Holds networks, optimisers and data of one run, and takes the steps that change them.

    Parameters
    ----------
    data : LabelledModel
        Ground truth: where fresh draws come from, π, and σ².
    chosen : LabelSettings
    device : {"cpu", "cuda"}
    training, validation : LabelledSample, optional
        A fixed sample in place of fresh draws.
    """

    def __init__(
        self,
        data: LabelledModel,
        chosen: LabelSettings,
        device: str = "cpu",
        training: LabelledSample | None = None,
        validation: LabelledSample | None = None,
    ) -> None:
        self.data = data
        self._sample = training, validation
        super().__init__(data, chosen, device)

    def _supply(self) -> LabelSupply:
        """Make what is trained on and what is measured on."""
        settings, device = self.settings, self.device
        share = self.chosen.objective.labelled_share
        source: LabelSource
        training, validation = self._sample
        if training is None or validation is None:
            source = LabelledPopulation(self.data, settings.batch, share, self.generator, device)
            return LabelSupply(source, in_streams([self._fresh(share)]))
        source = LabelledSampleSource(training, settings.batch, share, self.generator, device)
        epoch = max(1, len(training.x) // source.batch)
        return LabelSupply(source, in_streams([of_sample(validation, share, device)]), epoch)

    def _fresh(self, share: float) -> tuple[Any, Any]:
        """Draw validation points: x, and (x, y) with y as a last column, in random order."""
        seed = stream_seed(self.settings, Stream.VALIDATION)
        generator = torch.Generator(self.device).manual_seed(seed)
        drawn = LabelledPopulation(self.data, VALIDATION, share, generator, self.device).draw()
        order = torch.randperm(VALIDATION, generator=generator, device=self.device)
        x = None if drawn.x is None else drawn.x[0][order]
        if drawn.labelled_x is None:
            return x, None
        labelled = torch.cat([drawn.labelled_x[0], drawn.y[0][:, None].float()], dim=1)
        return x, labelled[order]


def in_streams(sides: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Stack the validation points of P streams, x (P, N, D) and (x, y) (P, N', D + 1)."""
    x, labelled = (
        None if side[0] is None else torch.stack(side) for side in zip(*sides, strict=True)
    )
    return x, labelled


def of_sample(sample: LabelledSample, share: float, device: str) -> tuple[Any, Any]:
    """Return a sample as validation points: x without a label, and x beside its label."""
    known = sample.y != UNKNOWN
    x = torch.from_numpy(sample.x[~known]).float().to(device) if share < 1.0 else None
    if share == 0.0:
        return x, None
    labels = torch.from_numpy(sample.y[known]).float()[:, None]
    both = torch.cat([torch.from_numpy(sample.x[known]).float(), labels], dim=1)
    return x, both.to(device)
