"""Trains networks with labels on the splits of a table: one stream of restarts for each."""

from __future__ import annotations

from typing import Any

import torch

from neural._cohort_data import CohortSource, CohortSplits
from neural._label_settings import LabelSettings
from neural._label_stepper import LabelStepper, LabelSupply
from neural._label_trainer import in_streams, of_sample


class CohortTrainer(LabelStepper):
    """Holds networks, optimisers and the splits of one run, and takes the steps that change them.

    Parameters
    ----------
    data : CohortSplits
        P splits; restart r sees split r mod P.
    chosen : LabelSettings
    device : {"cpu", "cuda"}
    """

    def __init__(self, data: CohortSplits, chosen: LabelSettings, device: str = "cpu") -> None:
        self.data = data
        super().__init__(data, chosen, device)
        self._floor = self._of_own_stream(self._tensor(data.noise_floor).log())

    def step(self) -> Any:
        """Take one decoder step; a σ² that is trained stays above the floor of its data."""
        bound = super().step()
        if self.settings.learn_noise:
            with torch.no_grad():
                torch.maximum(self.decoder.extra, self._floor, out=self.decoder.extra)
        return bound

    def _supply(self) -> LabelSupply:
        settings, device, data = self.settings, self.device, self.data
        share = self.chosen.objective.labelled_share
        source = CohortSource(data.training, settings.batch, share, self.generator, device)
        validation = in_streams([of_sample(one, share, device) for one in data.validation])
        epoch = max(1, len(data.training[0].x) // source.batch)
        return LabelSupply(source, validation, epoch)
