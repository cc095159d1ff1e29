"""The certificate of a shared q: below a dense grid, near the optimum found, and not fooled."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from tests.brute_labels import BruteLabels
from tests.inference.test_labelled import SEMI_CIRCLE, random_model
from theorycheck.errors import SettingError
from theorycheck.inference import (
    CONDITIONAL,
    FACTORISED,
    ExactLabelled,
    LinearGaussianModel,
    certified_gap,
    certify_shared_q,
    exact_model,
)
from theorycheck.objectives import LabelledObjective, labelled_value


def lowest_on_a_grid(brute: BruteLabels, x: np.ndarray) -> float:
    """−U at the best of 60 × 40 q."""
    return min(
        -float(logsumexp(brute.offers(x, mean, log_scale)))
        for mean in np.linspace(-3.0, 3.0, 60)
        for log_scale in np.linspace(-3.5, 0.5, 40)
    )


@pytest.mark.parametrize("seed", [0, 2])
def test_bound_is_below_a_dense_grid_and_close_to_the_optimum(seed: int) -> None:
    model, brute = random_model(seed)
    exact = ExactLabelled(model)
    x = model.sample(5, 1)[1]
    found = exact.optimal_q(x)
    certificate = certify_shared_q(exact, x, found, gap=1e-8)
    assert certificate.largest_gap <= 1.001e-8
    assert (certificate.lower_bound <= -found.bound).all()
    for k, one in enumerate(x[:2]):
        assert certificate.lower_bound[k] <= lowest_on_a_grid(brute, one) + 1e-12


def test_a_q_that_is_not_the_best_is_told() -> None:
    exact = ExactLabelled(SEMI_CIRCLE)
    x = SEMI_CIRCLE.sample(4, 5)[1]
    found = exact.optimal_q(x)
    worse = found._replace(value=found.value - 0.02)
    certificate = certify_shared_q(exact, x, worse, gap=1e-6)
    assert (certificate.gap >= 0.02 - 1e-9).all()


def test_with_a_label_term() -> None:
    exact = ExactLabelled(SEMI_CIRCLE, label_weight=0.5)
    x = SEMI_CIRCLE.sample(4, 6)[1]
    assert certify_shared_q(exact, x, gap=1e-7).largest_gap <= 1.001e-7


def test_gaps_by_family_and_in_the_value() -> None:
    exact = ExactLabelled(SEMI_CIRCLE)
    x = SEMI_CIRCLE.sample(3, 7)[1]
    for family in (CONDITIONAL, FACTORISED):
        assert (certified_gap(exact, x, family, gap=1e-7) <= 1.001e-7).all()
    objective = LabelledObjective(family=FACTORISED)
    value = labelled_value(SEMI_CIRCLE, None, objective, tolerance=1e-2).certified(3)
    assert value.certificate is not None
    assert value.certificate.points == 3
    assert value.certificate.largest_gap <= 1.001e-9
    assert value.to_dict()["certificate"] == value.certificate.to_dict()


def test_what_is_refused() -> None:
    value = labelled_value(SEMI_CIRCLE, tolerance=1e-2)
    with pytest.raises(SettingError, match="must be positive, not 0"):
        value.certified(0)
    with pytest.raises(SettingError, match="gap of a certificate must be positive"):
        certify_shared_q(ExactLabelled(SEMI_CIRCLE), [[0.0, 1.0]], gap=0.0)
    linear = exact_model(LinearGaussianModel([[1.0, 0.5], [0.2, 2.0]], 0.3))
    with pytest.raises(SettingError, match="only the q of one latent can be certified"):
        certified_gap(linear, [[0.0, 1.0]])
