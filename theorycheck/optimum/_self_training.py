"""What becomes of a decoder that is trained on its own samples, again and again.

Each round takes the M-step with the decoder's own p(x) as the data, at the optimal q, and lets the
p(x) of the new decoder be the next data. A decoder that stays where it is would be stationary with
MLEO = 0; affine ones, whose PMO is 0, are. The noise variance is held (docs/self_training.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from theorycheck.arrays import PerDimension
from theorycheck.errors import SettingError
from theorycheck.estimate import Estimate
from theorycheck.models import GenerativeModel
from theorycheck.optimum._own_m_step import LATENT_WEIGHTS, LATENTS, Ties, own_m_step
from theorycheck.progress import NO_PROGRESS, Progress


@dataclass(frozen=True, eq=False)
class Round:
    """The decoder at the beginning of a round, and what its M-step does to it.

    Parameters
    ----------
    number : int
        0: the decoder given.
    pmo, gain : Estimate
        Its PMO, and how far the M-step lowers −ELBO at fixed q; nats. The radii are those of the
        averages over x, for the decoder of this round as it is.
    slope : ndarray, shape (D,)
        E z f(z): the slope of the closest affine decoder.
    curvature : float
        Root mean square distance from that affine decoder under the prior, data units.
    spread : float
        Root mean square distance of f from its mean under the prior, data units.
    tied_mass : float
        Share of p(x) where two q are equally good.
    """

    number: int
    pmo: Estimate
    gain: Estimate
    slope: PerDimension
    curvature: float
    spread: float
    tied_mass: float

    @property
    def bent(self) -> float:
        """Curvature over spread: 0 for an affine decoder, at most 1."""
        return self.curvature / self.spread if self.spread > 0.0 else 0.0


@dataclass(frozen=True, eq=False)
class SelfTraining:
    """All rounds, and the decoders at some of them.

    Parameters
    ----------
    rounds : tuple of Round
        The rounds, that of the decoder given first.
    models : dict of int to GenerativeModel
        Decoders by the number of the round; the last is always there.
    """

    rounds: tuple[Round, ...]
    models: dict[int, GenerativeModel]


def self_train(
    model: GenerativeModel,
    rounds: int,
    *,
    ties: Ties = "larger",
    keep: frozenset[int] = frozenset(),
    progress: Progress = NO_PROGRESS,
) -> SelfTraining:
    """Repeat: M-step, then let the new decoder's own p(x) be the data.

    Parameters
    ----------
    model : GenerativeModel
        Where to begin; D <= 2.
    rounds : int
        How often, at least 1.
    ties : {"larger", "both"}
        As in :func:`~theorycheck.optimum.own_m_step`.
    keep : frozenset of int
        Rounds whose decoders to keep.
    progress : Progress
        Told of every round.

    Returns
    -------
    SelfTraining
        The `rounds` + 1 entries: the last is that of the decoder that came out.

    Raises
    ------
    SettingError
        If `rounds` < 1 or `ties` is unknown.
    ModelError
        If D > 2.
    """
    if rounds < 1:
        raise SettingError(f"self-training needs at least 1 round, not {rounds}")
    history: list[Round] = []
    kept: dict[int, GenerativeModel] = {}
    with progress.task("Training on its own samples", rounds + 1) as advance:
        for number in range(rounds + 1):
            step = own_m_step(model, ties=ties)
            slope, curvature, spread = distance_to_affine(model)
            history.append(
                Round(number, step.pmo, step.gain, slope, curvature, spread, step.tied_mass)
            )
            if number in keep or number == rounds:
                kept[number] = model
            model = step.model
            advance(1)
    return SelfTraining(tuple(history), kept)


def distance_to_affine(model: GenerativeModel) -> tuple[PerDimension, float, float]:
    """Compare f with the affine decoder closest to it under the prior.

    Parameters
    ----------
    model : GenerativeModel
        The model.

    Returns
    -------
    slope : ndarray, shape (D,)
        Slope of the closest affine decoder.
    curvature, spread : float
        Root mean square distance of f from it, and from its own mean; data units.
    """
    f = model.decoder(LATENTS)
    prior = LATENT_WEIGHTS * np.exp(-0.5 * LATENTS**2)
    prior /= prior.sum()
    centred = f - prior @ f
    slope = (prior * LATENTS) @ centred / float(prior @ LATENTS**2)
    rest = centred - np.outer(LATENTS, slope)
    curvature, spread = (float(np.sqrt(prior @ (part**2).sum(axis=1))) for part in (rest, centred))
    return slope, curvature, spread
