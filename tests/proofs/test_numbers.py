"""Closed forms without an engine of their own here, against sums, quadrature and minimisers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax
from scipy.stats import binom

from proofs.solver import Entailment
from proofs.theorem1_gap import EXAMPLE
from proofs.theorem1_solver import DERIVATION
from proofs.theorem1_symbols import CONDITION_1, CONDITION_1_ZERO, PARTITIONS, J_f, J_g


def _bound(samples: int, probability: float, weights: tuple[float, float]) -> float:
    """L_S by iwae_integral, in log t."""

    def integrand(log_t: float) -> float:
        t = math.exp(log_t)
        phi = probability * math.exp(-t * weights[0] / samples)
        phi += (1.0 - probability) * math.exp(-t * weights[1] / samples)
        return math.exp(-t) - phi**samples

    return float(quad(integrand, -40.0, 8.0, epsabs=1e-12, limit=400)[0])


@pytest.mark.parametrize("samples", [1, 2, 5, 20])
def test_iwae_bound_is_a_binomial_sum(samples: int) -> None:
    low, high, probability = 0.2, 3.0, 0.3
    counts = np.arange(samples + 1)
    means = (counts * low + (samples - counts) * high) / samples
    wanted = float(binom.pmf(counts, samples, probability) @ np.log(means))
    assert abs(_bound(samples, probability, (low, high)) - wanted) < 1e-10


def test_iwae_bound_grows_to_log_p_at_the_rate_derived() -> None:
    low, high, probability = 0.2, 3.0, 0.3
    evidence = probability * low + (1.0 - probability) * high
    variance = probability * (1.0 - probability) * (high - low) ** 2
    bounds = [_bound(s, probability, (low, high)) for s in (1, 2, 4, 8, 400)]
    assert np.all(np.diff(bounds) > 0.0)
    gap = math.log(evidence) - bounds[-1]
    assert gap == pytest.approx(variance / (2.0 * 400.0 * evidence**2), rel=1e-2)


def test_softmax_is_the_best_q_of_y() -> None:
    scores = np.array([0.3, -1.2, 2.0, 0.1])

    def negative(logits: np.ndarray) -> float:
        pi = softmax(logits)
        return float(-(pi @ (scores - np.log(pi))))

    found = minimize(negative, np.zeros(4), options={"gtol": 1e-9})
    assert -found.fun == pytest.approx(logsumexp(scores), abs=1e-12)
    assert np.abs(softmax(found.x) - softmax(scores)).max() < 1e-6


def test_the_literal_statement_has_the_counterexamples_that_are_printed() -> None:
    """Both that of theorem1_gap and the one z3 finds, in exact numbers."""
    gap = next(s for s in DERIVATION.steps if isinstance(s, Entailment) and not s.holds_always)
    found = gap.counterexample
    assert found is not None
    one = {sp.Symbol("eta", positive=True): sp.Integer(1)}
    for numbers in (dict(found), {**EXAMPLE, **one}):
        for relation in (*PARTITIONS, *CONDITION_1):
            assert relation.subs(numbers) == sp.true
        assert sp.And(*CONDITION_1_ZERO).subs(numbers) == sp.false
        assert (J_g <= J_f).subs(numbers) == sp.true
        assert all(value.is_Rational for value in numbers.values())


def test_z3_needs_every_premise_of_the_repair() -> None:
    for step in DERIVATION.steps:
        assert isinstance(step, Entailment)
        for _, mutant in step.mutants():
            assert not mutant.holds()
