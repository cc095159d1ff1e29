"""Steps the networks of the labelled model M2, on whatever data with labels, a stream a seed."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple, Protocol

import torch

from neural._data import Source
from neural._flat_adam import FlatAdam
from neural._kept_best import KeptBest
from neural._label_data import LabelBatch
from neural._label_networks import LabelNetworks
from neural._label_settings import LabelSettings
from neural._label_terms import LabelTerms
from neural._objectives import Loss
from neural._points import ShiftedPoints
from neural._stepper import CHUNK, Stepper, averaged
from neural._streams import Stream, stream_seed
from theorycheck.progress import Advance


class LabelSource(Source, Protocol):
    """Describes where the mini-batches of semi-supervised training come from."""

    batch: int
    labelled_batch: int


class LabelSupply(NamedTuple):
    """Holds what networks with labels are trained on.

    Parameters
    ----------
    source : LabelSource
        Mini-batches.
    validation : tuple of Tensor or None
        x, shape (P, N, D), and x beside its label, shape (P, N', D + 1); P = 1 where all streams
        are measured on the same points.
    epoch : int or None
        Decoder steps of a pass through a fixed sample.
    """

    source: LabelSource
    validation: tuple[Any, Any]
    epoch: int | None = None


class LabelStepper(Stepper):
    """Holds networks and optimisers of one run on any data with labels.

    Parameters
    ----------
    name : str
        Name of the data.
    terms : LabelTerms
        The networks, and the terms of the objective.
    chosen : LabelSettings
    device : {"cpu", "cuda"}
    """

    def __init__(self, name: str, terms: LabelTerms, chosen: LabelSettings, device: str) -> None:
        self.name, self.chosen, self.terms = name, chosen, terms
        settings = chosen.training
        super().__init__(settings, device, self.networks.inference, self.networks.decoder)
        supply = self._supply()
        self.source, self.validation = supply.source, supply.validation
        if supply.epoch is not None:
            self.epoch = supply.epoch
        # One coordinate for each column, and a first that only rises along the batch: it would
        # go along with the latents of the batch, which rise too.
        self._points = ShiftedPoints(self.source.batch, 1 + terms.columns, self.generator, device)
        self._labelled_points = ShiftedPoints(
            self.source.labelled_batch, 1 + terms.latents, self.generator, device
        )
        parameters = (self.networks.inference.flat, self.decoder.flat)
        self._best = KeptBest(parameters) if chosen.keep_best else None

    @property
    def networks(self) -> LabelNetworks:
        """Decoder and inference networks."""
        return self.terms.networks

    def look(self) -> None:
        """Keep every restart that is better than it ever was, where that is asked for."""
        if self._best is not None:
            self._best.look(self.bounds()[0])

    def take_best(self) -> None:
        """Go back to the best of each restart, where they were kept."""
        if self._best is not None:
            self._best.put_back()

    def state(self) -> dict[str, Any]:
        """Return all that the next step depends on, and the best of each restart."""
        return {**super().state(), "best": None if self._best is None else self._best.state()}

    def restore(self, state: dict[str, Any]) -> None:
        """Undo :meth:`state`."""
        super().restore(state)
        if self._best is not None:
            self._best.restore(state["best"])

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
            return self._unlabelled(self._of_own_stream(part.transpose(0, 1)), noise)

        def of_labelled(part: Any) -> Any:
            noise = self._noise(len(part), generator)[:, :, : self.terms.latents]
            own = self._of_own_stream(part.transpose(0, 1))
            return self._labelled(own[..., :-1], own[..., -1], noise)

        for weight, points, values in (
            (unlabelled, x, of_unlabelled), (share, labelled, of_labelled),
        ):  # fmt: skip
            if weight == 0.0:
                continue
            with torch.no_grad():
                mean, error = averaged(points.transpose(0, 1), size, settings.restarts, values)
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

    @abstractmethod
    def _supply(self) -> LabelSupply:
        """Make what is trained on and what is measured on."""

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
            noise = self._training_noise(self._labelled_points, self.terms.latents)
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
        points = self._of_own_stream(x if x is not None else labelled[..., :-1])
        points = points.expand(self.settings.restarts, -1, -1)
        seed = stream_seed(self.settings, Stream.INFORMATION)
        generator = torch.Generator(self.device).manual_seed(seed)
        with torch.no_grad():
            return self.terms.information(points, generator)
