"""Theorem 1 with the class that goes with it: members left to draws decide as quadrature does."""

from __future__ import annotations

from theorycheck.estimate import Kind, Verdict
from theorycheck.models import load_model
from theorycheck.theorems import ClassSettings, examine_theorem1


def test_a_class_by_draws_decides_the_repaired_condition() -> None:
    """−ELBO of draws is known to some hundredths of a nat only; their PMO is what counts."""
    model = load_model("expr:z + 0.4*sin(2*z)", noise_variance=0.05)
    exact, screened = (
        examine_theorem1(
            model, surveyed=ClassSettings(folds=(2, 3), tears=0, pieces=0, screened=by_draws)
        ).check
        for by_draws in (False, True)
    )
    assert exact.condition_2_repaired is Verdict.HOLDS
    assert screened.condition_2_repaired is Verdict.HOLDS
    assert exact.repaired.ruling.rests_on is Kind.ESTIMATED
    assert screened.repaired.ruling.rests_on is Kind.STATISTICAL
    assert (exact.repaired.margin - screened.repaired.margin).contains(0.0)
