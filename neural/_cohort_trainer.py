"""Trains networks with labels on the splits of a table: one stream of restarts for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from neural._cohort_data import CohortSource, CohortSplits
from neural._label_settings import LabelSettings
from neural._label_stepper import LabelStepper, LabelSupply
from neural._label_terms import ClassTerms, row_for_restarts
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
        terms = ClassTerms(data, chosen, device)
        super().__init__(data.name, terms, chosen, device)
        self._log_variance = terms.constants.log_variance
        self._floor = row_for_restarts(np.log(data.noise_floor), chosen.training.restarts, device)

    def step(self) -> Any:
        """Take one decoder step; a σ² that is trained stays above the floor of its data."""
        bound = super().step()
        if self.settings.learn_noise:
            with torch.no_grad():
                torch.maximum(self.decoder.extra, self._floor, out=self.decoder.extra)
        return bound

    def noise_variance(self, restart: int) -> NDArray[np.float64]:
        """Return σ² of a restart, float64, shape (D,)."""
        rows = self._log_variance.detach().cpu().double().exp()
        own: NDArray[np.float64] = rows[restart if len(rows) > 1 else 0].numpy()
        return np.broadcast_to(own, self.data.data_dim).copy()

    def _supply(self) -> LabelSupply:
        settings, device, data = self.settings, self.device, self.data
        share = self.chosen.objective.labelled_share
        source = CohortSource(data.training, settings.batch, share, self.generator, device)
        validation = in_streams([of_sample(one, share, device) for one in data.validation])
        epoch = max(1, len(data.training[0].x) // source.batch)
        return LabelSupply(source, validation, epoch)
