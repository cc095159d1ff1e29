"""Steps decoders and inference networks of one run, by VAE, IWAE or LIN, all restarts at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import torch

from neural._data import Source
from neural._flat_adam import FlatAdam
from neural._lagging import AggressivePhase
from neural._networks import BatchedMLP
from neural._objectives import Loss
from neural._settings import TrainingSettings
from neural._streams import Stream, stream_seed

#: Validation points of population training.
VALIDATION = 16_384
#: Validation points that are used for the mutual information.
INFORMATION_POINTS = 512
#: Latents evaluated at once when a bound is measured.
CHUNK = 16_384


class Networks(Protocol):
    """Describes what is stepped: all parameters in one matrix, and its views."""

    flat: Any

    @property
    def leaves(self) -> list[Any]:
        """Return what gradients are taken of."""
        ...


class Stepper(ABC):
    """Holds networks and optimisers of one run, and takes the steps that change them.

    Parameters
    ----------
    settings : TrainingSettings
    device : {"cpu", "cuda"}
    encoder : Networks
        All inference networks.
    decoder : BatchedMLP

    Attributes
    ----------
    start : tuple of Tensor or None
        Parameters of all encoders and of all decoders where the steps began, from
        :meth:`mark_start` on.
    """

    #: Name of the data.
    name: str
    source: Source
    #: Decoder steps after which LIN measures the mutual information.
    epoch: int

    def __init__(
        self, settings: TrainingSettings, device: str, encoder: Networks, decoder: BatchedMLP
    ) -> None:
        self.settings, self.device = settings, device
        self._inference, self.decoder = encoder, decoder
        self.encoder_adam = FlatAdam(encoder.flat, settings.clip)
        self.decoder_adam = FlatAdam(decoder.flat, settings.clip)
        self.generator = torch.Generator(device).manual_seed(stream_seed(settings, Stream.STEPS))
        self.phase = (
            AggressivePhase(settings.restarts, device) if settings.method == "lin" else None
        )
        self.epoch = settings.epoch
        self.step_number = 0
        self.encoder_steps = 0
        self.start: tuple[Any, Any] | None = None
        self._shrinkage = 2.0 * settings.decoder_l2 * decoder.is_weight()

    @abstractmethod
    def _loss(self) -> Loss:
        """Return the loss of the next mini-batch."""

    @abstractmethod
    def _information(self) -> Any:
        """Measure the mutual information of x and z under q, shape (R,), nats."""

    def metrics(self) -> dict[str, Any]:
        """Return what is recorded beside the bounds."""
        if self.phase is None:
            return {}
        return {"aggressive": [bool(flag) for flag in self.phase.active]}

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
        loss = self._loss()
        encoder_leaves = []
        if active is None or not bool(active.all()):
            encoder_leaves = self._inference.leaves
        gradients = _gradients(loss, [*encoder_leaves, *self.decoder.leaves])
        split = len(encoder_leaves)
        if split:
            rows = None if active is None else ~active
            self.encoder_adam.step(_row(gradients[:split], self._inference), rate, rows)
            self.encoder_steps += 1
        gradient = _row(gradients[split:], self.decoder)
        if self.settings.decoder_l2 > 0.0:
            gradient.addcmul_(self._shrinkage, self.decoder.flat)
        self.decoder_adam.step(gradient, rate)
        self.step_number += 1
        if active is not None and self.step_number % self.epoch == 0:
            assert self.phase is not None
            self.phase.end_of_epoch(self._information())
        return loss.bound.mean(1)

    def look(self) -> None:
        """Look at the networks between steps, every now and then: nothing is to be done."""
        return

    def mark_start(self) -> None:
        """Keep the networks as they are: what training made of them is judged later."""
        self.start = (self._inference.flat.detach().clone(), self.decoder.flat.detach().clone())

    def state(self) -> dict[str, Any]:
        """Return all that the next step depends on, for a checkpoint."""
        return {
            "step": self.step_number,
            "encoder_steps": self.encoder_steps,
            "encoder": self._inference.flat,
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
            self._inference.flat.copy_(state["encoder"])
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

    def finite(self) -> Any:
        """Tell of every restart whether all its weights are finite, shape (R,)."""
        return self._inference.flat.isfinite().all(1) & self.decoder.flat.isfinite().all(1)

    def _encoder_step(self, rate: float, rows: Any) -> Any:
        loss = self._loss()
        gradient = _row(_gradients(loss, self._inference.leaves), self._inference)
        self.encoder_adam.step(gradient, rate, rows)
        return loss.bound.mean(1)

    def _of_own_stream(self, drawn: Any) -> Any:
        """Give every restart the mini-batch of its stream, (streams, …) to (R or 1, …)."""
        return for_restarts(drawn, self.settings.restarts)


def for_restarts(rows: Any, restarts: int) -> Any:
    """Give every restart the row of its stream, (P, …) to (R, …); a single row stays alone."""
    if len(rows) == 1:
        return rows
    return rows.repeat(restarts // len(rows), *[1] * (rows.dim() - 1))


def averaged(points: Any, size: int, restarts: int, values: Callable[[Any], Any]) -> Any:
    """Average over points, some at a time.

    Parameters
    ----------
    points : Tensor, shape (N, …)
    size : int
        Points at a time.
    restarts : int
        R.
    values : callable
        Some of the points to a value each for every restart, shape (R, n).

    Returns
    -------
    mean, error : Tensor, shape (R,), float64
        And one standard error over the points.
    """
    total = torch.zeros(restarts, dtype=torch.float64, device=points.device)
    square = total.clone()
    for start in range(0, len(points), size):
        each = values(points[start : start + size]).double()
        total += each.sum(1)
        square += each.square().sum(1)
    number = len(points)
    mean = total / number
    return mean, ((square / number - mean**2).clamp_min(0.0) / max(1, number - 1)).sqrt()


def _gradients(loss: Loss, leaves: list[Any]) -> Any:
    # A network that the objective does not use, such as q(y|x) of some bounds, has the gradient 0.
    total = loss.surrogate.mean(1).sum()
    return torch.autograd.grad(total, leaves, materialize_grads=True)


def _row(gradients: Any, network: Networks) -> Any:
    """Put the gradients of all leaves into rows like those of the parameters."""
    parts = [gradient.flatten(1) for gradient in gradients]
    missing = network.flat.shape[1] - sum(part.shape[1] for part in parts)
    if missing:
        parts.append(parts[0].new_zeros(len(parts[0]), missing))
    return torch.cat(parts, dim=1)
