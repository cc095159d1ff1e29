"""Objectives with a continuous label: closed forms of a linear f, collapsed f, and bad input."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Kind
from theorycheck.inference import (
    CONDITIONAL,
    FLEXIBLE,
    NAIVE,
    NAIVE_IWAE,
    ExactContinuousLabel,
)
from theorycheck.models import load_continuous_label_model
from theorycheck.objectives import (
    CONTINUOUS_FAMILIES,
    ContinuousObjective,
    ContinuousValue,
    break_even_gamma,
    continuous_label_value,
    continuous_label_values,
)
from theorycheck.rearrangements import collapsed_counterpart

A, S2, SHARE, GAMMA = 0.75, 0.3, 0.2, 2.0
TOTAL = 1.0 + A**2 + S2
OBJECTIVES = [ContinuousObjective(GAMMA, SHARE, one) for one in CONTINUOUS_FAMILIES]


@pytest.fixture(scope="module")
def exact() -> ExactContinuousLabel:
    model = load_continuous_label_model(f"expr:[z + {A}*y]", noise_variance=S2)
    return ExactContinuousLabel(model)


@pytest.fixture(scope="module")
def truth(exact: ExactContinuousLabel) -> list[ContinuousValue]:
    return continuous_label_values(exact, exact, OBJECTIVES)


@pytest.fixture(scope="module")
def collapsed(exact: ExactContinuousLabel) -> list[ContinuousValue]:
    return continuous_label_values(
        collapsed_counterpart(exact.model, exact.rule), exact, OBJECTIVES
    )


def naive_kl() -> float:
    precision = np.eye(2) + np.outer([A, 1.0], [A, 1.0]) / S2
    return float(0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1]))


def test_the_ground_truth(truth: list[ContinuousValue]) -> None:
    information = 0.5 * math.log(TOTAL / (TOTAL - A**2))
    for value in truth:
        assert value.mleo_x.value == value.mleo_xy.value == 0.0
        assert value.information.contains(information)
        assert value.information.error < 1e-5
        assert value.data_information == value.information
        wanted = naive_kl() if value.objective.family == NAIVE else 0.0
        assert value.pmo_u.contains(wanted)
        assert value.pmo_l.contains(0.0)
        assert value.excess.contains((1.0 - SHARE) * wanted)
        assert value.excess.error < 1e-4


def test_the_collapsed_f(truth: list[ContinuousValue], collapsed: list[ContinuousValue]) -> None:
    """It keeps p(x), loses what a label says, and costs every family the same."""
    information = 0.5 * math.log(TOTAL / (TOTAL - A**2))
    for value in collapsed:
        assert value.mleo_x.contains(0.0)
        assert value.mleo_x.error < 1e-4
        assert value.mleo_xy.contains(information)
        assert value.pmo_u.contains(0.0)
        assert value.information.value == 0.0
        assert value.excess.contains(SHARE * GAMMA * information)
    even = break_even_gamma(truth[0], collapsed[0])
    assert even is not None
    assert even.contains((1.0 - SHARE) / SHARE * naive_kl() / information)
    assert even.error < 1e-2
    others = [break_even_gamma(*pair) for pair in zip(truth[1:], collapsed[1:], strict=True)]
    assert all(one is not None and one.contains(0.0) for one in others)
    none = continuous_label_values(
        truth[0].model, None, [ContinuousObjective(1.0, 0.0, NAIVE_IWAE)]
    )
    assert break_even_gamma(none[0], none[0]) is None


def test_another_f(exact: ExactContinuousLabel) -> None:
    """F = z + b y against the data's z + a y: KLs between Gaussians."""
    b = 0.4
    other = load_continuous_label_model(f"expr:[z + {b}*y]", noise_variance=S2)
    value = continuous_label_value(other, exact.model, ContinuousObjective(family=NAIVE_IWAE))
    total = 1.0 + b**2 + S2
    assert value.mleo_x.contains(0.5 * (TOTAL / total - 1.0 - math.log(TOTAL / total)))
    # Given y both are N(· y, 1 + σ²).
    assert value.mleo_xy.contains(0.5 * (A - b) ** 2 / (1.0 + S2))
    assert value.information.contains(0.5 * math.log(total / (1.0 + S2)))
    assert value.pmo_u.contains(0.0)
    assert value.pmo_l.error == 0.0
    assert set(value.to_dict()) == {
        "excess", "mleo_x", "mleo_xy", "pmo_u", "pmo_l", "label_kl", "information",
    }  # fmt: skip


