"""Trains the networks of the labelled model M2: what one run of VAE, IWAE or LIN steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from neural._label_data import AnySample, LabelledSampleSource
from neural._label_population import LabelledPopulation, LabelPool, label_pool
from neural._label_settings import LabelSettings
from neural._label_stepper import LabelStepper, LabelSupply
from neural._label_terms import label_terms
from neural._stepper import VALIDATION
from neural._streams import Stream, stream_seed
from theorycheck.models import ContinuousLabelModel, LabelledModel


class LabelTrainer(LabelStepper):
    """Holds networks, optimisers and data of one run, and takes the steps that change them.

    Parameters
    ----------
    data : LabelledModel or ContinuousLabelModel
        Ground truth: where fresh draws come from, the law of y, and σ².
    chosen : LabelSettings
    device : {"cpu", "cuda"}
    training, validation : LabelledSample or ContinuousLabelledSample, optional
        A fixed sample in place of fresh draws.
    """

    def __init__(
        self,
        data: LabelledModel | ContinuousLabelModel,
        chosen: LabelSettings,
        device: str = "cpu",
        training: AnySample | None = None,
        validation: AnySample | None = None,
    ) -> None:
        self.data = data
        self._sample = training, validation
        super().__init__(data.name, label_terms(data, chosen, device), chosen, device)

    def _supply(self) -> LabelSupply:
        settings, device = self.settings, self.device
        share = self.chosen.objective.labelled_share
        training, validation = self._sample
        if training is None or validation is None:
            pool = label_pool(self.data, device)
            fresh = LabelledPopulation(pool, settings.batch, share, self.generator, device)
            return LabelSupply(fresh, in_streams([self._fresh(pool, share)]))
        source = LabelledSampleSource(training, settings.batch, share, self.generator, device)
        points = in_streams([of_sample(validation, share, device)])
        return LabelSupply(source, points, max(1, len(training.x) // source.batch))

    def _fresh(self, pool: LabelPool, share: float) -> tuple[Any, Any]:
        """Draw validation points: x, and (x, y) with y as a last column, in random order."""
        seed = stream_seed(self.settings, Stream.VALIDATION)
        generator = torch.Generator(self.device).manual_seed(seed)
        drawn = LabelledPopulation(pool, VALIDATION, share, generator, self.device).draw()
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


def of_sample(sample: AnySample, share: float, device: str) -> tuple[Any, Any]:
    """Return a sample as validation points: x without a label, and x beside its label."""
    known = sample.known
    x = torch.from_numpy(sample.x[~known]).float().to(device) if share < 1.0 else None
    if share == 0.0:
        return x, None
    labels = torch.from_numpy(sample.y[known]).float()[:, None]
    both = torch.cat([torch.from_numpy(sample.x[known]).float(), labels], dim=1)
    return x, both.to(device)
