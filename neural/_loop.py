"""Runs the loop over steps, with progress, metrics, checkpoints, and answers to what goes wrong."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neural._checkpoints import DAMAGE, first_line, write_checkpoint
from neural._run_files import CHECKPOINT, METRICS
from neural._stepper import Stepper
from neural._threads import one_thread
from neural._trainer import Trainer
from theorycheck.errors import LoadingError, TheorycheckError
from theorycheck.files import replace_files
from theorycheck.progress import Progress

#: Steps between looks at the losses: one copy from the device each.
CHUNK = 50
#: Steps, and seconds, after which a checkpoint is due.
_STEPS_BETWEEN, _SECONDS_BETWEEN = 1_000, 20.0


class DivergenceError(TheorycheckError):
    """A loss or a weight is not finite any more."""


class Loop:
    """Runs the loop, with its clock.

    Parameters
    ----------
    trainer : Stepper
    progress : Progress
    """

    def __init__(self, trainer: Stepper, progress: Progress) -> None:
        self._stepper, self._progress = trainer, progress
        self.seconds = 0.0
        self._records: list[str] = []

    def to_the_end(self) -> None:
        """Take all steps that are left."""
        trainer, settings = self._stepper, self._stepper.settings
        losses = torch.zeros(CHUNK, settings.restarts, device=trainer.device)
        title = f"{settings.method} on {trainer.name}, {settings.restarts} restarts"
        with (
            one_thread(),
            self._progress.task(title, settings.steps) as advance,
            ExitStack() as stack,
        ):
            advance(trainer.step_number)
            started, first = time.monotonic(), trainer.step_number
            while trainer.step_number < settings.steps:
                begun = time.monotonic()
                before = trainer.step_number
                size = min(CHUNK - before % CHUNK, settings.steps - before)
                for row in range(size):
                    losses[row] = trainer.step()
                bound = self._checked(losses[:size], before)
                now = time.monotonic()
                self.seconds += now - begun
                self._record(bound)
                trainer.look()
                rate = (now - started) / (trainer.step_number - first)
                left = rate * (settings.steps - trainer.step_number)
                stack.close()
                best = f"best bound {-min(bound):.4f} nats, {_duration(left)} left"
                stack.enter_context(self._progress.task(best, None))
                advance(size)
                if self._due(now):
                    self.save(int(np.argmin(bound)))

    def save(self, selected: int) -> None:
        """Write what is to be kept: nothing."""

    def _due(self, now: float) -> bool:  # noqa: ARG002
        return False

    def _kept(self) -> str:
        return "nothing was saved"

    def _checked(self, losses: Any, before: int) -> list[float]:
        """Return the mean bounds of a chunk, or say where a loss stopped being finite."""
        finite = torch.isfinite(losses)
        if not bool(finite.all()):
            step, restart = (int(k) for k in torch.nonzero(~finite)[0])
            raise DivergenceError(self._diverged("the loss", before + step + 1, restart))
        weights = self._stepper.finite()
        if not bool(weights.all()):
            restart = int(torch.nonzero(~weights)[0, 0])
            raise DivergenceError(self._diverged("a weight", before + len(losses), restart))
        return [float(value) for value in losses.mean(0)]

    def _diverged(self, what: str, step: int, restart: int) -> str:
        return (
            f"{what} of restart {restart} is not finite at step {step}: try a smaller learning "
            f"rate; {self._kept()}"
        )

    def _record(self, bound: list[float]) -> None:
        trainer = self._stepper
        entry: dict[str, Any] = {
            "step": trainer.step_number,
            "encoder_steps": trainer.encoder_steps,
            "learning_rate": trainer.settings.rate(trainer.step_number),
            "seconds": round(self.seconds, 3),
            "negative_bound": [round(value, 6) for value in bound],
        }
        self._records.append(json.dumps(entry | trainer.metrics()))


class Run(Loop):
    """Runs the loop, with its clock and its files."""

    def __init__(
        self, trainer: Trainer, directory: Path | None, identity: str, progress: Progress
    ) -> None:
        super().__init__(trainer, progress)
        self.trainer = trainer
        self._directory, self._identity = directory, identity
        self._written = (trainer.step_number, time.monotonic())

    def save(self, selected: int) -> None:
        """Write checkpoint and metrics."""
        if self._directory is None:
            return
        trainer = self.trainer
        training = {
            "settings": trainer.settings.to_dict(),
            "truth": trainer.model.fingerprint,
            "sample": self._identity,
            "seconds": self.seconds,
            "selected": selected,
            "state": trainer.state(),
            "records": list(self._records),
        }
        write_checkpoint(
            self._directory / CHECKPOINT,
            trainer.architecture,
            trainer.decoder.state_dict(selected),
            trainer.encoder.state_dict(selected),
            trainer.noise_variance(selected),
            training,
        )
        # From what the checkpoint has too, so that after an interruption no line stands twice.
        text = "".join(line + "\n" for line in self._records)
        try:
            replace_files({self._directory / METRICS: text.encode()})
        except OSError as error:
            raise LoadingError(
                f"{self._directory / METRICS}: cannot be written: {error.strerror or error}"
            ) from error
        self._written = (trainer.step_number, time.monotonic())

    def restore(self, training: Mapping[str, Any]) -> None:
        """Go back to where a checkpoint was written."""
        try:
            self.trainer.restore(training["state"])
            self.seconds = float(training["seconds"])
            self._records = [str(line) for line in training["records"]]
        except DAMAGE as error:
            assert self._directory is not None
            raise LoadingError(
                f"{self._directory / CHECKPOINT}: a damaged checkpoint: {first_line(error)}"
            ) from error
        self._written = (self.trainer.step_number, time.monotonic())

    def _kept(self) -> str:
        if self._directory is None or not (self._directory / CHECKPOINT).exists():
            return super()._kept()
        return f"the checkpoint of step {self._written[0]} is kept"

    def _due(self, now: float) -> bool:
        step, moment = self._written
        done = self.trainer.step_number - step
        return done >= _STEPS_BETWEEN or now - moment > _SECONDS_BETWEEN


def _duration(seconds: float) -> str:
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
