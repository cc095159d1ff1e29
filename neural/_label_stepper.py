"""Steps the networks of the labelled model M2, on whatever data with labels, a stream a seed."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from neural._data import Source
from neural._kept_best import KeptBest
from neural._label_data import LabelBatch
from neural._label_networks import LabelNetworks
from neural._label_objectives import (
    Constants,
    class_log_posterior,
    label_term,
    labelled_bound,
    unlabelled_bound,
    unlabelled_posterior,
)
from neural._label_settings import LabelSettings
from neural._lagging import label_information
from neural._networks import Architecture
from neural._objectives import Loss
from neural._points import ShiftedPoints
from neural._stepper import CHUNK, INFORMATION_POINTS, Stepper, averaged
from neural._streams import Stream, stream_seed
from theorycheck.inference import FACTORISED


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


class LabelData(Protocol):
    """Describes what networks with labels need to know of their data."""

    @property
    def name(self) -> str:
        """Name of the data."""
        ...

    @property
    def count(self) -> int:
        """Number of classes C."""
        ...

    @property
    def data_dim(self) -> int:
        """Number of data dimensions D."""
        ...

    @property
    def log_prior(self) -> NDArray[np.float64]:
        """Return log π, shape (C,), or (P, C) where each of P streams has its own."""
        ...

    @property
    def noise_variance(self) -> NDArray[np.float64]:
        """σ² where it is held, else at the start: shape (D,), (P, D) or (P, 1)."""
        ...


class LabelStepper(Stepper):
    """Holds networks and optimisers of one run on any data with labels.

    Parameters
    ----------
    data : LabelData
    chosen : LabelSettings
    device : {"cpu", "cuda"}
    """

    def __init__(self, data: LabelData, chosen: LabelSettings, device: str) -> None:
        self.chosen = chosen
        self.name, self.classes, self.data_dim = data.name, data.count, data.data_dim
        settings = chosen.training
        noise_variance = np.atleast_2d(data.noise_variance)
        self._factorised = chosen.objective.family == FACTORISED
        self.networks = LabelNetworks.begun(
            data.count,
            Architecture(data.data_dim, settings.hidden, settings.activation, chosen.latents),
            settings.restarts,
            factorised=self._factorised,
            generator=torch.Generator().manual_seed(stream_seed(settings, Stream.WEIGHTS)),
            device=device,
            noise_variances=noise_variance.shape[1] if settings.learn_noise else 0,
        )
        super().__init__(settings, device, self.networks.inference, self.networks.decoder)
        log_variance = self._of_own_stream(
            self._tensor(settings.noise_start * noise_variance).log()
        )
        if settings.learn_noise:
            with torch.no_grad():
                self.decoder.extra.copy_(log_variance.expand_as(self.decoder.extra))
            log_variance = self.decoder.extra
        log_prior = self._of_own_stream(self._tensor(np.atleast_2d(data.log_prior)))
        self.constants = Constants(log_prior, log_variance)
        supply = self._supply()
        self.source, self.validation = supply.source, supply.validation
        if supply.epoch is not None:
            self.epoch = supply.epoch
        # One coordinate for each latent of each class's q, and a first that only rises along the
        # batch: it would go along with the latents of the batch, which rise too.
        count = 1 + data.count * chosen.latents
        self._points = ShiftedPoints(self.source.batch, count, self.generator, device)
        self._labelled_points = ShiftedPoints(
            self.source.labelled_batch, 1 + chosen.latents, self.generator, device
        )
        parameters = (self.networks.inference.flat, self.decoder.flat)
        self._best = KeptBest(parameters) if chosen.keep_best else None

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

    def noise_variance(self, restart: int) -> Any:
        """Return σ² of a restart, float64, shape (D,)."""
        own = self.constants.log_variance
        own = own[restart if len(own) > 1 else 0].detach().cpu().double().exp()
        return own.expand(self.data_dim).numpy().copy()

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
            noise = self._noise(len(part), generator)[:, :, 0]
            own = self._of_own_stream(part.transpose(0, 1))
            return self._labelled(own[..., :-1], own[..., -1].long(), noise)

        for weight, points, values in (
            (unlabelled, x, of_unlabelled), (share, labelled, of_labelled),
        ):  # fmt: skip
            if weight == 0.0:
                continue
            with torch.no_grad():
                rows = points.transpose(0, 1)
                mean, error = averaged(rows, size, settings.restarts, values)
            objective -= weight * mean
            variance += (weight * error).square()
        return objective, variance.sqrt()

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
            noise = self._training_noise(self._points, 1 if self._factorised else self.classes)
            total = total - unlabelled * self._unlabelled(batch.x, noise).mean(1)
        if batch.labelled_x is not None:
            share = self.chosen.objective.labelled_share
            noise = self._training_noise(self._labelled_points, 1)[:, :, 0]
            total = total - share * self._labelled(batch.labelled_x, batch.y, noise).mean(1)
        return Loss(total[:, None], total.detach()[:, None])

    def _unlabelled(self, x: Any, noise: Any) -> Any:
        assert self.chosen.bound is not None
        if self._factorised:
            noise = noise[:, :, :1]
        return unlabelled_bound(self.networks, self.constants, x, noise, self.chosen.bound)

    def _labelled(self, x: Any, y: Any, noise: Any) -> Any:
        """Return γ L(x, y) + α log q(y|x) of labelled x, shape (R, B)."""
        objective, bound = self.chosen.objective, self.chosen.bound
        assert bound is not None
        value = objective.gamma * labelled_bound(self.networks, self.constants, x, y, noise, bound)
        if objective.alpha > 0.0:
            value = value + objective.alpha * label_term(self.networks, x, y)
        return value

    def _training_noise(self, points: ShiftedPoints, columns: int) -> Any:
        """Return ε of shape (R, S, columns, B, K): evenly spread over the batch where S = 1."""
        settings, latents = self.settings, self.chosen.latents
        if settings.samples == 1:
            normal = points.normal(settings.restarts)[:, :, 1 : 1 + columns * latents]
            parts = normal.unflatten(2, (columns, latents))
            return parts.transpose(1, 2)[:, None]
        shape = (settings.restarts, settings.samples, columns, len(points.points), latents)
        return torch.randn(shape, generator=self.generator, device=self.device)

    def _noise(self, size: int, generator: Any) -> Any:
        shape = (1, self.settings.samples, self.classes, size, self.chosen.latents)
        noise = torch.randn(shape, generator=generator, device=self.device)
        return noise.expand(self.settings.restarts, -1, -1, -1, -1)

    def _information(self) -> Any:
        x, labelled = self.validation
        points = self._of_own_stream(x if x is not None else labelled[..., :-1])
        points = points[:, :INFORMATION_POINTS].expand(self.settings.restarts, -1, -1)
        seed = stream_seed(self.settings, Stream.INFORMATION)
        generator = torch.Generator(self.device).manual_seed(seed)
        with torch.no_grad():
            log_r = class_log_posterior(self.networks, points)
            parts = unlabelled_posterior(self.networks, points)
            shape = (*log_r.shape, self.chosen.latents)
            mean, log_scale = (part.expand(shape) for part in parts)
            shape = (1, *shape[1:])
            noise = torch.randn(shape, generator=generator, device=self.device)
            return label_information(mean, log_scale, log_r, noise)

    def _tensor(self, values: NDArray[np.float64]) -> Any:
        return torch.from_numpy(values.copy()).float().to(self.device)
