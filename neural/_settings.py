"""Defines what a training run is asked to do, checked before anything takes time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from neural._objectives import checked_objective
from theorycheck.errors import MissingExtraError, SettingError, nearest
from theorycheck.models import MOST_LATENTS
from theorycheck.objectives import ELBO, Objective, objective_of

#: Steps by method: those of the VAE bring the selected of ten restarts to 0.001 to 0.012 nats above
#: the predicted J on figure8, circle, absolute_value and clusters, in two to three minutes on a
#: shared core (docs/networks.md). A third of them ends within 0.004 nats of that.
STEPS = {"vae": 20_000, "iwae": 6_000, "lin": 12_000}
#: Points a mini-batch by method; IWAE evaluates S latents for each.
BATCH = {"vae": 128, "iwae": 64, "lin": 128}
#: S where IWAE is asked for without it: the paper's.
IWAE_SAMPLES = 20


@dataclass(frozen=True)
class TrainingSettings:
    """Defines one run: all that decides its result, but for model, data and device.

    Parameters
    ----------
    method : {"vae", "iwae", "lin"}
        Objective and schedule: the ELBO, the IWAE bound, or the ELBO by lagging inference networks.
    samples : int
        S; for vae and lin the draws that E_q is averaged over.
    estimator : str
        Name of the gradient's estimator; see :mod:`neural._objectives`.
    restarts : int
        R, half of them (rounded down) started at the ground truth.
    from_truth : int or None
        Number of restarts that start at the ground truth; None for half.
    steps : int
        Decoder steps.
    batch : int
        B.
    learning_rate, final_learning_rate : float
        Adam's rate at the start and at the end; it falls along half a cosine.
    hidden : tuple of int
        Widths of the hidden layers of encoder and decoder.
    activation : str
        Name of the activation: gelu, silu, tanh or softplus.
    decoder_l2 : float
        λ of λ Σ W² over the decoder's weights (not its biases).
    clip : float
        Largest norm of a restart's gradient, encoder and decoder each.
    learn_noise : bool
        True if σ² is trained, starting at the model's.
    noise_start : float
        Factor on that start, so that σ² need not begin at the answer.
    latents : int
        K of the networks, 1, 2 or 3, whatever the number of latents of the ground truth.
    validation_share : float
        Share of a fixed sample that is kept for validation.
    epoch : int
        Decoder steps after which LIN measures the mutual information; a pass through a fixed
        sample replaces it.
    seed : int
        Seed of all random streams of the run, 0 or more.
    seeds : int
        Streams of training data, independent of each other, among which the restarts of either
        start are dealt out evenly: what differs between streams is due to chance alone.
    streams : int
        Version of the random streams: 2, spawned ones, independent of those of any other
        seed; 1, the streams of runs that earlier versions began.
    """

    method: str = "vae"
    samples: int = 1
    estimator: str = "reparametrised"
    restarts: int = 10
    from_truth: int | None = None
    steps: int = STEPS["vae"]
    batch: int = BATCH["vae"]
    learning_rate: float = 1e-2
    final_learning_rate: float = 5e-5
    hidden: tuple[int, ...] = (50, 50, 50)
    activation: str = "gelu"
    decoder_l2: float = 0.0
    clip: float = 10.0
    learn_noise: bool = False
    noise_start: float = 1.0
    latents: int = 1
    validation_share: float = 0.2
    epoch: int = 50
    seed: int = 0
    seeds: int = 1
    streams: int = 2

    @property
    def objective(self) -> Objective:
        """What is minimised: of a VAE or LIN the ELBO, however many z are drawn for it."""
        return objective_of(self.samples) if self.method == "iwae" else ELBO

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(int(width) for width in self.hidden))
        checked_objective(self.method, self.samples, self.estimator)
        for name in ("restarts", "steps", "batch", "epoch", "seeds"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 1 <= self.latents <= MOST_LATENTS:
            raise SettingError(
                f"networks of 1 to {MOST_LATENTS} latents are trained, not of {self.latents}: all "
                "of z is integrated over to evaluate them"
            )
        if self.from_truth is not None and not 0 <= self.from_truth <= self.restarts:
            raise SettingError(
                f"{self.from_truth} of {self.restarts} restarts cannot start at the ground truth"
            )
        if self.restarts % self.seeds or self.truth_starts % self.seeds:
            raise SettingError(
                f"{self.restarts} restarts, {self.truth_starts} of them from the ground truth, "
                f"cannot be dealt out evenly to {self.seeds} seeds"
            )
        for name in ("learning_rate", "final_learning_rate", "clip", "noise_start"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise SettingError(f"{name} must be positive and finite, not {value}")
        if self.noise_start != 1.0 and not self.learn_noise:
            raise SettingError("noise_start is for a σ² that is trained: set learn_noise too")
        if not (math.isfinite(self.decoder_l2) and self.decoder_l2 >= 0.0):
            raise SettingError(f"decoder_l2 must be finite and >= 0, not {self.decoder_l2}")
        if not 0.0 < self.validation_share < 1.0:
            raise SettingError(
                f"validation_share must lie between 0 and 1, not {self.validation_share}"
            )
        if self.streams not in (1, 2):
            raise SettingError(f"streams must be 1 or 2, not {self.streams}")
        if self.seed < 0:
            raise SettingError(f"the seed must be >= 0, not {self.seed}")

    @classmethod
    def of(cls, method: str, **given: Any) -> TrainingSettings:
        """Return the defaults of a method, with what is given and not None in their place."""
        checked_objective(method, 1, "reparametrised")
        defaults: dict[str, Any] = {"steps": STEPS[method], "batch": BATCH[method]}
        if method == "iwae":
            defaults["samples"] = IWAE_SAMPLES
        defaults.update({name: value for name, value in given.items() if value is not None})
        return cls(method=method, **defaults)

    @property
    def truth_starts(self) -> int:
        """Return how many restarts start at the ground truth."""
        return self.restarts // 2 if self.from_truth is None else self.from_truth

    @property
    def inits(self) -> tuple[str, ...]:
        """Return where each restart starts: "random" or "ground_truth"."""
        random = self.restarts - self.truth_starts
        return ("random",) * random + ("ground_truth",) * self.truth_starts

    def of_seed(self, number: int, init: str | None = None) -> list[int]:
        """Return the restarts that see one stream of data, of one kind of start if asked for.

        Parameters
        ----------
        number : int
            0 to seeds − 1.
        init : {"random", "ground_truth"}, optional
            Kind of start; by default both.

        Returns
        -------
        list of int
        """
        return [
            restart
            for restart, kind in enumerate(self.inits)
            if restart % self.seeds == number and init in (None, kind)
        ]

    def rate(self, step: int) -> float:
        """Return the learning rate at a step."""
        share = 0.5 * (1.0 + math.cos(math.pi * min(step / self.steps, 1.0)))
        return self.final_learning_rate + share * (self.learning_rate - self.final_learning_rate)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as checkpoints keep them."""
        return {**asdict(self), "hidden": list(self.hidden)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingSettings:
        """Undo :meth:`to_dict`; runs of earlier versions do not say how their seed was used."""
        known = {field.name for field in fields(cls)}
        given = {"streams": 1, **values}
        return cls(**{name: value for name, value in given.items() if name in known})

    def difference(self, other: TrainingSettings) -> str | None:
        """Name the first setting in which two runs differ, None if there is none.

        How the seed becomes streams does not count: a run goes on as it began.
        """
        for field in fields(self):
            if field.name == "streams":
                continue
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if mine != theirs:
                return f"{field.name} {theirs}, not {mine}"
        return None


def chosen_device(name: str) -> str:
    """Return "cpu" or "cuda" for auto, cpu or cuda.

    Raises
    ------
    MissingExtraError
        If PyTorch is not installed.
    SettingError
        If there is no such device, or no GPU though one is asked for.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch", "neural", "training") from error
    if name not in ("auto", "cpu", "cuda"):
        raise SettingError(f"there is no device '{name}': {nearest(name, ('auto', 'cpu', 'cuda'))}")
    present = bool(torch.cuda.is_available())
    if name == "cuda" and not present:
        raise SettingError("--device cuda: PyTorch finds no GPU here; use --device cpu or auto")
    if name == "auto":
        return "cuda" if present else "cpu"
    return name
