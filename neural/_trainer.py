"""Trains encoders and decoders on p(x): what one run of VAE, IWAE or LIN steps."""

from __future__ import annotations

from typing import Any

import torch

from neural._data import SampleSource, fresh_draws
from neural._lagging import mutual_information
from neural._networks import Architecture, BatchedMLP, gaussian
from neural._objectives import Loss, negative_elbo, negative_iwae
from neural._points import ShiftedPoints
from neural._settings import TrainingSettings
from neural._stepper import CHUNK, INFORMATION_POINTS, VALIDATION, Stepper, averaged
from neural._streams import Stream, stream_seed
from theorycheck.models import GenerativeModel


class Trainer(Stepper):
    """Holds networks, optimisers and data of one run, and takes the steps that change them.

    Parameters
    ----------
    model : GenerativeModel
        Ground truth: where fresh draws come from, and σ² at the start.
    settings : TrainingSettings
    device : {"cpu", "cuda"}
    training, validation : ndarray, shape (N, D), optional
        A fixed sample in place of fresh draws.
    """

    def __init__(
        self,
        model: GenerativeModel,
        settings: TrainingSettings,
        device: str = "cpu",
        training: Any = None,
        validation: Any = None,
    ) -> None:
        self.model = model
        self.name = model.name
        self.architecture = Architecture(
            model.data_dim, settings.hidden, settings.activation, settings.latents
        )
        restarts = settings.restarts
        weights = torch.Generator().manual_seed(stream_seed(settings, Stream.WEIGHTS))
        self.encoder = BatchedMLP(
            self.architecture.encoder_sizes,
            settings.activation,
            restarts,
            generator=weights,
            device=device,
        )
        decoder = BatchedMLP(
            self.architecture.decoder_sizes,
            settings.activation,
            restarts,
            generator=weights,
            extra=model.data_dim,
            device=device,
        )
        noise_variance = torch.from_numpy(settings.noise_start * model.noise_variance)
        noise_variance = noise_variance.float().to(device)
        with torch.no_grad():
            decoder.extra.copy_(noise_variance.log().expand(restarts, -1))
        if not settings.learn_noise:
            decoder.extra.requires_grad_(False)
            decoder.leaves.pop()
        super().__init__(settings, device, self.encoder, decoder)
        if training is None:
            fresh = fresh_draws(model, device)
            self.source = fresh(settings.batch, self.generator)
            generator = torch.Generator(device).manual_seed(
                stream_seed(settings, Stream.VALIDATION)
            )
            self.validation = _in_random_order(fresh(VALIDATION, generator).draw()[0], generator)
        else:
            self.source = SampleSource(training, settings.batch, self.generator, device)
            self.validation = torch.from_numpy(validation).float().to(device)
            self.epoch = max(1, len(training) // self.source.batch)
        # Of several latents, a first coordinate that only rises along the batch is left out: it
        # would go along with the latents of the batch, which rise too.
        columns = settings.latents + (settings.latents > 1)
        self._points = ShiftedPoints(self.source.batch, columns, self.generator, device)

    @property
    def log_variance(self) -> Any:
        """Return log σ² of each restart, shape (R, D)."""
        return self.decoder.extra

    def begin_with(self, other: Trainer) -> None:
        """Take over another run's weights, not its σ²."""
        with torch.no_grad():
            log_variance = self.log_variance.clone()
            self.encoder.flat.copy_(other.encoder.flat)
            self.decoder.flat.copy_(other.decoder.flat)
            self.log_variance.copy_(log_variance)

    def bounds(self, samples: int | None = None) -> tuple[Any, Any]:
        """Measure the negative bound of every restart on the validation data.

        Returns
        -------
        bound, error : Tensor, shape (R,), float64
            And one standard error over the validation points.
        """
        count = self.settings.samples if samples is None else samples
        seed = stream_seed(self.settings, Stream.BOUNDS)
        generator = torch.Generator(self.device).manual_seed(seed)
        mean, error = averaged(
            self.validation,
            max(1, CHUNK // count),
            self.settings.restarts,
            lambda x: self._bound_of_each(x, count, generator),
        )
        return mean, error

    def metrics(self) -> dict[str, Any]:
        """Return what is recorded beside the bounds."""
        if not self.settings.learn_noise:
            return super().metrics()
        variance = self.log_variance.detach().exp().cpu()
        rows = [[float(v) for v in row] for row in variance]
        return {"noise_variance": rows, **super().metrics()}

    def noise_variance(self, restart: int) -> list[float]:
        """Return σ² of one restart: the model's own where it is not trained."""
        if not self.settings.learn_noise:
            return [float(value) for value in self.model.noise_variance]
        return [float(value) for value in self.log_variance[restart].detach().double().exp()]

    def _bound_of_each(self, x: Any, count: int, generator: Any) -> Any:
        """Return the negative bound of every restart at every x, shape (R, n)."""
        size, restarts = len(x), self.settings.restarts
        shape = (1, count, size, self.settings.latents)
        noise = torch.randn(shape, generator=generator, device=self.device)
        noise = noise.expand(restarts, -1, -1, -1)
        objective = negative_elbo if self.settings.method != "iwae" else negative_iwae
        with torch.no_grad():
            parts = (self.encoder, self.decoder, self.log_variance, x[None], noise)
            return objective(*parts).bound

    def _loss(self) -> Loss:
        settings, x = self.settings, self._batch()
        if settings.samples == 1:
            noise = self._points.normal(settings.restarts)[:, None, :, -settings.latents :]
        else:
            shape = (settings.restarts, settings.samples, self.source.batch, settings.latents)
            noise = torch.randn(shape, generator=self.generator, device=self.device)
        parts = (self.encoder, self.decoder, self.log_variance, x, noise)
        if settings.method == "iwae":
            return negative_iwae(*parts, settings.estimator)
        return negative_elbo(*parts)

    def _batch(self) -> Any:
        """Draw a mini-batch for every restart, shape (R or 1, B, D): of its own stream."""
        return self._of_own_stream(self.source.draw(self.settings.seeds))

    def _information(self) -> Any:
        x = self.validation[:INFORMATION_POINTS]
        with torch.no_grad():
            mean, log_scale = gaussian(self.encoder(x[None]))
        seed = stream_seed(self.settings, Stream.INFORMATION)
        generator = torch.Generator(self.device).manual_seed(seed)
        shape = (1, len(x), self.settings.latents)
        noise = torch.randn(shape, generator=generator, device=self.device)
        return mutual_information(mean, log_scale, noise)


def _in_random_order(x: Any, generator: Any) -> Any:
    return x[torch.randperm(len(x), generator=generator, device=x.device)]
