"""Trains the networks of the labelled model M2: what one run of VAE, IWAE or LIN steps."""

from __future__ import annotations

from typing import Any

import torch

from neural._flat_adam import FlatAdam
from neural._label_data import AnySample, LabelBatch, LabelledSampleSource
from neural._label_networks import LabelNetworks
from neural._label_population import LabelledPopulation, LabelPool, label_pool
from neural._label_settings import LabelSettings
from neural._label_terms import label_terms
from neural._objectives import Loss
from neural._points import ShiftedPoints
from neural._stepper import CHUNK, VALIDATION, Stepper, averaged
from neural._streams import Stream, stream_seed
from theorycheck.models import ContinuousLabelModel, LabelledModel
from theorycheck.progress import Advance


class LabelTrainer(Stepper):
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
        self.data, self.chosen = data, chosen
        settings = chosen.training
        self.terms = label_terms(data, chosen, device)
        super().__init__(settings, device, self.networks.inference, self.networks.decoder)
        share = chosen.objective.labelled_share
        self.source: LabelledPopulation | LabelledSampleSource
        if training is None or validation is None:
            pool = label_pool(data, device)
            self.source = LabelledPopulation(pool, settings.batch, share, self.generator, device)
            self.validation = self._fresh(pool, share)
        else:
            self.source = LabelledSampleSource(
                training, settings.batch, share, self.generator, device
            )
            self.validation = _of_sample(validation, share, device)
            self.epoch = max(1, len(training.x) // self.source.batch)
        # One coordinate for each column, and a first that only rises along the batch: it would
        # go along with the latents of the batch, which rise too.
        columns = 1 + self.terms.columns
        self._points = ShiftedPoints(self.source.batch, columns, self.generator, device)
        self._labelled_points = ShiftedPoints(self.source.labelled_batch, 2, self.generator, device)

    @property
    def networks(self) -> LabelNetworks:
        """Decoder and inference networks."""
        return self.terms.networks

    @property
    def name(self) -> str:
        """Name of the data."""
        return self.data.name

    def bounds(self) -> tuple[Any, Any]:
        """Measure the objective of every restart on the validation data.

        Returns
        -------
        objective, error : Tensor, shape (R,), float64
            −[(1−ℓ) U + ℓγ L + ℓα log q(y|x)], nats, and one standard error over the points.
        """
        settings = self.settings
        generator = torch.Generator(self.device).manual_seed(stream_seed(settings, Stream.BOUNDS))
        size = max(1, CHUNK // settings.samples)
        unlabelled = self.chosen.objective.weights[0]
        share = self.chosen.objective.labelled_share
        objective = torch.zeros(settings.restarts, dtype=torch.float64, device=self.device)
        variance = objective.clone()
        x, labelled = self.validation

        def of_unlabelled(part: Any) -> Any:
            noise = self._noise(len(part), generator)
            return self._unlabelled(part[None], noise)

        def of_labelled(part: Any) -> Any:
            noise = self._noise(len(part), generator)[:, :, 0]
            return self._labelled(part[None, :, :-1], part[None, :, -1], noise)

        for weight, points, values in (
            (unlabelled, x, of_unlabelled), (share, labelled, of_labelled),
        ):  # fmt: skip
            if weight == 0.0:
                continue
            with torch.no_grad():
                mean, error = averaged(points, size, settings.restarts, values)
            objective -= weight * mean
            variance += (weight * error).square()
        return objective, variance.sqrt()

    def train_inference(self, steps: int, rows: int, advance: Advance) -> None:
        """Step the inference networks of the last restarts alone, before the run begins.

        Parameters
        ----------
        steps : int
            Steps, at a rate that falls as that of the run.
        rows : int
            How many restarts; decoders and the other restarts stay as they are.
        advance : Advance
        """
        restarts = self.settings.restarts
        chosen = torch.arange(restarts, device=self.device) >= restarts - rows
        state = self.encoder_adam
        self.encoder_adam = FlatAdam(self._inference.flat, self.settings.clip)
        for step in range(steps):
            rate = self.settings.rate(round(step * self.settings.steps / steps))
            self._encoder_step(rate, chosen)
            if step % 100 == 99:
                advance(100)
        self.encoder_adam = state

    def _loss(self) -> Loss:
        batch = LabelBatch(
            *[
                None if part is None else self._of_own_stream(part)
                for part in self.source.draw(self.settings.seeds)
            ]
        )
        unlabelled = self.chosen.objective.weights[0]
        total = torch.zeros(self.settings.restarts, device=self.device)
        if batch.x is not None:
            noise = self._training_noise(self._points, self.terms.used)
            total = total - unlabelled * self._unlabelled(batch.x, noise).mean(1)
        if batch.labelled_x is not None:
            share = self.chosen.objective.labelled_share
            noise = self._training_noise(self._labelled_points, 1)[:, :, 0]
            total = total - share * self._labelled(batch.labelled_x, batch.y, noise).mean(1)
        return Loss(total[:, None], total.detach()[:, None])

    def _unlabelled(self, x: Any, noise: Any) -> Any:
        return self.terms.unlabelled(x, noise[:, :, : self.terms.used])

    def _labelled(self, x: Any, y: Any, noise: Any) -> Any:
        """Return γ L(x, y) + α log q(y|x) of labelled x, shape (R, B)."""
        objective = self.chosen.objective
        value = objective.gamma * self.terms.labelled(x, y, noise)
        if objective.alpha > 0.0:
            value = value + objective.alpha * self.terms.label_term(x, y)
        return value

    def _training_noise(self, points: ShiftedPoints, columns: int) -> Any:
        """Return ε of shape (R, S, columns, B): evenly spread over the batch where S = 1."""
        settings = self.settings
        if settings.samples == 1:
            normal = points.normal(settings.restarts)[:, :, 1 : 1 + columns]
            return normal.transpose(1, 2)[:, None]
        shape = (settings.restarts, settings.samples, columns, len(points.points))
        return torch.randn(shape, generator=self.generator, device=self.device)

    def _noise(self, size: int, generator: Any) -> Any:
        shape = (1, self.settings.samples, self.terms.columns, size)
        noise = torch.randn(shape, generator=generator, device=self.device)
        return noise.expand(self.settings.restarts, -1, -1, -1)

    def _information(self) -> Any:
        x, labelled = self.validation
        points = x if x is not None else labelled[:, :-1]
        seed = stream_seed(self.settings, Stream.INFORMATION)
        generator = torch.Generator(self.device).manual_seed(seed)
        with torch.no_grad():
            return self.terms.information(points, generator)

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


def _of_sample(sample: AnySample, share: float, device: str) -> tuple[Any, Any]:
    known = sample.known
    x = torch.from_numpy(sample.x[~known]).float().to(device) if share < 1.0 else None
    if share == 0.0:
        return x, None
    labels = torch.from_numpy(sample.y[known]).float()[:, None]
    both = torch.cat([torch.from_numpy(sample.x[known]).float(), labels], dim=1)
    return x, both.to(device)
