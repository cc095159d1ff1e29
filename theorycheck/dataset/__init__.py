"""The benchmarks as a data set for others: samples with exact answers, reference values, scores.

    >>> from theorycheck import dataset
    >>> dataset.reference("circle").ground_truth.excess  # doctest: +SKIP

A method written in any framework is scored by a plain callable: :func:`score` takes a decoder
z → f(z), :func:`score_posterior` an inference method x → mean and scale.
"""

from theorycheck.dataset.posterior_scoring import PosteriorScore, score_posterior
from theorycheck.dataset.reference import (
    REFERENCED,
    Objective,
    Reference,
    predicted_optimum,
    reference,
)
from theorycheck.dataset.samples import ExactSample, draw, write_sample
from theorycheck.dataset.scoring import Score, score

__all__ = [
    "REFERENCED",
    "ExactSample",
    "Objective",
    "PosteriorScore",
    "Reference",
    "Score",
    "draw",
    "predicted_optimum",
    "reference",
    "score",
    "score_posterior",
    "write_sample",
]
