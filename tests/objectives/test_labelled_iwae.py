"""What IWAE bounds with labels miss: a plain average, S = 1, lines, and draws for D = 3."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp

from theorycheck.errors import ModelError, SettingError
from theorycheck.estimate import Kind
from theorycheck.inference import (
    FACTORISED,
    MEAN_FIELD,
    ExactLabelled,
    inside_iwae_bound,
    joint_iwae_bound,
    labelled_iwae_bound,
    shared_iwae_bound,
)
from theorycheck.models import LabelledModel, load_labelled_model
from theorycheck.objectives import (
    LabelledIwae,
    LabelledObjective,
    labelled_iwae,
    labelled_value,
)

BENT = load_labelled_model("expr:[sin(z) + y*z**2/3]", noise_variance=0.2, prior=[0.3, 0.7])
#: The optimal q of each class is its posterior, so that nothing is missed at any S.
LINES = load_labelled_model("expr:[(2*y - 1)*z + y]", noise_variance=0.3, prior=[0.4, 0.6])


@pytest.fixture(scope="module")
def two() -> LabelledIwae:
    return labelled_iwae(BENT, samples=2)


def test_a_plain_average(two: LabelledIwae) -> None:
    x = np.linspace(-4.0, 14.0, 601)[:, None]
    exact = ExactLabelled(BENT)
    log_joint, _, _ = exact.log_joint(x)
    log_p = logsumexp(log_joint, axis=0)
    mass = (x[1, 0] - x[0, 0]) * np.exp(log_p)
    seen = mass > 1e-9
    classes = labelled_iwae_bound(exact, x[seen], 2)
    share = np.exp(log_joint - log_p)[:, seen]
    mass, log_p, log_joint = mass[seen], log_p[seen], log_joint[:, seen]
    joint = joint_iwae_bound(
        exact, x[seen], 2, classes.log_class_posterior, classes.mean, classes.scale
    )
    for found, wanted in (
        (two.pmo_u_inside, mass @ (log_p - inside_iwae_bound(classes).value)),
        (two.pmo_u_joint, mass @ (log_p - joint.value)),
        (two.pmo_l, mass @ (share * (log_joint - classes.value)).sum(axis=0)),
    ):
        assert abs(found.value - wanted) <= found.error + 1e-6
        assert found.error < 1e-3
        assert found.value > 0.005


def test_one_draw_is_the_elbo_and_more_draws_miss_less(two: LabelledIwae) -> None:
    one, plain = labelled_iwae(BENT, samples=1), labelled_value(BENT)
    assert (one.pmo_u_inside - plain.pmo_u).contains(0.0)
    assert (one.pmo_u_joint - plain.pmo_u).contains(0.0)
    assert (one.pmo_l - plain.pmo_l).contains(0.0)
    assert two.pmo_u_inside.upper < one.pmo_u_inside.lower
    assert two.pmo_u_joint.upper < one.pmo_u_joint.lower
    assert two.pmo_l.upper < one.pmo_l.lower
    assert two.to_dict()["pmo_l"] == two.pmo_l.to_dict()
    assert two.to_dict()["samples"] == 2


def test_one_q_for_all_classes_misses_more(two: LabelledIwae) -> None:
    """By a plain average as above; at S = 1 it is PMO_U of the factorised family."""
    found = labelled_iwae(LINES, samples=2, family=FACTORISED)
    one = labelled_iwae(LINES, samples=1, family=FACTORISED)
    plain = labelled_value(LINES, None, LabelledObjective(family=FACTORISED), tolerance=1e-4)
    assert (one.pmo_u_inside - plain.pmo_u).contains(0.0)
    assert 0.05 < found.pmo_u_inside.upper < one.pmo_u_inside.lower
    assert found.pmo_l.contains(0.0)
    assert found.to_dict()["family"] == "factorised"
    assert two.to_dict()["family"] == "conditional"
    exact, x = ExactLabelled(LINES), LINES.sample(400, 19)[1]
    gap = exact.log_density(x).value - inside_iwae_bound(shared_iwae_bound(exact, x, 2)).value
    assert abs(gap.mean() - found.pmo_u_inside.value) < 5.0 * gap.std() / np.sqrt(len(x))


def test_lines_miss_nothing() -> None:
    found = labelled_iwae(LINES, samples=3)
    for part in (found.pmo_u_inside, found.pmo_u_joint, found.pmo_l):
        assert part.contains(0.0)
        assert part.error < 2e-5


def test_three_dimensions_by_draws(two: LabelledIwae) -> None:
    space = load_labelled_model(
        "expr:[sin(z) + y*z**2/3, 0*z, 0*z]", noise_variance=0.2, prior=[0.3, 0.7]
    )
    found = labelled_iwae(space, samples=2, size=64, repeats=8)
    for name in ("pmo_u_inside", "pmo_u_joint", "pmo_l"):
        apart = getattr(found, name) - getattr(two, name)
        assert apart.contains(0.0), name
        assert apart.kind is Kind.STATISTICAL
        assert apart.error < 0.03


def test_what_does_not_fit() -> None:
    with pytest.raises(SettingError, match="number of samples S"):
        labelled_iwae(BENT, samples=0)
    with pytest.raises(ModelError, match="has 3 classes"):
        labelled_iwae(LabelledModel([BENT.classes[0]] * 3, None, "three"), BENT, samples=2)
    with pytest.raises(ModelError, match="its optimal q is known as"):
        labelled_iwae(BENT, samples=2, family=MEAN_FIELD)
