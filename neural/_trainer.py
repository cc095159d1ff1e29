"""Steps the networks of one run, by VAE, IWAE or LIN, all restarts at once."""

from __future__ import annotations

from typing import Any

import torch

from neural._data import Pool, PopulationSource, SampleSource, Source
from neural._flat_adam import FlatAdam
from neural._lagging import AggressivePhase, mutual_information
from neural._networks import Architecture, BatchedMLP
from neural._objectives import Loss, negative_elbo, negative_iwae, posterior_parameters
from neural._points import ShiftedPoints
from neural._settings import TrainingSettings
from neural._streams import Stream, stream_seed
from theorycheck.models import GenerativeModel

#: Validation points of population training, and how many are used for the mutual information.
_VALIDATION = 16_384
_INFORMATION_POINTS = 512
#: Latents evaluated at once when a bound is measured.
_CHUNK = 16_384


class Trainer:
    """Holds networks, optimisers and data of one run, and takes the steps that change them.

    Parameters
    ----------
    model : GenerativeModel
        Ground truth: where fresh draws come from, and σ² at the start.
    settings : TrainingSettings
    device : {"cpu", "cuda"}
    training, validation : ndarray, shape (N, D), optional
        A fixed sample in place of fresh draws.

    Attributes
    ----------
    start : tuple of Tensor or None
        Parameters of all encoders and of all decoders where the steps began, from
        :meth:`mark_start` on.
    """

    def __init__(
        self,
        model: GenerativeModel,
        settings: TrainingSettings,
        device: str = "cpu",
        training: Any = None,
        validation: Any = None,
    ) -> None:
        self.model, self.settings, self.device = model, settings, device
        self.architecture = Architecture(model.data_dim, settings.hidden, settings.activation)
        restarts = settings.restarts
        weights = torch.Generator().manual_seed(stream_seed(settings, Stream.WEIGHTS))
        self.encoder = BatchedMLP(
            self.architecture.encoder_sizes,
            settings.activation,
            restarts,
            generator=weights,
            device=device,
        )
        self.decoder = BatchedMLP(
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
            self.decoder.extra.copy_(noise_variance.log().expand(restarts, -1))
        if not settings.learn_noise:
            self.decoder.extra.requires_grad_(False)
            self.decoder.leaves.pop()
        self.encoder_adam = FlatAdam(self.encoder.flat, settings.clip)
        self.decoder_adam = FlatAdam(self.decoder.flat, settings.clip)
        self.generator = torch.Generator(device).manual_seed(stream_seed(settings, Stream.STEPS))
        self.source: Source
        epoch = settings.epoch
        if training is None:
            pool = Pool.of(model, device)
            self.source = PopulationSource(pool, settings.batch, self.generator)
            self.validation = _fresh_points(pool, stream_seed(settings, Stream.VALIDATION))
        else:
            self.source = SampleSource(training, settings.batch, self.generator, device)
            self.validation = torch.from_numpy(validation).float().to(device)
            epoch = max(1, len(training) // self.source.batch)
        self.epoch = epoch
        self._points = ShiftedPoints(self.source.batch, 1, self.generator, device)
        self.phase = AggressivePhase(restarts, device) if settings.method == "lin" else None
        self.step_number = 0
        self.encoder_steps = 0
        self.start: tuple[Any, Any] | None = None
        self._shrinkage = 2.0 * settings.decoder_l2 * self.decoder.is_weight()

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

    def step(self) -> Any:
        """Take one decoder step, with whatever encoder steps the method asks for.

        Returns
        -------
        Tensor, shape (R,)
            The negative bound on the step's mini-batch.
        """
        rate = self.settings.rate(self.step_number)
        active = None
        if self.phase is not None and bool(self.phase.active.any()):
            active = self.phase.active
            self.encoder_steps += self.phase.inner_loop(lambda rows: self._encoder_step(rate, rows))
        loss = self._loss(self._batch())
        encoder_leaves = self.encoder.leaves if active is None or not bool(active.all()) else []
        leaves = [*encoder_leaves, *self.decoder.leaves]
        gradients = torch.autograd.grad(loss.surrogate.mean(1).sum(), leaves)
        split = len(encoder_leaves)
        if split:
            rows = None if active is None else ~active
            self.encoder_adam.step(self._row(gradients[:split], self.encoder), rate, rows)
            self.encoder_steps += 1
        gradient = self._row(gradients[split:], self.decoder)
        if self.settings.decoder_l2 > 0.0:
            gradient.addcmul_(self._shrinkage, self.decoder.flat)
        self.decoder_adam.step(gradient, rate)
        self.step_number += 1
        if active is not None and self.step_number % self.epoch == 0:
            self._measure_information()
        return loss.bound.mean(1)

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
        size = max(1, _CHUNK // count)
        total = torch.zeros(self.settings.restarts, dtype=torch.float64, device=self.device)
        square = total.clone()
        for start in range(0, len(self.validation), size):
            x = self.validation[start : start + size]
            values = self._bound_of_each(x, count, generator).double()
            total += values.sum(1)
            square += values.square().sum(1)
        number = len(self.validation)
        mean = total / number
        return mean, ((square / number - mean**2).clamp_min(0.0) / max(1, number - 1)).sqrt()

    def mark_start(self) -> None:
        """Keep the networks as they are: what training made of them is judged later."""
        self.start = (self.encoder.flat.detach().clone(), self.decoder.flat.detach().clone())

    def state(self) -> dict[str, Any]:
        """Return all that the next step depends on, for a checkpoint."""
        return {
            "step": self.step_number,
            "encoder_steps": self.encoder_steps,
            "encoder": self.encoder.flat,
            "decoder": self.decoder.flat,
            "encoder_adam": self.encoder_adam.state(),
            "decoder_adam": self.decoder_adam.state(),
            "generator": self.generator.get_state(),
            "source": self.source.state(),
            "phase": None if self.phase is None else self.phase.state(),
            "start": None if self.start is None else list(self.start),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Undo :meth:`state`."""
        with torch.no_grad():
            self.encoder.flat.copy_(state["encoder"])
            self.decoder.flat.copy_(state["decoder"])
        self.step_number = int(state["step"])
        self.encoder_steps = int(state["encoder_steps"])
        self.encoder_adam.restore(state["encoder_adam"])
        self.decoder_adam.restore(state["decoder_adam"])
        self.generator.set_state(state["generator"].cpu())
        self.source.restore(state["source"])
        if self.phase is not None:
            self.phase.restore(state["phase"])
        # Runs of earlier versions did not keep it.
        start = state.get("start")
        self.start = None if start is None else (start[0], start[1])

    def noise_variance(self, restart: int) -> list[float]:
        """Return σ² of one restart: the model's own where it is not trained."""
        if not self.settings.learn_noise:
            return [float(value) for value in self.model.noise_variance]
        return [float(value) for value in self.log_variance[restart].detach().double().exp()]

    def finite(self) -> Any:
        """Tell of every restart whether all its weights are finite, shape (R,)."""
        return self.encoder.flat.isfinite().all(1) & self.decoder.flat.isfinite().all(1)

    def _bound_of_each(self, x: Any, count: int, generator: Any) -> Any:
        """Return the negative bound of every restart at every x, shape (R, n)."""
        size, restarts = len(x), self.settings.restarts
        noise = torch.randn((1, count, size), generator=generator, device=self.device)
        noise = noise.expand(restarts, -1, -1)
        objective = negative_elbo if self.settings.method != "iwae" else negative_iwae
        with torch.no_grad():
            parts = (self.encoder, self.decoder, self.log_variance, x[None], noise)
            return objective(*parts).bound

    def _loss(self, x: Any) -> Loss:
        settings = self.settings
        if settings.samples == 1:
            noise = self._points.normal(settings.restarts).transpose(1, 2)
        else:
            shape = (settings.restarts, settings.samples, self.source.batch)
            noise = torch.randn(shape, generator=self.generator, device=self.device)
        parts = (self.encoder, self.decoder, self.log_variance, x, noise)
        if settings.method == "iwae":
            return negative_iwae(*parts, settings.estimator)
        return negative_elbo(*parts)

    def _batch(self) -> Any:
        """Draw a mini-batch for every restart, shape (R or 1, B, D): of its own stream."""
        streams = self.settings.seeds
        x = self.source.draw(streams)
        return x if streams == 1 else x.repeat(self.settings.restarts // streams, 1, 1)

    def _encoder_step(self, rate: float, rows: Any) -> Any:
        loss = self._loss(self._batch())
        gradients = torch.autograd.grad(loss.surrogate.mean(1).sum(), self.encoder.leaves)
        self.encoder_adam.step(self._row(gradients, self.encoder), rate, rows)
        return loss.bound.mean(1)

    def _row(self, gradients: Any, network: BatchedMLP) -> Any:
        """Put the gradients of all leaves into rows like those of the parameters."""
        parts = [gradient.flatten(1) for gradient in gradients]
        missing = network.flat.shape[1] - sum(part.shape[1] for part in parts)
        if missing:
            parts.append(parts[0].new_zeros(len(parts[0]), missing))
        return torch.cat(parts, dim=1)

    def _measure_information(self) -> None:
        assert self.phase is not None
        x = self.validation[:_INFORMATION_POINTS]
        with torch.no_grad():
            mean, log_scale = posterior_parameters(self.encoder, x[None])
        seed = stream_seed(self.settings, Stream.INFORMATION)
        generator = torch.Generator(self.device).manual_seed(seed)
        noise = torch.randn((1, len(x)), generator=generator, device=self.device)
        self.phase.end_of_epoch(mutual_information(mean, log_scale, noise))


def _fresh_points(pool: Pool, seed: int) -> Any:
    """Draw validation points from p(x), in random order."""
    generator = torch.Generator(pool.device).manual_seed(seed)
    x = PopulationSource(pool, _VALIDATION, generator).draw()[0]
    return x[torch.randperm(len(x), generator=generator, device=pool.device)]
