"""A trained decoder before the exact engine: what it learned, and how far from the optimum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from theorycheck.estimate import Estimate, Verdict, nonnegative, positive
from theorycheck.evaluation._amortisation import Encoder, own_negative_elbo, paired_gap
from theorycheck.evaluation._comparison import TwoSample, energy_test
from theorycheck.models import GenerativeModel, is_on_line
from theorycheck.objectives import (
    Decomposition,
    Evaluated,
    Evaluation,
    ObjectiveValue,
    PosteriorComparison,
    compare_posteriors,
    decompose,
)
from theorycheck.progress import NO_PROGRESS, Progress
from theorycheck.quadrature import largest_slope
from theorycheck.ruling import Ruling

#: Error radius of the PMO, nats: a tenth of what networks are told apart by.
TOLERANCE = 1e-3
#: x at most that a network of several latents is averaged over, where a good q takes a hundred
#: times as long as with one, and independent sets of them: J is then known to some 1e-3 nats.
_DRAWS, _REPEATS = 1024, 16
_FEW = partial(decompose, size=_DRAWS // _REPEATS, repeats=_REPEATS, max_nodes=_DRAWS)
#: Nats from the predicted J within which the best restart is expected.
NEAR_OPTIMUM = 0.02


@dataclass(frozen=True, eq=False)
class Judged(Evaluated):
    """Exact figures of one trained model.

    Parameters
    ----------
    decomposition : Decomposition
        H, MLEO, PMO and J at the *optimal* q.
    negative_elbo : Estimate or None
        −ELBO with the network's own encoder, averaged over p(x), nats.
    steepness : float or None
        Largest |f′(z)| for |z| <= 4; None where f has more latents than one.
    posteriors : PosteriorComparison or None
        The learned posteriors beside the ground truth's, where p(x) is high; None where either
        has more latents than one.
    two_sample : TwoSample or None
        Draws of the model against draws of the data.
    encoder_loss : Estimate or None
        What the own encoder loses against the optimal q, where both were averaged over the same
        draws: its radius is then not the sum of theirs.
    """

    decomposition: Decomposition
    negative_elbo: Estimate | None
    steepness: float | None
    posteriors: PosteriorComparison | None
    two_sample: TwoSample | None
    encoder_loss: Estimate | None = None

    @property
    def log_likelihood(self) -> Estimate:
        """E_p log p_f(x) = −H − MLEO."""
        return (self.decomposition.entropy + self.mleo).scaled(-1.0)

    @property
    def amortisation_gap(self) -> Estimate | None:
        """How much the own encoder loses against the optimal q, nats."""
        if self.negative_elbo is None or self.encoder_loss is not None:
            return self.encoder_loss
        return self.negative_elbo - self.decomposition.negative_elbo

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        gap = self.amortisation_gap
        return {
            "model": self.decomposition.model.name,
            "data": self.decomposition.data.name,
            "noise_variance": self.decomposition.model.noise_variance.tolist(),
            "entropy": self.decomposition.entropy.to_dict(),
            **self.figures.to_dict(),
            "log_likelihood": self.log_likelihood.to_dict(),
            "negative_elbo": None if self.negative_elbo is None else self.negative_elbo.to_dict(),
            "amortisation_gap": None if gap is None else gap.to_dict(),
            "steepness": self.steepness,
            "posteriors": None if self.posteriors is None else self.posteriors.to_dict(),
            "two_sample": None if self.two_sample is None else self.two_sample.to_dict(),
        }


def judge(
    model: GenerativeModel,
    data: GenerativeModel,
    encoder: Encoder | None = None,
    *,
    tolerance: float = TOLERANCE,
    details: bool = True,
    seed: int = 0,
    progress: Progress = NO_PROGRESS,
) -> Judged:
    """Put a trained model before the exact engine.

    Parameters
    ----------
    model : GenerativeModel
        Trained decoder and σ², of any number of latents.
    data : GenerativeModel
        Ground truth; its number of latents may be another.
    encoder : callable, optional
        x (n, D) to μ and s; see :func:`neural.encoder_of_module`.
    tolerance : float
        Error radius wanted for the PMO, nats.
    details : bool
        Look at posteriors and draws too, which takes a few seconds.
    seed : int
        Seed of the draws.
    progress : Progress

    Returns
    -------
    Judged

    Raises
    ------
    ModelError
        If model and data differ in D, or the encoder returns what is no q.
    """
    on_line = is_on_line(model)
    run = decompose if on_line else _FEW
    result = run(model, data, tolerance=tolerance, seed=seed, progress=progress)
    own, lost = None, None
    if encoder is not None and result.averages.sampled and not on_line:
        lost = paired_gap(model, encoder, result.averages, _REPEATS)
        own = result.negative_elbo + lost
    elif encoder is not None:
        own = own_negative_elbo(model, data, encoder, seed=seed)
    compared = details and on_line and is_on_line(data)
    posteriors = compare_posteriors(data, model, seed=seed) if compared else None
    two_sample = energy_test(model, data, seed=seed) if details else None
    slope = largest_slope(model) if on_line else None
    return Judged(result, own, slope, posteriors, two_sample, lost)


@dataclass(frozen=True)
class Distance(ObjectiveValue):
    """How far a trained model is from a predicted optimum: trained minus predicted, nats.

    Parameters
    ----------
    excess, mleo, pmo : Estimate
        Differences of J, or J_S, and of its parts at S = 1.
    near : Verdict
        The verdict on J being within NEAR_OPTIMUM of the predicted.
    not_below : Verdict
        The verdict on J being at least the predicted: fails only where J is below it by more than
        the error radius.
    """

    near: Verdict
    not_below: Verdict

    @property
    def near_ruling(self) -> Ruling:
        """Whether it is near, and the kind of the difference's radius; that of `not_below` too."""
        return Ruling.of(self.near, [self.excess])

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            **super().to_dict(),
            "near": str(self.near),
            "not_below": str(self.not_below),
            "rests_on": self.near_ruling.rests_on,
        }


def compare_with_predicted(
    trained: Evaluated | Evaluation, predicted: Evaluated | Evaluation
) -> Distance:
    """Compare a trained model with a predicted optimum, part by part.

    Parameters
    ----------
    trained, predicted : Evaluated or Evaluation
        The trained model, and the optimum, unrestricted or with the network's own steepness; both
        under one objective.

    Returns
    -------
    Distance
    """
    gap = trained.figures - predicted.figures
    return Distance(
        excess=gap.excess,
        mleo=gap.mleo,
        pmo=gap.pmo,
        near=positive(Estimate(NEAR_OPTIMUM, 0.0) - gap.excess),
        not_below=nonnegative(gap.excess),
    )


def summary(distances: Mapping[str, Distance]) -> str:
    """Say in plain words how far a model is from each predicted optimum."""
    return "; ".join(f"{d.excess} nats from the {name} optimum" for name, d in distances.items())