def test_a_label_term(exact: ExactContinuousLabel, collapsed: list[ContinuousValue]) -> None:
    """At the truth q = p(y|x) serves both; without a label in f, q is between prior and p(y|x)."""
    alpha = 1.5
    objectives = [ContinuousObjective(GAMMA, SHARE, one, alpha) for one in CONTINUOUS_FAMILIES]
    for value in continuous_label_values(exact, exact, objectives)[1:]:
        assert value.label_kl.contains(0.0)
        assert value.excess.contains(0.0)
        assert value.excess.error < 1e-4
    c = objectives[0].label_weight
    assert c == pytest.approx(SHARE * alpha / (1.0 - SHARE))
    # p(y|x) = N(a x/T, 1 − a²/T); q = N(m, s²) of a Gaussian family.
    variance = 1.0 - A**2 / TOTAL
    node, mass = np.polynomial.hermite_e.hermegauss(24)
    mean = A * node / math.sqrt(TOTAL)

    def lost(parts: np.ndarray, at: float) -> float:
        m, s = parts[0], math.exp(parts[1])
        kl = 0.5 * (s**2 + m**2 - 1.0) - parts[1]
        apart = parts[1] + 0.5 * (variance + (at - m) ** 2) / s**2
        return float(kl + c * apart)

    best = [minimize(lost, (0.5 * at, -0.1), args=(at,), tol=1e-12).x for at in mean]
    kl = [0.5 * (math.exp(2 * t) + m**2 - 1.0) - t for m, t in best]
    term = [
        t + 0.5 * (variance + (at - m) ** 2) * math.exp(-2 * t) - 0.5 - 0.5 * math.log(variance)
        for (m, t), at in zip(best, mean, strict=True)
    ]
    share = mass / mass.sum()
    found = continuous_label_values(collapsed[0].model, exact, objectives)
    for value in found:
        if value.objective.family != FLEXIBLE:
            assert value.pmo_u.value == pytest.approx(float(share @ kl), abs=2e-5)
            assert value.label_kl.value == pytest.approx(float(share @ term), abs=2e-5)
    # The best density is no worse than the best Gaussian, and no better than nothing lost.
    flexible, gaussian = found[2].excess, found[1].excess
    assert 0.0 < flexible.value < gaussian.value
    unweighed = collapsed[1].excess.value + SHARE * alpha * collapsed[1].label_kl.value
    assert gaussian.value < unweighed


def test_more_than_two_dimensions() -> None:
    model = load_continuous_label_model("expr:[z + y, z - y, 0.5*z]", noise_variance=1.0)
    value = continuous_label_values(
        model, None, [ContinuousObjective(family=NAIVE_IWAE)], size=32, repeats=4
    )[0]
    assert value.information.kind is Kind.STATISTICAL
    a, b = np.array([1.0, -1.0, 0.0]), np.array([1.0, 1.0, 0.5])
    given = np.eye(3) + np.outer(b, b)
    both = given + np.outer(a, a)
    wanted = 0.5 * (np.linalg.slogdet(both)[1] - np.linalg.slogdet(given)[1])
    assert value.information.contains(wanted)


def test_bad_input(exact: ExactContinuousLabel) -> None:
    with pytest.raises(SettingError, match="gamma must be finite and not negative"):
        ContinuousObjective(gamma=-1.0)
    with pytest.raises(SettingError, match="labelled share"):
        ContinuousObjective(labelled_share=1.5)
    with pytest.raises(SettingError, match="no conditional q"):
        ContinuousObjective(family=CONDITIONAL)
    plane = load_continuous_label_model("expr:[z, y]", noise_variance=S2)
    with pytest.raises(ModelError, match="data dimensions"):
        continuous_label_value(plane, exact.model)
    assert ContinuousObjective(2.0, 0.3, NAIVE).to_dict() == {
        "family": "naive", "gamma": 2.0, "alpha": 0.0, "labelled_share": 0.3,
    }  # fmt: skip
