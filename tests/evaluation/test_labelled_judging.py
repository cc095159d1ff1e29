"""J with given q against closed forms for straight lines, and against the best q."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from theorycheck.errors import ModelError
from theorycheck.estimate import Estimate, Verdict
from theorycheck.evaluation import (
    LabelEncoder,
    judge_labelled,
    labelled_distance,
    own_labelled_excess,
)
from theorycheck.inference import CONDITIONAL, FACTORISED
from theorycheck.models import load_labelled_model
from theorycheck.objectives import LabelledObjective, labelled_value

#: f_y(z) = slope z + offset: of the data, and of a model that has learned something else.
SLOPES, OFFSETS, PRIOR, VARIANCE = (-1.0, 1.0), (0.0, 0.6), np.array([0.4, 0.6]), 0.3
DATA = load_labelled_model("expr:[(2*y - 1)*z + 0.6*y]", prior=PRIOR, noise_variance=VARIANCE)
OTHER_SLOPES, OTHER_OFFSETS = (-0.7, 1.1), (0.1, 0.4)
MODEL = load_labelled_model(
    "expr:[(1.8*y - 0.7)*z + 0.3*y + 0.1]", prior=PRIOR, noise_variance=VARIANCE
)


def log_r(x: np.ndarray) -> np.ndarray:
    logits = np.stack([0.4 * x[:, 0], -0.3 + 0.1 * np.sin(x[:, 0])])
    return logits - logsumexp(logits, axis=0)


def unlabelled(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = np.stack([-0.5 * x[:, 0], 0.6 * x[:, 0] - 0.2])
    return mean, np.stack([0.5 + 0.0 * x[:, 0], 0.4 + 0.1 * np.cos(x[:, 0])])


def labelled(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, scale = unlabelled(x)
    return mean + 0.1, 1.2 * scale


ENCODER = LabelEncoder(log_r, unlabelled, labelled)


def reference(objective: LabelledObjective, encoder: LabelEncoder) -> float:
    """J by closed forms at every x, summed over a dense grid."""
    x = np.linspace(-14.0, 14.0, 20_001)[:, None]
    step = x[1, 0] - x[0, 0]
    joint = np.stack(
        [
            np.log(PRIOR[y])
            - 0.5 * np.log(2.0 * np.pi * (SLOPES[y] ** 2 + VARIANCE))
            - 0.5 * (x[:, 0] - OFFSETS[y]) ** 2 / (SLOPES[y] ** 2 + VARIANCE)
            for y in (0, 1)
        ]
    )
    log_p = logsumexp(joint, axis=0)

    def offers(q: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        rows = []
        for y, (mean, scale) in enumerate(zip(*q, strict=True)):
            square = (x[:, 0] - OTHER_SLOPES[y] * mean - OTHER_OFFSETS[y]) ** 2
            square = square + OTHER_SLOPES[y] ** 2 * scale**2
            cost = 0.5 * square / VARIANCE + 0.5 * np.log(2.0 * np.pi * VARIANCE)
            kl = 0.5 * (mean**2 + scale**2 - 1.0) - np.log(scale)
            rows.append(np.log(PRIOR[y]) - cost - kl)
        return np.stack(rows)

    found = offers(encoder.unlabelled(x))
    if encoder.log_class_posterior is None:
        r = found - logsumexp(found, axis=0)
    else:
        r = encoder.log_class_posterior(x)
    u = (np.exp(r) * (found - r)).sum(axis=0)
    first, second, third = objective.weights
    each = first * np.exp(log_p) * (log_p - u)
    each = each + second * (np.exp(joint) * (joint - offers(encoder.labelled(x)))).sum(axis=0)
    each = each + third * (np.exp(joint) * (joint - log_p - r)).sum(axis=0)
    return float(each.sum() * step)


@pytest.mark.parametrize(
    ("objective", "encoder"),
    [
        (LabelledObjective(1.0, 0.0, 0.1), ENCODER),
        (LabelledObjective(2.0, 0.5, 0.3), ENCODER),
        (LabelledObjective(0.5, 0.0, 0.3), replace(ENCODER, log_class_posterior=None)),
        (LabelledObjective(1.0, 0.0, 0.0), ENCODER),
        (LabelledObjective(1.0, 0.0, 1.0), ENCODER),
    ],
)
def test_given_q_against_closed_forms(objective: LabelledObjective, encoder: LabelEncoder) -> None:
    found = own_labelled_excess(MODEL, DATA, objective, encoder)
    wanted = reference(objective, encoder)
    assert found.value == pytest.approx(wanted, abs=1e-6)
    assert abs(found.value - wanted) <= found.error + 1e-10


@pytest.mark.parametrize("family", [CONDITIONAL, FACTORISED])
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_the_best_q_loses_nothing(family: object, alpha: float) -> None:
    objective = LabelledObjective(1.5, alpha, 0.2, family)
    exact = objective.exact(MODEL, objective.exact(DATA))

    def best(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = exact.bound(x, family)
        return found.mean, found.scale

    def own(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = exact.bound(x, CONDITIONAL)
        return found.mean, found.scale

    encoder = LabelEncoder(lambda x: exact.bound(x, family).log_class_posterior, best, own)
    judged = judge_labelled(MODEL, DATA, objective, encoder, tolerance=1e-3)
    gap = judged.amortisation_gap
    assert gap is not None
    assert abs(gap.value) <= gap.error + 1e-9
    assert gap.error < 2e-3
    # Any other q loses something.
    other = replace(encoder, labelled=lambda x: (own(x)[0] + 0.2, own(x)[1]))
    assert own_labelled_excess(MODEL, DATA, objective, other).value > judged.value.excess.value
    entry = judged.to_dict()
    assert entry["amortisation_gap"] == gap.to_dict()
    assert entry["collapse"] == judged.value.collapse.to_dict_or_null()


def test_distance() -> None:
    value = labelled_value(MODEL, DATA, tolerance=1e-2)
    apart = labelled_distance(value, value)
    assert apart.near is Verdict.HOLDS
    assert apart.excess.value == 0.0
    worse = replace(value, mleo_x=value.mleo_x + Estimate(0.5, 0.0))
    far = labelled_distance(worse, value)
    assert (far.near, far.not_below) == (Verdict.FAILS, Verdict.HOLDS)
    assert labelled_distance(value, worse).not_below is Verdict.FAILS
    assert far.to_dict()["near"] == "fails"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"log_class_posterior": lambda x: np.zeros((2, len(x)))}, "no distribution"),
        ({"log_class_posterior": lambda x: np.zeros((3, len(x)))}, "of shape"),
        ({"unlabelled": lambda x: (np.zeros(len(x)), np.ones(len(x)))}, "returned shapes"),
        ({"labelled": lambda x: (np.zeros((2, len(x))), np.zeros((2, len(x))))}, "scale of zero"),
    ],
)
def test_bad_encoders(change: dict[str, object], says: str) -> None:
    with pytest.raises(ModelError, match=says):
        own_labelled_excess(MODEL, DATA, LabelledObjective(), replace(ENCODER, **change))
