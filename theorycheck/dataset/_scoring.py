"""Score a decoder that any method has learned from a benchmark's data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from numpy.typing import ArrayLike

from theorycheck.arrays import Latents
from theorycheck.dataset._reference import Reference, has_reference, reference
from theorycheck.estimate import Estimate, Verdict, positive
from theorycheck.models import Decoder, GenerativeModel, benchmark
from theorycheck.objectives import Decomposition, Evaluated, decompose
from theorycheck.ruling import Ruling

#: Error radius wanted for the PMO, nats: enough to tell decoders apart.
TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Score(Evaluated):
    """How good a decoder is for a VAE on a benchmark's data, nats.

    Parameters
    ----------
    decomposition : Decomposition
        H, MLEO and PMO of the decoder against the benchmark's p(x).
    reference : Reference or None
        The stored values that it is compared with; None where there are none.
    """

    decomposition: Decomposition
    reference: Reference | None

    @property
    def above_ground_truth(self) -> Estimate:
        """Return J minus the ground truth's; negative: the ELBO prefers this decoder to it."""
        return self._above("ground_truth")

    @property
    def above_optimum(self) -> Estimate:
        """Return J minus that of the best decoder found; negative: a new best."""
        return self._above("optimum")

    @property
    def preferred_to_ground_truth(self) -> Verdict:
        """Tell whether the ELBO prefers this decoder to the ground truth."""
        return positive(self.above_ground_truth.scaled(-1.0))

    @property
    def new_best(self) -> Verdict:
        """Tell whether this decoder beats the best that was found, an upper bound only."""
        return positive(self.above_optimum.scaled(-1.0))

    @property
    def preferred(self) -> Ruling:
        """Whether the ELBO prefers this decoder, and the kind of the difference's radius."""
        return Ruling.of(self.preferred_to_ground_truth, [self.above_ground_truth])

    @property
    def best(self) -> Ruling:
        """Whether this decoder is a new best, and the kind of the difference's radius."""
        return Ruling.of(self.new_best, [self.above_optimum])

    def _above(self, which: str) -> Estimate:
        if self.reference is None:
            return Estimate(math.nan, math.inf)
        other: Estimate = getattr(self.reference, which).excess
        return self.excess - other

    def to_dict(self) -> dict[str, object]:
        """Return what ``theorycheck score --json`` prints."""
        stored = self.reference
        return {
            "model": self.decomposition.model.name,
            "benchmark": self.decomposition.data.name,
            "noise_variance": self.decomposition.model.noise_variance.tolist(),
            **self.figures.to_dict(),
            "entropy": self.decomposition.entropy.to_dict(),
            "resolved": self.decomposition.resolved,
            "reference": None
            if stored is None
            else {
                "ground_truth": stored.ground_truth.to_dict(),
                "optimum": stored.optimum.to_dict(),
            },
            "above_ground_truth": self.above_ground_truth.to_dict_or_null(),
            "above_optimum": self.above_optimum.to_dict_or_null(),
            "preferred_to_ground_truth": self.preferred_to_ground_truth.value,
            "new_best": self.new_best.value,
            "preferred_rests_on": self.preferred.rests_on,
            "new_best_rests_on": self.best.rests_on,
        }


def score(
    f: Callable[[Latents], ArrayLike] | Decoder | GenerativeModel,
    name: str,
    noise_variance: ArrayLike | None = None,
    *,
    tolerance: float = TOLERANCE,
    vectorize: bool = False,
) -> Score:
    """Score a decoder against a benchmark: exactly, whatever it was trained with.

    Parameters
    ----------
    f : callable, Decoder or GenerativeModel
        Latents of shape (n,) to means of shape (n, D); any framework, numpy arrays in and out.
    name : str
        The benchmark whose data it is for.
    noise_variance : float or sequence of D floats, optional
        The decoder's σ²; by default the benchmark's, or that of the model given.
    tolerance : float
        Error radius wanted for the PMO, nats.
    vectorize : bool
        Call the function once per latent: it takes one at a time.

    Returns
    -------
    Score

    Raises
    ------
    LoadingError
        If there is no such benchmark.
    DecoderError
        If f misbehaves.
    ModelError
        If f or σ² does not fit the benchmark.
    """
    data = benchmark(name)
    if isinstance(f, GenerativeModel):
        model = f if noise_variance is None else f.with_noise_variance(noise_variance)
    else:
        decoder = f
        if not isinstance(decoder, Decoder):
            label = getattr(f, "__name__", type(f).__name__)
            decoder = Decoder.from_function(decoder, name=label, vectorize=vectorize)
        given = data.noise_variance if noise_variance is None else noise_variance
        model = GenerativeModel(decoder, given)
    stored = reference(name) if has_reference(name) else None
    return Score(decompose(model, data, tolerance=tolerance), stored)
